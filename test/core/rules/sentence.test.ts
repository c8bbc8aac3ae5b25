// Rules said in plain English: what a person reads in the terminal must be what is evaluated.
import { expect, test } from "vitest";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { definitionSentence, sentenceOf } from "../../../lib/core/rules/words/sentence.ts";
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
  [{ order: { count: 0, window: { last: "30d" } } }, "have not ordered in the last 30d"],
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
  [{ event: { name: "A", count: { lt: 1 } } }, "have not done A"],
  [{ event: { name: "A", latest: { last: "7d" } } }, "did A for the last time in the last 7d"],
  [
    { event: { name: "A", distinct: { of: "properties.sku", is: { gte: 5 } } } },
    "did A with at least 5 different values of properties.sku",
  ],
  [{ item: { action: "added", ids: ["a", "b"], count: { gte: 2 } } }, "added product a or b at least 2 times"],
  [{ item: { action: "viewed", type: "category", ids: ["shoes"] } }, "viewed something of category shoes"],
  [{ item: { action: "viewed", type: "brand", count: 0 } }, "have not viewed any brand"],
  [
    { item: { action: "viewed", where: { price: { gt: 5 } }, sum: { of: "time", is: { gte: "5m", lt: "1h" } } } },
    "viewed any product with price above 5, with sum of time at least 5m and below 1h",
  ],
  [
    { visit: { where: { duration: { between: ["10m", "1h"] } }, window: { last: "7d" } } },
    "visited with duration from 10m to 1h, in the last 7d",
  ],
  [{ visit: { count: 0, window: { last: "14d" } } }, "have not visited in the last 14d"],
  [
    { campaign: { id: "summer", experience: "b", outcome: "viewed", count: { gte: 3 } } },
    "had campaign summer (experience b) viewed at least 3 times",
  ],
  [{ campaign: { outcome: "clicked", count: 0 } }, "have not had any campaign clicked"],
  [
    { change: { trait: "plan", from: "trial", to: ["pro", "max"], stayed: true, window: { last: "30d" } } },
    'had a change of trait plan from "trial" to "pro" or "max", unchanged since, in the last 30d',
  ],
  [
    {
      sequence: {
        steps: [
          { item: { action: "viewed" } },
          { item: { action: "added", where: { price: { gt: 5 } } }, within: "2h" },
          { event: { name: "A" } },
          { absent: { event: { name: { any: ["B", "C"] } } }, within: "1d" },
        ],
        window: { last: "7d" },
      },
    },
    "viewed any product, then within 2h added any product with price above 5, then did A, then have not done B or C for 1d, all of it complete in the last 7d",
  ],
  [{ funnel: { id: "trial", before: "paid" } }, "have not reached the step paid of the funnel trial"],
  [{ funnel: { id: "trial", at: "paid" } }, "have come as far as the step paid of the funnel trial"],
  [{ funnel: { id: "trial", after: "paid" } }, "are beyond the step paid of the funnel trial"],
  [
    { favorite: { type: "category", ids: ["shoes"], by: "views", window: { last: "30d" } } },
    "have shoes as their favorite category by views in the last 30d",
  ],
  [
    { favorite: { type: "brand", ids: ["a", "b"], by: "revenue", top: 3 } },
    "have a or b among their 3 favorites of type brand by revenue",
  ],
  [{ object: { type: "lease", where: { active: true } } }, "own at least 1 of type lease with active true"],
  [{ object: { type: "lease", count: 0 } }, "own 0 of type lease"],
  [
    { object: { type: "lease", max: { of: "rent", is: { lt: 1000 } } } },
    "own objects of type lease, with max of rent below 1000",
  ],
  [{ identity: { salesforce: { exists: true } } }, "have an identity with salesforce known"],
  [{ anonymous: true }, "are anonymous"],
  [{ anonymous: false }, "are not anonymous"],
  [{ place: { country: ["US", "CA"] } }, 'were last in a place with country "US" or "CA"'],
  [{ network: { isp: { contains: "x" } } }, 'were last on a network with isp containing "x"'],
  [{ device: { bot: false } }, "were last on a device with bot false"],
  [{ source: { "first.medium": "email" } }, 'came from a source with first.medium "email"'],
  [{ engagement: { score: { gte: 70 } } }, "have engagement with score at least 70"],
  [{ weather: { condition: "rain" } }, 'are where the weather has condition "rain"'],
  [{ situation: { kind: "traffic", where: { delay: { gte: 20 } } } }, "are where traffic has delay at least 20"],
  [{ clock: { time: { gte: "09:00" } } }, "have a clock that shows time at least 09:00"],
  [{ bucket: { from: 0, to: 10, salt: "s" } }, "lie from 0 % to 10 % of all (salt s)"],
])("%j", (rule, sentence) => {
  const parsed = parseDefinition({ id: "x", rule }, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  expect(sentenceOf(parsed.definition.rule)).toBe(sentence);
});

test("a definition is a whole sentence, with what its header says", () => {
  const source = {
    id: "x",
    zone: "Europe/Berlin",
    stay: "1h",
    cooldown: "7d",
    rule: { order: { window: { today: true } } },
  };
  const parsed = parseDefinition(source, DEFAULT_LIMITS);
  expect(parsed.ok && definitionSentence(parsed.definition)).toBe(
    "People who ordered today; once in, they stay for at least 1h; once out, they stay out for at least 7d; days and hours are those of Europe/Berlin.",
  );
});
