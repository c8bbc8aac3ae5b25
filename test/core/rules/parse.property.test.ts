// Anything at all as a definition: the parser never throws, and what it accepts it can read again, and so does the schema.
// Mutations start from lawful definitions, so that they get past the first check.
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { itemPath, keyPath, nearest, splitPath } from "../../../lib/core/rules/parse/problems.ts";
import { definitionSchema } from "../../../lib/core/rules/words/schema.ts";
import { definitionSentence, sentenceOf } from "../../../lib/core/rules/words/sentence.ts";
import { DEFAULT_LIMITS, type Json } from "../../../lib/core/types.ts";
import { seeds } from "../../support/seed.ts";

fc.configureGlobal({ seed: seeds(1)[0]! });

const accepts = new Ajv2020({ strictRequired: false, allowUnionTypes: true }).compile(definitionSchema());
const WORDS = (
  "all any none not event order trait cart segment list bucket item name where window count days sum avg distinct of is first " +
  "latest total last ago next today calendar from to visit eq ne in notIn exists gt gte lt between contains like fold has date " +
  "near lat lon within delta over percent joined salt skip months properties.a at.time each __proto__ constructor " +
  "visit campaign change sequence funnel favorite object identity anonymous place network device source engagement weather " +
  "situation clock action type ids outcome id experience stayed steps absent before after by top kind country point score " +
  "duration weekday first.domain account users rule atLeast share userId"
).split(" ");
const VALUES: Json[] = [
  "7d",
  "*",
  "A",
  "2026-01-01",
  "12:00",
  "current",
  "10km",
  "",
  0,
  1,
  -1,
  1.5,
  1e308,
  true,
  false,
  null,
  "x",
  "web",
  "mon",
  "views",
  "10m",
];

const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom(...VALUES),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...WORDS), tie("tree"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

const LAWFUL: Json[] = [
  { all: [{ cart: { value: { gt: 0, lt: 100 } } }, { not: { segment: { in: ["a"], joined: { last: "7d" } } } }] },
  {
    event: {
      name: { each: ["A", "B"] },
      where: { "properties.a": { between: [1, 2] } },
      count: { gte: 2 },
      window: { ago: { gte: "1d" } },
    },
  },
  { event: { name: "*", sum: { of: "properties.a", is: { gte: 5 } }, window: { calendar: { months: 1, skip: 1 } } } },
  { order: { where: { any: [{ coupon: "x" }, { total: [1, 2] }] }, latest: { from: "2026-01-01", to: "2026-02-01" } } },
  {
    trait: {
      a: { contains: "x", fold: true },
      b: { has: { c: { date: { next: "1d" } } } },
      d: { delta: { over: "1d", percent: { gt: 1 } } },
    },
  },
  {
    any: [
      { bucket: { from: 0, to: 50, salt: "s" } },
      { list: { notIn: ["l"] } },
      { trait: { p: { near: { lat: 1, lon: 2, within: "5mi" } } } },
    ],
  },
  { item: { action: "viewed", type: "a", ids: ["b", 1], where: { time: { gt: "5m" } }, sum: { of: "time", is: 5 } } },
  { visit: { where: { duration: { gte: "10m" }, "place.country": "DE" }, first: { last: "7d" } } },
  { campaign: { outcome: "sent", id: "a", experience: "b", where: { channel: "email" }, days: { gte: 2 } } },
  { change: { trait: "a", from: "x", to: { gt: 5 }, stayed: true, window: { last: "7d" } } },
  {
    sequence: {
      steps: [
        { event: { name: { any: ["A"] } } },
        { order: { where: { total: { gt: 1 } } }, within: "1d" },
        { absent: { item: { action: "added" } }, within: "1h" },
      ],
      window: { last: "30d" },
    },
  },
  {
    all: [{ account: { segment: { in: ["a"] } } }, { not: { account: { users: { rule: { order: {} }, count: 0 } } } }],
  },
  { any: [{ funnel: { id: "f", at: "a" } }, { favorite: { type: "t", ids: ["a"], by: "views", top: 2 } }] },
  { object: { type: "lease", where: { ends: { date: { next: "60d" } } }, max: { of: "rent", is: { lt: 1000 } } } },
  {
    all: [
      { anonymous: true },
      { identity: { crm: { exists: true } } },
      { place: { point: { near: { lat: 1, lon: 2, within: 5 } } } },
      { device: { bot: false } },
      { source: { "first.medium": "email" } },
      { engagement: { score: { gte: 70 } } },
      { situation: { kind: "traffic", where: { level: 3 } } },
      { clock: { time: { gte: "09:00" }, weekday: ["mon"], now: { date: { from: "2026-01-01" } } } },
    ],
  },
];

/** The same of accounts. */
const LAWFUL_OF_ACCOUNTS: Json[] = [
  { event: { name: "A", where: { userId: ["u", 1] }, distinct: { of: "userId", is: { gte: 3 } } } },
  {
    all: [
      { trait: { seats: { gte: 5 } } },
      { users: { rule: { cart: { value: { gt: 1 } } }, share: { between: [5, 50] } } },
      { not: { users: { rule: { account: { users: { rule: { anonymous: true }, count: { lt: 2 } } } }, atLeast: 2 } } },
    ],
  },
  { sequence: { steps: [{ event: { name: "A", where: { userId: "u" } } }, { order: {}, within: "1d" }] } },
  { any: [{ campaign: { outcome: "sent", where: { userId: "u" } } }, { list: { in: ["l"] } }] },
];

/** Replaces the n-th value of a tree, counted in the order of reading. */
function mutated(root: Json, n: number, by: Json): Json {
  let left = n;
  const visit = (value: Json): Json => {
    left -= 1;
    if (left < 0 && left > -2) return by;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  };
  return visit(root);
}

function answers(source: unknown): void {
  const parsed = parseDefinition(source, DEFAULT_LIMITS);
  const told = parsed.ok ? parsed.warnings : parsed.problems;
  if (!parsed.ok) expect(told.length).toBeGreaterThan(0);
  for (const { path, message } of told) {
    expect(message).not.toMatch(/undefined|\[object/);
    // Every place is one that splitPath leads back to.
    const steps = splitPath(path);
    const written = steps.reduce<string>(
      (at, step) => (typeof step === "number" ? itemPath(at, step) : keyPath(at, step)),
      "",
    );
    expect(written).toBe(path);
  }
  if (!parsed.ok) return;
  expect(accepts(source), JSON.stringify({ source, errors: accepts.errors })).toBe(true);
  expect(definitionSentence(parsed.definition)).not.toMatch(/undefined|NaN|\[object/);
  expect(sentenceOf(parsed.definition.rule)).not.toMatch(/undefined|NaN|\[object/);
  expect(parseDefinition(JSON.parse(JSON.stringify(parsed.definition.source)), DEFAULT_LIMITS)).toEqual(parsed);
}

describe("anything at all", () => {
  test("any values", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), answers),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.anything(), (rule) => answers({ id: "x", rule })),
      { numRuns: 1_000 },
    );
  });

  test("trees of the language's own words", () => {
    fc.assert(
      fc.property(tree, fc.constantFrom("user", "account"), (rule, kind) => answers({ id: "x", kind, rule })),
      { numRuns: 3_000 },
    );
  });

  test("lawful definitions with one or two things changed", () => {
    const mutation = fc.tuple(fc.nat(30), tree);
    const accepted = { user: 0, account: 0 };
    const lawful = fc.constantFrom(
      ...LAWFUL.map((rule) => ["user", rule] as const),
      ...LAWFUL_OF_ACCOUNTS.map((rule) => ["account", rule] as const),
    );
    fc.assert(
      fc.property(lawful, fc.array(mutation, { minLength: 1, maxLength: 2 }), ([kind, rule], mutations) => {
        const source = { id: "x", kind, rule: mutations.reduce<Json>((root, [n, by]) => mutated(root, n, by), rule) };
        answers(source);
        if (parseDefinition(source, DEFAULT_LIMITS).ok) accepted[kind] += 1;
      }),
      { numRuns: 3_000 },
    );
    // Else the mutations would only ever show refusals.
    expect(accepted.user).toBeGreaterThan(50);
    expect(accepted.account).toBeGreaterThan(10);
  });

  test("lawful definitions are", () => {
    for (const rule of LAWFUL) expect(parseDefinition({ id: "x", rule }, DEFAULT_LIMITS)).toMatchObject({ ok: true });
    for (const rule of LAWFUL_OF_ACCOUNTS) {
      expect(parseDefinition({ id: "x", kind: "account", rule }, DEFAULT_LIMITS)).toMatchObject({ ok: true });
    }
  });

  test("paths lead back", () => {
    const step = fc.oneof(fc.string(), fc.nat(1_000));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const path = ["rule", ...steps].reduce<string>(
          (at, one) => (typeof one === "number" ? itemPath(at, one) : keyPath(at, one)),
          "",
        );
        expect(splitPath(path)).toEqual(["rule", ...steps]);
      }),
    );
  });
});

test.each([
  ["windw", "window"],
  ["WINDOW", "window"],
  ["uqe", "que"],
  ["cuont", "count"],
  ["ab", undefined],
  ["", undefined],
  ["x".repeat(65), undefined],
])("the word nearest to %j is %j", (word, expected) => {
  expect(nearest(word, ["window", "count", "que", "xy", "x".repeat(64)])).toBe(expected);
});
