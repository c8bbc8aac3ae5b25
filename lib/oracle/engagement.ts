// Engagement: a score of 0 to 100 out of what the vocabulary weighs, and its change against the cycle before (rules.md 4.8).
// evaluate.ts reads both as a record; due.ts names the instants at which something leaves a cycle.
import type { Path } from "../core/rules/ast.ts";
import type { Millis } from "../core/types.ts";
import type { EngagementPart } from "../core/vocabulary.ts";
import { meaningOf, type Question } from "./evaluate.ts";
import type { Occurrence } from "./history.ts";
import type { Meaning } from "./meaning.ts";
import { occurrenceInstants, turns } from "./time.ts";
import { isRecord } from "./values.ts";
import { type Visit, Visits } from "./visits.ts";

/** What an `engagement` rule reads. */
export function engagementRecord(question: Question): Record<string, unknown> {
  const score = scoreOf(question, countNow);
  const past = scoreOf(question, countPast);
  return { score, ...(past === 0 ? {} : { change: ((score - past) * 100) / Math.abs(past) }) };
}

type Count = (part: EngagementPart, question: Question) => number;

function scoreOf(question: Question, count: Count): number {
  let sum = 0;
  for (const part of question.vocabulary.engagement.parts) {
    sum += part.weight * Math.min(1, count(part, question) / part.full);
  }
  return Math.floor(Math.min(100, Math.max(0, sum)) * 100 + 0.5) / 100;
}

function countNow(part: EngagementPart, question: Question): number {
  const { of } = part;
  switch (of.kind) {
    case "visits":
      return startsNow(question).filter((start) => question.clock < turns(start, cycleOf(question))).length;
    case "events":
      return eventTimes(of.names, question).filter(({ time }) => question.clock < turns(time, cycleOf(question)))
        .length;
    case "trait":
      return numberAt(question.member.traits(), of.path);
    case "segment":
      return question.member.memberships.get(of.id)?.in === true ? 1 : 0;
  }
}

/**
 * The cycle before, as it was: what has left the score because it turned a cycle old. An event that came when it was
 * already that old has never been in it, and a late one moves no visit that has left.
 */
function countPast(part: EngagementPart, question: Question): number {
  const { of } = part;
  const cycle = cycleOf(question);
  const isPast = (time: Millis): boolean =>
    question.clock >= turns(time, cycle) && question.clock < turns(time, 2 * cycle);
  switch (of.kind) {
    case "visits":
      return startsPast(question).filter(isPast).length;
    case "events":
      return eventTimes(of.names, question).filter(({ time, clock }) => clock < turns(time, cycle) && isPast(time))
        .length;
    default:
      return countNow(part, question);
  }
}

function cycleOf({ vocabulary }: Question): Millis {
  return vocabulary.engagement.cycleMs;
}

function eventTimes(
  names: readonly string[],
  { member }: Question,
): { readonly time: Millis; readonly clock: Millis }[] {
  return member.occurrences.filter(({ event }) => names.includes(event.name));
}

/** Starts of all visits as they are now. */
function startsNow(question: Question): Millis[] {
  const meaning = meaningOf(question);
  const visits = new Set(question.member.occurrences.flatMap((occurrence) => meaning.visitOf(occurrence) ?? []));
  return [...visits].map(({ start }) => start);
}

const departures = new WeakMap<Meaning, Departures>();

/** Starts of visits as they were when they left the score. */
function startsPast(question: Question): readonly Millis[] {
  const meaning = meaningOf(question);
  const held = departures.get(meaning) ?? new Departures(question);
  departures.set(meaning, held);
  held.readOn(question);
  return held.left;
}

/** The history played through in log order, with its silences: which visits turn a cycle old, and where they start then. */
class Departures {
  readonly left: Millis[] = [];
  readonly #cycle: Millis;
  readonly #visits: Visits;
  /** Those that have not left. */
  #standing = new Set<Visit>();
  readonly #gone = new Set<Visit>();
  /** So many occurrences have been read. */
  #read = 0;

  constructor(question: Question) {
    const { member, vocabulary } = question;
    this.#cycle = cycleOf(question);
    this.#visits = new Visits(vocabulary.visitIdleMs, member.limits.visitsChangeableMax);
  }

  readOn({ member, clock }: Question): void {
    for (; this.#read < member.occurrences.length; this.#read += 1) this.#take(member.occurrences[this.#read]!);
    this.left.push(...this.#turnedBy(clock));
  }

  #take(occurrence: Occurrence): void {
    this.left.push(...this.#turnedBy(occurrence.clock));
    const visit = occurrence.isOfVisits ? this.#visits.add(occurrence.time) : undefined;
    if (visit === undefined) return;
    const now = [...this.#standing, visit].map((one) => this.#visits.now(one));
    this.#standing = new Set(now.filter((one) => !this.#gone.has(one)));
    // What a message made that old has left by no silence.
    this.#turnedBy(occurrence.clock);
  }

  /** Starts of the visits that have turned a cycle old by an instant; they stand no more. */
  #turnedBy(instant: Millis): Millis[] {
    const turned = [...this.#standing].filter((visit) => turns(visit.start, this.#cycle) <= instant);
    for (const visit of turned) {
      this.#standing.delete(visit);
      this.#gone.add(visit);
    }
    return turned.map(({ start }) => start);
  }
}

/** What a trait weighs: no number, and a number below 0, is 0. */
function numberAt(traits: unknown, path: Path): number {
  let value = traits;
  for (const name of path) value = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return typeof value === "number" && value > 0 ? value : 0;
}

/** Whatever happened turns one cycle old, then two; a visit starts with one of the things that happened. */
export function engagementInstants(question: Question): Millis[] {
  const cycle = cycleOf(question);
  const window = { kind: "ago", gteMs: cycle, ltMs: 2 * cycle } as const;
  return question.member.occurrences.flatMap((occurrence) => {
    const placed = { time: occurrence.time, day: () => occurrence.dayIn("UTC") };
    return occurrenceInstants(window, placed, "UTC");
  });
}
