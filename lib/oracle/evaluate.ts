// Whether a rule holds for a member at a moment, worked out of the member's whole history every time.
// due.ts says when silence alone might change the answer; oracle.ts asks both.
import { createHash } from "node:crypto";
import {
  type CampaignRule,
  type ChangeRule,
  type EventRule,
  type FavoriteRule,
  type ItemRule,
  type Measure,
  type ObjectRule,
  type OrderRule,
  type Path,
  type RecordKind,
  type Rule,
  type StepWhich,
  type UsersRule,
  unknownRule,
  type VisitRule,
  type Window,
} from "../core/rules/ast.ts";
import type { MemberId, Millis, SegmentId } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import { changesOf } from "./changes.ts";
import { clockRecord } from "./clock.ts";
import { engagementRecord } from "./engagement.ts";
import { isFavorite, isMeasuredBy } from "./favorites.ts";
import type { Flags } from "./flags.ts";
import type { Member, Membership, Occurrence } from "./history.ts";
import { identityRecord, isAnonymous } from "./identities.ts";
import { type Interaction, isInteraction, isOutcome } from "./items.ts";
import type { Meaning } from "./meaning.ts";
import { objectsOf } from "./objects.ts";
import { funnelHolds, sequenceEnd } from "./sequence.ts";
import { orderRecord } from "./shop.ts";
import type { Situations } from "./situations.ts";
import { type DayNumber, dateLies, isOver, occurrenceLies, tileOf } from "./time.ts";
import { Amount, endsOf, measureHolds, placed, type TestContext, unitsOf, whereHolds } from "./values.ts";
import { visitRecord } from "./visit-records.ts";
import type { Visit } from "./visits.ts";

/** Who is asked, when, and in which zone. `zone` is a zone's name or "user", as the definition says. */
export interface Question {
  readonly member: Member;
  readonly clock: Millis;
  readonly zone: string;
  /** By which the definition is read. */
  readonly vocabulary: Vocabulary;
  readonly situations: Situations;
  readonly flags: Flags;
}

/** What the member's history comes to for the one who asks. */
export function meaningOf({ member, vocabulary }: Question): Meaning {
  return member.by(vocabulary);
}

/** Anything that happened, with what a rule reads of it. */
export interface Happened {
  readonly time: Millis;
  readonly seq: number;
  readonly record: Record<string, unknown>;
  day(): DayNumber;
  visit(): Visit | undefined;
}

/** An event, or an order by the event that completed it. */
export class Happening implements Happened {
  readonly time: Millis;
  readonly seq: number;
  readonly record: Record<string, unknown>;
  readonly #occurrence: Occurrence;
  readonly #zone: string;
  readonly #meaning: Meaning;

  constructor(occurrence: Occurrence, zone: string, meaning: Meaning, record: Record<string, unknown>) {
    this.time = occurrence.time;
    this.seq = occurrence.seq;
    this.record = record;
    this.#occurrence = occurrence;
    this.#zone = zone;
    this.#meaning = meaning;
  }

  day(): DayNumber {
    return this.#occurrence.dayIn(this.#zone);
  }

  visit(): Visit | undefined {
    return this.#meaning.visitOf(this.#occurrence);
  }
}

export function ruleHolds(rule: Rule, question: Question): boolean {
  const { member, clock } = question;
  switch (rule.op) {
    case "all":
      return rule.rules.every((inner) => ruleHolds(inner, question));
    case "any":
      return rule.rules.some((inner) => ruleHolds(inner, question));
    case "none":
      return !rule.rules.some((inner) => ruleHolds(inner, question));
    case "not":
      return !ruleHolds(rule.rule, question);
    case "event":
    case "order":
    case "item":
    case "visit":
    case "campaign":
    case "change":
      return occurrencesHold(rule, question);
    case "trait":
      return whereHolds(rule.where, member.traits(), { clock, zone: zoneOf(question), deltaOf: deltaOf(question) });
    case "cart":
      return whereHolds(rule.where, meaningOf(question).cartRecord(), { clock, zone: zoneOf(question) });
    case "place":
    case "network":
    case "device":
    case "source":
    case "identity":
    case "engagement":
    case "weather":
    case "clock":
      return whereHolds(rule.where, recordOf(rule.op, question), { clock, zone: zoneOf(question) });
    case "favorite":
      return isFavorite(
        rule,
        measuredBy(rule, question).filter((one) => rule.window === undefined || liesIn(rule.window, one, question)),
      );
    case "situation":
      return whereHolds(rule.where, situationRecord(rule.kind, question), { clock, zone: zoneOf(question) });
    case "anonymous":
      return isAnonymous(member.messages) === rule.is;
    case "object":
      return measureHolds(rule.measure.is, measured(rule.measure, matchedObjects(rule, question)), {
        clock,
        zone: zoneOf(question),
      });
    case "sequence": {
      const end = sequenceEnd(rule, question);
      return end !== undefined && (rule.window === undefined || liesIn(rule.window, end, question));
    }
    case "funnel":
      return funnelHolds(rule, question);
    case "segment":
      return rule.ids.some((id) => belongs(id, rule.joined, question)) !== rule.negate;
    case "list":
      return rule.ids.some((id) => member.lists.has(id)) !== rule.negate;
    case "bucket": {
      const position = positionOf(member.id, rule.salt);
      return rule.from <= position && position < rule.to;
    }
    case "account": {
      const flag = question.flags.idOf(rule, question);
      return flag !== undefined && (member.tie?.on?.has(flag) ?? false);
    }
    case "users":
      return measureHolds(rule.measure.is, usersFor(rule, question), { clock, zone: zoneOf(question) });
    default:
      return unknownRule(rule);
  }
}

/** Of those who are the account's users now, for how many the rule holds, or for how many percent: none of none is missing. */
function usersFor(rule: UsersRule, question: Question): number | Amount | undefined {
  const { crowd } = question.member;
  const flag = question.flags.idOf(rule, question);
  const on = flag === undefined ? 0 : crowd.holds(flag);
  if (rule.measure.kind === "count") return on;
  const hundred = unitsOf(100)!;
  return crowd.size === 0 ? undefined : new Amount(BigInt(on) * hundred, BigInt(crowd.size));
}

/** The interactions that a favourite is measured by, whenever they were. */
export function measuredBy(rule: FavoriteRule, question: Question): ItemHappening[] {
  return itemsThat((interaction) => isMeasuredBy(rule, interaction), question);
}

/** The zone's name: the definition's, or the member's own. */
export function zoneOf({ zone, member }: Question): string {
  return zone === "user" ? member.zone : zone;
}

/** What a `where` of these rules reads of the member now. */
export function recordOf(kind: Exclude<RecordKind, "trait" | "cart">, question: Question): object | undefined {
  switch (kind) {
    case "place":
    case "network":
    case "device":
      return question.member.lastCarried(kind);
    case "source":
      return meaningOf(question).sourceRecord(visitUnderWay(question));
    case "identity":
      return identityRecord(question.member.messages);
    case "engagement":
      return engagementRecord(question);
    case "weather":
      return situationRecord("weather", question);
    case "clock":
      return clockRecord({ clock: question.clock, zone: zoneOf(question) });
  }
}

/** Values of a feed for the member's last known place; without a place, or without values for it, all are missing. */
export function situationRecord(kind: string, { member, situations, clock }: Question): Record<string, unknown> {
  return situations.valuesAt(kind, member.lastCarried("place"), clock) ?? {};
}

function belongs(id: SegmentId, joined: Window | undefined, question: Question): boolean {
  const membership: Membership | undefined = question.member.memberships.get(id);
  if (membership === undefined || !membership.in) return false;
  if (joined === undefined) return true;
  const zone = zoneOf(question);
  return dateLies(joined, placed(membership.since, zone), { clock: question.clock, zone });
}

const positions = new Map<string, number>();

/** A stable position from 0 to 100: n × 100 ÷ 2³², n the first four bytes of SHA-256 of salt, line feed, id. */
export function positionOf(id: MemberId, salt: string): number {
  const text = `${salt}\n${id}`;
  let position = positions.get(text);
  if (position === undefined) {
    position = (createHash("sha256").update(text, "utf8").digest().readUInt32BE(0) * 100) / 2 ** 32;
    positions.set(text, position);
  }
  return position;
}

/** A trait now against the value in force at the last tile edge at or before clock − over. */
function deltaOf({ member, clock }: Question): NonNullable<TestContext["deltaOf"]> {
  return (path, overMs, unit) => {
    const tile = tileOf(overMs);
    const edge = Math.floor((clock - overMs) / tile) * tile;
    const now = numberIn(member.traits()[path[0]!], path);
    const then = numberIn(member.traitAt(path[0]!, edge), path);
    if (now === undefined || then === undefined) return undefined;
    if (unit === "amount") return now - then;
    return then === 0 ? undefined : ((now - then) * 100) / Math.abs(then);
  };
}

function numberIn(trait: unknown, path: Path): number | undefined {
  let value = trait;
  for (const name of path.slice(1)) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    value = isObject && Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return typeof value === "number" ? value : undefined;
}

export type CountedRule = EventRule | OrderRule | ItemRule | VisitRule | CampaignRule | ChangeRule;

interface Matched {
  version: number;
  /** So many of the member's occurrences have been looked at. */
  seen: number;
  happenings: Happening[];
}

const matchedOf = new WeakMap<Meaning, Map<object, Matched>>();

/**
 * All that happened and passes a rule's names and where, but for what has left its window for good: a history of years
 * is not gone through for the last five minutes of it.
 */
export function matchedBy(rule: CountedRule, question: Question): readonly Happened[] {
  if (rule.op === "change") return changesOf(rule, question);
  const matched = matchedEver(rule, question);
  const { window } = rule;
  if (window !== undefined) {
    matched.happenings = matched.happenings.filter(({ time }) => !isOver(window, time, question.clock));
  }
  return matched.happenings;
}

/**
 * A where is read as of the message in whose step it is read and not as of the clock, so an event is looked at once, the
 * orders again after the next message that is about one, and visits and interactions after every message.
 */
function matchedEver(rule: Exclude<CountedRule, ChangeRule>, question: Question): Matched {
  const { member } = question;
  const meaning = meaningOf(question);
  const ofMeaning = matchedOf.get(meaning) ?? new Map<object, Matched>();
  matchedOf.set(meaning, ofMeaning);
  const matched = ofMeaning.get(rule) ?? { version: -1, seen: 0, happenings: [] };
  ofMeaning.set(rule, matched);
  const version = rule.op === "order" ? member.ordersVersion : member.version;
  if (matched.version === version) return matched;
  matched.version = version;
  if (rule.op === "order") {
    matched.happenings = matchedOrders(rule, question);
  } else if (rule.op === "visit") {
    matched.happenings = matchedVisits(rule, question);
  } else if (rule.op === "item") {
    matched.happenings = matchedItems(rule, question);
  } else {
    for (const occurrence of member.occurrences.slice(matched.seen)) {
      const happening = eventMatches(rule, occurrence, question);
      if (happening !== undefined) matched.happenings.push(happening);
    }
    matched.seen = member.occurrences.length;
  }
  return matched;
}

type EventWhich = Extract<StepWhich, { readonly op: "event" | "campaign" }>;

/** The occurrence as what a rule or a step names, passing its where as of the message; undefined when it is none. */
export function eventMatches(rule: EventWhich, occurrence: Occurrence, question: Question): Happening | undefined {
  const { zone, vocabulary } = question;
  const isMeant = rule.op === "event" ? isNamed(rule, occurrence) : isOutcome(rule, occurrence, vocabulary);
  if (!isMeant) return undefined;
  const itsZone = zone === "user" ? occurrence.zone : zone;
  const record = occurrence.recordIn(itsZone);
  const moment = { clock: occurrence.clock, zone: itsZone };
  if (rule.where !== undefined && !whereHolds(rule.where, record, moment)) return undefined;
  return new Happening(occurrence, itsZone, meaningOf(question), record);
}

function isNamed({ names }: Pick<EventRule, "names">, { event }: Occurrence): boolean {
  return names === "*" || names.includes(event.name);
}

/** A visit counts at its start, which is its earliest event's time; its where is read as of its last message. */
function matchedVisits({ where }: VisitRule, question: Question): Happening[] {
  const { zone, vocabulary } = question;
  const meaning = meaningOf(question);
  return meaning.stories.flatMap((story) => {
    const record = visitRecord(story, vocabulary);
    const lastSaid = story.events.reduce((last, one) => (one.seq > last.seq ? one : last));
    const moment = { clock: lastSaid.clock, zone: zone === "user" ? lastSaid.zone : zone };
    if (where !== undefined && !whereHolds(where, record, moment)) return [];
    const earliest = story.events[0]!;
    return [new Happening(earliest, zone === "user" ? earliest.zone : zone, meaning, record)];
  });
}

/** An interaction, which is one event's or one of several of one event. */
class ItemHappening extends Happening {
  readonly interaction: Interaction;

  constructor(interaction: Interaction, zone: string, meaning: Meaning) {
    super(interaction.occurrence, zone, meaning, meaning.itemRecord(interaction));
    this.interaction = interaction;
  }
}

function itemsThat(isMeant: (interaction: Interaction) => boolean, question: Question): ItemHappening[] {
  const meaning = meaningOf(question);
  const zoneOfIts = ({ occurrence }: Interaction) => (question.zone === "user" ? occurrence.zone : question.zone);
  return meaning.interactions.filter(isMeant).map((one) => new ItemHappening(one, zoneOfIts(one), meaning));
}

/** A where is read as of the interaction's own message, though `time` is known only later. */
function matchedItems(rule: ItemRule, question: Question): Happening[] {
  const { where } = rule;
  return itemsThat((interaction) => isInteraction(rule, interaction), question).filter((one) => {
    const { clock, zone } = one.interaction.occurrence;
    const moment = { clock, zone: question.zone === "user" ? zone : question.zone };
    return where === undefined || whereHolds(where, one.record, moment);
  });
}

function matchedOrders(rule: OrderRule, question: Question): Happening[] {
  const { member, zone } = question;
  const meaning = meaningOf(question);
  const standing = meaning.orders.filter((order) => !order.isNone);
  return standing.flatMap((order) => {
    const record = orderRecord(order);
    const moment = { clock: order.readClock, zone: zone === "user" ? order.readZone : zone };
    if (rule.where !== undefined && !whereHolds(rule.where, record, moment)) return [];
    const occurrence = member.completedIn.get(order.seq)!;
    return [new Happening(occurrence, zone === "user" ? occurrence.zone : zone, meaning, record)];
  });
}

/** Objects that the member owns now, read as of now: what they are worth needs no time. */
function matchedObjects({ type, where }: ObjectRule, question: Question): Measurable[] {
  const moment = { clock: question.clock, zone: zoneOf(question) };
  const owned = objectsOf(question.member.messages, type);
  const passing = where === undefined ? owned : owned.filter((record) => whereHolds(where, record, moment));
  return passing.map((record) => ({ record }));
}

function occurrencesHold(rule: CountedRule, question: Question): boolean {
  const matched = matchedBy(rule, question);
  const { measure, window } = rule;
  if ("in" in measure) {
    const which = endOf(matched, measure.kind);
    return which !== undefined && liesIn(measure.in, which, question);
  }
  const inWindow = window === undefined ? matched : matched.filter((one) => liesIn(window, one, question));
  const { clock } = question;
  return measureHolds(measure.is, measured(measure, inWindow), { clock, zone: zoneOf(question) });
}

/** The first or the latest by time; of equal times the one that stands first, or last, in the log. */
export function endOf(happenings: readonly Happened[], end: "first" | "latest"): Happened | undefined {
  const sign = end === "first" ? 1 : -1;
  let found: Happened | undefined;
  for (const one of happenings) {
    if (found === undefined || sign * (one.time - found.time || one.seq - found.seq) < 0) found = one;
  }
  return found;
}

function liesIn(window: Window, one: Happened, question: Question): boolean {
  const { clock } = question;
  if (window.kind === "visit") {
    const current = visitUnderWay(question);
    return current !== undefined && one.visit() === current;
  }
  return occurrenceLies(window, one, { clock, zone: zoneOf(question) });
}

/** The newest visit, until its last event + idle time. */
export function visitUnderWay(question: Question): Visit | undefined {
  const newest = meaningOf(question).visits.newest;
  return newest !== undefined && question.clock < newest.last + question.vocabulary.visitIdleMs ? newest : undefined;
}

type Aggregate = Exclude<Measure, { readonly in: Window }>;

/** What a measure reads; days and visits are asked of things that happened alone. */
type Measurable = Pick<Happened, "record"> & Partial<Happened>;

function measured(measure: Aggregate, matched: readonly Measurable[]): number | Amount | undefined {
  switch (measure.kind) {
    case "count":
      return matched.length;
    case "days":
      return new Set(matched.map((one) => one.day!())).size;
    case "visits":
      return new Set(matched.flatMap((one) => one.visit!() ?? [])).size;
    case "total":
    case "average":
    case "largest": {
      const amounts = unitsIn(valuesOf(matched, ["total"]));
      if (measure.kind === "total") return new Amount(sumOf(amounts));
      return measure.kind === "average" ? averageOf(amounts) : largestOf(amounts);
    }
    case "sum":
      return new Amount(sumOf(unitsIn(valuesOf(matched, measure.of))));
    case "avg":
      return averageOf(unitsIn(valuesOf(matched, measure.of)));
    case "min":
    case "max":
      return extremeOf(valuesOf(matched, measure.of), measure.kind);
    case "distinct":
      return distinctOf(valuesOf(matched, measure.of));
  }
}

function valuesOf(matched: readonly Measurable[], path: Path): unknown[] {
  return matched.flatMap((one) => endsOf(one.record, path));
}

function unitsIn(values: readonly unknown[]): bigint[] {
  const units = values.map((value) => (value instanceof Amount ? value.units : unitsOf(value)));
  return units.filter((value) => value !== undefined);
}

function sumOf(units: readonly bigint[]): bigint {
  return units.reduce((sum, part) => sum + part, 0n);
}

function averageOf(units: readonly bigint[]): Amount | undefined {
  return units.length === 0 ? undefined : new Amount(sumOf(units), BigInt(units.length));
}

function largestOf(units: readonly bigint[]): Amount | undefined {
  const largest = [...units].sort((a, b) => (a < b ? -1 : 1)).at(-1);
  return largest === undefined ? undefined : new Amount(largest);
}

function extremeOf(values: readonly unknown[], kind: "min" | "max"): number | Amount | undefined {
  const isBeyond = (one: number | bigint, other: number | bigint) => (kind === "min" ? one < other : one > other);
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length > 0) return numbers.reduce((end, value) => (isBeyond(value, end) ? value : end));
  const units = values.flatMap((value) => (value instanceof Amount ? value.units : []));
  return units.length === 0
    ? undefined
    : new Amount(units.reduce((end, value) => (isBeyond(value, end) ? value : end)));
}

function distinctOf(values: readonly unknown[]): number {
  const keys = values.map((value) => (value instanceof Amount ? `amount ${value.units}` : value));
  // A Set takes −0 for 0 and tells 5 from "5", as the rules do.
  return new Set(keys.filter((key) => ["string", "number", "boolean"].includes(typeof key))).size;
}
