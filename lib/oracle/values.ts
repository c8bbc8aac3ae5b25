// Values, paths and tests, as rules.md 4.3 says. evaluate.ts builds the records that are read here.
import type { Path, Test, TestPart, Where } from "../core/rules/ast.ts";
import { parseDay, parseInstant } from "../core/rules/parse/dates.ts";
import type { Millis } from "../core/types.ts";
import { dateLies, firstInstantOf, localDayOf, type Moment, type Placed } from "./time.ts";

const DAY = 86_400_000;
const AMOUNT_MAX = 9e11;
const EARTH_KM = 6371.0088;

/** An exact amount: units ÷ parts ten-thousandths. Only an average has other parts than 1. */
export class Amount {
  readonly units: bigint;
  readonly parts: bigint;
  constructor(units: bigint, parts = 1n) {
    this.units = units;
    this.parts = parts;
  }
}

/** A date that we hold ourselves, such as when the cart last changed. */
export class HeldDate {
  readonly time: Millis;
  constructor(time: Millis) {
    this.time = time;
  }
}

/** How a number enters a sum or an amount: floor(x × 10,000 + 0.5); undefined beyond ±9·10¹¹. */
export function unitsOf(value: unknown): bigint | undefined {
  if (typeof value !== "number" || !Number.isFinite(value) || Math.abs(value) > AMOUNT_MAX) return undefined;
  return BigInt(Math.floor(value * 10_000 + 0.5));
}

/** What a test reads besides the value: the moment, and what a trait was before. */
export interface TestContext extends Moment {
  /** A trait's change against the value in force `overMs` ago; undefined when there is none. */
  readonly deltaOf?: (path: Path, overMs: number, unit: "percent" | "amount") => number | undefined;
}

interface Found {
  readonly exists: boolean;
  /** What the path leads to, lists taken apart. */
  readonly values: readonly unknown[];
}

export function whereHolds(where: Where, record: unknown, context: TestContext): boolean {
  switch (where.op) {
    case "all":
      return where.wheres.every((inner) => whereHolds(inner, record, context));
    case "any":
      return where.wheres.some((inner) => whereHolds(inner, record, context));
    case "none":
      return !where.wheres.some((inner) => whereHolds(inner, record, context));
    case "not":
      return !whereHolds(where.where, record, context);
    case "test": {
      const ends = endsOf(record, where.path);
      const found = { exists: ends.length > 0, values: ends.flatMap(takeApart) };
      return testHolds(where.test, found, context, where.path);
    }
  }
}

/** Everything that a path leads to, passing through lists on the way; null and what is not there are missing. */
export function endsOf(value: unknown, path: Path, from = 0): unknown[] {
  if (value === undefined || value === null) return [];
  const name = path[from];
  if (name === undefined) return [value];
  if (Array.isArray(value)) return value.flatMap((element) => endsOf(element, path, from));
  if (!isRecord(value) || !Object.hasOwn(value, name)) return [];
  return endsOf(value[name], path, from + 1);
}

function takeApart(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(takeApart);
  return value === null || value === undefined ? [] : [value];
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return !(value instanceof Amount) && !(value instanceof HeldDate);
}

/** A test of one measured value; undefined is a missing one. */
export function measureHolds(test: Test, value: number | Amount | undefined, context: TestContext): boolean {
  return testHolds(test, { exists: value !== undefined, values: value === undefined ? [] : [value] }, context, []);
}

function testHolds(test: Test, found: Found, context: TestContext, path: Path): boolean {
  const onAll = test.filter(isAboutAll);
  const onOne = test.filter((part) => !isAboutAll(part));
  if (!onAll.every((part) => allPass(part, found, context, path))) return false;
  if (onOne.length === 0) return true;
  return found.values.some((value) => onOne.every((part) => onePasses(part, value, context)));
}

/** Complements, existence, whole lists and deltas speak of all values together; the others of one of them. */
function isAboutAll(part: TestPart): boolean {
  return ["ne", "notIn", "notContains", "exists", "includesAll", "delta"].includes(part.op);
}

function allPass(part: TestPart, found: Found, context: TestContext, path: Path): boolean {
  switch (part.op) {
    case "ne":
      return !found.values.some((value) => equals(value, part.value, part.fold));
    case "notIn":
      return !found.values.some((value) => part.values.some((operand) => equals(value, operand, part.fold)));
    case "notContains":
      return !found.values.some((value) => textPasses("contains", value, part.value, part.fold));
    case "exists":
      return found.exists === part.value;
    case "includesAll":
      return (
        found.exists && part.values.every((operand) => found.values.some((value) => equals(value, operand, part.fold)))
      );
    case "delta":
      return measureHolds(part.is, context.deltaOf?.(path, part.overMs, part.unit), context);
    default:
      throw new Error(`a test of one value was read as one of all: ${part.op}`);
  }
}

function onePasses(part: TestPart, value: unknown, context: TestContext): boolean {
  switch (part.op) {
    case "eq":
      return equals(value, part.value, part.fold);
    case "in":
      return part.values.some((operand) => equals(value, operand, part.fold));
    case "gt":
      return compares(value, part.value, (order) => order > 0);
    case "gte":
      return compares(value, part.value, (order) => order >= 0);
    case "lt":
      return compares(value, part.value, (order) => order < 0);
    case "lte":
      return compares(value, part.value, (order) => order <= 0);
    case "between":
      return compares(value, part.low, (order) => order >= 0) && compares(value, part.high, (order) => order <= 0);
    case "contains":
    case "startsWith":
    case "endsWith":
    case "like":
      return textPasses(part.op, value, part.value, part.fold);
    case "has":
      return isRecord(value) && whereHolds(part.where, value, { clock: context.clock, zone: context.zone });
    case "date": {
      const date = dateOf(value, context.zone);
      return date !== undefined && dateLies(part.window, date, context);
    }
    case "near":
      return isNear(value, part.lat, part.lon, part.withinKm);
    default:
      throw new Error(`a test of all values was read as one of one: ${part.op}`);
  }
}

function equals(value: unknown, operand: string | number | boolean, fold: boolean): boolean {
  if (value instanceof Amount) return typeof operand === "number" && orderOf(value, operand) === 0;
  if (fold && typeof value === "string" && typeof operand === "string") return folded(value) === folded(operand);
  return value === operand;
}

function compares(value: unknown, operand: number | string, passes: (order: number) => boolean): boolean {
  if (typeof operand === "number") {
    if (value instanceof Amount) return passes(orderOf(value, operand));
    return typeof value === "number" && passes(value - operand);
  }
  if (typeof value !== "string" || !isTimeOfDay(value) || !isTimeOfDay(operand)) return false;
  return passes(value < operand ? -1 : value > operand ? 1 : 0);
}

/** −1, 0 or 1: an amount against a bound, both in ten-thousandths, with the division multiplied out. */
function orderOf(amount: Amount, bound: number): number {
  const scaled = BigInt(Math.floor(bound * 10_000 + 0.5)) * amount.parts;
  return amount.units < scaled ? -1 : amount.units > scaled ? 1 : 0;
}

export function isTimeOfDay(text: string): boolean {
  return /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(text);
}

/** Letters compared without their case, and without locale. */
export function folded(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}

function textPasses(
  op: "contains" | "startsWith" | "endsWith" | "like",
  value: unknown,
  operand: string,
  fold: boolean,
): boolean {
  if (typeof value !== "string") return false;
  const text = fold ? folded(value) : value;
  const sought = fold ? folded(operand) : operand;
  if (op === "contains") return text.includes(sought);
  if (op === "startsWith") return text.startsWith(sought);
  if (op === "endsWith") return text.endsWith(sought);
  return isLike([...text], [...sought]);
}

/** The whole text: `*` any run, `?` one character. Row by row: which beginnings of the text does the pattern so far fit? */
function isLike(text: readonly string[], pattern: readonly string[]): boolean {
  let fits = [true, ...text.map(() => false)];
  for (const sign of pattern) {
    const next: boolean[] = [sign === "*" && fits[0]!];
    for (let length = 1; length <= text.length; length += 1) {
      const isSame = sign === "?" || sign === text[length - 1];
      next.push(sign === "*" ? fits[length]! || next[length - 1]! : isSame && fits[length - 1]!);
    }
    fits = next;
  }
  return fits[text.length]!;
}

/** A date text, or a date that we hold, and its local day in a zone. */
export function dateOf(value: unknown, zone: string): Placed | undefined {
  if (value instanceof HeldDate) return placed(value.time, zone);
  if (typeof value !== "string") return undefined;
  const midnight = parseDay(value);
  if (midnight !== undefined) {
    const day = midnight / DAY;
    return { time: firstInstantOf(day, zone), day: () => day };
  }
  const time = parseInstant(value);
  return time === undefined ? undefined : placed(time, zone);
}

export function placed(time: Millis, zone: string): Placed {
  return { time, day: () => localDayOf(time, zone) };
}

function isNear(value: unknown, lat: number, lon: number, withinKm: number): boolean {
  if (!isRecord(value) || typeof value.lat !== "number" || typeof value.lon !== "number") return false;
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const half = (from: number, to: number) => Math.sin(radians(to - from) / 2) ** 2;
  const across = Math.cos(radians(lat)) * Math.cos(radians(value.lat)) * half(lon, value.lon);
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(half(lat, value.lat) + across))) <= withinKm;
}
