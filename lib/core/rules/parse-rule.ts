// A rule: what happened (event, order), what is (trait, cart), where one belongs (segment, list, bucket), combined.
// parse.ts calls it for a definition's `rule`; windows and wheres are read by its neighbours.
import type { EventRule, Measure, Path, Rule, Test, Window } from "./ast.ts";
import { CART_FIELDS, EVENT_FIELDS, ORDER_FIELDS, type RecordFields, TRAIT_FIELDS } from "./fields.ts";
import { clashOf, domainOfMeasure } from "./lint.ts";
import { parseTest } from "./parse-test.ts";
import { parseField, parseWhere } from "./parse-where.ts";
import { parseWindow } from "./parse-window.ts";
import {
  checkKeys,
  type Fields,
  isObject,
  itemPath,
  keyPath,
  quoted,
  type Report,
  refuseForbidden,
  shown,
  suggestion,
} from "./problems.ts";

const RULES = ["all", "any", "none", "not", "event", "order", "trait", "cart", "segment", "list", "bucket"] as const;
type RuleName = (typeof RULES)[number];

/** Of the catalogue, and still to come. */
const LATER = new Set(
  (
    "item visit campaign change sequence object identity anonymous place network device source favorite engagement " +
    "funnel weather situation clock account users"
  ).split(" "),
);

const RULE_SYNONYMS: Readonly<Record<string, string>> = {
  and: "all",
  or: "any",
  nor: "none",
  track: "event",
  action: "event",
  page: "event",
  purchase: "order",
  traits: "trait",
  attribute: "trait",
  user: "trait",
  basket: "cart",
  audience: "segment",
  group: "list",
  sample: "bucket",
  percent: "bucket",
};

export const SEGMENT_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

export function parseRule(value: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!report.enter(path, depth)) return undefined;
  if (!isObject(value)) {
    return report.problem(path, `expected a rule, an object with one key such as event or all; found ${shown(value)}`);
  }
  const keys = Object.keys(value);
  const name = keys[0];
  if (name === undefined) return report.problem(path, `an empty rule; give one of ${RULES.join(", ")}`);
  if (keys.length > 1) {
    const known = keys.every((key) => RULES.includes(key as RuleName) || LATER.has(key));
    return report.problem(
      path,
      `a rule has exactly one key; found ${keys.slice(0, 8).map(quoted).join(", ")}`,
      known ? `{all: [${keys.map((key) => `{${key}: …}`).join(", ")}]}` : undefined,
    );
  }
  const at = keyPath(path, name);
  if (RULES.includes(name as RuleName)) return parseNamed(name as RuleName, value[name], at, report, depth);
  if (refuseForbidden(name, path, report)) return undefined;
  if (LATER.has(name))
    return report.problem(at, `the rule ${name} is not available yet; available: ${RULES.join(", ")}`);
  return report.problem(
    at,
    `unknown rule ${quoted(name)}; a rule is one of ${RULES.join(", ")}`,
    suggestion(name, [...RULES, ...LATER], RULE_SYNONYMS),
  );
}

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
      return parseEvent(body, path, report, depth);
    case "order":
      return parseOrder(body, path, report, depth);
    case "trait":
    case "cart": {
      const fields = name === "trait" ? TRAIT_FIELDS : CART_FIELDS;
      const where = parseWhere(body, path, report, fields, depth);
      return where && { op: name, where };
    }
    case "segment":
      return parseSegment(body, path, report);
    case "list":
      return parseList(body, path, report);
    case "bucket":
      return parseBucket(body, path, report);
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
  if (rules.length === body.length) warnOfClash(op, rules, path, report);
  return { op, rules };
}

function warnOfClash(op: "all" | "any" | "none", rules: readonly Rule[], path: string, report: Report): void {
  const clash = clashOf(rules);
  if (clash === undefined) return;
  const first = itemPath(path, clash.first);
  const verdict = op === "any" ? "always true" : "never true";
  report.warn(
    itemPath(path, clash.second),
    clash.opposite ? `${verdict}: this is the opposite of ${first}` : `says the same as ${first}`,
  );
}

const TALLIES = ["count", "days", "visits"] as const;
const AGGREGATES = ["sum", "avg", "min", "max", "distinct"] as const;
const MONEY = ["total", "average", "largest"] as const;
const EDGES = ["first", "latest"] as const;
const EVENT_MEASURES = [...TALLIES, ...AGGREGATES, ...EDGES];
const ORDER_MEASURES = [...TALLIES, ...MONEY, ...AGGREGATES, ...EDGES];
const MEASURE_SYNONYMS: Readonly<Record<string, string>> = {
  times: "count",
  atleast: "count",
  average: "avg",
  mean: "avg",
  total: "sum",
  largest: "max",
  maximum: "max",
  minimum: "min",
  unique: "distinct",
  last: "latest",
  newest: "latest",
  within: "window",
  when: "window",
  filter: "where",
  properties: "where",
  names: "name",
};

function parseEvent(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body)) {
    const hint = typeof body === "string" ? `{name: ${body}}` : undefined;
    return report.problem(path, `expected an object such as {name: Order Completed}; found ${shown(body)}`, hint);
  }
  const wrong = MONEY.filter((measure) => Object.hasOwn(body, measure));
  for (const measure of wrong) {
    const instead = MEASURE_SYNONYMS[measure]!;
    const hint = `${instead}: {of: properties.…, is: …}`;
    report.problem(keyPath(path, measure), `${measure} measures orders; on event use ${hint}`, instead);
  }
  const own =
    wrong.length === 0
      ? body
      : Object.fromEntries(Object.entries(body).filter(([key]) => !wrong.includes(key as "total")));
  checkKeys(own, path, report, ["name", "where", "window", ...EVENT_MEASURES], MEASURE_SYNONYMS);
  const names = parseNames(body.name, keyPath(path, "name"), report);
  const happened = parseHappened(own, path, report, EVENT_FIELDS, EVENT_MEASURES, depth);
  if (names === undefined || happened === undefined) return undefined;
  if (names.together) return { op: "event", names: names.names, ...happened };
  return parseEach(names.names, happened, path, report, depth);
}

type Happened = Omit<EventRule, "op" | "names">;

/** `each` is `all` of one rule a name, each with the whole measure. */
function parseEach(
  names: readonly string[],
  happened: Happened,
  path: string,
  report: Report,
  depth: number,
): Rule | undefined {
  const rules: Rule[] = [];
  for (const name of names) {
    if (!report.enter(path, depth + 1)) return undefined;
    rules.push({ op: "event", names: [name], ...happened });
  }
  return rules.length === 1 ? rules[0] : { op: "all", rules };
}

type Names =
  | { readonly together: true; readonly names: readonly string[] | "*" }
  | { readonly together: false; readonly names: readonly string[] };

function parseNames(value: unknown, path: string, report: Report): Names | undefined {
  if (value === "*") return { together: true, names: "*" };
  if (value === undefined) {
    return report.problem(path, 'an event rule needs a name: text, "*" for any, {any: [names]} or {each: [names]}');
  }
  if (!isObject(value)) {
    if (Array.isArray(value))
      return report.problem(path, "a list of names is written {any: [names]} or {each: [names]}", "any");
    const name = parseName(value, path, report);
    return name === undefined ? undefined : { together: true, names: [name] };
  }
  checkKeys(value, path, report, ["any", "each"], { all: "each", in: "any", or: "any", and: "each" });
  const forms = (["any", "each"] as const).filter((form) => Object.hasOwn(value, form));
  const form = forms[0];
  if (form === undefined || forms.length > 1) {
    if (forms.length > 1 || Object.keys(value).length === 0)
      report.problem(path, "give one of {any: [names]} and {each: [names]}");
    return undefined;
  }
  const names = parseTexts(value[form], keyPath(path, form), report, "name", parseName);
  return names && { together: form === "any", names };
}

function parseName(value: unknown, path: string, report: Report): string | undefined {
  if (value === "*") return report.problem(path, 'name: "*" stands alone and means any event');
  return parseLabel(value, path, report, "an event name");
}

/** Text where a name or an id stands: a number is read as its decimal text. */
function parseLabel(value: unknown, path: string, report: Report, what: string): string | undefined {
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value;
  const { nameLengthMax } = report.limits;
  if (typeof text !== "string" || text === "") {
    return report.problem(path, `expected ${what}; found ${text === "" ? "an empty text" : shown(value)}`);
  }
  if (text.length <= nameLengthMax) return text;
  return report.problem(path, `${what} has at most ${nameLengthMax} characters (nameLengthMax); found ${text.length}`);
}

function parseTexts(
  value: unknown,
  path: string,
  report: Report,
  what: string,
  parseOne: (item: unknown, path: string, report: Report) => string | undefined,
): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    const hint = typeof value === "string" ? `[${value}]` : undefined;
    const found = Array.isArray(value) ? "an empty list" : shown(value);
    return report.problem(path, `expected a list of at least one ${what}; found ${found}`, hint);
  }
  const { listValuesMax } = report.limits;
  if (value.length > listValuesMax) {
    return report.problem(path, `the list has ${value.length} values; the limit is ${listValuesMax} (listValuesMax)`);
  }
  const texts = new Set<string>();
  for (const [index, item] of value.entries()) {
    const text = parseOne(item, itemPath(path, index), report);
    if (text !== undefined) texts.add(text);
  }
  return [...texts];
}

function parseOrder(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body))
    return report.problem(path, `expected an object such as {count: {gte: 2}}; found ${shown(body)}`);
  const synonyms = { ...MEASURE_SYNONYMS, average: "average", total: "total", largest: "largest", mean: "average" };
  checkKeys(body, path, report, ["where", "window", ...ORDER_MEASURES], synonyms);
  const happened = parseHappened(body, path, report, ORDER_FIELDS, ORDER_MEASURES, depth);
  return happened && { op: "order", ...happened };
}

function parseHappened(
  body: Fields,
  path: string,
  report: Report,
  fields: RecordFields,
  measures: readonly string[],
  depth: number,
): Happened | undefined {
  const problemsBefore = report.problems.length;
  const where = Object.hasOwn(body, "where")
    ? parseWhere(body.where, keyPath(path, "where"), report, fields, depth)
    : undefined;
  const window = Object.hasOwn(body, "window")
    ? parseWindow(body.window, keyPath(path, "window"), report, "occurrence")
    : undefined;
  const measure = parseMeasure(body, path, report, fields, measures, depth);
  if (measure === undefined || report.problems.length > problemsBefore) return undefined;
  return {
    ...(where === undefined ? {} : { where }),
    measure,
    ...(window === undefined ? {} : { window }),
  };
}

function parseMeasure(
  body: Fields,
  path: string,
  report: Report,
  fields: RecordFields,
  measures: readonly string[],
  depth: number,
): Measure | undefined {
  const given = measures.filter((measure) => Object.hasOwn(body, measure));
  const kind = given[0] as Measure["kind"] | undefined;
  if (kind === undefined) return { kind: "count", is: [{ op: "gte", value: 1 }] };
  if (given.length > 1) return report.problem(path, `one measure a rule; found ${given.join(" and ")}`);
  const at = keyPath(path, kind);
  if (kind === "first" || kind === "latest") {
    if (Object.hasOwn(body, "window")) {
      return report.problem(keyPath(path, "window"), `${kind} is a window itself; leave out the window beside it`);
    }
    const window: Window | undefined = parseWindow(body[kind], at, report, "occurrence");
    return window && { kind, in: window };
  }
  if (AGGREGATES.includes(kind as "sum")) return parseAggregate(kind as "sum", body[kind], at, report, fields, depth);
  const is = parseNumeric(kind, body[kind], at, report, depth);
  return is && { kind: kind as "count", is };
}

function parseNumeric(
  kind: Measure["kind"],
  value: unknown,
  path: string,
  report: Report,
  depth: number,
): Test | undefined {
  const domain = domainOfMeasure(kind);
  return parseTest(value, path, report, { type: "number", keepsPast: false, key: kind, domain }, depth);
}

function parseAggregate(
  kind: (typeof AGGREGATES)[number],
  value: unknown,
  path: string,
  report: Report,
  fields: RecordFields,
  depth: number,
): Measure | undefined {
  if (!isObject(value)) {
    return report.problem(path, `${kind} takes {of: path, is: test}; found ${shown(value)}`);
  }
  checkKeys(value, path, report, ["of", "is"], { field: "of", path: "of", property: "of", test: "is", value: "is" });
  const missing = ["of", "is"].find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    // An unknown key has been reported already, and is probably the missing one misspelled.
    const told = Object.keys(value).some((key) => key !== "of" && key !== "is");
    return told ? undefined : report.problem(path, `${kind} needs {of: path, is: test}; ${missing} is missing`);
  }
  const of = parseOf(kind, value.of, keyPath(path, "of"), report, fields);
  const is = parseNumeric(kind, value.is, keyPath(path, "is"), report, depth);
  return of && is && { kind, of, is };
}

function parseOf(kind: string, value: unknown, path: string, report: Report, fields: RecordFields): Path | undefined {
  const field = parseField(value, path, report, fields);
  if (field === undefined) return undefined;
  const countable =
    field.type === "any" || field.type === "number" || (kind === "distinct" && field.type !== "objects");
  if (countable) return field.path;
  return report.problem(
    path,
    `${kind} works on ${kind === "distinct" ? "single values" : "numbers"}; ${String(value)} has none`,
  );
}

const BELONGING_SYNONYMS = { any: "in", of: "in", is: "in", not: "notIn", nin: "notIn", since: "joined", ids: "in" };

function parseSegment(body: unknown, path: string, report: Report): Rule | undefined {
  const belonging = parseBelonging(body, path, report, "segment", ["in", "notIn", "joined"], parseSegmentId);
  if (belonging === undefined) return undefined;
  const { fields, ids, negate } = belonging;
  if (!Object.hasOwn(fields, "joined")) return { op: "segment", ids, negate };
  const at = keyPath(path, "joined");
  if (negate) return report.problem(at, "joined goes with in: who is not in a segment has not joined it");
  const joined = parseWindow(fields.joined, at, report, "joined");
  return joined && { op: "segment", ids, negate, joined };
}

export function parseSegmentId(value: unknown, path: string, report: Report): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text === "string" && SEGMENT_ID.test(text)) return text;
  return report.problem(
    path,
    `a segment's id has a-z, 0-9 and -, starts with a letter or digit, and has at most 64 characters; found ${shown(value)}`,
    likelyId(text),
  );
}

function likelyId(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 200) return undefined;
  const id = value
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return SEGMENT_ID.test(id) ? id : undefined;
}

function parseList(body: unknown, path: string, report: Report): Rule | undefined {
  const parseId = (item: unknown, at: string) => parseLabel(item, at, report, "a list's id");
  const belonging = parseBelonging(body, path, report, "list", ["in", "notIn"], parseId);
  return belonging && { op: "list", ids: belonging.ids, negate: belonging.negate };
}

function parseBelonging(
  body: unknown,
  path: string,
  report: Report,
  what: string,
  keys: readonly string[],
  parseId: (item: unknown, path: string, report: Report) => string | undefined,
): { readonly fields: Fields; readonly ids: readonly string[]; readonly negate: boolean } | undefined {
  if (!isObject(body)) {
    const hint = typeof body === "string" ? `{in: [${body}]}` : undefined;
    return report.problem(path, `expected {in: [ids]} or {notIn: [ids]}; found ${shown(body)}`, hint);
  }
  checkKeys(body, path, report, keys, BELONGING_SYNONYMS);
  const forms = (["in", "notIn"] as const).filter((form) => Object.hasOwn(body, form));
  const form = forms[0];
  if (form === undefined || forms.length > 1) {
    const known = Object.keys(body).every((key) => keys.includes(key));
    if (known) report.problem(path, `a ${what} rule has one of in and notIn`);
    return undefined;
  }
  const ids = parseTexts(body[form], keyPath(path, form), report, `${what} id`, parseId);
  return ids && { fields: body, ids, negate: form === "notIn" };
}

function parseBucket(body: unknown, path: string, report: Report): Rule | undefined {
  if (!isObject(body)) return report.problem(path, `expected {from, to} in percent; found ${shown(body)}`);
  checkKeys(body, path, report, ["from", "to", "salt"], { seed: "salt", min: "from", max: "to", percent: "to" });
  const from = parsePercent(body.from, keyPath(path, "from"), report);
  const to = parsePercent(body.to, keyPath(path, "to"), report);
  const salt = Object.hasOwn(body, "salt") ? parseSalt(body.salt, keyPath(path, "salt"), report) : "";
  if (from === undefined || to === undefined || salt === undefined) return undefined;
  if (from >= to) return report.problem(path, `from ${from} must be below to ${to}: nobody's position lies between`);
  if (from === 0 && to === 100) report.warn(path, "always true: every position lies from 0 to 100");
  return { op: "bucket", from, to, salt };
}

function parsePercent(value: unknown, path: string, report: Report): number | undefined {
  if (typeof value === "number" && value >= 0 && value <= 100) return value;
  return report.problem(path, `expected a number from 0 to 100; found ${shown(value)}`);
}

function parseSalt(value: unknown, path: string, report: Report): string | undefined {
  return value === "" ? "" : parseLabel(value, path, report, "a salt");
}
