// The engagement score of a member and its change against the cycle before (rules.md 4.8): out of counters of visits and
// events, traits and segments, as the vocabulary weighs them. What has left the score is kept here, in log order.
import type { UserEvent } from "../../events.ts";
import type { Path, Test } from "../../rules/ast.ts";
import { cycleCount, isChangePath, pastEngagementKey } from "../../rules/questions/journey-questions.ts";
import { occurrenceKey } from "../../rules/questions/questions.ts";
import { testSentence } from "../../rules/words/sentence.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import type { EngagementPart, Vocabulary } from "../../vocabulary.ts";
import type { Actor } from "../member/actor.ts";
import { visitListOf } from "../member/visits.ts";
import type { RuleScope } from "../plan/shapes.ts";
import { type Heard, type Keep, type Reading, topicOfTrait } from "../readings.ts";
import { tileOf, turnsOld } from "../time/windows.ts";
import { zoneNamed } from "../time/zones.ts";
import { find, testHolds } from "../values.ts";

/** What a member has of something that a part of the score weighs, in this cycle and in the one before. */
interface Weighed {
  readonly weight: number;
  readonly full: number;
  now(actor: Actor): number;
  before(actor: Actor, now: Millis): number;
}

/** One test on the record {score, change}. */
export function engagementReading(path: Path, test: Test, scope: RuleScope): Reading {
  const { engagement } = scope.vocabulary;
  const { cycleMs, parts } = engagement;
  const asks = parts.flatMap((part) => cycleCount(part, cycleMs) ?? []);
  const asked = asks.map((rule) => occurrenceKey(rule, scope));
  const keep = isChangePath(path) ? pastKeep(scope.vocabulary) : undefined;
  const weighed = weighedParts(parts, asked, pastEngagementKey(scope.vocabulary), cycleMs);
  const record = (actor: Actor, now: Millis): JsonObject => {
    const score = scoreOf(weighed, (part) => part.now(actor));
    if (keep === undefined) return { score };
    const before = scoreOf(weighed, (part) => part.before(actor, now));
    return before === 0 ? { score } : { score, change: ((score - before) * 100) / Math.abs(before) };
  };
  const passes = (found: JsonObject): boolean => testHolds(find(found, path), test, { now: 0, zone: zoneNamed("UTC") });
  return {
    key: JSON.stringify(["engagement", path, test, engagement, asked]),
    topics: parts.flatMap(({ of }) => (of.kind === "trait" ? [topicOfTrait(of.path[0]!)] : [])),
    segments: parts.flatMap(({ of }) => (of.kind === "segment" ? [of.id] : [])),
    keep,
    asks,
    movesByTime: false,
    ofNobody: passes({ score: 0 }),
    holds: (actor, { now }) => passes(record(actor, now)),
    flips: (actor) => Math.min(...asked.map((key) => actor.counters.get(key)?.due ?? Number.POSITIVE_INFINITY)),
    actual: (actor, { now }): Json => record(actor, now)[path[0]!] ?? "missing",
    expected: testSentence(test),
  };
}

/**
 * The score of a member that is brought up to now; undefined where a count that it weighs is kept by no rule: then nobody
 * knows it.
 */
export function engagementScore(
  vocabulary: Vocabulary,
  isKept: (question: string) => boolean,
): ((actor: Actor) => number) | undefined {
  const { cycleMs, parts } = vocabulary.engagement;
  // Counts over a cycle read no local time, so the zone is none of theirs.
  const scope = { zone: "UTC", vocabulary };
  const asked = parts.flatMap((part) => cycleCount(part, cycleMs) ?? []).map((rule) => occurrenceKey(rule, scope));
  if (parts.length === 0 || !asked.every(isKept)) return undefined;
  const weighed = weighedParts(parts, asked, pastEngagementKey(vocabulary), cycleMs);
  return (actor) => scoreOf(weighed, (part) => part.now(actor));
}

/** `asked` are the questions of those parts that count something, in their order. */
function weighedParts(
  parts: readonly EngagementPart[],
  asked: readonly string[],
  pastKey: string,
  cycleMs: Millis,
): Weighed[] {
  let counted = 0;
  return parts.map(({ weight, full, of }): Weighed => {
    if (of.kind === "visits" || of.kind === "events") {
      const index = counted;
      counted += 1;
      const now = (actor: Actor): number => actor.counters.get(asked[index]!)?.shown ?? 0;
      const before = (actor: Actor, at: Millis): number => {
        const past = actor.kept.get(pastKey)?.data as Past | undefined;
        return past === undefined ? 0 : countOf(past.cells[index]!, cycleMs, at);
      };
      return { weight, full, now, before };
    }
    const present = (actor: Actor): number =>
      of.kind === "trait" ? numberAt(actor, of.path) : Number(actor.memberships.get(of.id)?.in === true);
    return { weight, full, now: present, before: present };
  });
}

/** What is no number, or below 0, weighs nothing. */
function numberAt(actor: Actor, path: Path): number {
  const found = find(actor.traits, path);
  const value = found === undefined || found.list ? 0 : found.values[0];
  return typeof value === "number" && value > 0 ? value : 0;
}

/** In the vocabulary's order: a sum of doubles depends on it. */
function scoreOf(weighed: readonly Weighed[], amountOf: (part: Weighed) => number): number {
  let score = 0;
  for (const part of weighed) score += part.weight * Math.min(1, amountOf(part) / part.full);
  return Math.floor(Math.min(100, Math.max(0, score)) * 100 + 0.5) / 100;
}

// ── the cycle before ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What leaves the score by silence is in the past from then on, as it left: a late event that comes when it is a cycle
 * old was never in the score, and moves no visit that has left it.
 */
interface Past {
  /** One list for each part that counts something: tile, count, tile, count, … ascending. Events wait in it to turn old. */
  readonly cells: number[][];
  /** Visits have been looked through as of this clock. */
  seen: Millis;
}

function pastKeep(vocabulary: Vocabulary): Keep {
  const { cycleMs, parts } = vocabulary.engagement;
  const counted = parts.map(({ of }) => of).filter(({ kind }) => kind === "visits" || kind === "events");
  const isVisits = counted.some(({ kind }) => kind === "visits");
  const add = (cells: number[], at: Millis): void => addCell(cells, at, Math.min(tileOf(cycleMs), tileOf(2 * cycleMs)));
  const names = counted.map((of) => (of.kind === "events" ? new Set(of.names) : undefined));
  return {
    key: pastEngagementKey(vocabulary),
    names: isVisits ? "*" : names.flatMap((own) => [...(own ?? [])]),
    traits: [],
    ...(isVisits ? { visitIdleMs: vocabulary.visitIdleMs } : {}),
    create: (): Past => ({ cells: counted.map(() => []), seen: 0 }),
    event: (data, event: UserEvent, { at, clock }: Heard) => {
      const past = data as Past;
      // What the message itself made a cycle old has left by no silence.
      past.seen = clock;
      if (clock < turnsOld(at, cycleMs)) {
        names.forEach((own, index) => {
          if (own?.has(event.name)) add(past.cells[index]!, at);
        });
      }
      return true;
    },
    change: () => false,
    settle: (data, actor, { now }) => {
      const past = data as Past;
      const times = isVisits ? (visitListOf(actor, vocabulary.visitIdleMs)?.times ?? []) : [];
      let due = Number.POSITIVE_INFINITY;
      past.cells.forEach((cells, index) => {
        if (names[index] === undefined)
          due = Math.min(
            due,
            takeVisits(times, cycleMs, past.seen, now, (at) => add(cells, at)),
          );
        dropOld(cells, cycleMs, now);
        due = Math.min(due, nextTurn(cells, cycleMs, now));
      });
      past.seen = Math.max(past.seen, now);
      return due;
    },
  };
}

/** Finds the visits that turned a cycle old after `seen`, and says when the next one does. `times` as visits.ts has them. */
function takeVisits(
  times: readonly number[],
  cycleMs: Millis,
  seen: Millis,
  now: Millis,
  found: (start: Millis) => void,
): Millis {
  let next = Number.POSITIVE_INFINITY;
  for (let index = times.length - 2; index >= 0; index -= 2) {
    const turns = turnsOld(times[index]!, cycleMs);
    if (turns > now) next = turns;
    else if (turns > seen) found(times[index]!);
    else break;
  }
  return next;
}

function addCell(cells: number[], at: Millis, tile: number): void {
  const key = Math.floor(at / tile) * tile;
  let index = cells.length - 2;
  while (index >= 0 && cells[index]! > key) index -= 2;
  if (index >= 0 && cells[index] === key) cells[index + 1]! += 1;
  else cells.splice(index + 2, 0, key, 1);
}

/** Forgets what is two cycles old. */
function dropOld(cells: number[], cycleMs: Millis, now: Millis): void {
  let gone = 0;
  while (gone < cells.length && turnsOld(cells[gone]!, 2 * cycleMs) <= now) gone += 2;
  if (gone > 0) cells.splice(0, gone);
}

/** When the first cell turns two cycles old, or the next one turns one. */
function nextTurn(cells: readonly number[], cycleMs: Millis, now: Millis): Millis {
  let next = cells.length === 0 ? Number.POSITIVE_INFINITY : turnsOld(cells[0]!, 2 * cycleMs);
  for (let index = 0; index < cells.length; index += 2) {
    const turns = turnsOld(cells[index]!, cycleMs);
    if (turns <= now) continue;
    if (turns < next) next = turns;
    break;
  }
  return next;
}

function countOf(cells: readonly number[], cycleMs: Millis, now: Millis): number {
  let count = 0;
  for (let index = 0; index < cells.length; index += 2) {
    const key = cells[index]!;
    if (turnsOld(key, cycleMs) <= now && now < turnsOld(key, 2 * cycleMs)) count += cells[index + 1]!;
  }
  return count;
}
