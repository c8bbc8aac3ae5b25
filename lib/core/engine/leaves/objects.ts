// The rule `object`: how many of what a member owns pass a `where`, or an aggregate of those. What is owned is kept for
// everybody (member/objects.ts), so no rule on it asks anything of history.
import type { ObjectRule, Test } from "../../rules/ast.ts";
import { measureSentence } from "../../rules/words/sentence.ts";
import type { Json, JsonObject } from "../../types.ts";
import { averagePasses, numberPasses } from "../indexes/numeric-index.ts";
import { type Objects, topicOfObjects } from "../member/objects.ts";
import type { Reading, ReadScope } from "../readings.ts";
import { amountOf, amountTest, scalarsAt, whereFlips, whereHolds, whereMovesByTime } from "../values.ts";

// ── the rule ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** NaN is missing. Of an average, the sum; `count` is by what it would be divided. */
interface Measured {
  readonly value: number;
  readonly count: number;
}

export function objectReading(rule: ObjectRule): Reading {
  const { type, where, measure } = rule;
  const isAmount = measure.kind === "sum" || measure.kind === "avg";
  const test = isAmount ? amountTest(measure.is) : measure.is;
  const movesByTime = where !== undefined && whereMovesByTime(where);
  return {
    key: `object ${JSON.stringify({ type, where, measure })}`,
    topics: [topicOfObjects(type)],
    keep: undefined,
    movesByTime,
    holds: (actor, scope) => passes(rule, test, measured(rule, passing(rule, actor.objects, scope))),
    ofNobody: passes(rule, test, measured(rule, [])),
    flips: (actor, scope) => {
      let next = Number.POSITIVE_INFINITY;
      if (!movesByTime) return next;
      const ofType = actor.objects[type];
      for (const id in ofType) next = Math.min(next, whereFlips(ofType[id]!, where, scope));
      return next;
    },
    actual: (actor, scope) => shown(rule, measured(rule, passing(rule, actor.objects, scope))),
    expected: measureSentence(measure) || "at least one",
  };
}

function passing({ type, where }: ObjectRule, objects: Objects, scope: ReadScope): JsonObject[] {
  const found: JsonObject[] = [];
  const ofType = objects[type];
  for (const id in ofType) {
    const record = ofType[id]!;
    if (where === undefined || whereHolds(record, where, scope)) found.push(record);
  }
  return found;
}

function measured({ measure }: ObjectRule, records: readonly JsonObject[]): Measured {
  if (!("of" in measure)) return { value: records.length, count: records.length };
  const scalars = records.flatMap((record) => scalarsAt(record, measure.of));
  if (measure.kind === "distinct") return { value: new Set(scalars).size, count: scalars.length };
  const numbers = scalars.filter((value) => typeof value === "number");
  switch (measure.kind) {
    case "min":
    case "max": {
      const extreme = measure.kind === "min" ? Math.min : Math.max;
      const value = numbers.length === 0 ? Number.NaN : numbers.reduce((a, b) => extreme(a, b));
      return { value, count: numbers.length };
    }
    default: {
      const amounts = numbers.map(amountOf).filter((amount) => !Number.isNaN(amount));
      const sum = amounts.reduce((a, b) => a + b, 0);
      return { value: measure.kind === "avg" && amounts.length === 0 ? Number.NaN : sum, count: amounts.length };
    }
  }
}

function passes({ measure }: ObjectRule, test: Test, { value, count }: Measured): boolean {
  return measure.kind === "avg" ? averagePasses(value, count, test) : numberPasses(value, test);
}

function shown({ measure }: ObjectRule, { value, count }: Measured): Json {
  if (Number.isNaN(value)) return "none";
  if (measure.kind === "sum") return value / 10_000;
  return measure.kind === "avg" ? value / count / 10_000 : value;
}
