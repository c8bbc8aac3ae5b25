// A test: what is asked of one value. Which operators there are, what each takes, and which types of field it suits.
// parse-where.ts and the measures of parse-rule.ts call it; `has` leads back into parse-where.ts.
import type { Scalar, Test, TestPart } from "../ast.ts";
import { ANY_VALUE, type Domain, verdictOfTest } from "../checks/lint.ts";
import { ELEMENT_FIELDS, PRODUCT_FIELDS } from "../words/fields.ts";
import { type FieldType, FOLDING_OPERATORS, OPERATORS, OPERATORS_OF, WEEKDAYS } from "../words/grammar.ts";
import { isTimeOfDay, parseDay, parseInstant } from "./dates.ts";
import { parseWhere } from "./parse-where.ts";
import { parseDuration, parseWindow } from "./parse-window.ts";
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

const SYNONYMS: Readonly<Record<string, string>> = {
  "=": "eq",
  "==": "eq",
  equals: "eq",
  is: "eq",
  "!=": "ne",
  neq: "ne",
  not: "ne",
  ">": "gt",
  ">=": "gte",
  "<": "lt",
  "<=": "lte",
  min: "gte",
  max: "lte",
  atleast: "gte",
  atmost: "lte",
  above: "gt",
  below: "lt",
  oneof: "in",
  anyof: "in",
  nin: "notIn",
  noneof: "notIn",
  includes: "contains",
  matches: "like",
  regex: "like",
  range: "between",
  within: "date",
  before: "date",
  after: "date",
  last: "date",
  null: "exists",
  all: "includesAll",
};

export interface TestContext {
  readonly type: FieldType;
  /** True where `delta` can look back. */
  readonly keepsPast: boolean;
  /** The path as written, for the hint that nested fields are joined by dots. */
  readonly key: string;
  /** What values there can be, for the warnings. */
  readonly domain?: Domain;
}

interface Place {
  readonly report: Report;
  readonly context: TestContext;
  readonly fold: boolean;
  readonly depth: number;
}

export function parseTest(
  value: unknown,
  path: string,
  report: Report,
  context: TestContext,
  depth: number,
): Test | undefined {
  if (!report.enter(path, depth)) return undefined;
  const test = parseAnyForm(value, path, report, context, depth);
  const verdict = test && verdictOfTest(test, context.domain ?? ANY_VALUE);
  if (verdict === "never") {
    const midnight = context.type === "time" ? "; hours over midnight are an any of two" : "";
    report.warn(path, `never true: no single value passes all of this${midnight}`);
  }
  if (verdict === "always") report.warn(path, "always true: every value passes this");
  return test;
}

function parseAnyForm(
  value: unknown,
  path: string,
  report: Report,
  context: TestContext,
  depth: number,
): Test | undefined {
  if (isObject(value)) return parseOperators(value, path, report, context, depth);
  const place: Place = { report, context, fold: false, depth };
  const op = Array.isArray(value) ? "in" : "eq";
  if (!OPERATORS_OF[context.type].includes(op)) {
    return report.problem(path, `${mismatch(context)}; found ${shown(value)}`, likelyForm(value, context.type));
  }
  const part = parsePart(op, value, path, place);
  return part && [part];
}

function mismatch({ type, key }: TestContext): string {
  if (type === "date") return `${key} is a date; test it with {date: window} or {exists: true}`;
  if (type === "point") return `${key} is a point; test it with {near: {lat, lon, within}} or {exists: true}`;
  return `${key} is a list of objects; test it with {has: where} or {exists: true}, or name a field of theirs`;
}

function likelyForm(value: unknown, type: FieldType): string | undefined {
  if (type !== "date" || typeof value !== "string") return undefined;
  return parseDay(value) === undefined ? undefined : `{date: {from: ${value}, to: ${value}}}`;
}

function parseOperators(
  value: Fields,
  path: string,
  report: Report,
  context: TestContext,
  depth: number,
): Test | undefined {
  const keys = Object.keys(value);
  if (keys.length === 0) return report.problem(path, "an empty test; give a value or an operator such as {gte: 1}");
  const fold = parseFold(value, path, report);
  const allowed = OPERATORS_OF[context.type];
  const parts: TestPart[] = [];
  for (const op of keys) {
    const at = keyPath(path, op);
    if (op === "fold" || !isOperator(op, at, path, report, context, allowed)) continue;
    if (parts.length > 0 && !report.enter(at, depth)) return undefined;
    const part = parsePart(op, value[op], at, { report, context, fold, depth });
    if (part !== undefined) parts.push(part);
  }
  if (fold && keys.every((op) => !FOLDING_OPERATORS.includes(op) || !holdsText(value[op]))) {
    return report.problem(keyPath(path, "fold"), "fold stands beside an operator on text, such as contains or eq");
  }
  return parts.length === 0 ? undefined : parts;
}

function parseFold(value: Fields, path: string, report: Report): boolean {
  if (!Object.hasOwn(value, "fold")) return false;
  if (typeof value.fold === "boolean") return value.fold;
  report.problem(keyPath(path, "fold"), `expected true or false; found ${shown(value.fold)}`);
  return false;
}

function holdsText(operand: unknown): boolean {
  return typeof operand === "string" || (Array.isArray(operand) && operand.some((item) => typeof item === "string"));
}

function isOperator(
  op: string,
  at: string,
  path: string,
  report: Report,
  context: TestContext,
  allowed: readonly string[],
): boolean {
  if (allowed.includes(op)) return true;
  if (refuseForbidden(op, path, report)) return false;
  if (OPERATORS.includes(op)) {
    const special = context.type === "date" || context.type === "objects" || context.type === "point";
    const shape = special ? mismatch(context) : `${context.key} is ${typeName(context.type)}`;
    report.problem(at, `${op} does not suit it: ${shape}; allowed: ${allowed.join(", ")}`);
    return false;
  }
  const hint = suggestion(op, allowed, SYNONYMS);
  const nested =
    hint === undefined && context.type === "any" ? `; a field inside a field is written ${context.key}.${op}` : "";
  report.problem(at, `unknown operator ${quoted(op)}; allowed: ${allowed.join(", ")}${nested}`, hint);
  return false;
}

function typeName(type: FieldType): string {
  switch (type) {
    case "number":
      return "a number";
    case "percent":
      return "a percentage from 0 to 100";
    case "duration":
      return "a duration";
    case "boolean":
      return "true or false";
    case "time":
      return 'a time of day "HH:MM"';
    case "weekday":
      return "a weekday (mon … sun)";
    default:
      return "text";
  }
}

function parsePart(op: string, operand: unknown, path: string, place: Place): TestPart | undefined {
  const { report, fold } = place;
  switch (op) {
    case "eq":
    case "ne": {
      const value = parseScalar(operand, path, place);
      return value === undefined ? undefined : { op, value, fold };
    }
    case "in":
    case "notIn":
    case "includesAll": {
      const values = parseScalars(op, operand, path, place);
      return values && { op, values, fold };
    }
    case "exists":
      if (typeof operand === "boolean") return { op, value: operand };
      return report.problem(path, `expected true or false; found ${shown(operand)}`);
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const value = parseOrdered(op, operand, path, place);
      return value === undefined ? undefined : { op, value };
    }
    case "between":
      return parseBetween(operand, path, place);
    case "contains":
    case "notContains":
    case "startsWith":
    case "endsWith":
    case "like": {
      const value = parseText(op, operand, path, place);
      return value === undefined ? undefined : { op, value, fold };
    }
    default:
      return parseSpecial(op, operand, path, place);
  }
}

function parseSpecial(op: string, operand: unknown, path: string, place: Place): TestPart | undefined {
  const { report, context, depth } = place;
  if (op === "has") {
    const fields = context.type === "objects" ? PRODUCT_FIELDS : ELEMENT_FIELDS;
    const where = parseWhere(operand, path, report, fields, depth + 1);
    return where && { op, where };
  }
  if (op === "date") {
    const window = parseWindow(operand, path, report, "date");
    return window && { op, window };
  }
  return op === "near" ? parseNear(operand, path, report) : parseDelta(operand, path, place);
}

function parseScalar(value: unknown, path: string, { report, context }: Place): Scalar | undefined {
  if (value === null) {
    return report.problem(path, "null is a missing value; test for it with {exists: false}", "{exists: false}");
  }
  switch (context.type) {
    case "number":
      if (typeof value === "number" && Number.isFinite(value)) return value;
      return report.problem(path, `${context.key} is a number; found ${shown(value)}`, likelyNumber(value));
    case "percent":
      if (typeof value === "number" && value >= 0 && value <= 100) return value;
      return report.problem(
        path,
        `${context.key} is a percentage, a number from 0 to 100; found ${shown(value)}`,
        likelyNumber(value),
      );
    case "name":
      if (typeof value === "number" && Number.isFinite(value)) return String(value);
      return parsePlainText(value, path, report, context.key);
    case "text":
      return parsePlainText(value, path, report, context.key);
    case "duration":
      return parseMillis(value, path, report, context.key);
    case "boolean":
      if (typeof value === "boolean") return value;
      return report.problem(path, `${context.key} is true or false; found ${shown(value)}`);
    case "time":
      if (typeof value === "string" && isTimeOfDay(value)) return value;
      return report.problem(
        path,
        `expected a time of day from "00:00" to "23:59"; found ${shown(value)}`,
        likelyTime(value),
      );
    case "weekday":
      if (typeof value === "string" && WEEKDAYS.includes(value)) return value;
      return report.problem(
        path,
        `expected one of ${WEEKDAYS.join(", ")}; found ${shown(value)}`,
        likelyWeekday(value),
      );
    default:
      return parseAnyScalar(value, path, report);
  }
}

/** A duration, or its number of milliseconds. */
function parseMillis(value: unknown, path: string, report: Report, key: string): number | undefined {
  if (typeof value === "string") return parseDuration(value, path, report, true);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return report.problem(path, `${key} is a duration such as 10m, or a number of ms; found ${shown(value)}`);
}

function parsePlainText(value: unknown, path: string, report: Report, key: string): string | undefined {
  if (typeof value !== "string") {
    const hint = typeof value === "number" ? `"${value}"` : undefined;
    return report.problem(path, `${key} is text; found ${shown(value)}`, hint);
  }
  return withinLength(value, path, report);
}

function parseAnyScalar(value: unknown, path: string, report: Report): Scalar | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return withinLength(value, path, report);
  if (typeof value === "number") {
    return Number.isFinite(value) ? value : report.problem(path, `expected a finite number; found ${value}`);
  }
  return report.problem(path, `expected text, a number or a boolean; found ${shown(value)}`);
}

function withinLength(text: string, path: string, report: Report): string | undefined {
  const { textLengthMax } = report.limits;
  if (text.length <= textLengthMax) return text;
  return report.problem(
    path,
    `the text has ${text.length} characters; the limit is ${textLengthMax} (limits.textLengthMax)`,
  );
}

function parseScalars(op: string, operand: unknown, path: string, place: Place): Scalar[] | undefined {
  const { report } = place;
  if (!Array.isArray(operand)) {
    const hint = typeof operand === "object" ? undefined : `[${String(operand)}]`;
    return report.problem(path, `${op} takes a list of values; found ${shown(operand)}`, hint);
  }
  if (operand.length === 0) return report.problem(path, `${op} takes at least one value; the list is empty`);
  const { listValuesMax } = report.limits;
  if (operand.length > listValuesMax) {
    return report.problem(
      path,
      `the list has ${operand.length} values; the limit is ${listValuesMax} (limits.listValuesMax)`,
    );
  }
  const values = new Set<Scalar>();
  for (const [index, item] of operand.entries()) {
    const value = parseScalar(item, itemPath(path, index), place);
    if (value !== undefined) values.add(value);
  }
  return [...values];
}

function parseOrdered(op: string, operand: unknown, path: string, place: Place): number | string | undefined {
  const { report, context } = place;
  if (["number", "percent", "time", "duration"].includes(context.type)) {
    return parseScalar(operand, path, place) as number | string | undefined;
  }
  if (typeof operand === "number" && Number.isFinite(operand)) return operand;
  if (typeof operand === "string" && isTimeOfDay(operand)) return operand;
  return report.problem(
    path,
    `${op} compares numbers, or times of day "HH:MM"; found ${shown(operand)}`,
    likelyNumber(operand) ?? likelyTime(operand) ?? likelyDate(op, operand),
  );
}

function likelyNumber(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^-?\d+(\.\d+)?$/.test(value.trim())) return undefined;
  return value.trim();
}

function likelyTime(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const padded = /^\d:[0-5]\d$/.test(value) ? `0${value}` : value.slice(0, 5);
  return isTimeOfDay(padded) && /^[\d:]+$/.test(value) ? `"${padded}"` : undefined;
}

function likelyDate(op: string, value: unknown): string | undefined {
  if (typeof value !== "string" || (parseDay(value) ?? parseInstant(value)) === undefined) return undefined;
  return `{date: {${op.startsWith("g") ? "from" : "to"}: ${value}}}`;
}

function likelyWeekday(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const short = value.slice(0, 3).toLowerCase();
  return WEEKDAYS.includes(short) ? short : undefined;
}

function parseBetween(operand: unknown, path: string, place: Place): TestPart | undefined {
  const { report } = place;
  if (!Array.isArray(operand) || operand.length !== 2) {
    return report.problem(path, `between takes two values, [low, high]; found ${shown(operand)}`);
  }
  const low = parseOrdered("between", operand[0], itemPath(path, 0), place);
  const high = parseOrdered("between", operand[1], itemPath(path, 1), place);
  if (low === undefined || high === undefined) return undefined;
  if (typeof low !== typeof high) return report.problem(path, "the two ends of between must be of one type");
  if (low > high) return report.problem(path, `low ${low} is above high ${high}`, `[${high}, ${low}]`);
  return { op: "between", low, high };
}

function parseText(op: string, operand: unknown, path: string, { report }: Place): string | undefined {
  if (typeof operand !== "string") {
    const hint = Array.isArray(operand) && op.endsWith("ontains") ? "includesAll" : undefined;
    return report.problem(path, `${op} takes text; found ${shown(operand)}`, hint);
  }
  if (operand === "") return report.problem(path, `${op} takes at least one character; the text is empty`);
  return withinLength(operand, path, report);
}

function parseNear(operand: unknown, path: string, report: Report): TestPart | undefined {
  if (!isObject(operand)) {
    return report.problem(path, `near takes {lat, lon, within}; found ${shown(operand)}`);
  }
  const synonyms = { latitude: "lat", longitude: "lon", lng: "lon", radius: "within", distance: "within" };
  checkKeys(operand, path, report, ["lat", "lon", "within"], synonyms);
  const lat = parseDegrees(operand.lat, keyPath(path, "lat"), report, 90);
  const lon = parseDegrees(operand.lon, keyPath(path, "lon"), report, 180);
  const withinKm = parseDistance(operand.within, keyPath(path, "within"), report);
  if (lat === undefined || lon === undefined || withinKm === undefined) return undefined;
  return { op: "near", lat, lon, withinKm };
}

function parseDegrees(value: unknown, path: string, report: Report, most: number): number | undefined {
  if (typeof value === "number" && Math.abs(value) <= most) return value;
  return report.problem(path, `expected degrees from -${most} to ${most}; found ${shown(value)}`);
}

const KM_PER_MILE = 1.609344;

function parseDistance(value: unknown, path: string, report: Report): number | undefined {
  const match = typeof value === "string" ? /^(\d{1,9}(?:\.\d{1,9})?) ?(km|mi)$/.exec(value) : null;
  let km = typeof value === "number" ? value : Number.NaN;
  if (match !== null) km = Number(match[1]) * (match[2] === "mi" ? KM_PER_MILE : 1);
  if (km > 0 && Number.isFinite(km)) return km;
  return report.problem(
    path,
    `expected a distance above 0, such as 10km, 25mi or a number of km; found ${shown(value)}`,
  );
}

function parseDelta(operand: unknown, path: string, place: Place): TestPart | undefined {
  const { report, context, depth } = place;
  if (!context.keepsPast) {
    return report.problem(
      path,
      "delta works on traits alone, directly under their path: only their past values are kept",
    );
  }
  if (!isObject(operand)) {
    return report.problem(path, `delta takes {over, percent} or {over, amount}; found ${shown(operand)}`);
  }
  checkKeys(operand, path, report, ["over", "percent", "amount"], { within: "over", last: "over", by: "amount" });
  const overMs = parseDuration(operand.over, keyPath(path, "over"), report);
  const units = (["percent", "amount"] as const).filter((unit) => Object.hasOwn(operand, unit));
  const unit = units[0];
  if (unit === undefined || units.length > 1) return report.problem(path, "delta takes one of percent and amount");
  const numeric: TestContext = { type: "number", keepsPast: false, key: unit };
  const is = parseTest(operand[unit], keyPath(path, unit), report, numeric, depth);
  if (overMs === undefined || is === undefined) return undefined;
  return { op: "delta", overMs, unit, is };
}
