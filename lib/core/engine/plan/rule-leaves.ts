// From one rule to the leaves that it asks: for the program that is compiled, and for explain, which walks the same rules.
import type { AccountRule, Path, RecordRule, SituationRule, Test, UsersRule } from "../../rules/ast.ts";
import { flagKey } from "../../rules/questions/flags.ts";
import { readsViewTime } from "../../rules/questions/item-questions.ts";
import {
  asksDetails,
  asksLocalTime,
  type CountedRule,
  deltaKey,
  occurrenceKey,
} from "../../rules/questions/questions.ts";
import { readsVisits, sourceKey } from "../../rules/questions/visit-questions.ts";
import { shapeOf } from "../counting/counters.ts";
import type { FlagBook } from "../flags.ts";
import { clockReading } from "../leaves/clock.ts";
import { engagementReading } from "../leaves/engagement.ts";
import { amountTest } from "../values.ts";
import type { CounterPlan, Leaf, RuleScope, SourceRead } from "./shapes.ts";

/** Rules that are a where over one record. */
export type WhereRule = RecordRule | SituationRule;

/** The leaves of a rule, in its own shape, as explain walks it: leaf rules resolve to the same leaves as the program. */
export function leavesOfWhere(rule: WhereRule, path: Path, test: Test, scope: RuleScope): Leaf[] {
  const kind = rule.op;
  const { zone } = scope;
  if (kind === "clock") return [{ kind: "reading", reading: clockReading(path, test), zone }];
  if (kind === "weather") return [{ kind: "situation", of: "weather", path, test, zone }];
  if (kind === "situation") return [{ kind, of: rule.kind, path, test, zone }];
  if (kind === "engagement") return [{ kind: "reading", reading: engagementReading(path, test, scope), zone }];
  const leaves: Leaf[] = [];
  const rest = test.filter((part) => part.op !== "delta");
  const isAmount = kind === "cart" && path.length === 1 && (path[0] === "value" || path[0] === "quantity");
  const readBy = {
    ...(kind === "source" ? { visits: sourceRead(scope) } : {}),
    ...(kind === "cart" && readsCartMoney(path) ? { currency: scope.vocabulary.currency } : {}),
  };
  if (rest.length > 0) leaves.push({ kind, path, test: isAmount ? amountTest(rest) : rest, zone, ...readBy });
  for (const part of test) {
    if (part.op !== "delta") continue;
    const delta = { key: deltaKey(path, part.overMs), path, overMs: part.overMs, leaves: [] };
    leaves.push({ kind: "delta", delta, unit: part.unit, test: part.is });
  }
  return leaves;
}

/** Whether a price moves it: its lines change with their prices, too. */
function readsCartMoney(path: Path): boolean {
  return path[0] === "value" || path[0] === "products" || path[0] === "changed";
}

function sourceRead({ vocabulary }: RuleScope): SourceRead {
  return { key: sourceKey(vocabulary), idleMs: vocabulary.visitIdleMs, referrers: vocabulary.referrers };
}

/** Orders are kept for everybody with all their currencies, so theirs is no part of the question, and is of the counter. */
function counterKey(rule: CountedRule, scope: RuleScope): string {
  const key = occurrenceKey(rule, scope);
  return rule.op === "order" ? `${key} ${scope.vocabulary.currency}` : key;
}

export function leafOfOccurrences(rule: CountedRule, scope: RuleScope): Extract<Leaf, { kind: "counter" | "moment" }> {
  const { measure, where } = rule;
  const { zone, vocabulary } = scope;
  const counter: CounterPlan = {
    key: counterKey(rule, scope),
    question: occurrenceKey(rule, scope),
    source: rule.op === "campaign" ? "event" : rule.op,
    shape: shapeOf(measure, rule.window),
    where,
    measure: measure.kind,
    of: "of" in measure ? measure.of : undefined,
    zone,
    amount: isAmountMeasure(rule),
    visits: readsVisits(rule)
      ? { idleMs: vocabulary.visitIdleMs, details: asksDetails(rule, zone), referrers: vocabulary.referrers }
      : undefined,
    currency: vocabulary.currency,
    idleMs: rule.op === "item" && readsViewTime(rule) ? vocabulary.visitIdleMs : undefined,
    local: asksLocalTime(rule, "in" in measure ? measure.in : rule.window),
    leaves: [],
    followers: [],
    bounds: undefined,
  };
  if ("in" in measure) return { kind: "moment", counter, window: measure.in };
  return { kind: "counter", counter, test: counter.amount ? amountTest(measure.is) : measure.is };
}

function isAmountMeasure(rule: CountedRule): boolean {
  const { measure } = rule;
  switch (measure.kind) {
    case "sum":
    case "avg":
    case "total":
    case "average":
    case "largest":
      return true;
    case "min":
    case "max":
      return rule.op === "order" && isOrderAmount(measure.of);
    default:
      return false;
  }
}

export function isOrderAmount(path: Path): boolean {
  return path.length === 1 && (path[0] === "total" || path[0] === "quantity");
}

/** The leaf of such a rule, as the program and explain find it. */
export function flagLeaf(
  rule: AccountRule | UsersRule,
  scope: RuleScope,
  flags: FlagBook,
): Extract<Leaf, { kind: "account" | "users" }> {
  const key = flagKey(rule, scope);
  const flag = flags.of(key)?.id;
  if (rule.op === "account") return { kind: "account", flag, key };
  const { kind: measure, is } = rule.measure;
  return { kind: "users", flag, key, measure, test: measure === "share" ? amountTest(is) : is };
}
