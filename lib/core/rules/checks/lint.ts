// What is lawful but surely not meant: tests that no value passes, rules that hold for everybody nothing is known of.
// The parsers call it and report what it finds as warnings; nothing here refuses a rule.
import type { Measure, Rule, Scalar, Test, TestPart, UsersRule, Where, Window } from "../ast.ts";

export type Verdict = "never" | "always" | "depends";

/** What values a test may meet. */
export interface Domain {
  /** True: there always is a value, so that nothing fails for being missing. */
  readonly present: boolean;
  /** The least number there can be. */
  readonly least: number;
  /** The greatest; undefined: there is none. */
  readonly most?: number;
  readonly whole: boolean;
  /** True: it is the clock itself, of which every window knows where it lies. */
  readonly now?: boolean;
}

export const ANY_VALUE: Domain = { present: false, least: Number.NEGATIVE_INFINITY, whole: false };
const TALLY: Domain = { present: true, least: 0, whole: true };
const AMOUNT: Domain = { present: true, least: Number.NEGATIVE_INFINITY, whole: false };

/** A share of no users at all is missing. */
const SHARE: Domain = { present: false, least: 0, most: 100, whole: false };

export function domainOfMeasure(kind: Measure["kind"] | "share"): Domain {
  switch (kind) {
    case "count":
    case "days":
    case "visits":
    case "distinct":
      return TALLY;
    case "sum":
    case "total":
      return AMOUNT;
    case "share":
      return SHARE;
    default:
      return ANY_VALUE;
  }
}

/** Whether one single value can pass all parts. Shallow on purpose: it never calls a test impossible that is not. */
export function verdictOfTest(test: Test, domain: Domain): Verdict {
  if (isNever(test, domain)) return "never";
  return domain.present && test.every((part) => alwaysPasses(part, domain)) ? "always" : "depends";
}

function isNever(test: Test, domain: Domain): boolean {
  const wantsMissing = test.some((part) => part.op === "exists" && !part.value);
  if (wantsMissing && (domain.present || test.some((part) => !passesMissing(part)))) return true;
  if (domain.now === true && test.some((part) => part.op === "date" && !mayHoldNow(part.window))) return true;
  const candidates = candidatesOf(test);
  if (candidates !== undefined) {
    return !candidates.some((value) => inDomain(value, domain) && test.every((part) => mayPass(part, value)));
  }
  return emptyBetweenBounds(test, domain);
}

/** Now is never ahead, never some time ago, and in no calendar window that was moved back. */
function mayHoldNow(window: Window): boolean {
  if (window.kind === "ago") return window.gteMs === undefined;
  if (window.kind === "calendar") return window.skip === 0;
  return window.kind !== "next";
}

function candidatesOf(test: Test): readonly Scalar[] | undefined {
  for (const part of test) {
    // A folded value stands for many spellings.
    if (part.op === "eq" && !part.fold) return [part.value];
    if (part.op === "in" && !part.fold) return part.values;
  }
  return undefined;
}

function inDomain(value: Scalar, domain: Domain): boolean {
  if (typeof value !== "number") return true;
  if (domain.most !== undefined && value > domain.most) return false;
  return value >= domain.least && (!domain.whole || Number.isInteger(value));
}

function emptyBetweenBounds(test: Test, domain: Domain): boolean {
  const bounds = test.flatMap(boundsOf);
  if (new Set(bounds.map(({ value }) => typeof value)).size > 1) return true;
  const floors = bounds.filter(({ side }) => side === "low");
  if (Number.isFinite(domain.least)) floors.push({ side: "low", value: domain.least, open: false });
  const ceilings = bounds.filter(({ side }) => side === "high");
  if (domain.most !== undefined) ceilings.push({ side: "high", value: domain.most, open: false });
  return floors.some((low) => ceilings.some((high) => leavesNothing(low, high, domain)));
}

interface Bound {
  readonly side: "low" | "high";
  readonly value: number | string;
  readonly open: boolean;
}

function boundsOf(part: TestPart): Bound[] {
  switch (part.op) {
    case "gt":
    case "gte":
      return [{ side: "low", value: part.value, open: part.op === "gt" }];
    case "lt":
    case "lte":
      return [{ side: "high", value: part.value, open: part.op === "lt" }];
    case "between":
      return [
        { side: "low", value: part.low, open: false },
        { side: "high", value: part.high, open: false },
      ];
    default:
      return [];
  }
}

function leavesNothing(low: Bound, high: Bound, domain: Domain): boolean {
  if (typeof low.value !== typeof high.value) return false;
  if (domain.whole && typeof low.value === "number" && typeof high.value === "number") {
    const first = low.open ? Math.floor(low.value) + 1 : Math.ceil(low.value);
    const last = high.open ? Math.ceil(high.value) - 1 : Math.floor(high.value);
    return first > last;
  }
  return low.value > high.value || (low.value === high.value && (low.open || high.open));
}

function alwaysPasses(part: TestPart, domain: Domain): boolean {
  switch (part.op) {
    case "date":
      return domain.now === true && part.window.kind !== "range" && mayHoldNow(part.window);
    case "exists":
      return part.value;
    case "gte":
      return typeof part.value === "number" && part.value <= domain.least;
    case "gt":
      return typeof part.value === "number" && part.value < domain.least;
    case "lte":
      return typeof part.value === "number" && domain.most !== undefined && part.value >= domain.most;
    case "lt":
      return typeof part.value === "number" && domain.most !== undefined && part.value > domain.most;
    case "ne":
      return !inDomain(part.value, domain);
    case "notIn":
      return part.values.every((value) => !inDomain(value, domain));
    default:
      return false;
  }
}

/** What a missing value passes: exactly the complements. */
function passesMissing(part: TestPart): boolean {
  if (part.op === "exists") return !part.value;
  return part.op === "ne" || part.op === "notIn" || part.op === "notContains";
}

/** False only when the single value certainly fails. */
function mayPass(part: TestPart, value: Scalar): boolean {
  switch (part.op) {
    case "eq":
      return part.fold || part.value === value;
    case "ne":
      return part.fold || part.value !== value;
    case "in":
      return part.fold || part.values.includes(value);
    case "notIn":
      return part.fold || !part.values.includes(value);
    case "exists":
      return part.value;
    case "gt":
      return typeof value === typeof part.value && value > part.value;
    case "gte":
      return typeof value === typeof part.value && value >= part.value;
    case "lt":
      return typeof value === typeof part.value && value < part.value;
    case "lte":
      return typeof value === typeof part.value && value <= part.value;
    case "between":
      return typeof value === typeof part.low && value >= part.low && value <= part.high;
    case "contains":
      return part.fold || (typeof value === "string" && value.includes(part.value));
    case "startsWith":
      return part.fold || (typeof value === "string" && value.startsWith(part.value));
    case "endsWith":
      return part.fold || (typeof value === "string" && value.endsWith(part.value));
    default:
      return true;
  }
}

/**
 * Whether a rule holds for a member of whom nothing is known: no events, no orders, no traits, an empty cart, in no
 * segment and on no list. Undefined where that depends on the member's id (bucket). `clock`: what the rules of that name
 * are taken to say; undefined: that it depends.
 */
export function holdsForStranger(rule: Rule, clock?: boolean): boolean | undefined {
  const inside = (inner: Rule): boolean | undefined => holdsForStranger(inner, clock);
  switch (rule.op) {
    case "all":
      return conjunction(rule.rules.map(inside));
    case "any":
      return negated(conjunction(rule.rules.map((inner) => negated(inside(inner)))));
    case "none":
      return conjunction(rule.rules.map((inner) => negated(inside(inner))));
    case "not":
      return negated(inside(rule.rule));
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
    case "object":
      return measuresNothing(rule.measure);
    case "sequence":
    case "favorite":
    case "account":
      return false;
    case "funnel":
      return rule.relation === "before";
    case "users":
      // It has no users that are known: their count is 0, their share is missing.
      return measuresNothing(rule.measure);
    case "anonymous":
      return rule.is;
    case "clock":
      return clock;
    case "segment":
    case "list":
      return rule.negate;
    case "bucket":
      return rule.from === 0 && rule.to === 100 ? true : undefined;
    default:
      return whereOfNothing(rule.where, (path) => OF_NOBODY[rule.op]?.[path]);
  }
}

/** True where those of whom nothing is known are in at some hours and out at others: all of them move at one instant. */
export function movesEverybodyByClock(rule: Rule): boolean {
  return holdsForStranger(rule, true) !== holdsForStranger(rule, false);
}

/** What there is of everybody, also of those nobody has heard of. */
const OF_NOBODY: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  cart: { value: 0, quantity: 0, lines: 0 },
  engagement: { score: 0 },
};

function measuresNothing(measure: Measure | UsersRule["measure"]): boolean {
  if ("in" in measure) return false;
  const zero = domainOfMeasure(measure.kind).present;
  return measure.is.every((part) => (zero ? mayPass(part, 0) : passesMissing(part)));
}

function whereOfNothing(where: Where, valueAt: (path: string) => number | undefined): boolean {
  switch (where.op) {
    case "all":
      return where.wheres.every((inner) => whereOfNothing(inner, valueAt));
    case "any":
      return where.wheres.some((inner) => whereOfNothing(inner, valueAt));
    case "none":
      return !where.wheres.some((inner) => whereOfNothing(inner, valueAt));
    case "not":
      return !whereOfNothing(where.where, valueAt);
    case "test": {
      const value = valueAt(where.path.join("."));
      return where.test.every((part) => (value === undefined ? passesMissing(part) : mayPass(part, value)));
    }
  }
}

function conjunction(verdicts: readonly (boolean | undefined)[]): boolean | undefined {
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}

function negated(verdict: boolean | undefined): boolean | undefined {
  return verdict === undefined ? undefined : !verdict;
}

export interface Clash {
  readonly first: number;
  readonly second: number;
  readonly opposite: boolean;
}

/** Two siblings that say the same, or the exact opposite: their indexes, or undefined. */
export function clashOf(rules: readonly Rule[]): Clash | undefined {
  const seen = new Map<string, number>();
  for (const [second, rule] of rules.entries()) {
    const key = JSON.stringify(rule);
    const same = seen.get(key);
    if (same !== undefined) return { first: same, second, opposite: false };
    const opposite = seen.get(JSON.stringify(opposed(rule)));
    if (opposite !== undefined) return { first: opposite, second, opposite: true };
    seen.set(key, second);
  }
  return undefined;
}

function opposed(rule: Rule): Rule {
  if (rule.op === "not") return rule.rule;
  if (rule.op === "list" || (rule.op === "segment" && rule.joined === undefined))
    return { ...rule, negate: !rule.negate };
  return { op: "not", rule };
}

/** A rule "did nothing in this calendar window": at each local midnight it takes in a whole day's people at once. */
export function joinsAtMidnight(rule: Rule): boolean {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      return rule.rules.some(joinsAtMidnight);
    case "not":
    case "account":
    case "users":
      return joinsAtMidnight(rule.rule);
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
      return isCalendar(rule.window) && rule.measure.kind !== "first" && rule.measure.kind !== "latest";
    default:
      return false;
  }
}

function isCalendar(window: Window | undefined): boolean {
  return window?.kind === "calendar";
}
