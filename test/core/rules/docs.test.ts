// docs/rules.md cannot drift: every example on it is parsed, and it shows every rule, operator, window and measure there is.
// The examples marked `problem` must be refused with exactly the words printed under them.
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type { Measure, Rule, TestPart, Where, Window } from "../../../lib/core/rules/ast.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { RULES } from "../../../lib/core/rules/words/grammar.ts";
import { sentenceOf } from "../../../lib/core/rules/words/sentence.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { examplesOf, page, sources } from "./examples.ts";

function ruleAt(line: number, source: unknown): Rule {
  const parsed = parseDefinition(source, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(`docs/rules.md:${line} ${JSON.stringify(parsed.problems)}`);
  return parsed.definition.rule;
}

test.each(sources)("the example at line %i is read, and can be said", (line, source) => {
  expect(sentenceOf(ruleAt(line, source))).not.toMatch(/undefined|NaN|\[object/);
});

test("there are no yaml blocks but the tested ones", () => {
  const tags = Array.from(page.matchAll(/^```(yaml[^\n]*)$/gm), ([, tag]) => tag);
  expect(new Set(tags)).toEqual(new Set(["yaml definition", "yaml rule", "yaml problem"]));
});

test("the problems are told in the words that the page prints", () => {
  const [example] = examplesOf("yaml problem");
  const parsed = parseDefinition(parseYaml(example!.text), DEFAULT_LIMITS);
  const told = parsed.ok ? [] : parsed.problems;
  const lines = told.map(
    ({ path, message, hint }) => `${path}: ${message}${hint === undefined ? "" : ` (did you mean ${hint}?)`}`,
  );
  expect(`${lines.join("\n")}\n`).toBe(examplesOf("text problem")[0]!.text);
});

describe("the page shows", () => {
  const shown = new Set<string>();
  for (const [line, source] of sources) collect(ruleAt(line, source), shown);

  test.each([
    ...RULES.map((name) => `rule ${name}`),
    ..."count days visits sum avg min max distinct first latest total average largest"
      .split(" ")
      .map((name) => `measure ${name}`),
    ..."last ago next calendar range visit".split(" ").map((name) => `window ${name}`),
    ..."all any none not".split(" ").map((name) => `where ${name}`),
    ..."eq ne in notIn exists gt gte lt lte between contains notContains startsWith endsWith like includesAll has date near delta"
      .split(" ")
      .map((name) => `operator ${name}`),
    "fold",
    "joined",
    "notIn segment",
    "notIn list",
    "salt",
    ...["at", "before", "after"].map((relation) => `funnel ${relation}`),
    "step occurs item",
    "step absent order",
    "users count",
    "users share",
  ])("%s", (what) => {
    expect(shown).toContain(what);
  });
});

function collect(rule: Rule, shown: Set<string>): void {
  shown.add(`rule ${rule.op}`);
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      for (const inner of rule.rules) collect(inner, shown);
      break;
    case "not":
      collect(rule.rule, shown);
      break;
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
      collectMeasure(rule.measure, shown);
      collectWindow(rule.window, shown);
      if (rule.where !== undefined) collectWhere(rule.where, shown);
      break;
    case "object":
      collectMeasure(rule.measure, shown);
      if (rule.where !== undefined) collectWhere(rule.where, shown);
      break;
    case "sequence":
      for (const { kind, which } of rule.steps) shown.add(`step ${kind} ${which.op}`);
      break;
    case "funnel":
      shown.add(`funnel ${rule.relation}`);
      break;
    case "favorite":
      collectWindow(rule.window, shown);
      break;
    case "anonymous":
      break;
    case "segment":
      if (rule.joined !== undefined) shown.add("joined");
      if (rule.negate) shown.add("notIn segment");
      break;
    case "list":
      if (rule.negate) shown.add("notIn list");
      break;
    case "bucket":
      if (rule.salt !== "") shown.add("salt");
      break;
    case "account":
      collect(rule.rule, shown);
      break;
    case "users":
      shown.add(`users ${rule.measure.kind}`);
      collectTest(rule.measure.is, shown);
      collect(rule.rule, shown);
      break;
    default:
      collectWhere(rule.where, shown);
  }
}

function collectMeasure(measure: Measure, shown: Set<string>): void {
  shown.add(`measure ${measure.kind}`);
  if ("in" in measure) collectWindow(measure.in, shown);
  else collectTest(measure.is, shown);
}

function collectWindow(window: Window | undefined, shown: Set<string>): void {
  if (window !== undefined) shown.add(`window ${window.kind}`);
}

function collectWhere(where: Where, shown: Set<string>): void {
  if (where.op === "test") {
    collectTest(where.test, shown);
    return;
  }
  shown.add(`where ${where.op}`);
  for (const inner of where.op === "not" ? [where.where] : where.wheres) collectWhere(inner, shown);
}

function collectTest(test: readonly TestPart[], shown: Set<string>): void {
  for (const part of test) {
    shown.add(`operator ${part.op}`);
    if ("fold" in part && part.fold) shown.add("fold");
    if (part.op === "has") collectWhere(part.where, shown);
    if (part.op === "date") collectWindow(part.window, shown);
    if (part.op === "delta") collectTest(part.is, shown);
  }
}
