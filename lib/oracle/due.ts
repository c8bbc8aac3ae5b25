// When silence alone might change an answer: every instant at which something turns old, a day begins, a visit ends.
// Many of them change nothing. That costs time and no truth: evaluate.ts works out what holds at each of them.
import type { Definition, FavoriteRule, Rule, SequenceRule, TestPart, Where, Window } from "../core/rules/ast.ts";
import type { Millis } from "../core/types.ts";
import { clockInstants } from "./clock.ts";
import { engagementInstants } from "./engagement.ts";
import {
  type CountedRule,
  endOf,
  matchedBy,
  meaningOf,
  measuredBy,
  type Question,
  recordOf,
  zoneOf,
} from "./evaluate.ts";
import { objectsOf } from "./objects.ts";
import { sequenceEnd, sequenceInstants } from "./sequence.ts";
import { dateInstants, occurrenceInstants, type Placed, tileOf } from "./time.ts";
import { dateOf, HeldDate, isRecord, placed } from "./values.ts";

/** Instants that follow from what the member has done; they stay the same until the member's next event. */
export function historyInstants(definition: Definition, question: Question): Millis[] {
  return ruleInstants(definition.rule, question);
}

/** Instants that follow from the member's memberships: ends of stay and cooldown, and times since joining. */
export function membershipInstants(definition: Definition, question: Question): Millis[] {
  const { member } = question;
  const own = member.memberships.get(definition.id);
  const ends = own === undefined ? [] : [own.since + definition.stayMs, own.since + definition.cooldownMs];
  const zone = zoneOf(question);
  const joined = joinedTests(definition.rule).flatMap(({ id, window }) => {
    const membership = member.memberships.get(id);
    return membership === undefined ? [] : dateInstants(window, placed(membership.since, zone), zone);
  });
  return [...ends, ...joined];
}

function joinedTests(rule: Rule): { readonly id: string; readonly window: Window }[] {
  if (rule.op === "segment") {
    const { joined } = rule;
    return joined === undefined ? [] : rule.ids.map((id) => ({ id, window: joined }));
  }
  return innerRules(rule).flatMap(joinedTests);
}

/** What a rule asks of an account, or of users, turns for those and not for the member. */
function innerRules(rule: Rule): readonly Rule[] {
  if ("rules" in rule) return rule.rules;
  return rule.op === "not" ? [rule.rule] : [];
}

function ruleInstants(rule: Rule, question: Question): Millis[] {
  switch (rule.op) {
    case "event":
    case "order":
    case "item":
    case "visit":
    case "campaign":
    case "change":
      return happenedInstants(rule, question);
    case "trait":
      return [
        ...dateTestInstants(rule.where, question.member.traits(), question),
        ...deltaInstants(rule.where, question),
      ];
    case "cart":
      return dateTestInstants(rule.where, meaningOf(question).cartRecord(), question);
    case "place":
    case "network":
    case "device":
    case "identity":
      return dateTestInstants(rule.where, recordOf(rule.op, question), question);
    case "source":
      return [...visitEnd(question), ...dateTestInstants(rule.where, recordOf("source", question), question)];
    case "favorite":
      return favoriteInstants(rule, question);
    case "engagement":
      return engagementInstants(question);
    case "object":
      return rule.where === undefined
        ? []
        : dateTestInstants(rule.where, objectsOf(question.member.messages, rule.type), question);
    case "weather":
      return situationInstants(rule.op, rule.where, question);
    case "situation":
      return situationInstants(rule.kind, rule.where, question);
    default:
      return innerRules(rule).flatMap((inner) => ruleInstants(inner, question));
  }
}

/** Whatever enters or leaves the window may be what makes or unmakes the favourite. */
function favoriteInstants(rule: FavoriteRule, question: Question): Millis[] {
  const { window } = rule;
  if (window === undefined) return [];
  if (window.kind === "visit") return visitEnd(question);
  return measuredBy(rule, question).flatMap((one) => occurrenceInstants(window, one, zoneOf(question)));
}

/** Values end, and those for a wider place come in their stead: dates among them are read at each evaluation. */
function situationInstants(kind: string, where: Where, question: Question): Millis[] {
  return [...question.situations.untilsOf(kind), ...dateTestInstants(where, question.situations.allOf(kind), question)];
}

/** Instants that silence itself moves: the wall clock's next times, and where the absences of a sequence lead. */
export function movingInstants(definition: Definition, question: Question): Millis[] {
  return movingInstantsOf(definition.rule, question);
}

function movingInstantsOf(rule: Rule, question: Question): Millis[] {
  switch (rule.op) {
    case "clock":
      return clockInstants(rule.where, { clock: question.clock, zone: zoneOf(question) });
    case "sequence":
      return [...sequenceInstants(rule, question), ...windowInstants(rule, question)];
    default:
      return innerRules(rule).flatMap((inner) => movingInstantsOf(inner, question));
  }
}

function windowInstants(rule: SequenceRule, question: Question): Millis[] {
  const end = sequenceEnd(rule, question);
  if (end === undefined || rule.window === undefined) return [];
  if (rule.window.kind === "visit") return visitEnd(question);
  return occurrenceInstants(rule.window, end, zoneOf(question));
}

function happenedInstants(rule: CountedRule, question: Question): Millis[] {
  const { measure, window } = rule;
  const matched = matchedBy(rule, question);
  const tested = "in" in measure ? measure.in : window;
  if (tested === undefined || matched.length === 0) return [];
  if (tested.kind === "visit") return visitEnd(question);
  const end = "in" in measure ? endOf(matched, measure.kind) : undefined;
  const concerned = end === undefined ? matched : [end];
  return concerned.flatMap((one) => occurrenceInstants(tested, one, zoneOf(question)));
}

/** When the newest visit ends, if nothing follows. */
function visitEnd(question: Question): Millis[] {
  const newest = meaningOf(question).visits.newest;
  return newest === undefined ? [] : [newest.last + question.vocabulary.visitIdleMs];
}

/** Any date anywhere in the record might be the one that a test reads. */
function dateTestInstants(where: Where, record: unknown, question: Question): Millis[] {
  const windows = testParts(where).flatMap((part) => (part.op === "date" ? [part.window] : []));
  if (windows.length === 0) return [];
  const zone = zoneOf(question);
  const dates = datesIn(record, zone);
  return windows.flatMap((window) => dates.flatMap((date) => dateInstants(window, date, zone)));
}

function datesIn(value: unknown, zone: string): Placed[] {
  if (Array.isArray(value)) return value.flatMap((element) => datesIn(element, zone));
  if (isRecord(value)) return Object.values(value).flatMap((inner) => datesIn(inner, zone));
  if (typeof value !== "string" && !(value instanceof HeldDate)) return [];
  const date = dateOf(value, zone);
  return date === undefined ? [] : [date];
}

/** The value of then changes where the tile edge passes a write. */
function deltaInstants(where: Where, { member }: Question): Millis[] {
  return deltaTests(where).flatMap(({ trait, overMs }) => {
    const tile = tileOf(overMs);
    return (member.writes.get(trait) ?? []).map(({ time }) => Math.ceil(time / tile) * tile + overMs);
  });
}

function deltaTests(where: Where): { readonly trait: string; readonly overMs: number }[] {
  if (where.op === "not") return deltaTests(where.where);
  if (where.op !== "test") return where.wheres.flatMap(deltaTests);
  return where.test.flatMap((part) => (part.op === "delta" ? [{ trait: where.path[0]!, overMs: part.overMs }] : []));
}

function testParts(where: Where): TestPart[] {
  if (where.op === "not") return testParts(where.where);
  if (where.op !== "test") return where.wheres.flatMap(testParts);
  return where.test.flatMap((part) => (part.op === "has" ? [part, ...testParts(part.where)] : [part]));
}
