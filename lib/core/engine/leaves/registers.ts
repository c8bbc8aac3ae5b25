// Sequences and funnels: a register a step, the latest time at which all steps up to it were complete, in log order.
// A message tries the last step first, so that one event never completes two steps in a row (rules.md 4.8).
//
//   steps      viewed ──▶ added (within 2h) ──▶ no order (for 1d)
//   registers  R0 09:00   R1 09:30               R2 next day 09:30, by silence; it waits from R1 until then
import type { UserEvent } from "../../events.ts";
import type { FunnelRule, SequenceRule, Window } from "../../rules/ast.ts";
import { funnelKey, sequenceKey } from "../../rules/questions/journey-questions.ts";
import { isLocalWindow } from "../../rules/questions/texts.ts";
import { windowSentence } from "../../rules/words/sentence.ts";
import type { Millis } from "../../types.ts";
import type { FunnelStep } from "../../vocabulary.ts";
import type { Actor } from "../member/actor.ts";
import type { RuleScope } from "../plan/shapes.ts";
import { counterView, zoneFor } from "../reading.ts";
import type { Heard, Keep, Reading } from "../readings.ts";
import { type Moment, momentFlips, momentInWindow } from "../time/windows.ts";
import { type Step, stepOf } from "./steps.ts";

/** How a step is completed: by its event, soon enough after the step before, or by its event not coming for so long. */
interface Register {
  readonly kind: "occurs" | "absent";
  readonly step: Step;
  /** Infinity where any time will do. */
  readonly withinMs: number;
}

/** What is kept of a member, as page-codec.ts writes it down. */
interface Registers {
  /** Null: not complete. */
  readonly at: (Millis | null)[];
  /** Of an absence that is waited for: the instant that completes it. */
  readonly waits: (Millis | null)[];
  /** Of the last register: its local day, and whether its event belongs to a visit. */
  day: number;
  visiting: boolean;
}

// ── a sequence ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function sequenceReading(rule: SequenceRule, scope: RuleScope): Reading {
  const { steps, window } = rule;
  const key = sequenceKey(rule, scope.zone, scope.vocabulary);
  const registers = steps.map(
    ({ kind, which, withinMs }): Register => ({
      kind,
      step: stepOf(which, scope),
      withinMs: withinMs ?? Number.POSITIVE_INFINITY,
    }),
  );
  const keep = registersKeep(key, registers, window, scope);
  const last = steps.length - 1;
  const within = window === undefined ? "" : `, the last ${windowSentence(window)}`;
  return {
    key,
    topics: [],
    keep,
    movesByTime: false,
    ofNobody: false,
    holds: (actor, { now }) => {
      const held = registersOf(actor, key);
      return held !== undefined && held.at[last] !== null && lies(held, window, scope, actor, now);
    },
    flips: () => Number.POSITIVE_INFINITY,
    actual: (actor) => reachedText(registersOf(actor, key), steps.length),
    expected: `${steps.length === 1 ? "the step" : `all ${steps.length} steps in order`}${within}`,
  };
}

function registersOf(actor: Actor, key: string): Registers | undefined {
  return actor.kept.get(key)?.data as Registers | undefined;
}

function registersKeep(
  key: string,
  registers: readonly Register[],
  window: Window | undefined,
  scope: RuleScope,
): Keep {
  const { zone } = scope;
  const visitIdleMs = window?.kind === "visit" ? scope.vocabulary.visitIdleMs : undefined;
  const names = registers.map(({ step }) => step.names);
  const isLocal = window !== undefined && isLocalWindow(window);
  const dayOf = (actor: Actor, at: Millis): number => (isLocal ? zoneFor(zone, actor).dayOf(at) : 0);
  return {
    key,
    names: names.some((name) => name === "*") ? "*" : names.flat(),
    // Without the first step none after it is reached.
    opens: names[0] ?? [],
    traits: [],
    followsZone: isLocal && zone === "user",
    visitIdleMs,
    create: (): Registers => ({
      at: registers.map(() => null),
      waits: registers.map(() => null),
      day: 0,
      visiting: false,
    }),
    event: (data, event, heard) => {
      const held = data as Registers;
      const waited = endWaits(registers, held, heard.clock, (at) => dayOf(heard.actor, at));
      return hear(registers, held, event, heard, (at) => dayOf(heard.actor, at)) || waited;
    },
    change: () => false,
    settle: (data, actor, { now }) => {
      const held = data as Registers;
      endWaits(registers, held, now, (at) => dayOf(actor, at));
      return Math.min(earliest(held.waits), flipsAt(held, window, scope, actor, now));
    },
  };
}

/** Tries an event on every step, the last first. True when a register moved. */
function hear(
  registers: readonly Register[],
  held: Registers,
  event: UserEvent,
  heard: Heard,
  dayOf: (at: Millis) => number,
): boolean {
  const visiting = !Number.isNaN(heard.visitStart);
  let moved = false;
  for (let index = registers.length - 1; index >= 0; index -= 1) {
    const { kind } = registers[index]!;
    const hears =
      kind === "occurs" ? mayComplete(registers, held, index, heard.at) : mayClear(registers, held, index, heard.at);
    if (!hears || !registers[index]!.step.completes(event, heard)) continue;
    moved = true;
    if (kind === "absent") clear(registers, held, index, heard.at);
    else set(registers, held, index, heard.at, visiting, dayOf);
  }
  return moved;
}

function mayComplete(registers: readonly Register[], held: Registers, index: number, at: Millis): boolean {
  const own = held.at[index]!;
  if (own !== null && own > at) return false;
  if (index === 0) return true;
  const before = held.at[index - 1]!;
  return before !== null && before <= at && at - before <= registers[index]!.withinMs;
}

/** Whether the event of an absence would clear what it waits from, or, after the last absence, its own register. */
function mayClear(registers: readonly Register[], held: Registers, index: number, at: Millis): boolean {
  return isAwaited(registers, held, index, at) || isEnded(registers, held, index, at);
}

/** An absence as last step does not outlive its event, unless that happened before the wait began. */
function isEnded(registers: readonly Register[], held: Registers, index: number, at: Millis): boolean {
  const own = held.at[index]!;
  return index === registers.length - 1 && own !== null && at >= own - registers[index]!.withinMs;
}

function isAwaited(registers: readonly Register[], held: Registers, index: number, at: Millis): boolean {
  const before = held.at[index - 1]!;
  return before !== null && before <= at && at < before + registers[index]!.withinMs;
}

function clear(registers: readonly Register[], held: Registers, index: number, at: Millis): void {
  if (isEnded(registers, held, index, at)) held.at[index] = null;
  if (!isAwaited(registers, held, index, at)) return;
  held.at[index - 1] = null;
  held.waits[index] = null;
}

/** A newer time of a step starts the wait of an absence after it anew. */
function set(
  registers: readonly Register[],
  held: Registers,
  index: number,
  at: Millis,
  visiting: boolean,
  dayOf: (at: Millis) => number,
): void {
  const isNewer = held.at[index] !== at;
  held.at[index] = at;
  const next = registers[index + 1];
  if (isNewer && next?.kind === "absent") held.waits[index + 1] = at + next.withinMs;
  if (next !== undefined) return;
  held.day = dayOf(at);
  held.visiting = visiting;
}

/**
 * Completes the absences whose wait is over, in the order of their instants: one may start the wait of the next anew, so
 * of two at the same instant the later step comes first.
 */
function endWaits(
  registers: readonly Register[],
  held: Registers,
  now: Millis,
  dayOf: (at: Millis) => number,
): boolean {
  let moved = false;
  for (let due = earliest(held.waits); due <= now; due = earliest(held.waits)) {
    const index = held.waits.lastIndexOf(due);
    held.waits[index] = null;
    const own = held.at[index]!;
    if (own !== null && own > due) continue;
    set(registers, held, index, due, false, dayOf);
    moved = true;
  }
  return moved;
}

function earliest(waits: readonly (Millis | null)[]): Millis {
  let first = Number.POSITIVE_INFINITY;
  for (const at of waits) if (at !== null && at < first) first = at;
  return first;
}

function lastMoment({ at, day }: Registers): Moment {
  return { at: at[at.length - 1]!, day, tiled: true };
}

/** Whether the last register, which is set, lies in the window. */
function lies(held: Registers, window: Window | undefined, scope: RuleScope, actor: Actor, now: Millis): boolean {
  if (window === undefined) return true;
  const moment = lastMoment(held);
  if (window.kind !== "visit") return momentInWindow(window, moment, now, zoneFor(scope.zone, actor));
  const { visitStart, visitLast, visitEnd } = visitView(scope, actor, now);
  return held.visiting && moment.at >= visitStart && moment.at <= visitLast && now < visitEnd;
}

function flipsAt(held: Registers, window: Window | undefined, scope: RuleScope, actor: Actor, now: Millis): Millis {
  if (window === undefined || held.at[held.at.length - 1] === null) return Number.POSITIVE_INFINITY;
  if (window.kind !== "visit") return momentFlips(window, lastMoment(held), now, zoneFor(scope.zone, actor));
  if (!lies(held, window, scope, actor, now)) return Number.POSITIVE_INFINITY;
  return visitView(scope, actor, now).visitEnd;
}

function visitView({ vocabulary }: RuleScope, actor: Actor, now: Millis) {
  return counterView(actor, zoneFor("UTC", actor), now, vocabulary.visitIdleMs);
}

function reachedText(held: Registers | undefined, steps: number): string {
  const reached = held === undefined ? -1 : held.at.findLastIndex((at) => at !== null);
  const waits = held === undefined ? Number.POSITIVE_INFINITY : earliest(held.waits);
  const wait = Number.isFinite(waits) ? `; waits for silence until ${new Date(waits).toISOString()}` : "";
  if (reached < 0) return `none of ${steps} steps${wait}`;
  return `step ${reached + 1} of ${steps} at ${new Date(held!.at[reached]!).toISOString()}${wait}`;
}

// ── a funnel ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function funnelReading(rule: FunnelRule, scope: RuleScope): Reading {
  const { id, relation, step } = rule;
  const steps = funnelSteps(id, scope);
  const index = steps.findIndex(({ name }) => name === step);
  const key = funnelKey(steps, scope.zone, scope.vocabulary);
  const registers = steps.map(
    ({ which }): Register => ({ kind: "occurs", step: stepOf(which, scope), withinMs: Number.POSITIVE_INFINITY }),
  );
  return {
    key: `${key} ${relation} ${index}`,
    topics: [],
    keep: registersKeep(key, registers, undefined, scope),
    movesByTime: false,
    ofNobody: relation === "before" && index >= 0,
    holds: (actor) => {
      const reached = furthest(registersOf(actor, key));
      if (index < 0) return false;
      if (relation === "before") return reached < index;
      return relation === "at" ? reached === index : reached > index;
    },
    flips: () => Number.POSITIVE_INFINITY,
    actual: (actor) => {
      const held = registersOf(actor, key);
      const reached = furthest(held);
      return reached < 0 ? "no step" : `${steps[reached]!.name} since ${new Date(held!.at[reached]!).toISOString()}`;
    },
    expected: `${relation} ${step}`,
  };
}

/** One that the vocabulary does not know is refused when it is applied; should one come by, nobody reaches its steps. */
function funnelSteps(id: string, { vocabulary }: RuleScope): readonly FunnelStep[] {
  return Object.hasOwn(vocabulary.funnels, id) ? vocabulary.funnels[id]!.steps : [];
}

/** The furthest step reached; −1 before the first. A step is never reached without those before it. */
function furthest(held: Registers | undefined): number {
  return held === undefined ? -1 : held.at.findLastIndex((at) => at !== null);
}
