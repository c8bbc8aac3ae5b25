// From a user to his account and from an account to its users: the rule inside speaks of the other kind.
// parse-rule.ts calls it and is called back for what is inside.
import type { Rule, Test, UsersRule } from "../ast.ts";
import { domainOfMeasure } from "../checks/lint.ts";
import { RULES, type RuleName, USERS_MEASURES } from "../words/grammar.ts";
import { nearestRule, parseRule } from "./parse-rule.ts";
import { parseTest } from "./parse-test.ts";
import { checkKeys, type Fields, FORBIDDEN_KEYS, isObject, keyPath, quoted, type Report, shown } from "./problems.ts";

export function parseAccount(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  const field = isObject(body) ? Object.keys(body).find(isField) : undefined;
  if (field !== undefined) {
    const message = `account takes a rule that speaks of the account; a field of it, such as ${quoted(field)}, is asked by trait`;
    return report.problem(path, message, `{trait: {${field}: …}}`);
  }
  const rule = report.readingOf("account", () => parseRule(body, path, report, depth + 1));
  return rule && { op: "account", rule };
}

/** Neither a rule nor nearly one, so what accounts are told apart by. */
function isField(key: string): boolean {
  return !RULES.includes(key as RuleName) && !FORBIDDEN_KEYS.has(key) && nearestRule(key, "account") === undefined;
}

const KEYS = ["rule", ...USERS_MEASURES];
const SYNONYMS = {
  where: "rule",
  who: "rule",
  of: "rule",
  rules: "rule",
  min: "atLeast",
  least: "atLeast",
  number: "count",
  many: "count",
  percent: "share",
  percentage: "share",
  part: "share",
};
const EXAMPLE = "{rule: {event: {name: Report Viewed}}, atLeast: 2}";
const FORMS = "how many of the users: one of atLeast: n, count: a test, share: a test in percent";

export function parseUsers(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body)) return report.problem(path, `expected an object such as ${EXAMPLE}; found ${shown(body)}`);
  checkKeys(body, path, report, KEYS, SYNONYMS);
  const measure = parseCrowd(body, path, report, depth);
  const at = keyPath(path, "rule");
  if (!Object.hasOwn(body, "rule")) {
    // An unknown key has been reported already, and is probably the missing one misspelled.
    const told = Object.keys(body).some((key) => !KEYS.includes(key));
    return told ? undefined : report.problem(at, `users needs a rule that speaks of each user, such as ${EXAMPLE}`);
  }
  const rule = report.readingOf("user", () => parseRule(body.rule, at, report, depth + 1));
  return rule && measure && { op: "users", rule, measure };
}

function parseCrowd(body: Fields, path: string, report: Report, depth: number): UsersRule["measure"] | undefined {
  const given = USERS_MEASURES.filter((measure) => Object.hasOwn(body, measure));
  const form = given[0];
  if (form === undefined) {
    const told = Object.keys(body).some((key) => !KEYS.includes(key));
    return told ? undefined : report.problem(path, `users says ${FORMS}`);
  }
  if (given.length > 1) return report.problem(path, `users says ${FORMS}; found ${given.join(" and ")}`);
  const at = keyPath(path, form);
  const kind = form === "share" ? "share" : "count";
  const is = form === "atLeast" ? parseLeast(body[form], at, report) : parseTested(kind, body[form], at, report, depth);
  return is && { kind, is };
}

function parseLeast(value: unknown, path: string, report: Report): Test | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return [{ op: "gte", value }];
  const hint = isObject(value) ? "count" : undefined;
  return report.problem(path, `atLeast is a whole number of users, 1 or more; found ${shown(value)}`, hint);
}

function parseTested(kind: "count" | "share", value: unknown, path: string, report: Report, depth: number) {
  const type = kind === "share" ? "percent" : "number";
  return parseTest(value, path, report, { type, keepsPast: false, key: kind, domain: domainOfMeasure(kind) }, depth);
}
