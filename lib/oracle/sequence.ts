// Sequences and funnels: one register a step, folded over the member's history in log order (rules.md 4.8).
// evaluate.ts asks what was reached, due.ts when silence would reach more.
import type { FunnelRule, SequenceRule, SequenceStep, StepWhich } from "../core/rules/ast.ts";
import type { Millis } from "../core/types.ts";
import { eventMatches, type Happened, meaningOf, type Question } from "./evaluate.ts";
import type { Message, Occurrence } from "./history.ts";
import { interactionsOf, isInteraction, isView, saidMsOf } from "./items.ts";
import { orderAsOf } from "./shop.ts";
import { localDayOf } from "./time.ts";
import { whereHolds } from "./values.ts";

/** When the last step was complete, as an occurrence; undefined while it is not. */
export function sequenceEnd(rule: SequenceRule, question: Question): Happened | undefined {
  return registersOf(rule, rule.steps, question).reached.at(-1);
}

/** When an absence that is waited for will be decided, if nothing else happens. */
export function sequenceInstants(rule: SequenceRule, question: Question): Millis[] {
  return registersOf(rule, rule.steps, question).waits.filter((at) => at !== undefined);
}

/** A funnel that the vocabulary does not have, or a step that the funnel does not have, is reached by nobody. */
export function funnelHolds(rule: FunnelRule, question: Question): boolean {
  const { funnels } = question.vocabulary;
  const funnel = Object.hasOwn(funnels, rule.id) ? funnels[rule.id] : undefined;
  const asked = funnel?.steps.findIndex(({ name }) => name === rule.step) ?? -1;
  if (funnel === undefined || asked < 0) return false;
  const steps = funnel.steps.map(({ which }): SequenceStep => ({ kind: "occurs", which }));
  const furthest = registersOf(rule, steps, question).reached.findLastIndex((reached) => reached !== undefined);
  if (rule.relation === "at") return furthest === asked;
  return rule.relation === "before" ? furthest < asked : furthest > asked;
}

const registers = new WeakMap<object, WeakMap<object, Registers>>();

/** A rule's registers for one member, read on to the end of his history and to the clock. */
function registersOf(rule: object, steps: readonly SequenceStep[], question: Question): Registers {
  const ofRule = registers.get(rule) ?? new WeakMap<object, Registers>();
  registers.set(rule, ofRule);
  const meaning = meaningOf(question);
  const held = ofRule.get(meaning) ?? new Registers(steps);
  ofRule.set(meaning, held);
  held.readOn(question);
  return held;
}

class Registers {
  readonly #steps: readonly SequenceStep[];
  /** R_i: the latest time at which steps 1…i were complete. */
  readonly reached: (Happened | undefined)[];
  /** At an absence: the instant that decides it, while it is waited for. */
  readonly waits: (Millis | undefined)[];
  /** So many messages have been read. */
  #read = 0;
  /** The member's own zone after the last of them. */
  #zone = "UTC";

  constructor(steps: readonly SequenceStep[]) {
    this.#steps = steps;
    this.reached = steps.map(() => undefined);
    this.waits = steps.map(() => undefined);
  }

  readOn(question: Question): void {
    const { messages } = question.member;
    for (; this.#read < messages.length; this.#read += 1) this.#take(messages[this.#read]!, question);
    this.#settle(question.clock, question);
  }

  /** First every deadline up to the message's clock, then the message, then what it makes overdue at once. */
  #take({ when, occurrence }: Message, question: Question): void {
    this.#settle(when.clock, question);
    if (occurrence !== undefined) this.#happen(occurrence, question);
    this.#zone = when.zone;
    this.#settle(when.clock, question);
  }

  /** The last step is tried first, so that one event never completes a step and the next. */
  #happen(occurrence: Occurrence, question: Question): void {
    for (let at = this.#steps.length - 1; at >= 0; at -= 1) {
      const step = this.#steps[at]!;
      const happened = stepHappened(step.which, occurrence, question);
      if (happened === undefined) continue;
      if (step.kind === "absent") this.#disturb(at, step.withinMs, happened);
      else if (this.#isNext(at, step.withinMs, happened.time)) this.#reach(at, happened);
    }
  }

  #isNext(at: number, withinMs: number | undefined, time: Millis): boolean {
    if (at === 0) return true;
    const before = this.reached[at - 1];
    return before !== undefined && before.time <= time && time - before.time <= (withinMs ?? Number.POSITIVE_INFINITY);
  }

  /** No register goes back; a newer one starts the wait of an absence that follows anew. */
  #reach(at: number, happened: Happened): void {
    const held = this.reached[at];
    if (held !== undefined && happened.time < held.time) return;
    this.reached[at] = happened;
    const next = this.#steps[at + 1];
    if (next?.kind === "absent" && (held === undefined || held.time < happened.time)) {
      this.waits[at + 1] = happened.time + next.withinMs;
    }
  }

  /** What should be absent has happened. */
  #disturb(at: number, withinMs: number, { time }: Happened): void {
    const decided = this.reached[at];
    const isLast = at === this.#steps.length - 1;
    // The wait that decided it began `withinMs` before: what happened earlier than that says nothing about it.
    if (isLast && decided !== undefined && time >= decided.time - withinMs) this.reached[at] = undefined;
    const before = this.reached[at - 1];
    if (before === undefined || time < before.time || time >= before.time + withinMs) return;
    this.reached[at - 1] = undefined;
    this.waits[at] = undefined;
  }

  /** Absences whose instant has come, the earliest first; of equal ones the last step's. */
  #settle(clock: Millis, question: Question): void {
    for (;;) {
      const due = Math.min(...this.waits.map((at) => at ?? Number.POSITIVE_INFINITY));
      if (due > clock || due === Number.POSITIVE_INFINITY) return;
      const at = this.waits.lastIndexOf(due);
      this.waits[at] = undefined;
      const zone = question.zone === "user" ? this.#zone : question.zone;
      const day = (): number => localDayOf(due, zone);
      this.#reach(at, { time: due, seq: 0, record: {}, day, visit: () => undefined });
    }
  }
}

/** The occurrence as a step sees it; undefined when it is none of what the step asks for. */
function stepHappened(which: StepWhich, occurrence: Occurrence, question: Question): Happened | undefined {
  switch (which.op) {
    case "event":
    case "campaign":
      return eventMatches(which, occurrence, question);
    case "order":
      return orderMatches(which, occurrence, question);
    case "item":
      return itemMatches(which, occurrence, question);
  }
}

/** An `Order Completed` that made an order which was not known; its where reads the order as of that event. */
function orderMatches(
  which: Extract<StepWhich, { readonly op: "order" }>,
  occurrence: Occurrence,
  question: Question,
): Happened | undefined {
  const isNew = meaningOf(question).orders.some(({ seq }) => seq === occurrence.seq);
  const happened = isNew ? eventMatches({ op: "event", names: ["Order Completed"] }, occurrence, question) : undefined;
  if (happened === undefined || which.where === undefined) return happened;
  const record = orderAsOf(occurrence.event.properties, occurrence, question.vocabulary);
  const zone = question.zone === "user" ? occurrence.zone : question.zone;
  return whereHolds(which.where, record, { clock: occurrence.clock, zone }) ? happened : undefined;
}

/** One of its interactions is enough. What a view took is known here only if the event itself says so. */
function itemMatches(
  which: Extract<StepWhich, { readonly op: "item" }>,
  occurrence: Occurrence,
  question: Question,
): Happened | undefined {
  const zone = question.zone === "user" ? occurrence.zone : question.zone;
  const matches = interactionsOf(occurrence, question.vocabulary).some((interaction) => {
    const record = { ...interaction.record, time: isView(interaction) ? (saidMsOf(interaction) ?? 0) : undefined };
    if (!isInteraction(which, interaction)) return false;
    return which.where === undefined || whereHolds(which.where, record, { clock: occurrence.clock, zone });
  });
  return matches ? eventMatches({ op: "event", names: "*" }, occurrence, question) : undefined;
}
