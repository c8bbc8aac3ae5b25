// The words of the language: names of rules, keys of each, measures, operators by type of field, windows.
// The parsers refuse by these tables and schema.ts publishes them, so that the two cannot differ.
import type { MemberKind } from "../../types.ts";

export const COMBINATIONS = ["all", "any", "none", "not"] as const;
export const RULES = [
  ...COMBINATIONS,
  "event",
  "item",
  "order",
  "visit",
  "campaign",
  "change",
  "sequence",
  "funnel",
  "favorite",
  "trait",
  "object",
  "identity",
  "anonymous",
  "place",
  "network",
  "device",
  "source",
  "cart",
  "engagement",
  "weather",
  "situation",
  "clock",
  "segment",
  "list",
  "bucket",
  "account",
  "users",
] as const;
export type RuleName = (typeof RULES)[number];

/** One person's own: an account has neither, nor an account of its own. */
const NOT_OF_ACCOUNTS: readonly RuleName[] = ["cart", "anonymous", "identity", "account"];

/** What a segment of a kind can ask; inside `account` and `users` the kind is the other one. */
export const RULES_OF: Readonly<Record<MemberKind, readonly RuleName[]>> = {
  user: RULES.filter((name) => name !== "users"),
  account: RULES.filter((name) => !NOT_OF_ACCOUNTS.includes(name)),
};

// ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────

export type OccurrenceName = "event" | "item" | "order" | "visit" | "campaign" | "change";

/** Which occurrences an occurrence rule speaks of, besides `where`. */
export const WHICH_KEYS: Readonly<Record<OccurrenceName, readonly string[]>> = {
  event: ["name"],
  item: ["action", "type", "ids"],
  order: [],
  visit: [],
  campaign: ["outcome", "id", "experience"],
  change: ["trait", "from", "to", "stayed"],
};

export const TALLIES = ["count", "days", "visits"] as const;
export const AGGREGATES = ["sum", "avg", "min", "max", "distinct"] as const;
export const MONEY = ["total", "average", "largest"] as const;
export const EDGES = ["first", "latest"] as const;

const COMMON_MEASURES: readonly string[] = [...TALLIES, ...AGGREGATES, ...EDGES];
export const MEASURES_OF: Readonly<Record<OccurrenceName, readonly string[]>> = {
  event: COMMON_MEASURES,
  item: COMMON_MEASURES,
  order: [...TALLIES, ...MONEY, ...AGGREGATES, ...EDGES],
  visit: COMMON_MEASURES,
  campaign: COMMON_MEASURES,
  change: COMMON_MEASURES,
};
export const OBJECT_MEASURES: readonly string[] = ["count", ...AGGREGATES];

export const STEPS = ["event", "item", "order", "campaign"] as const;
export type StepName = (typeof STEPS)[number];

export const FAVORITE_MEASURES = ["views", "time", "purchases", "revenue"] as const;
/** Of how many users, or of what share of them; `atLeast: n` is `count: {gte: n}`. */
export const USERS_MEASURES = ["atLeast", "count", "share"] as const;
export const FUNNEL_RELATIONS = ["at", "before", "after"] as const;

// ── what is asked of a value ────────────────────────────────────────────────────────────────────────────────────────

const EQUALITY = ["eq", "ne", "in", "notIn", "exists"];
const ORDER = ["gt", "gte", "lt", "lte", "between"];
export const TEXT_OPERATORS = ["contains", "notContains", "startsWith", "endsWith", "like"];
const OTHER = ["includesAll", "has", "date", "near", "delta"];
export const OPERATORS = [...EQUALITY, ...ORDER, ...TEXT_OPERATORS, ...OTHER];

export const OPERATORS_OF: Readonly<Record<FieldType, readonly string[]>> = {
  any: OPERATORS,
  number: [...EQUALITY, ...ORDER],
  percent: [...EQUALITY, ...ORDER],
  duration: [...EQUALITY, ...ORDER],
  boolean: EQUALITY,
  text: [...EQUALITY, ...TEXT_OPERATORS, "includesAll"],
  name: [...EQUALITY, ...TEXT_OPERATORS, "includesAll"],
  time: [...EQUALITY, ...ORDER],
  weekday: EQUALITY,
  date: ["date", "exists"],
  point: ["near", "exists"],
  objects: ["has", "exists"],
};

/** Operators that `fold: true` may stand beside. */
export const FOLDING_OPERATORS: readonly string[] = ["eq", "ne", "in", "notIn", "includesAll", ...TEXT_OPERATORS];
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

// ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const WINDOWS = ["last", "ago", "next", "today", "calendar", "from", "to", "visit"];
export const CALENDAR_UNITS = ["days", "weeks", "months"] as const;

/**
 * `name` is text where an id or a name stands: a number is read as its decimal text. `time` is "HH:MM", `duration` a
 * number of milliseconds that may be written as 10m, `percent` a number from 0 to 100, `point` has lat and lon. `objects` are lists of objects, which
 * only `has` and `exists` can test as a whole.
 */
export type FieldType =
  | "any"
  | "number"
  | "percent"
  | "duration"
  | "boolean"
  | "text"
  | "name"
  | "time"
  | "weekday"
  | "date"
  | "point"
  | "objects";
