// Tests on values: what a path finds in a record and whether a test holds on it. Nothing is coerced; a missing value
// fails every test but the complements (ne, notIn, notContains, exists: false). Rules.md section 4.3 is the law.
import type { Path, Scalar, Test, TestPart, Where } from "../rules/ast.ts";
import { isTimeOfDay } from "../rules/parse/dates.ts";
import type { Json, JsonObject, Millis } from "../types.ts";
import { momentFlips, momentInWindow } from "./time/windows.ts";
import { parseDate, type Zone } from "./time/zones.ts";

const AMOUNT_MAX = 9e11;

/** An amount as the integer floor(x × 10,000 + 0.5); NaN (missing) beyond ±9·10¹¹. */
export function amountOf(value: number): number {
  if (!(value <= AMOUNT_MAX && value >= -AMOUNT_MAX)) return Number.NaN;
  return Math.floor(value * 10_000 + 0.5);
}

function amountOperand<T extends Scalar>(value: T): T {
  // A bound has no limit of its own: only what enters an amount does.
  return (typeof value === "number" ? Math.floor(value * 10_000 + 0.5) : value) as T;
}

/** The same test for amounts: every number in it as amountOf gives it. */
export function amountTest(test: Test): Test {
  return test.map((part): TestPart => {
    switch (part.op) {
      case "eq":
      case "ne":
      case "gt":
      case "gte":
      case "lt":
      case "lte":
        return { ...part, value: amountOperand(part.value) } as TestPart;
      case "between":
        return { ...part, low: amountOperand(part.low), high: amountOperand(part.high) };
      case "in":
      case "notIn":
        return { ...part, values: part.values.map(amountOperand) };
      default:
        return part;
    }
  });
}

/** What a path finds: candidates for a test, or undefined when there is nothing. A list offers its elements. */
export type Found = { readonly values: readonly Json[]; readonly list: boolean } | undefined;

export function find(root: Json | undefined, path: Path): Found {
  let value: Json | undefined = root;
  for (let index = 0; index < path.length; index += 1) {
    if (value === null || value === undefined || typeof value !== "object") return undefined;
    if (Array.isArray(value)) return findThrough(value, path, index);
    value = Object.hasOwn(value, path[index]!) ? (value as JsonObject)[path[index]!] : undefined;
  }
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return { values: flat(value), list: true };
  return { values: [value], list: false };
}

/** The elements of a list, of lists within it too; null is no value. */
function flat(list: readonly Json[]): readonly Json[] {
  if (!list.some((element) => element === null || Array.isArray(element))) return list;
  return list.flatMap((element) => (element === null ? [] : Array.isArray(element) ? flat(element) : [element]));
}

function findThrough(list: readonly Json[], path: Path, index: number): Found {
  const values: Json[] = [];
  let exists = false;
  for (const element of list) {
    const found = find(element, path.slice(index));
    if (found === undefined) continue;
    exists = true;
    values.push(...found.values);
  }
  return exists ? { values, list: true } : undefined;
}

/** Every value that a path reaches, through lists on the way; what is a list or an object at its end does not enter. */
export function scalarsAt(root: Json | undefined, path: Path, from = 0): (string | number | boolean)[] {
  let value: Json | undefined = root;
  for (let index = from; index < path.length; index += 1) {
    if (value === null || value === undefined || typeof value !== "object") return [];
    if (Array.isArray(value)) return value.flatMap((element) => scalarsAt(element, path, index));
    value = Object.hasOwn(value, path[index]!) ? (value as JsonObject)[path[index]!] : undefined;
  }
  return value === null || value === undefined || typeof value === "object" ? [] : [value as string | number | boolean];
}

/** Deep equality: the keys of an object may stand in any order. */
export function isEqual(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((value: Json, index) => isEqual(value, right[index] as Json));
  }
  const [one, other] = [left as JsonObject, right as JsonObject];
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key]!, other[key]!));
}

export interface TestContext {
  readonly now: Millis;
  readonly zone: Zone;
}

export function foldText(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}

/** True for the parts that look at all values at once; the others look for one value that passes them together. */
function isWhole(part: TestPart): boolean {
  switch (part.op) {
    case "ne":
    case "notIn":
    case "notContains":
    case "exists":
    case "includesAll":
      return true;
    default:
      return false;
  }
}

/** Whether a test holds on what was found. Amounts are given as integers (amountOf), with a test from amountTest. */
export function testHolds(found: Found, test: Test, context: TestContext): boolean {
  let single = false;
  for (const part of test) {
    if (!isWhole(part)) single = true;
    else if (!wholeHolds(found, part)) return false;
  }
  if (!single) return true;
  if (found === undefined) return false;
  return found.values.some((value) => test.every((part) => isWhole(part) || valuePasses(value, part, context)));
}

function wholeHolds(found: Found, part: TestPart): boolean {
  const values = found?.values ?? [];
  switch (part.op) {
    case "exists":
      return (found !== undefined) === part.value;
    case "ne":
      return !values.some((value) => same(value, part.value, part.fold));
    case "notIn":
      return !values.some((value) => part.values.some((operand) => same(value, operand, part.fold)));
    case "notContains":
      return !values.some((value) => typeof value === "string" && textTest(value, "contains", part.value, part.fold));
    case "includesAll":
      return (
        found !== undefined && part.values.every((operand) => values.some((value) => same(value, operand, part.fold)))
      );
    default:
      return true;
  }
}

function same(value: Json, operand: Scalar, fold: boolean): boolean {
  if (value === operand) return true;
  return fold && typeof value === "string" && typeof operand === "string" && foldText(value) === foldText(operand);
}

function valuePasses(value: Json, part: TestPart, context: TestContext): boolean {
  switch (part.op) {
    case "eq":
      return same(value, part.value, part.fold);
    case "in":
      return part.values.some((operand) => same(value, operand, part.fold));
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return ordered(value, part.op, part.value);
    case "between":
      return ordered(value, "gte", part.low) && ordered(value, "lte", part.high);
    case "contains":
    case "startsWith":
    case "endsWith":
    case "like":
      return typeof value === "string" && textTest(value, part.op, part.value, part.fold);
    case "has":
      return isRecord(value) && whereHolds(value, part.where, context);
    case "date": {
      const moment = dateMoment(value, context.zone);
      return moment !== undefined && momentInWindow(part.window, moment, context.now, context.zone);
    }
    case "near":
      return near(value, part.lat, part.lon, part.withinKm);
    default:
      return false;
  }
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ordered(value: Json, op: "gt" | "gte" | "lt" | "lte", bound: number | string): boolean {
  let left: number | string = 0;
  if (typeof bound === "number") {
    if (typeof value !== "number") return false;
    left = value;
  } else {
    if (typeof value !== "string" || !isTimeOfDay(value)) return false;
    left = value;
  }
  switch (op) {
    case "gt":
      return left > bound;
    case "gte":
      return left >= bound;
    case "lt":
      return left < bound;
    case "lte":
      return left <= bound;
  }
}

function textTest(value: string, op: string, operand: string, fold: boolean): boolean {
  const text = fold ? foldText(value) : value;
  const want = fold ? foldText(operand) : operand;
  if (op === "contains") return text.includes(want);
  if (op === "startsWith") return text.startsWith(want);
  if (op === "endsWith") return text.endsWith(want);
  return like(text, want);
}

/** The whole text against a pattern, `*` any run and `?` one character; linear with backtracking to the last star. */
export function like(text: string, pattern: string): boolean {
  const chars = Array.from(text);
  const wanted = Array.from(pattern);
  let [at, pos, star, mark] = [0, 0, -1, 0];
  while (at < chars.length) {
    if (pos < wanted.length && wanted[pos] === "*") {
      star = pos;
      mark = at;
      pos += 1;
    } else if (pos < wanted.length && (wanted[pos] === "?" || wanted[pos] === chars[at])) {
      at += 1;
      pos += 1;
    } else if (star >= 0) {
      pos = star + 1;
      mark += 1;
      at = mark;
    } else return false;
  }
  while (pos < wanted.length && wanted[pos] === "*") pos += 1;
  return pos === wanted.length;
}

const EARTH_KM = 6371.0088;

function near(value: Json, lat: number, lon: number, withinKm: number): boolean {
  if (!isRecord(value) || typeof value.lat !== "number" || typeof value.lon !== "number") return false;
  const rad = Math.PI / 180;
  const [dLat, dLon] = [(value.lat - lat) * rad, (value.lon - lon) * rad];
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(lat * rad) * Math.cos(value.lat * rad) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h))) <= withinKm;
}

function dateMoment(value: Json, zone: Zone) {
  if (typeof value !== "string") return undefined;
  const at = parseDate(value, zone);
  return at === undefined ? undefined : { at, day: zone.dayOf(at), tiled: false };
}

/** Reads one test of a where. The default finds the path in a JSON record; carts and occurrences know more. */
export type WhereReader = (path: Path, test: Test) => boolean;

export function whereHoldsBy(where: Where, read: WhereReader): boolean {
  switch (where.op) {
    case "all":
      return where.wheres.every((part) => whereHoldsBy(part, read));
    case "any":
      return where.wheres.some((part) => whereHoldsBy(part, read));
    case "none":
      return !where.wheres.some((part) => whereHoldsBy(part, read));
    case "not":
      return !whereHoldsBy(where.where, read);
    case "test":
      return read(where.path, where.test);
  }
}

export function whereHolds(record: Json, where: Where, context: TestContext): boolean {
  return whereHoldsBy(where, (path, test) => testHolds(find(record, path), test, context));
}

/** The next instant after `now` at which silence may change a test on what was found. */
export function testFlips(found: Found, test: Test, context: TestContext): Millis {
  let next = Number.POSITIVE_INFINITY;
  for (const part of test) {
    if (part.op !== "date" && part.op !== "has") continue;
    for (const value of found?.values ?? []) {
      const at = part.op === "date" ? dateFlips(value, part, context) : whereFlips(value, part.where, context);
      if (at < next) next = at;
    }
  }
  return next;
}

function dateFlips(value: Json, part: Extract<TestPart, { op: "date" }>, context: TestContext): Millis {
  const moment = dateMoment(value, context.zone);
  return moment === undefined ? Number.POSITIVE_INFINITY : momentFlips(part.window, moment, context.now, context.zone);
}

/** The same for a where on a record. */
export function whereFlips(record: Json, where: Where, context: TestContext): Millis {
  if (where.op === "test") return testFlips(find(record, where.path), where.test, context);
  const parts = where.op === "not" ? [where.where] : where.wheres;
  return Math.min(Number.POSITIVE_INFINITY, ...parts.map((part) => whereFlips(record, part, context)));
}

/** Whether a test can be moved by silence at all. */
export function testMovesByTime(test: Test): boolean {
  return test.some((part) => part.op === "date" || (part.op === "has" && whereMovesByTime(part.where)));
}

export function whereMovesByTime(where: Where): boolean {
  if (where.op === "test") return testMovesByTime(where.test);
  return where.op === "not" ? whereMovesByTime(where.where) : where.wheres.some(whereMovesByTime);
}
