// Branches that decide nothing: whether a rule as a whole can ever hold, or can ever fail, from the tests inside it.
// parse-rule.ts warns by it; lint.ts judges the single test. Shallow on purpose: "depends" is always a lawful answer.
import type { Measure, ObjectRule, OccurrenceRule, Rule, Test, UsersRule, Where, Window } from "../ast.ts";
import {
  OBJECT_FIELDS,
  OCCURRENCE_FIELDS,
  RECORD_FIELDS,
  type RecordFields,
  SITUATION_FIELDS,
} from "../words/fields.ts";
import { domainOfMeasure, type Verdict, verdictOfTest } from "./lint.ts";

/** The branch by which alone a combination is decided, so that nobody ever comes to the others. */
export function decidingBranch(
  op: "all" | "any" | "none",
  rules: readonly Rule[],
): { readonly index: number; readonly verdict: Verdict } | undefined {
  const deciding = op === "all" ? "never" : "always";
  const index = rules.findIndex((rule) => verdictOfRule(rule) === deciding);
  return index < 0 ? undefined : { index, verdict: deciding };
}

export function verdictOfRule(rule: Rule): Verdict {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      return combined(rule.op, rule.rules.map(verdictOfRule));
    case "not":
      return opposite(verdictOfRule(rule.rule));
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
      return verdictOfOccurrences(rule, rule.where && verdictOfWhere(rule.where, OCCURRENCE_FIELDS[rule.op]));
    case "object":
      return verdictOfOccurrences(rule, rule.where && verdictOfWhere(rule.where, OBJECT_FIELDS));
    case "situation":
      return verdictOfWhere(rule.where, SITUATION_FIELDS);
    case "bucket":
      return rule.from === 0 && rule.to === 100 ? "always" : "depends";
    case "sequence":
    case "funnel":
    case "favorite":
    case "anonymous":
    case "segment":
    case "list":
      return "depends";
    case "account":
      // Who is in no account fails it, whatever the rule inside says.
      return verdictOfRule(rule.rule) === "never" ? "never" : "depends";
    case "users":
      return verdictOfUsers(rule);
    default:
      return verdictOfWhere(rule.where, RECORD_FIELDS[rule.op]);
  }
}

function verdictOfOccurrences(rule: OccurrenceRule | ObjectRule, ofWhere: Verdict | undefined): Verdict {
  const { measure } = rule;
  const window = "in" in measure ? measure.in : "window" in rule ? rule.window : undefined;
  const none = ofWhere === "never" || isAhead(window);
  if ("in" in measure) return none ? "never" : "depends";
  return none ? verdictOfNone(measure) : verdictOfTest(measure.is, domainOfMeasure(measure.kind));
}

/** What has happened does not lie ahead. */
function isAhead(window: Window | undefined): boolean {
  return window?.kind === "next";
}

/** Nothing will ever be counted, so the number is 0, or missing. */
function verdictOfNone(measure: Exclude<Measure, { readonly in: Window }>): Verdict {
  const domain = domainOfMeasure(measure.kind);
  if (!domain.present) return "depends";
  const zero: Test = [...measure.is, { op: "eq", value: 0, fold: false }];
  return verdictOfTest(zero, domain) === "never" ? "never" : "depends";
}

function verdictOfUsers({ rule, measure }: UsersRule): Verdict {
  if (measure.kind === "count" && verdictOfRule(rule) === "never") return verdictOfNone({ ...measure, kind: "count" });
  return verdictOfTest(measure.is, domainOfMeasure(measure.kind));
}

function verdictOfWhere(where: Where, fields: RecordFields): Verdict {
  switch (where.op) {
    case "all":
    case "any":
    case "none":
      return combined(
        where.op,
        where.wheres.map((inner) => verdictOfWhere(inner, fields)),
      );
    case "not":
      return opposite(verdictOfWhere(where.where, fields));
    case "test": {
      const verdict = verdictOfTest(where.test, fields.domainOf(where.path));
      // A path that may lead through a list has several values, and each part may be passed by another of them.
      return verdict === "never" && fields.typeOf(where.path) === "any" ? "depends" : verdict;
    }
  }
}

function combined(op: "all" | "any" | "none", verdicts: readonly Verdict[]): Verdict {
  if (op === "none") return opposite(combined("any", verdicts));
  const [deciding, other]: [Verdict, Verdict] = op === "all" ? ["never", "always"] : ["always", "never"];
  if (verdicts.includes(deciding)) return deciding;
  return verdicts.every((verdict) => verdict === other) ? other : "depends";
}

function opposite(verdict: Verdict): Verdict {
  if (verdict === "depends") return verdict;
  return verdict === "never" ? "always" : "never";
}
