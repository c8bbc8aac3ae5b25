// Rules said in plain English: what a person reads in the terminal must be what is evaluated.
import { expect, test } from "vitest";
import { parseDefinition } from "../../../lib/core/rules/parse.ts";
import { sentenceOf } from "../../../lib/core/rules/sentence.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";

test.each<[unknown, string]>([
  [
    { all: [{ cart: { value: { gt: 0, lt: 100 } } }, { not: { segment: { in: ["employees"] } } }] },
    "have a cart with value above 0 and below 100 and not (are in segment employees)",
  ],
  [
    { any: [{ all: [{ trait: { plan: "pro" } }, { trait: { vip: true } }] }, { list: { notIn: ["a", "b"] } }] },
    '(have trait plan "pro" and have trait vip true) or are not on one of the lists a or b',
  ],
  [{ none: [{ order: {} }, { event: { name: "*" } }] }, "neither ordered nor did any event"],
  [
    { event: { name: { any: ["A", "B"] }, count: { gte: 3 }, window: { last: "7d" } } },
    "did A or B at least 3 times in the last 7d",
  ],
  [
    { event: { name: "A", where: { "properties.price": { between: [1, 5] } }, window: { today: true } } },
    "did A with properties.price from 1 to 5, today",
  ],
  [
    { event: { name: "A", sum: { of: "properties.price", is: { gte: 5 } }, window: { visit: "current" } } },
    "did A with sum of properties.price at least 5 in the current visit",
  ],
  [
    { event: { name: "A", first: { ago: { gte: "1d", lt: "36h" } } } },
    "did A for the first time at least 1d and less than 36h ago",
  ],
  [
    { order: { total: { gte: 500 }, window: { calendar: { months: 3, skip: 1 } } } },
    "ordered with total amount at least 500 in the 3 months that end with the month 1 month ago",
  ],
  [
    { order: { days: 2, window: { from: "2026-01-01", to: "2026-01-31" } } },
    "ordered on 2 different days from 2026-01-01 to 2026-01-31",
  ],
  [{ order: { window: { calendar: { days: 1, skip: 1 } } } }, "ordered yesterday"],
  [{ order: { window: { calendar: { weeks: 1 } } } }, "ordered this week"],
  [{ order: { where: { coupon: "x" } } }, 'ordered with coupon "x"'],
  [{ order: { count: 0, window: { last: "30d" } } }, "ordered 0 times in the last 30d"],
  [{ order: { window: { to: "2026-01-01T00:00:00Z" } } }, "ordered until 2026-01-01T00:00:00.000Z"],
  [{ trait: { a: { contains: "x", fold: true } } }, 'have trait a containing "x" (in any case)'],
  [{ trait: { a: { exists: false } } }, "have trait a unknown"],
  [{ trait: { a: [1, 2, 3, 4, 5, 6] } }, "have trait a 1, 2, 3, 4, 5 … (6)"],
  [
    { trait: { any: [{ a: 1 }, { all: [{ b: { ne: 2 } }, { c: { notIn: ["x"] } }] }] } },
    'have trait a 1 or (b not 2 and c none of "x")',
  ],
  [
    { trait: { kpi: { delta: { over: "30d", percent: { gte: 20 } } } } },
    "have trait kpi changed over 30d by percent at least 20",
  ],
  [{ trait: { p: { near: { lat: 1, lon: 2, within: "25mi" } } } }, "have trait p within 40.234 km of 1, 2"],
  [{ trait: { l: { has: { rent: { gt: 5 } } } } }, "have trait l with an element where rent above 5"],
  [{ trait: { d: { date: { next: "30d" } } } }, "have trait d in the next 30d"],
  [{ segment: { in: ["vip"], joined: { last: "90s" } } }, "are in segment vip, joined in the last 90s"],
  [{ bucket: { from: 0, to: 10, salt: "s" } }, "lie from 0 % to 10 % of all (salt s)"],
])("%j", (rule, sentence) => {
  const parsed = parseDefinition({ id: "x", rule }, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  expect(sentenceOf(parsed.definition.rule)).toBe(sentence);
});
