// Changes of a trait as occurrences: which write is a change of the path that a rule names, and whether the rule means
// it. They are counted like events (counters.ts); event-step.ts brings every write that was accepted.
import type { ChangeRule, Path } from "../../rules/ast.ts";
import { changeAsksLocalTime, changeKey } from "../../rules/questions/journey-questions.ts";
import type { Json, JsonObject } from "../../types.ts";
import { shapeOf } from "../counting/counters.ts";
import type { ChangeStream, CounterPlan, Leaf, RuleScope } from "../plan/shapes.ts";
import type { TraitChange } from "../readings.ts";
import { amountTest, find, isEqual, type TestContext, testHolds, whereHolds } from "../values.ts";

export function leafOfChange(
  rule: ChangeRule,
  { zone, vocabulary }: RuleScope,
): Extract<Leaf, { kind: "counter" | "moment" }> {
  const { measure, window } = rule;
  const amount = measure.kind === "sum" || measure.kind === "avg";
  const counter: CounterPlan = {
    key: changeKey(rule, zone),
    question: changeKey(rule, zone),
    source: "change",
    shape: shapeOf(measure, window),
    where: undefined,
    measure: measure.kind,
    of: "of" in measure ? measure.of : undefined,
    zone,
    amount,
    // Changes belong to no visit, so none of them ever moves with the visits.
    visits: undefined,
    idleMs: undefined,
    currency: vocabulary.currency,
    local: changeAsksLocalTime(rule),
    leaves: [],
    followers: [],
    bounds: undefined,
  };
  if ("in" in measure) return { kind: "moment", counter, window: measure.in };
  return { kind: "counter", counter, test: amount ? amountTest(measure.is) : measure.is };
}

/** Same text, same stream. */
export function changeStreamKey(rule: ChangeRule, zone: string): string {
  const { trait, from, to, where, stayed } = rule;
  return JSON.stringify([
    trait,
    from ?? null,
    to ?? null,
    where ?? null,
    stayed,
    changeAsksLocalTime(rule) ? zone : "",
  ]);
}

export function changeStream(rule: ChangeRule, zone: string): ChangeStream {
  const { trait, from, to, where, stayed } = rule;
  return { path: trait, from, to, where, stayed, zone, counters: [] };
}

/** A write of the top trait as a change of a path into it; undefined when the value there stays what it is. */
export function changeAt(path: Path, change: TraitChange): JsonObject | undefined {
  if (path.length === 1) return { from: change.from, to: change.to };
  const [from, to] = [endsOf(change.from, path, 1), endsOf(change.to, path, 1)];
  return isEqual(from, to) ? undefined : { from: sideOf(from), to: sideOf(to) };
}

/** Everything that a path leads to, through lists on the way; null is nothing. */
function endsOf(value: Json | undefined, path: Path, from: number): Json[] {
  if (value === undefined || value === null) return [];
  if (from === path.length) return [value];
  if (typeof value !== "object") return [];
  if (Array.isArray(value)) return value.flatMap((element: Json) => endsOf(element, path, from));
  const name = path[from]!;
  return Object.hasOwn(value, name) ? endsOf((value as JsonObject)[name], path, from + 1) : [];
}

/** Several values are read as a list. */
function sideOf(ends: readonly Json[]): Json {
  return ends.length > 1 ? ends : (ends[0] ?? null);
}

/** Whether a stream means this change. */
export function meansChange(stream: ChangeStream, record: JsonObject, context: TestContext): boolean {
  const { from, to, where } = stream;
  if (from !== undefined && !testHolds(find(record, ["from"]), from, context)) return false;
  if (to !== undefined && !testHolds(find(record, ["to"]), to, context)) return false;
  return where === undefined || whereHolds(record, where, context);
}
