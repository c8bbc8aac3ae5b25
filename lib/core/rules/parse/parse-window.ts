// Durations, dates and windows: when something must have happened, or where a date must lie.
// parse-test.ts (dates) and the parsers of rules (occurrences, joined) call it.
import type { RangeBound, Window } from "../ast.ts";
import { CALENDAR_UNITS, WINDOWS } from "../words/grammar.ts";
import { parseDay, parseInstant } from "./dates.ts";
import { checkKeys, type Fields, isObject, keyPath, quoted, type Report, shown } from "./problems.ts";

const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };
/** A month's share of the 1,096 days that three years can have. */
const MONTH_DAYS = 30.4375;

const WINDOW_SYNONYMS: Readonly<Record<string, string>> = {
  within: "last",
  past: "last",
  since: "from",
  after: "from",
  until: "to",
  till: "to",
  before: "to",
  older: "ago",
  session: "visit",
  days: "calendar",
  weeks: "calendar",
  months: "calendar",
};

/** What a window tests: when occurrences happened, a date held as a value, or the time of joining. */
export type WindowRole = "occurrence" | "date" | "joined";

/** `allowZero` is for stay and cooldown: a window of no length says nothing. */
export function parseDuration(value: unknown, path: string, report: Report, allowZero = false): number | undefined {
  const match = typeof value === "string" ? /^(\d{1,15})([smhdw])$/.exec(value) : null;
  if (match === null) {
    return report.problem(
      path,
      `expected a duration, a whole number and a unit such as 30s, 5m, 2h, 7d or 4w; found ${shown(value)}`,
      likelyDuration(value),
    );
  }
  const ms = Number(match[1]) * UNIT_MS[match[2]!]!;
  const { windowMsMax } = report.limits;
  if (ms > windowMsMax) {
    return report.problem(path, `${value} is longer than the limit of ${windowMsMax / DAY_MS}d (limits.windowMax)`);
  }
  if (ms === 0 && !allowZero) return report.problem(path, `${value} has no length; write at least 1s`);
  return ms;
}

/** `30 days`, `1.5h`, `P7D`, `PT5M`: what other tools write, said our way. */
function likelyDuration(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 40) return undefined;
  const match = /^\s*(?:PT?)?(\d+(?:\.\d+)?)\s*(s|m|h|d|w)[a-z]*\s*$/i.exec(value);
  if (match === null || /^\s*(?:P\d+M|[\d.]+\s*(?:mo|ms|mil))/i.test(value)) return undefined;
  const unit = match[2]!.toLowerCase();
  const amount = Number(match[1]);
  if (Number.isInteger(amount)) return `${amount}${unit}`;
  const seconds = (amount * UNIT_MS[unit]!) / 1_000;
  if (!Number.isInteger(seconds)) return undefined;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

export function parseWindow(value: unknown, path: string, report: Report, role: WindowRole): Window | undefined {
  if (!isObject(value)) {
    const hint = typeof value === "string" ? windowHint(value) : undefined;
    return report.problem(path, `expected a window such as {last: 7d} or {today: true}; found ${shown(value)}`, hint);
  }
  checkKeys(value, path, report, WINDOWS, WINDOW_SYNONYMS);
  const kinds = Object.keys(value).filter((key) => WINDOWS.includes(key));
  if (kinds.length === 0) {
    // An unknown key has been reported already, with the word that was probably meant.
    if (Object.keys(value).length > 0) return undefined;
    return report.problem(path, `an empty window; choose one of ${WINDOWS.join(", ")}, or leave it out for all time`);
  }
  if (kinds.every((kind) => kind === "from" || kind === "to")) return parseRange(value, path, report);
  if (kinds.length > 1) {
    return report.problem(path, `one window, one kind; found ${kinds.join(" and ")} (only from and to go together)`);
  }
  return parseKind(kinds[0]!, value, path, report, role);
}

function windowHint(text: string): string | undefined {
  if (text === "today") return "{today: true}";
  const duration = likelyDuration(text);
  return duration === undefined ? undefined : `{last: ${duration}}`;
}

function parseKind(kind: string, value: Fields, path: string, report: Report, role: WindowRole): Window | undefined {
  const operand = value[kind];
  const at = keyPath(path, kind);
  switch (kind) {
    case "last": {
      const ms = parseDuration(operand, at, report);
      return ms === undefined ? undefined : { kind: "last", ms };
    }
    case "next": {
      const ms = parseDuration(operand, at, report);
      if (role !== "date") report.warn(at, `never true: ${subjectOf(role)} cannot lie in the future`, "last");
      return ms === undefined ? undefined : { kind: "next", ms };
    }
    case "ago":
      return parseAgo(operand, at, report);
    case "today":
      if (operand !== true) return report.problem(at, `expected true; found ${shown(operand)}`, "true");
      return { kind: "calendar", unit: "days", n: 1, skip: 0 };
    case "calendar":
      return parseCalendar(operand, at, report);
    default:
      return parseVisit(operand, at, report, role);
  }
}

function subjectOf(role: WindowRole): string {
  return role === "joined" ? "a joining" : "what has happened";
}

function parseVisit(operand: unknown, path: string, report: Report, role: WindowRole): Window | undefined {
  if (role !== "occurrence") {
    const what = role === "joined" ? "the time of joining" : "a date held as a value";
    return report.problem(path, `a visit is a window for what happened; ${what} belongs to no visit`, "last");
  }
  if (operand !== "current") return report.problem(path, `expected current; found ${shown(operand)}`, "current");
  return { kind: "visit" };
}

function parseAgo(operand: unknown, path: string, report: Report): Window | undefined {
  if (!isObject(operand)) {
    return report.problem(
      path,
      `expected {gte: D}, {lt: D} or both, such as {gte: 7d, lt: 14d}; found ${shown(operand)}`,
      typeof operand === "string" && likelyDuration(operand) !== undefined
        ? `{gte: ${likelyDuration(operand)}}`
        : undefined,
    );
  }
  checkKeys(operand, path, report, ["gte", "lt"], { gt: "gte", lte: "lt", from: "gte", to: "lt" });
  const { gte, lt } = operand;
  if (gte === undefined && lt === undefined) {
    if (Object.keys(operand).length === 0) report.problem(path, "an empty ago; give gte, lt or both");
    return undefined;
  }
  const gteMs = gte === undefined ? undefined : parseDuration(gte, keyPath(path, "gte"), report);
  const ltMs = lt === undefined ? undefined : parseDuration(lt, keyPath(path, "lt"), report);
  if (gteMs !== undefined && ltMs !== undefined && gteMs >= ltMs) {
    return report.problem(path, `nothing is at least ${gte} and less than ${lt} old; gte must be the shorter`);
  }
  return {
    kind: "ago",
    ...(gteMs === undefined ? {} : { gteMs }),
    ...(ltMs === undefined ? {} : { ltMs }),
  };
}

function parseCalendar(operand: unknown, path: string, report: Report): Window | undefined {
  if (!isObject(operand)) {
    return report.problem(path, `expected such as {days: 7} or {months: 1, skip: 1}; found ${shown(operand)}`);
  }
  const synonyms = { day: "days", week: "weeks", month: "months", offset: "skip", back: "skip" };
  checkKeys(operand, path, report, [...CALENDAR_UNITS, "skip"], synonyms);
  const units = CALENDAR_UNITS.filter((unit) => Object.hasOwn(operand, unit));
  const unit = units[0];
  if (unit === undefined || units.length > 1) {
    const known = Object.keys(operand).every((key) => key === "skip");
    if (units.length > 1 || known) report.problem(path, "a calendar window names one of days, weeks, months");
    return undefined;
  }
  const n = parseWhole(operand[unit], keyPath(path, unit), report, 1);
  const skip = operand.skip === undefined ? 0 : parseWhole(operand.skip, keyPath(path, "skip"), report, 0);
  if (n === undefined || skip === undefined) return undefined;
  const days = (n + skip) * { days: 1, weeks: 7, months: MONTH_DAYS }[unit];
  const { windowMsMax } = report.limits;
  if (days * DAY_MS > windowMsMax) {
    const reach = skip === 0 ? `${n} ${unit}` : `${n} ${unit} with skip ${skip}`;
    return report.problem(
      path,
      `${reach} reach back further than the limit of ${windowMsMax / DAY_MS}d (limits.windowMax)`,
    );
  }
  return { kind: "calendar", unit, n, skip };
}

function parseWhole(value: unknown, path: string, report: Report, least: number): number | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  return report.problem(path, `expected a whole number from ${least} up; found ${shown(value)}`);
}

function parseRange(value: Fields, path: string, report: Report): Window | undefined {
  const from = Object.hasOwn(value, "from") ? parseBound(value.from, keyPath(path, "from"), report) : null;
  const to = Object.hasOwn(value, "to") ? parseBound(value.to, keyPath(path, "to"), report) : null;
  if (from === undefined || to === undefined) return undefined;
  if (from !== null && to !== null && isReversed(from, to)) {
    return report.problem(path, `from ${quoted(String(value.from))} must lie before to ${quoted(String(value.to))}`);
  }
  return { kind: "range", ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) };
}

function parseBound(value: unknown, path: string, report: Report): RangeBound | undefined {
  if (typeof value === "string") {
    if (parseDay(value) !== undefined) return { day: value };
    const at = parseInstant(value);
    if (at !== undefined) return { at };
  }
  return report.problem(
    path,
    `expected a date such as 2026-01-31 (a whole local day) or 2026-01-31T12:00:00Z (an instant); found ${shown(value)}`,
  );
}

/** A day's instants depend on the zone, so a day beside an instant is called reversed only when it is so in every zone. */
function isReversed(from: RangeBound, to: RangeBound): boolean {
  if ("day" in from && "day" in to) return from.day > to.day;
  if ("at" in from && "at" in to) return from.at >= to.at;
  const start = "at" in from ? from.at : parseDay(from.day)! - DAY_MS;
  const end = "at" in to ? to.at : parseDay(to.day)! + 2 * DAY_MS;
  return start >= end;
}
