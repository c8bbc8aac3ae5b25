// The published schema and the parser agree: what the parser reads, the schema takes; a word that the parser does not know,
// the schema refuses, too. UPDATE=1 writes docs/schemas/segment.schema.json anew.
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { RULES } from "../../../lib/core/rules/words/grammar.ts";
import { definitionSchema } from "../../../lib/core/rules/words/schema.ts";
import { RULE_EXAMPLES } from "../../../lib/core/rules/words/schema-words.ts";
import { DEFAULT_LIMITS, type Json, type JsonObject } from "../../../lib/core/types.ts";
import { definitionOf } from "../../laws/accounts/rules.ts";
import { definition } from "../../laws/generate.ts";
import { ALL_ROWS } from "../../laws/rows.ts";
import { Dice } from "../../support/seed.ts";
import { sources } from "./examples.ts";

const PUBLISHED = new URL("../../../docs/schemas/segment.schema.json", import.meta.url);
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true });
const accepts = ajv.compile(definitionSchema());
const reads = (source: unknown): boolean => parseDefinition(source, DEFAULT_LIMITS).ok;
const ofRule = (rule: unknown) => ({ id: "x", rule });
const ofAccounts = (rule: unknown) => ({ id: "x", kind: "account", rule });

function expectTaken(source: unknown): void {
  expect(accepts(source), JSON.stringify({ source, errors: accepts.errors })).toBe(true);
}

test("the published copy is this one", () => {
  if (process.env.UPDATE === "1") writeFileSync(PUBLISHED, `${JSON.stringify(definitionSchema(), null, 2)}\n`);
  const published = JSON.parse(readFileSync(PUBLISHED, "utf8"));
  expect(published, "run UPDATE=1 npx vitest run test/core/rules/schema.test.ts").toEqual(definitionSchema());
});

describe("takes", () => {
  test.each(sources)("the example at line %i of docs/rules.md", (_, source) => {
    expectTaken(source);
  });

  test.each(RULES)("the example of %s that it shows, for the kinds that have it, and so does the parser", (name) => {
    for (const example of RULE_EXAMPLES[name]) {
      const ofPeople = name !== "users";
      expect([reads(ofRule(example)), accepts(ofRule(example))]).toEqual([ofPeople, ofPeople]);
      const isAny = !/"(cart|anonymous|identity|account)":/.test(JSON.stringify(example));
      expect([reads(ofAccounts(example)), accepts(ofAccounts(example))]).toEqual([isAny, isAny]);
    }
  });

  test.each(["", "spring", 2026, 1.5])("a bucket with the salt %j, and so does the parser", (salt) => {
    const source = { id: "x", rule: { bucket: { from: 0, to: 50, salt } } };
    expect([accepts(source), parseDefinition(source, DEFAULT_LIMITS).ok]).toEqual([true, true]);
  });

  test("every definition that the laws' generator makes", () => {
    const dice = new Dice(20_260_101);
    for (let index = 0; index < 2_000; index += 1) expectTaken(definition(dice, `s${index}`, ["a", "b"], ALL_ROWS));
  });

  test.each(["user", "account"] as const)("every definition of %ss across the two sides", (kind) => {
    const dice = new Dice(20_260_102);
    let read = 0;
    for (let index = 0; index < 1_000; index += 1) {
      const source = definitionOf(dice, `s${index}`, kind, { user: ["a"], account: ["b"] });
      // Some sum what is no number: that is for the parser alone to say.
      if (reads(source)) read += 1;
      expectTaken(source);
    }
    expect(read).toBeGreaterThan(900);
  });
});

/** Everything that a rule written by hand can be wrong in by one word. */
const WRONG: [string, JsonObject][] = [
  ["an unknown rule", { evnt: { name: "A" } }],
  ["users of a person", { users: { rule: { order: {} }, atLeast: 1 } }],
  ["the account of an account", { account: { account: { trait: { plan: "pro" } } } }],
  ["the cart of an account", { account: { cart: { value: 1 } } }],
  ["users of users", { account: { users: { rule: { users: { rule: { order: {} }, atLeast: 1 } }, atLeast: 1 } } }],
  ["an account by name", { account: "acme" }],
  ["users without a number", { account: { users: { rule: { order: {} } } } }],
  ["users without a rule", { account: { users: { atLeast: 1 } } }],
  ["users by two numbers", { account: { users: { rule: { order: {} }, atLeast: 1, share: 5 } } }],
  ["at least half a user", { account: { users: { rule: { order: {} }, atLeast: 0.5 } } }],
  ["at least no users", { account: { users: { rule: { order: {} }, atLeast: 0 } } }],
  ["more than all users", { account: { users: { rule: { order: {} }, share: { gte: 101 } } } }],
  ["less than none of them", { account: { users: { rule: { order: {} }, share: { between: [-1, 5] } } } }],
  ["who did it, of a person", { event: { name: "A", where: { userId: "u1" } } }],
  ["two rules in one", { event: { name: "A" }, order: {} }],
  ["no rule", {}],
  ["all of nothing", { all: [] }],
  ["no name", { event: {} }],
  ["a list of names", { event: { name: ["A"] } }],
  ["each and any", { event: { name: { any: ["A"], each: ["B"] } } }],
  ["an unknown key", { event: { name: "A", cuont: 1 } }],
  ["the money of events", { event: { name: "A", total: { gte: 1 } } }],
  ["two measures", { order: { count: 1, total: 1 } }],
  ["an aggregate of nothing", { event: { name: "A", sum: { is: 1 } } }],
  ["first and a window", { order: { first: { last: "7d" }, window: { last: "7d" } } }],
  ["an unknown operator", { trait: { plan: { equals: "pro" } } }],
  ["an operator that does not suit", { cart: { value: { contains: "1" } } }],
  ["text for a number", { cart: { value: { gt: "1" } } }],
  ["a number for text", { order: { where: { coupon: 5 } } }],
  ["a date by value", { cart: { changed: "2026-01-01" } }],
  ["an unknown field", { place: { county: "x" } }],
  ["a field beside all", { trait: { all: [{ a: 1 }], b: 2 } }],
  ["delta of an event", { event: { name: "A", where: { "properties.a": { delta: { over: "1d", amount: 1 } } } } }],
  ["delta of both", { trait: { a: { delta: { over: "1d", amount: 1, percent: 1 } } } }],
  ["an unknown window", { order: { window: { lastt: "7d" } } }],
  ["two windows", { order: { window: { last: "7d", today: true } } }],
  ["a duration in words", { order: { window: { last: "7 days" } } }],
  ["a visit of a date", { trait: { a: { date: { visit: "current" } } } }],
  ["two calendars", { order: { window: { calendar: { days: 1, weeks: 1 } } } }],
  ["an item without action", { item: { type: "category" } }],
  ["one id", { item: { action: "viewed", ids: "a" } }],
  ["a duration of visits in words", { visit: { where: { duration: { gt: "ten" } } } }],
  ["a campaign without outcome", { campaign: { id: "a" } }],
  ["a change without trait", { change: { from: "a" } }],
  ["a change that stayed neither way", { change: { trait: "a", stayed: null } }],
  ["no steps", { sequence: { steps: [] } }],
  ["a step of a visit", { sequence: { steps: [{ visit: {} }] } }],
  ["a step with a measure", { sequence: { steps: [{ event: { name: "A", count: 2 } }] } }],
  ["a step of each", { sequence: { steps: [{ event: { name: { each: ["A"] } } }] } }],
  ["an absence without end", { sequence: { steps: [{ order: {} }, { absent: { order: {} } }] } }],
  ["a funnel without step", { funnel: { id: "a" } }],
  ["a favourite by count", { favorite: { type: "a", ids: ["b"], by: "count" } }],
  ["days of objects", { object: { type: "a", days: 1 } }],
  ["objects in a window", { object: { type: "a", window: { last: "1d" } } }],
  ["anonymous by text", { anonymous: "yes" }],
  ["a point by text", { place: { point: "1,2" } }],
  ["near nothing", { place: { point: { near: { lat: 1, lon: 2 } } } }],
  ["a bot by text", { device: { bot: "no" } }],
  ["an hour without zero", { clock: { time: "9:00" } }],
  ["a day in words", { clock: { weekday: "Saturday" } }],
  ["in and notIn", { list: { in: ["a"], notIn: ["b"] } }],
  ["joined and notIn", { segment: { notIn: ["a"], joined: { last: "7d" } } }],
  ["a segment's id", { segment: { in: ["Big Spenders"] } }],
  ["a bucket of more than all", { bucket: { from: 0, to: 101 } }],
];

describe("refuses, as the parser does,", () => {
  test.each(WRONG)("%s", (_, rule) => {
    expect(reads(ofRule(rule))).toBe(false);
    expect(accepts(ofRule(rule))).toBe(false);
  });

  test.each<[string, unknown]>([
    ["no definition", "x"],
    ["no id", { rule: { order: {} } }],
    ["no rule", { id: "x" }],
    ["an unknown key", { id: "x", rules: { order: {} } }],
    ["another kind", { id: "x", kind: "users", rule: { order: {} } }],
    ["an account's own zone", { id: "x", kind: "account", zone: "user", rule: { order: {} } }],
    ["an account's cart", ofAccounts({ all: [{ order: {} }, { cart: { value: 1 } }] })],
    [
      "an account's users' users",
      ofAccounts({ users: { rule: { users: { rule: { order: {} }, atLeast: 1 } }, count: 1 } }),
    ],
    ["who did it, by a number", ofAccounts({ event: { name: "A", where: { userId: { gt: 5 } } } })],
    ["stay in words", { id: "x", stay: "long", rule: { order: {} } }],
    ["enabled by text", { id: "x", enabled: "yes", rule: { order: {} } }],
  ])("%s", (_, source) => {
    expect(reads(source)).toBe(false);
    expect(accepts(source)).toBe(false);
  });

  test("a word changed anywhere in an example", () => {
    let refused = 0;
    for (const [, source] of sources) {
      for (const changed of withOneKeyMisspelled(source as Json)) {
        if (parseDefinition(changed, DEFAULT_LIMITS).ok) continue;
        refused += 1;
        expect(accepts(changed), JSON.stringify(changed)).toBe(false);
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

/** Once for each key of each object inside, that key with an x behind it. */
function withOneKeyMisspelled(value: Json): Json[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => withOneKeyMisspelled(item).map((changed) => value.with(index, changed)));
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const renamed = Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name === key ? `${name}x` : name, item]),
    );
    return [renamed, ...withOneKeyMisspelled(inner).map((changed) => ({ ...value, [key]: changed }))];
  });
}
