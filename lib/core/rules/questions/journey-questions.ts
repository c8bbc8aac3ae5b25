// What change, sequence, funnel and engagement rules ask of history, as texts: questions.ts gathers them, the engine
// keeps its counters and registers under them. What the vocabulary says in their place is part of the text.
import type { Millis } from "../../types.ts";
import type { EngagementPart, FunnelStep, Vocabulary } from "../../vocabulary.ts";
import type { ChangeRule, EventRule, Path, SequenceRule, StepWhich, VisitRule, Where } from "../ast.ts";
import { itemsAsked, whereReads } from "./item-questions.ts";
import { canonical, isLocalWindow, testAsksLocalTime, whereAsksLocalTime } from "./texts.ts";

/** The question that a change rule asks. */
export function changeKey(rule: ChangeRule, zone: string): string {
  const { trait, from, to, stayed, where, measure, window } = rule;
  return canonical({
    op: "change",
    trait,
    from,
    to,
    where,
    ...(stayed ? { stayed } : {}),
    measure: measure.kind,
    ...("of" in measure ? { of: measure.of } : {}),
    window,
    ...(changeAsksLocalTime(rule) ? { zone } : {}),
  });
}

export function changeAsksLocalTime({ from, to, where, measure, window }: ChangeRule): boolean {
  const tested = "in" in measure ? measure.in : window;
  if (measure.kind === "days" || (tested !== undefined && isLocalWindow(tested))) return true;
  if (testAsksLocalTime(from ?? []) || testAsksLocalTime(to ?? [])) return true;
  return where !== undefined && whereAsksLocalTime(where);
}

/** The question that a sequence asks: its steps, and the window, by which its registers fall due. */
export function sequenceKey({ steps, window }: SequenceRule, zone: string, vocabulary: Vocabulary): string {
  const isLocal = window !== undefined && isLocalWindow(window);
  return canonical({
    op: "sequence",
    steps: steps.map(({ kind, which, withinMs }) => ({ kind, withinMs, ...stepText(which, zone, vocabulary) })),
    window,
    ...(isLocal ? { zone } : {}),
    ...(window?.kind === "visit" ? { idleMs: vocabulary.visitIdleMs } : {}),
  });
}

/** The question that rules on a funnel ask together: its steps without their names, so that one can be renamed. */
export function funnelKey(steps: readonly FunnelStep[], zone: string, vocabulary: Vocabulary): string {
  return canonical({ op: "funnel", steps: steps.map(({ which }) => stepText(which, zone, vocabulary)) });
}

/** What completes a step, with what the vocabulary says of the events that may. */
function stepText(which: StepWhich, zone: string, vocabulary: Vocabulary): Record<string, unknown> {
  const local = which.where !== undefined && whereAsksLocalTime(which.where) ? { zone } : {};
  switch (which.op) {
    case "event":
      return { ...which, names: which.names === "*" ? "*" : [...new Set(which.names)].sort(), ...local };
    case "order": {
      // What an order came to is read once, as the step is reached: by another currency it might not have been.
      const readsMoney = which.where !== undefined && whereReads(which.where, ([name]) => name === "total");
      return { ...which, ...(readsMoney ? { currency: vocabulary.currency } : {}), ...local };
    }
    case "campaign":
      return { ...which, events: outcomeNames(which.outcome, vocabulary), ...local };
    case "item":
      return { op: which.op, where: which.where, ...itemsAsked(which, which, vocabulary), ...local };
  }
}

/** Names of the events that are an outcome of campaigns, in the order of their text. */
export function outcomeNames(outcome: string, { campaigns }: Pick<Vocabulary, "campaigns">): string[] {
  const named = Object.entries(campaigns).filter(([, means]) => means === outcome);
  return named.map(([name]) => name).sort();
}

/** Names of the events that bring interactions of an action. */
export function actionNames(action: string, { items }: Pick<Vocabulary, "items">): string[] {
  const named = Object.entries(items.events).filter(([, means]) => means.action === action);
  return named.map(([name]) => name).sort();
}

/** A count that a part of the engagement's score weighs. */
export type CycleCount = EventRule | VisitRule;

/** What a part counts in the cycle; undefined for traits and segments, which are as they are now. */
export function cycleCount({ of }: EngagementPart, cycleMs: Millis): CycleCount | undefined {
  if (of.kind === "trait" || of.kind === "segment") return undefined;
  const counted = { measure: { kind: "count", is: [] }, window: { kind: "last", ms: cycleMs } } as const;
  return of.kind === "visits" ? { op: "visit", ...counted } : { op: "event", names: of.names, ...counted };
}

/** The counts of the cycle before, as they left the score: what the change compares with. */
export function pastEngagementKey({ engagement, visitIdleMs }: Vocabulary): string {
  const { cycleMs, parts } = engagement;
  const counted = parts.flatMap(({ of }): object[] => {
    if (of.kind === "visits") return [{ visits: visitIdleMs }];
    return of.kind === "events" ? [{ names: [...new Set(of.names)].sort() }] : [];
  });
  return canonical({ op: "engagement", cycleMs, counted });
}

/** True where the change against the cycle before is read. */
export function isChangePath(path: Path): boolean {
  return path[0] === "change";
}

export function readsEngagementChange(where: Where): boolean {
  if (where.op === "test") return isChangePath(where.path);
  return where.op === "not" ? readsEngagementChange(where.where) : where.wheres.some(readsEngagementChange);
}
