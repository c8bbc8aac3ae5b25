// The rule `clock`: what the wall clock shows now, the same for all members of a zone. It moves everybody at once, at
// the times of day, weekdays and dates that the test names. An hour that is skipped never is; a repeated one is twice.
import type { Path, RangeBound, Test, TestPart } from "../../rules/ast.ts";
import { testSentence } from "../../rules/words/sentence.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import type { Reading, ReadScope } from "../readings.ts";
import { DAY, parseDayNo, type Zone } from "../time/zones.ts";
import { find, testHolds } from "../values.ts";

const MINUTE = 60_000;

export function clockRecord(now: Millis, zone: Zone): JsonObject {
  return { time: zone.timeOfDay(now), weekday: zone.weekday(now), now: new Date(now).toISOString() };
}

/** From `from` until `flips` nothing flips. */
interface Answer {
  readonly from: Millis;
  readonly flips: Millis;
}

export function clockReading(path: Path, test: Test): Reading {
  const field = path[0]!;
  const held = (scope: ReadScope): boolean => testHolds(find(clockRecord(scope.now, scope.zone), path), test, scope);
  // The answer is the same for everybody who shares a zone: it is looked for once, and not once a member.
  // Two answers, for a deadline is met twice: as the end of the time before it, and as the start of the time after it.
  const answers = new Map<Zone, readonly Answer[]>();
  return {
    key: `clock ${JSON.stringify([path, test])}`,
    topics: [],
    keep: undefined,
    movesByTime: true,
    holds: (_actor, scope) => held(scope),
    ofNobody: undefined,
    flips: (_actor, scope) => {
      const known = answers.get(scope.zone) ?? [];
      for (const { from, flips } of known) if (from <= scope.now && scope.now < flips) return flips;
      const flips = nextFlip(field, test, scope, held);
      answers.set(scope.zone, [...known.slice(-1), { from: scope.now, flips }]);
      return flips;
    },
    actual: (_actor, scope): Json => clockRecord(scope.now, scope.zone)[field] ?? "missing",
    expected: testSentence(test),
  };
}

/** Each time of day has come round after two days, each weekday after eight: what has not flipped by then never does. */
const LOOKED_MS: Readonly<Record<string, Millis>> = { time: 3 * DAY, weekday: 9 * DAY };

function nextFlip(field: string, test: Test, scope: ReadScope, held: (scope: ReadScope) => boolean): Millis {
  const { now, zone } = scope;
  if (field === "now") return nextBound(test, scope);
  const until = now + (LOOKED_MS[field] ?? 0);
  const before = held(scope);
  const minutes = field === "time" ? minutesOf(test) : [0];
  for (let at = nextEdge(minutes, now, zone); at <= until; at = nextEdge(minutes, at, zone)) {
    if (held({ ...scope, now: at }) !== before) return at;
  }
  return Number.POSITIVE_INFINITY;
}

/** The next instant at which the wall clock reaches one of these minutes of the day, or is put forward or back. */
function nextEdge(minutes: readonly number[], after: Millis, zone: Zone): Millis {
  const offset = zone.offsetAt(after);
  const local = after + offset;
  const midnight = Math.floor(local / DAY) * DAY;
  let next = midnight + DAY;
  for (const minute of minutes) {
    const today = midnight + minute * MINUTE;
    if (today > local && today < next) next = today;
  }
  return zone.nextOffset(after, next - offset);
}

/** Minutes of the day at which a test on "HH:MM" may change. */
function minutesOf(test: Test): number[] {
  const minutes = new Set<number>();
  const bound = (text: unknown): void => {
    const minute = minuteOf(text);
    if (minute !== undefined) minutes.add(minute).add(minute + 1);
  };
  for (const part of test) for (const operand of operandsOf(part)) bound(operand);
  return [...minutes];
}

function operandsOf(part: TestPart): readonly unknown[] {
  if (part.op === "between") return [part.low, part.high];
  if ("values" in part) return part.values;
  return "value" in part ? [part.value] : [];
}

function minuteOf(text: unknown): number | undefined {
  const match = typeof text === "string" ? /^(\d\d):(\d\d)$/.exec(text) : null;
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2]);
}

/** `now` lies in windows with fixed ends alone: of the others, it always does or never. */
function nextBound(test: Test, { now, zone }: ReadScope): Millis {
  let next = Number.POSITIVE_INFINITY;
  for (const part of test) {
    if (part.op !== "date" || part.window.kind !== "range") continue;
    const { from, to } = part.window;
    for (const at of [boundAt(from, zone, 0), boundAt(to, zone, 1)]) if (at > now && at < next) next = at;
  }
  return next;
}

/** Where a bound begins to tell; the end of a range is the start of the day after it. */
function boundAt(bound: RangeBound | undefined, zone: Zone, daysLater: number): Millis {
  if (bound === undefined) return Number.POSITIVE_INFINITY;
  if ("at" in bound) return bound.at;
  const day = parseDayNo(bound.day);
  return day === undefined ? Number.POSITIVE_INFINITY : zone.dayStart(day + daysLater);
}
