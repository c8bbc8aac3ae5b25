// What change, sequence, funnel and engagement rules ask of history, as texts: questions.ts gathers them, the engine
// keeps its counters and registers under them. What the vocabulary says in their place is part of the text.
import type { ChangeRule } from "./ast.ts";
import { canonical, isLocalWindow, testAsksLocalTime, whereAsksLocalTime } from "./questions.ts";

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
