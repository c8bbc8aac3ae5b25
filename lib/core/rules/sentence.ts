// A rule as one plain English sentence about a member: for the command line, the API and explanations.
// It reads the parsed tree, so it says what is evaluated and not what was written.
import { type Measure, type Rule, type Test, type TestPart, unknownRule, type Where, type Window } from "./ast.ts";

/** Lists of ids and values are cut after so many; the rest is counted. */
const SHOWN_MAX = 5;

/** To follow "somebody who": `did Signed Up at least 3 times in the last 7d`. */
export function sentenceOf(rule: Rule): string {
  switch (rule.op) {
    case "all":
      return joined(rule.rules.map(part), "and");
    case "any":
      return joined(rule.rules.map(part), "or");
    case "none":
      return `neither ${joined(rule.rules.map(part), "nor")}`;
    case "not":
      return `not (${sentenceOf(rule.rule)})`;
    case "event":
      return happened(`did ${rule.names === "*" ? "any event" : listed(rule.names, "or")}`, rule);
    case "order":
      return happened("ordered", rule);
    case "trait":
      return `has trait ${whereSentence(rule.where)}`;
    case "cart":
      return `has a cart with ${whereSentence(rule.where)}`;
    case "segment": {
      const since = rule.joined === undefined ? "" : `, joined ${windowSentence(rule.joined)}`;
      return `${rule.negate ? "is not" : "is"} in ${noun("segment", rule.ids)} ${listed(rule.ids, "or")}${since}`;
    }
    case "list":
      return `${rule.negate ? "is not" : "is"} on ${noun("list", rule.ids)} ${listed(rule.ids, "or")}`;
    case "bucket":
      return `lies from ${rule.from} % to ${rule.to} % of all${rule.salt === "" ? "" : ` (salt ${rule.salt})`}`;
    default:
      return unknownRule(rule);
  }
}

/** A combination inside a combination is set in brackets. */
function part(rule: Rule): string {
  const sentence = sentenceOf(rule);
  return rule.op === "all" || rule.op === "any" || rule.op === "none" ? `(${sentence})` : sentence;
}

function happened(what: string, rule: Extract<Rule, { op: "event" | "order" }>): string {
  const where = rule.where === undefined ? "" : ` with ${whereSentence(rule.where)},`;
  const measure = measureSentence(rule.measure);
  const window = rule.window === undefined ? "" : windowSentence(rule.window);
  const sentence = [`${what}${where}`, measure, window].filter((words) => words !== "").join(" ");
  return sentence.endsWith(",") ? sentence.slice(0, -1) : sentence;
}

/** Empty for the measure that is meant when none is written: at least once. */
export function measureSentence(measure: Measure): string {
  switch (measure.kind) {
    case "count":
      return isOnce(measure.is) ? "" : `${testSentence(measure.is)} times`;
    case "days":
      return `on ${testSentence(measure.is)} different days`;
    case "visits":
      return `in ${testSentence(measure.is)} different visits`;
    case "total":
    case "average":
    case "largest":
      return `with ${measure.kind} amount ${testSentence(measure.is)}`;
    case "first":
    case "latest":
      return `for the ${measure.kind} time ${windowSentence(measure.in)}`;
    default:
      return `with ${measure.kind} of ${measure.of.join(".")} ${testSentence(measure.is)}`;
  }
}

function isOnce(test: Test): boolean {
  const [only] = test;
  return test.length === 1 && only?.op === "gte" && only.value === 1;
}

export function whereSentence(where: Where): string {
  switch (where.op) {
    case "all":
      return joined(where.wheres.map(bracketed), "and");
    case "any":
      return joined(where.wheres.map(bracketed), "or");
    case "none":
      return `neither ${joined(where.wheres.map(bracketed), "nor")}`;
    case "not":
      return `not (${whereSentence(where.where)})`;
    case "test":
      return `${where.path.join(".")} ${testSentence(where.test)}`;
  }
}

function bracketed(where: Where): string {
  return where.op === "test" || where.op === "not" ? whereSentence(where) : `(${whereSentence(where)})`;
}

export function testSentence(test: Test): string {
  return joined(test.map(partSentence), "and");
}

const ORDER_WORDS = { gt: "above", gte: "at least", lt: "below", lte: "at most" };
const TEXT_WORDS = {
  contains: "containing",
  notContains: "not containing",
  startsWith: "starting with",
  endsWith: "ending with",
  like: "like",
};

function partSentence(test: TestPart): string {
  const fold = "fold" in test && test.fold ? " (in any case)" : "";
  switch (test.op) {
    case "eq":
      return `${value(test.value)}${fold}`;
    case "ne":
      return `not ${value(test.value)}${fold}`;
    case "in":
      return `${listed(test.values.map(value), "or")}${fold}`;
    case "notIn":
      return `none of ${listed(test.values.map(value), "or")}${fold}`;
    case "includesAll":
      return `including ${listed(test.values.map(value), "and")}${fold}`;
    case "exists":
      return test.value ? "known" : "unknown";
    case "between":
      return `from ${test.low} to ${test.high}`;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return `${ORDER_WORDS[test.op]} ${test.value}`;
    case "has":
      return `with an element where ${whereSentence(test.where)}`;
    case "date":
      return windowSentence(test.window);
    case "near":
      return `within ${Math.round(test.withinKm * 1_000) / 1_000} km of ${test.lat}, ${test.lon}`;
    case "delta":
      return `changed over ${durationText(test.overMs)} by ${test.unit === "percent" ? "percent " : ""}${testSentence(test.is)}`;
    default:
      return `${TEXT_WORDS[test.op]} ${value(test.value)}${fold}`;
  }
}

export function windowSentence(window: Window): string {
  switch (window.kind) {
    case "last":
      return `in the last ${durationText(window.ms)}`;
    case "next":
      return `in the next ${durationText(window.ms)}`;
    case "ago": {
      const { gteMs, ltMs } = window;
      const parts = [
        ...(gteMs === undefined ? [] : [`at least ${durationText(gteMs)}`]),
        ...(ltMs === undefined ? [] : [`less than ${durationText(ltMs)}`]),
      ];
      return `${parts.join(" and ")} ago`;
    }
    case "calendar":
      return calendarSentence(window.unit, window.n, window.skip);
    case "range": {
      const from = window.from === undefined ? [] : [`from ${boundText(window.from)}`];
      const to = window.to === undefined ? [] : [`${"at" in window.to ? "until" : "to"} ${boundText(window.to)}`];
      return [...from, ...to].join(" ");
    }
    case "visit":
      return "in the current visit";
  }
}

function calendarSentence(unit: "days" | "weeks" | "months", n: number, skip: number): string {
  const one = unit.slice(0, -1);
  if (unit === "days" && n === 1 && skip === 0) return "today";
  if (unit === "days" && n === 1 && skip === 1) return "yesterday";
  if (n === 1 && skip <= 1) return `${skip === 0 ? "this" : "last"} ${one}`;
  const ending = skip === 0 ? `this ${one}` : `${skip} ${skip === 1 ? one : unit} ago`;
  return n === 1
    ? `in the ${one} ${ending}`
    : `in the ${n} ${unit} that end with ${skip === 0 ? ending : `the ${one} ${ending}`}`;
}

function boundText(bound: { readonly day: string } | { readonly at: number }): string {
  return "day" in bound ? bound.day : new Date(bound.at).toISOString();
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The largest whole unit: 604800000 is 7d. */
export function durationText(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  return `${ms / 1_000}s`;
}

function value(scalar: string | number | boolean): string {
  return typeof scalar === "string" ? JSON.stringify(scalar) : String(scalar);
}

function noun(word: string, ids: readonly string[]): string {
  return ids.length === 1 ? word : `one of the ${word}s`;
}

function listed(words: readonly string[], conjunction: string): string {
  if (words.length <= SHOWN_MAX) return joined(words, conjunction);
  return `${words.slice(0, SHOWN_MAX).join(", ")} … (${words.length})`;
}

function joined(words: readonly string[], conjunction: string): string {
  if (words.length < 3) return words.join(` ${conjunction} `);
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words[words.length - 1]}`;
}
