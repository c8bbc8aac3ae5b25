// A rule: its one key says which, and combinations lead back here. Each family is read by a neighbour: what happened
// (parse-happened.ts, parse-steps.ts), what is (parse-is.ts), where one belongs (parse-belongs.ts, parse-accounts.ts).
import type { MemberKind } from "../../types.ts";
import type { Rule } from "../ast.ts";
import { type Clash, clashOf } from "../checks/lint.ts";
import { decidingBranch } from "../checks/lint-branches.ts";
import { RULES, RULES_OF, type RuleName } from "../words/grammar.ts";
import { parseAccount, parseUsers } from "./parse-accounts.ts";
import { parseBucket, parseList, parseSegment } from "./parse-belongs.ts";
import { parseHappened } from "./parse-happened.ts";
import { parseAnonymous, parseFavorite, parseFunnel, parseObjects, parseRecord, parseSituation } from "./parse-is.ts";
import { parseSequence } from "./parse-steps.ts";
import {
  isObject,
  itemPath,
  keyPath,
  nearest,
  quoted,
  type Report,
  refuseForbidden,
  shown,
  suggestion,
} from "./problems.ts";

/** Words of other tools and other languages, led to ours. */
const RULE_SYNONYMS: Readonly<Record<string, RuleName>> = {
  and: "all",
  or: "any",
  nor: "none",
  track: "event",
  action: "event",
  behavior: "event",
  behaviour: "event",
  did: "event",
  page: "event",
  product: "item",
  catalog: "item",
  interaction: "item",
  viewed: "item",
  purchase: "order",
  purchased: "order",
  transaction: "order",
  session: "visit",
  experience: "campaign",
  outcome: "campaign",
  transition: "change",
  changed: "change",
  steps: "sequence",
  stage: "funnel",
  favourite: "favorite",
  affinity: "favorite",
  traits: "trait",
  attribute: "trait",
  kpi: "trait",
  lifecycle: "trait",
  user: "trait",
  objects: "object",
  related: "object",
  externalid: "identity",
  known: "anonymous",
  geo: "place",
  location: "place",
  country: "place",
  isp: "network",
  company: "network",
  industry: "network",
  browser: "device",
  platform: "device",
  utm: "source",
  referrer: "source",
  referer: "source",
  basket: "cart",
  score: "engagement",
  temperature: "weather",
  feed: "situation",
  time: "clock",
  weekday: "clock",
  now: "clock",
  audience: "segment",
  group: "list",
  sample: "bucket",
  percent: "bucket",
  experiment: "bucket",
  organization: "account",
  organisation: "account",
  accounts: "account",
  people: "users",
  members: "users",
};

export function parseRule(value: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!report.enter(path, depth)) return undefined;
  if (!isObject(value)) {
    return report.problem(path, `expected a rule, an object with one key such as event or all; found ${shown(value)}`);
  }
  const keys = Object.keys(value);
  const name = keys[0];
  const allowed = RULES_OF[report.kind];
  if (name === undefined) return report.problem(path, `an empty rule; give one of ${allowed.join(", ")}`);
  if (keys.length > 1) {
    const known = keys.every((key) => allowed.includes(key as RuleName));
    return report.problem(
      path,
      `a rule has exactly one key; found ${keys.slice(0, 8).map(quoted).join(", ")}`,
      known ? `{all: [${keys.map((key) => `{${key}: …}`).join(", ")}]}` : undefined,
    );
  }
  const at = keyPath(path, name);
  if (isRuleName(name)) {
    return allowed.includes(name)
      ? parseNamed(name, value[name], at, report, depth)
      : report.problem(at, OF_THE_OTHER_KIND[name] ?? `an account has no ${name} of its own; ${ASK_USERS(name)}`);
  }
  if (refuseForbidden(name, path, report)) return undefined;
  return report.problem(
    at,
    `unknown rule ${quoted(name)}; a rule is one of ${allowed.join(", ")}`,
    nearestRule(name, report.kind),
  );
}

/** The rule of that kind that was probably meant. */
export function nearestRule(name: string, kind: MemberKind): string | undefined {
  const allowed: readonly string[] = RULES_OF[kind];
  const meant = suggestion(name, allowed, RULE_SYNONYMS);
  return meant !== undefined && allowed.includes(meant) ? meant : nearest(name, allowed);
}

function isRuleName(name: string): name is RuleName {
  return RULES.includes(name as RuleName);
}

const ASK_USERS = (name: string) => `ask its users: {users: {rule: {${name}: …}, atLeast: 1}}`;

const OF_THE_OTHER_KIND: Readonly<Partial<Record<RuleName, string>>> = {
  users: "users counts the users of an account; it stands in a segment of kind account, or inside account: {…}",
  account: "account asks for the account of a user, and here is one already; write the rule itself, without account",
};

function parseNamed(name: RuleName, body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  switch (name) {
    case "all":
    case "any":
    case "none":
      return parseCombined(name, body, path, report, depth);
    case "not": {
      const rule = parseRule(body, path, report, depth + 1);
      return rule && { op: "not", rule };
    }
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
      return parseHappened(name, body, path, report, depth);
    case "sequence":
      return parseSequence(body, path, report, depth);
    case "funnel":
      return parseFunnel(body, path, report);
    case "favorite":
      return parseFavorite(body, path, report);
    case "object":
      return parseObjects(body, path, report, depth);
    case "situation":
      return parseSituation(body, path, report, depth);
    case "anonymous":
      return parseAnonymous(body, path, report);
    case "segment":
      return parseSegment(body, path, report);
    case "list":
      return parseList(body, path, report);
    case "bucket":
      return parseBucket(body, path, report);
    case "account":
      return parseAccount(body, path, report, depth);
    case "users":
      return parseUsers(body, path, report, depth);
    default:
      return parseRecord(name, body, path, report, depth);
  }
}

function parseCombined(
  op: "all" | "any" | "none",
  body: unknown,
  path: string,
  report: Report,
  depth: number,
): Rule | undefined {
  if (!Array.isArray(body) || body.length === 0) {
    const found = Array.isArray(body) ? "an empty list" : shown(body);
    return report.problem(path, `${op} takes a list of at least one rule; found ${found}`);
  }
  const rules: Rule[] = [];
  for (const [index, item] of body.entries()) {
    const rule = parseRule(item, itemPath(path, index), report, depth + 1);
    if (rule !== undefined) rules.push(rule);
  }
  if (rules.length < body.length) return { op, rules };
  const clash = clashOf(rules);
  if (clash === undefined) warnOfUnreachable(op, rules, path, report);
  else warnOfClash(op, clash, path, report);
  return { op, rules };
}

function warnOfClash(op: "all" | "any" | "none", clash: Clash, path: string, report: Report): void {
  const first = itemPath(path, clash.first);
  const verdict = op === "any" ? "always true" : "never true";
  report.warn(
    itemPath(path, clash.second),
    clash.opposite ? `${verdict}: this is the opposite of ${first}` : `says the same as ${first}`,
  );
}

/** Where one branch decides alone, the others are never asked. */
function warnOfUnreachable(op: "all" | "any" | "none", rules: readonly Rule[], path: string, report: Report): void {
  const deciding = decidingBranch(op, rules);
  if (deciding === undefined || rules.length === 1) return;
  const other = rules.length === 2 ? "the other branch is" : "the other branches are";
  const outcome = op === "any" ? "always" : "never";
  const at = itemPath(path, deciding.index);
  report.warn(path, `${outcome} true, as ${at} is ${deciding.verdict} true: ${other} unreachable`);
}
