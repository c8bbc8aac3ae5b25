// The rule language: what each form is read as, and for each kind of error the exact place and the word that was meant.
// docs/rules.md is parsed by its own test; here every row is one mistake.
import { describe, expect, test } from "vitest";
import type { Rule } from "../../../lib/core/rules/ast.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../lib/core/types.ts";

const DAY = 86_400_000;
const parse = (source: unknown, limits: Limits = DEFAULT_LIMITS) => parseDefinition(source, limits);
const ofRule = (rule: unknown) => parse({ id: "x", rule });

function ruleOf(rule: unknown): Rule {
  const parsed = ofRule(rule);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition.rule;
}

function problemsOf(source: unknown, limits?: Limits) {
  const parsed = parse(source, limits);
  return parsed.ok ? [] : parsed.problems;
}

const count = (...is: unknown[]) => ({ kind: "count", is });
const ONCE = count({ op: "gte", value: 1 });
const eq = (value: unknown) => ({ op: "eq", value, fold: false });

describe("a definition", () => {
  test("with everything", () => {
    const source = {
      id: "cart-under-100",
      name: "Cart under $100",
      kind: "user",
      description: "Shoppers to nudge",
      folder: "shop/carts",
      tags: ["shop", "shop", "carts"],
      enabled: false,
      zone: "Europe/Berlin",
      stay: "1h",
      cooldown: "0s",
      rule: { bucket: { from: 0, to: 50 } },
    };
    expect(parse(source)).toEqual({
      ok: true,
      warnings: [],
      definition: {
        ...source,
        tags: ["shop", "carts"],
        stay: undefined,
        cooldown: undefined,
        stayMs: 3_600_000,
        cooldownMs: 0,
        rule: { op: "bucket", from: 0, to: 50, salt: "" },
        source,
      },
    });
  });

  test("with nothing but id and rule", () => {
    expect(parse({ id: "7-up", rule: { cart: { value: 5 } } })).toMatchObject({
      definition: {
        id: "7-up",
        name: "7-up",
        kind: "user",
        tags: [],
        enabled: true,
        zone: "UTC",
        stayMs: 0,
        cooldownMs: 0,
      },
    });
    expect(parse({ id: "x", zone: "user", rule: { cart: { value: 5 } } })).toMatchObject({
      definition: { zone: "user" },
    });
  });
});

describe("what a rule is read as", () => {
  const range = (from: unknown, to: unknown) => ({ kind: "range", from, to });

  test.each<[string, unknown, unknown]>([
    [
      "combinations",
      { all: [{ any: [{ cart: { lines: 1 } }] }, { none: [{ cart: { lines: 2 } }] }, { not: { cart: { lines: 3 } } }] },
      { op: "all", rules: [{ op: "any" }, { op: "none" }, { op: "not", rule: { op: "cart" } }] },
    ],
    ["nothing measured is once", { event: { name: "A" } }, { op: "event", names: ["A"], measure: ONCE }],
    ["any event", { event: { name: "*" } }, { names: "*" }],
    ["a number as name", { event: { name: 42 } }, { names: ["42"] }],
    ["names together", { event: { name: { any: ["A", "B", "A"] } } }, { names: ["A", "B"] }],
    [
      "each name",
      { event: { name: { each: ["A", "B"] }, count: { gte: 2 }, window: { last: "30d" } } },
      {
        op: "all",
        rules: ["A", "B"].map((name) => ({
          op: "event",
          names: [name],
          measure: count({ op: "gte", value: 2 }),
          window: { kind: "last", ms: 30 * DAY },
        })),
      },
    ],
    ["each of one", { event: { name: { each: ["A"] } } }, { op: "event", names: ["A"] }],
    ["a bare count", { event: { name: "A", count: 3 } }, { measure: count(eq(3)) }],
    [
      "a list of counts",
      { event: { name: "A", count: [1, 2] } },
      { measure: count({ op: "in", values: [1, 2], fold: false }) },
    ],
    ["days", { event: { name: "A", days: { gte: 3 } } }, { measure: { kind: "days" } }],
    ["visits", { event: { name: "A", visits: { gte: 3 } } }, { measure: { kind: "visits" } }],
    [
      "sum",
      { event: { name: "A", sum: { of: "properties.price", is: { gte: 10 } } } },
      { measure: { kind: "sum", of: ["properties", "price"], is: [{ op: "gte", value: 10 }] } },
    ],
    [
      "distinct weekday",
      { event: { name: "A", distinct: { of: "at.weekday", is: 3 } } },
      { measure: { of: ["at", "weekday"] } },
    ],
    [
      "first",
      { event: { name: "A", first: { last: "7d" } } },
      { measure: { kind: "first", in: { kind: "last", ms: 7 * DAY } } },
    ],
    [
      "latest",
      { order: { latest: { last: "14d" } } },
      { measure: { kind: "latest", in: { kind: "last", ms: 14 * DAY } } },
    ],
    [
      "total",
      { order: { total: { gte: 500 } } },
      { op: "order", measure: { kind: "total", is: [{ op: "gte", value: 500 }] } },
    ],
    ["average", { order: { average: { lte: 50 } } }, { measure: { kind: "average" } }],
    ["largest", { order: { largest: { gt: 50 } } }, { measure: { kind: "largest" } }],
    ["orders, any", { order: {} }, { op: "order", measure: ONCE }],
    ["an order's number id", { order: { where: { id: 7 } } }, { where: { path: ["id"], test: [eq("7")] } }],
    [
      "a product's number id",
      { cart: { "products.product_id": [7, "8"] } },
      { where: { test: [{ op: "in", values: ["7", "8"] }] } },
    ],
    [
      "a product's number id inside has",
      { cart: { products: { has: { product_id: 7 } } } },
      { where: { path: ["products"], test: [{ op: "has", where: { test: [eq("7")] } }] } },
    ],
    [
      "fields of an event",
      { event: { name: "A", where: { channel: "web", "at.weekday": ["sat", "sun"], "at.time": { lt: "12:00" } } } },
      { where: { op: "all", wheres: [{ path: ["channel"] }, { path: ["at", "weekday"] }, { path: ["at", "time"] }] } },
    ],
    [
      "a bare value",
      { trait: { plan: "pro" } },
      { op: "trait", where: { op: "test", path: ["plan"], test: [eq("pro")] } },
    ],
    ["false is a value", { trait: { vip: false } }, { where: { test: [eq(false)] } }],
    [
      "a bare list",
      { trait: { plan: ["pro", "max", "pro"] } },
      { where: { test: [{ op: "in", values: ["pro", "max"], fold: false }] } },
    ],
    ["a path", { trait: { "address.city": "Rome" } }, { where: { path: ["address", "city"] } }],
    ["a dot in a name", { trait: { "a\\.b.c": 1 } }, { where: { path: ["a.b", "c"] } }],
    ["a backslash in a name", { trait: { "a\\\\b": 1 } }, { where: { path: ["a\\b"] } }],
    [
      "a trait named all",
      { trait: { "\\all": 1, "\\not": 2 } },
      { where: { wheres: [{ path: ["all"] }, { path: ["not"] }] } },
    ],
    [
      "wheres combined",
      { trait: { any: [{ a: 1 }, { not: { b: 2 } }, { none: [{ c: 3 }] }] } },
      { where: { op: "any", wheres: [{ op: "test" }, { op: "not" }, { op: "none" }] } },
    ],
    ["fold", { trait: { a: { eq: "X", fold: true } } }, { where: { test: [{ op: "eq", value: "X", fold: true }] } }],
    ["fold on a list", { trait: { a: { in: ["X"], fold: true } } }, { where: { test: [{ op: "in", fold: true }] } }],
    ["ne", { trait: { a: { ne: 1 } } }, { where: { test: [{ op: "ne", value: 1 }] } }],
    ["notIn", { trait: { a: { notIn: [1] } } }, { where: { test: [{ op: "notIn", values: [1] }] } }],
    ["exists", { trait: { a: { exists: false } } }, { where: { test: [{ op: "exists", value: false }] } }],
    [
      "several operators",
      { trait: { a: { gt: 1, lte: 5, ne: 3 } } },
      {
        where: {
          test: [
            { op: "gt", value: 1 },
            { op: "lte", value: 5 },
            { op: "ne", value: 3 },
          ],
        },
      },
    ],
    ["between", { trait: { a: { between: [1, 1] } } }, { where: { test: [{ op: "between", low: 1, high: 1 }] } }],
    [
      "between times",
      { trait: { a: { between: ["09:00", "17:30"] } } },
      { where: { test: [{ low: "09:00", high: "17:30" }] } },
    ],
    ...["contains", "notContains", "startsWith", "endsWith", "like"].map((op): [string, unknown, unknown] => [
      op,
      { trait: { a: { [op]: "x*", fold: true } } },
      { where: { test: [{ op, value: "x*", fold: true }] } },
    ]),
    [
      "includesAll",
      { trait: { a: { includesAll: ["x", 1] } } },
      { where: { test: [{ op: "includesAll", values: ["x", 1] }] } },
    ],
    [
      "has",
      { trait: { leases: { has: { rent: { gt: 5 }, "unit.city": "Rome" } } } },
      {
        where: {
          test: [{ op: "has", where: { op: "all", wheres: [{ path: ["rent"] }, { path: ["unit", "city"] }] } }],
        },
      },
    ],
    [
      "date",
      { trait: { a: { date: { next: "30d" } } } },
      { where: { test: [{ op: "date", window: { kind: "next", ms: 30 * DAY } }] } },
    ],
    [
      "near, miles",
      { trait: { p: { near: { lat: 48.86, lon: 2.35, within: "25mi" } } } },
      { where: { test: [{ op: "near", lat: 48.86, lon: 2.35, withinKm: 25 * 1.609344 }] } },
    ],
    [
      "near, km",
      { trait: { p: { near: { lat: -90, lon: 180, within: "1.5km" } } } },
      { where: { test: [{ withinKm: 1.5 }] } },
    ],
    [
      "near, a number",
      { trait: { p: { near: { lat: 0, lon: 0, within: 10 } } } },
      { where: { test: [{ withinKm: 10 }] } },
    ],
    [
      "delta percent",
      { trait: { kpi: { delta: { over: "30d", percent: { gte: 20 } } } } },
      { where: { test: [{ op: "delta", overMs: 30 * DAY, unit: "percent", is: [{ op: "gte", value: 20 }] }] } },
    ],
    [
      "delta amount",
      { trait: { kpi: { delta: { over: "1d", amount: -5 } } } },
      { where: { test: [{ unit: "amount", is: [eq(-5)] }] } },
    ],
    [
      "changed",
      { cart: { changed: { date: { ago: { gte: "30m" } } } } },
      { where: { test: [{ window: { kind: "ago", gteMs: 1_800_000 } }] } },
    ],
    ["segment", { segment: { in: ["a", "b"] } }, { op: "segment", ids: ["a", "b"], negate: false }],
    ["not in a segment", { segment: { notIn: ["a"] } }, { ids: ["a"], negate: true }],
    ["joined", { segment: { in: ["a"], joined: { ago: { gte: "7d" } } } }, { joined: { kind: "ago", gteMs: 7 * DAY } }],
    ["list", { list: { in: ["crm 7", 8] } }, { op: "list", ids: ["crm 7", "8"], negate: false }],
    ["not on a list", { list: { notIn: ["a"] } }, { op: "list", negate: true }],
    [
      "bucket",
      { bucket: { from: 0, to: 12.5, salt: "holdout" } },
      { op: "bucket", from: 0, to: 12.5, salt: "holdout" },
    ],
    ["seconds", { order: { window: { last: "30s" } } }, { window: { kind: "last", ms: 30_000 } }],
    ["minutes", { order: { window: { last: "5m" } } }, { window: { ms: 300_000 } }],
    ["hours", { order: { window: { last: "2h" } } }, { window: { ms: 7_200_000 } }],
    ["weeks", { order: { window: { last: "4w" } } }, { window: { ms: 28 * DAY } }],
    ["1,096 days", { order: { window: { last: "1096d" } } }, { window: { ms: 1_096 * DAY } }],
    [
      "ago",
      { order: { window: { ago: { gte: "7d", lt: "14d" } } } },
      { window: { kind: "ago", gteMs: 7 * DAY, ltMs: 14 * DAY } },
    ],
    ["ago lt", { order: { window: { ago: { lt: "14d" } } } }, { window: { kind: "ago", ltMs: 14 * DAY } }],
    ["today", { order: { window: { today: true } } }, { window: { kind: "calendar", unit: "days", n: 1, skip: 0 } }],
    [
      "calendar",
      { order: { window: { calendar: { weeks: 2, skip: 1 } } } },
      { window: { unit: "weeks", n: 2, skip: 1 } },
    ],
    ["36 months", { order: { window: { calendar: { months: 36 } } } }, { window: { unit: "months", n: 36, skip: 0 } }],
    [
      "days",
      { order: { window: { from: "2026-01-01", to: "2026-01-01" } } },
      { window: range({ day: "2026-01-01" }, { day: "2026-01-01" }) },
    ],
    [
      "instants",
      { order: { window: { from: "2026-01-01T00:00:00+01:00", to: "2026-01-01T00:00:00" } } },
      { window: range({ at: Date.UTC(2025, 11, 31, 23) }, { at: Date.UTC(2026, 0, 1) }) },
    ],
    [
      "a day and an instant",
      { order: { window: { from: "2026-01-01", to: "2026-01-01T12:00:00Z" } } },
      { window: { from: { day: "2026-01-01" } } },
    ],
    [
      "from alone",
      { order: { window: { from: "2026-01-01" } } },
      { window: { kind: "range", from: { day: "2026-01-01" } } },
    ],
    ["this visit", { order: { window: { visit: "current" } } }, { window: { kind: "visit" } }],
  ])("%s", (_, rule, expected) => {
    expect(ruleOf(rule)).toMatchObject(expected as object);
  });
});

type Row = [what: string, rule: unknown, path: string, message: RegExp, hint?: string];

describe("what is wrong with a rule", () => {
  const event = (fields: object) => ({ event: { name: "A", ...fields } });
  const windowed = (window: unknown) => event({ window });
  const trait = (test: unknown) => ({ trait: { a: test } });

  const rules: Row[] = [
    ["no object", 5, "rule", /expected a rule.*the number 5/],
    ["a list", [], "rule", /found a list/],
    ["nothing in it", {}, "rule", /empty rule/],
    [
      "two keys",
      { event: { name: "A" }, cart: { value: 1 } },
      "rule",
      /exactly one key/,
      "{all: [{event: …}, {cart: …}]}",
    ],
    ["an unknown rule", { evnt: {} }, "rule.evnt", /unknown rule "evnt"; a rule is one of all, any/, "event"],
    ["a swapped letter", { tarit: {} }, "rule.tarit", /unknown rule/, "trait"],
    ["another word for it", { and: [] }, "rule.and", /unknown rule/, "all"],
    ["a word far from any", { zzzzzz: {} }, "rule.zzzzzz", /unknown rule/],
    ["users of a person", { users: {} }, "rule.users", /stands in a segment of kind account, or inside account/],
    ["a forbidden rule", JSON.parse('{"__proto__":{}}'), "rule.__proto__", /"__proto__" is refused/],
    ["all of no list", { all: { event: {} } }, "rule.all", /takes a list of at least one rule; found an object/],
    ["any of nothing", { any: [] }, "rule.any", /found an empty list/],
    [
      "deep inside",
      { all: [{ cart: { value: 1 } }, { not: { evnt: {} } }] },
      "rule.all[1].not.evnt",
      /unknown rule/,
      "event",
    ],
  ];

  const events: Row[] = [
    ["event as text", { event: "Signed Up" }, "rule.event", /expected an object/, "{name: Signed Up}"],
    ["no name", { event: { count: 1 } }, "rule.event.name", /needs a name/],
    ["an empty name", { event: { name: "" } }, "rule.event.name", /empty text/],
    ["a name that is true", { event: { name: true } }, "rule.event.name", /expected an event name; found true/],
    ["a bare list of names", { event: { name: ["A"] } }, "rule.event.name", /\{any: \[names\]\} or \{each/, "any"],
    [
      "an unknown form of names",
      { event: { name: { all: ["A"] } } },
      "rule.event.name.all",
      /allowed: any, each/,
      "each",
    ],
    ["both forms of names", { event: { name: { any: ["A"], each: ["B"] } } }, "rule.event.name", /one of/],
    ["no names", { event: { name: { any: [] } } }, "rule.event.name.any", /empty list/],
    ["names as text", { event: { name: { any: "A" } } }, "rule.event.name.any", /at least one name/, "[A]"],
    ["* among names", { event: { name: { any: ["A", "*"] } } }, "rule.event.name.any[1]", /stands alone/],
    [
      "a name of 201",
      { event: { name: "x".repeat(201) } },
      "rule.event.name",
      /at most 200 characters \(limits\.nameLengthMax\)/,
    ],
    ["an unknown key", event({ windw: {} }), "rule.event.windw", /allowed: name, where, window, count/, "window"],
    ["another word for a key", event({ within: {} }), "rule.event.within", /unknown key/, "window"],
    ["a forbidden key", JSON.parse('{"event":{"name":"A","constructor":1}}'), "rule.event.constructor", /refused/],
    [
      "a measure of orders",
      event({ total: { gte: 1 } }),
      "rule.event.total",
      /measures orders; on event use sum/,
      "sum",
    ],
    ["another of orders", event({ average: { gte: 1 } }), "rule.event.average", /use avg/, "avg"],
    ["the third of orders", event({ largest: { gte: 1 } }), "rule.event.largest", /use max/, "max"],
    ["a misspelled measure", event({ cuont: 1 }), "rule.event.cuont", /unknown key/, "count"],
    ["two measures", event({ count: 1, days: 2 }), "rule.event", /one measure a rule; found count and days/],
    ["a sum of nothing", event({ sum: 5 }), "rule.event.sum", /\{of: path, is: test\}/],
    ["a sum without of", event({ sum: { is: 5 } }), "rule.event.sum", /of is missing/],
    ["a sum without is", event({ sum: { of: "properties.a" } }), "rule.event.sum", /is is missing/],
    [
      "a sum of an unknown field",
      event({ sum: { of: "price", is: 5 } }),
      "rule.event.sum.of",
      /no field "price"/,
      "properties.price",
    ],
    ["a sum of text", event({ sum: { of: "channel", is: 5 } }), "rule.event.sum.of", /works on numbers/],
    [
      "an unknown key of sum",
      event({ sum: { off: "properties.a", is: 5 } }),
      "rule.event.sum.off",
      /allowed: of, is/,
      "of",
    ],
    ["a count of text", event({ count: "5" }), "rule.event.count", /count is a number; found the text "5"/, "5"],
    [
      "a count by text operator",
      event({ count: { contains: "5" } }),
      "rule.event.count.contains",
      /count is a number; allowed: eq/,
    ],
    ["a bound of text", event({ count: { gte: "5" } }), "rule.event.count.gte", /count is a number/, "5"],
    [
      "a window beside first",
      event({ first: { last: "7d" }, window: { last: "1d" } }),
      "rule.event.window",
      /first is a window itself/,
    ],
    [
      "a window beside latest",
      { order: { latest: { last: "7d" }, window: { last: "1d" } } },
      "rule.order.window",
      /latest is a window itself/,
    ],
    ["first as text", event({ first: "7d" }), "rule.event.first", /expected a window/, "{last: 7d}"],
    ["order as text", { order: "x" }, "rule.order", /expected an object/],
    [
      "a field no order has",
      { order: { where: { totl: 5 } } },
      "rule.order.where.totl",
      /order has no field "totl"; its fields are id, total/,
      "total",
    ],
    [
      "a field no event has",
      event({ where: { price: 5 } }),
      "rule.event.where.price",
      /properties\.…/,
      "properties.price",
    ],
    [
      "a misspelled branch",
      event({ where: { "propertis.a": 5 } }),
      'rule.event.where["propertis.a"]',
      /no field/,
      "properties.a",
    ],
    ["properties as a whole", event({ where: { properties: 5 } }), "rule.event.where.properties", /no field/],
    [
      "a field no cart has",
      { cart: { vlaue: 5 } },
      "rule.cart.vlaue",
      /its fields are value, quantity, lines, changed/,
      "value",
    ],
    [
      "a weekday in full",
      event({ where: { "at.weekday": "Saturday" } }),
      'rule.event.where["at.weekday"]',
      /mon, tue/,
      "sat",
    ],
    [
      "a time without zero",
      event({ where: { "at.time": { lt: "9:00" } } }),
      'rule.event.where["at.time"].lt',
      /time of day/,
      '"09:00"',
    ],
    [
      "a time that is none",
      event({ where: { "at.time": { lt: "24:00" } } }),
      'rule.event.where["at.time"].lt',
      /"00:00" to "23:59"/,
    ],
    ["text asked of a number", { cart: { value: "5" } }, "rule.cart.value", /value is a number/, "5"],
    [
      "a text operator on a number",
      { cart: { value: { startsWith: "5" } } },
      "rule.cart.value.startsWith",
      /value is a number/,
    ],
    ["a number asked of text", event({ where: { channel: 5 } }), "rule.event.where.channel", /channel is text/, '"5"'],
    [
      "order asked of text",
      event({ where: { channel: { gt: 5 } } }),
      "rule.event.where.channel.gt",
      /channel is text; allowed: eq/,
    ],
    [
      "a value asked of a date",
      { cart: { changed: "2026-01-01" } },
      "rule.cart.changed",
      /is a date/,
      "{date: {from: 2026-01-01, to: 2026-01-01}}",
    ],
    [
      "order asked of a date",
      { cart: { changed: { gt: 5 } } },
      "rule.cart.changed.gt",
      /test it with \{date: window\}/,
    ],
    ["a value asked of products", { cart: { products: "x" } }, "rule.cart.products", /list of objects/],
  ];

  const wheres: Row[] = [
    ["a where that is text", { trait: "vip" }, "rule.trait", /expected tests by path/],
    ["an empty where", { trait: {} }, "rule.trait", /an empty where says nothing/],
    ["all beside paths", { trait: { all: [{ a: 1 }], b: 2 } }, "rule.trait", /all stands alone.*\\all/, "\\all"],
    ["any without a list", { trait: { any: "x" } }, "rule.trait.any", /a field named any is written \\any/, "\\any"],
    ["none of nothing", { trait: { none: [] } }, "rule.trait.none", /an empty list/],
    ["not of text", { trait: { not: "x" } }, "rule.trait.not", /expected tests by path/],
    ["a name is missing", { trait: { "a..b": 1 } }, 'rule.trait["a..b"]', /a name is missing/],
    ["a stray backslash", { trait: { "a\\b": 1 } }, 'rule.trait["a\\\\b"]', /stands only before/],
    [
      "a forbidden name",
      JSON.parse('{"trait":{"a.__proto__":1}}'),
      'rule.trait["a.__proto__"]',
      /"__proto__" is refused/,
    ],
    ["another forbidden name", JSON.parse('{"trait":{"prototype":1}}'), "rule.trait.prototype", /refused/],
    [
      "a name of 201",
      { trait: { ["x".repeat(201)]: 1 } },
      `rule.trait.${"x".repeat(201)}`,
      /longer than 200 .*nameLengthMax/,
    ],
    [
      "33 names",
      { trait: { [Array(33).fill("a").join(".")]: 1 } },
      `rule.trait["${Array(33).fill("a").join(".")}"]`,
      /more than 32 names/,
    ],
  ];

  const tests: Row[] = [
    ["null", trait(null), "rule.trait.a", /\{exists: false\}/, "{exists: false}"],
    ["an empty test", trait({}), "rule.trait.a", /an empty test/],
    [
      "an unknown operator",
      trait({ gtee: 5 }),
      "rule.trait.a.gtee",
      /unknown operator "gtee"; allowed: eq, ne, in/,
      "gte",
    ],
    ["a sign", trait({ ">=": 5 }), 'rule.trait.a[">="]', /unknown operator/, "gte"],
    ["a nested field", trait({ city: "Rome" }), "rule.trait.a.city", /a field inside a field is written a\.city/],
    ["a forbidden operator", JSON.parse('{"trait":{"a":{"constructor":1}}}'), "rule.trait.a.constructor", /refused/],
    ["infinity", trait(Number.POSITIVE_INFINITY), "rule.trait.a", /finite/],
    ["NaN in a list", trait([1, Number.NaN]), "rule.trait.a[1]", /finite/],
    ["an object in a list", trait({ in: [{}] }), "rule.trait.a.in[0]", /found an object/],
    ["in without a list", trait({ in: "x" }), "rule.trait.a.in", /takes a list/, "[x]"],
    ["in of nothing", trait({ in: [] }), "rule.trait.a.in", /at least one value/],
    [
      "10,001 values",
      trait(Array.from({ length: 10_001 }, (_, n) => n)),
      "rule.trait.a",
      /10001 values; the limit is 10000 \(limits\.listValuesMax\)/,
    ],
    [
      "long text",
      trait("x".repeat(1_001)),
      "rule.trait.a",
      /1001 characters; the limit is 1000 \(limits\.textLengthMax\)/,
    ],
    ["exists of text", trait({ exists: "no" }), "rule.trait.a.exists", /true or false/],
    ["order on text", trait({ gt: "abc" }), "rule.trait.a.gt", /compares numbers, or times of day/],
    ["order on a number as text", trait({ gt: "5" }), "rule.trait.a.gt", /compares numbers/, "5"],
    [
      "order on a date",
      trait({ gt: "2026-01-01" }),
      "rule.trait.a.gt",
      /compares numbers/,
      "{date: {from: 2026-01-01}}",
    ],
    ["order on a time without zero", trait({ lte: "9:30" }), "rule.trait.a.lte", /times of day/, '"09:30"'],
    ["between of one", trait({ between: [1] }), "rule.trait.a.between", /two values/],
    ["between reversed", trait({ between: [5, 1] }), "rule.trait.a.between", /low 5 is above high 1/, "[1, 5]"],
    ["between of two types", trait({ between: [1, "12:00"] }), "rule.trait.a.between", /one type/],
    ["between text", trait({ between: ["a", "12:00"] }), "rule.trait.a.between[0]", /compares numbers/],
    ["contains a number", trait({ contains: 5 }), "rule.trait.a.contains", /takes text/],
    ["contains a list", trait({ contains: ["a"] }), "rule.trait.a.contains", /takes text/, "includesAll"],
    ["starts with nothing", trait({ startsWith: "" }), "rule.trait.a.startsWith", /at least one character/],
    ["fold alone", trait({ fold: true }), "rule.trait.a.fold", /beside an operator on text/],
    ["fold beside a number", trait({ eq: 5, fold: true }), "rule.trait.a.fold", /beside an operator on text/],
    ["fold of text", trait({ eq: "x", fold: "yes" }), "rule.trait.a.fold", /true or false/],
    ["fold on a count", event({ count: { eq: 1, fold: true } }), "rule.event.count.fold", /operator on text/],
    ["has of text", trait({ has: "x" }), "rule.trait.a.has", /expected tests by path/],
    ["near of text", trait({ near: "Paris" }), "rule.trait.a.near", /takes \{lat, lon, within\}/],
    ["near too far north", trait({ near: { lat: 91, lon: 0, within: 1 } }), "rule.trait.a.near.lat", /-90 to 90/],
    ["near too far east", trait({ near: { lat: 0, lon: 181, within: 1 } }), "rule.trait.a.near.lon", /-180 to 180/],
    [
      "near within words",
      trait({ near: { lat: 0, lon: 0, within: "5 miles" } }),
      "rule.trait.a.near.within",
      /10km, 25mi/,
    ],
    ["near within nothing", trait({ near: { lat: 0, lon: 0, within: 0 } }), "rule.trait.a.near.within", /above 0/],
    [
      "near by another word",
      trait({ near: { lat: 0, lng: 0, lon: 0, within: 1 } }),
      "rule.trait.a.near.lng",
      /allowed: lat/,
      "lon",
    ],
    ["delta of text", trait({ delta: "20%" }), "rule.trait.a.delta", /\{over, percent\}/],
    ["delta without over", trait({ delta: { percent: 5 } }), "rule.trait.a.delta.over", /expected a duration/],
    [
      "delta of both",
      trait({ delta: { over: "1d", percent: 5, amount: 5 } }),
      "rule.trait.a.delta",
      /one of percent and amount/,
    ],
    ["delta of neither", trait({ delta: { over: "1d" } }), "rule.trait.a.delta", /one of percent and amount/],
    [
      "delta of text percent",
      trait({ delta: { over: "1d", percent: { gte: "5" } } }),
      "rule.trait.a.delta.percent.gte",
      /a number/,
      "5",
    ],
    [
      "delta of an event",
      event({ where: { "properties.a": { delta: { over: "1d", amount: 1 } } } }),
      'rule.event.where["properties.a"].delta',
      /traits alone/,
    ],
    [
      "delta inside has",
      trait({ has: { b: { delta: { over: "1d", amount: 1 } } } }),
      "rule.trait.a.has.b.delta",
      /traits alone/,
    ],
    [
      "delta of the cart",
      { cart: { "products.price": { delta: { over: "1d", amount: 1 } } } },
      'rule.cart["products.price"].delta',
      /traits alone/,
    ],
    [
      "a date by visit",
      trait({ date: { visit: "current" } }),
      "rule.trait.a.date.visit",
      /a window for what happened/,
      "last",
    ],
    ["a date by text", trait({ date: "today" }), "rule.trait.a.date", /expected a window/, "{today: true}"],
  ];

  const windows: Row[] = [
    ["a window of text", windowed("30 days"), "rule.event.window", /expected a window/, "{last: 30d}"],
    [
      "an unknown window",
      windowed({ lst: "7d" }),
      "rule.event.window.lst",
      /allowed: last, ago, next, today, calendar, from, to, visit/,
      "last",
    ],
    ["another word for it", windowed({ since: "2026-01-01" }), "rule.event.window.since", /unknown key/, "from"],
    ["an empty window", windowed({}), "rule.event.window", /empty window/],
    ["two windows", windowed({ last: "7d", today: true }), "rule.event.window", /one kind; found last and today/],
    [
      "a range and another",
      windowed({ last: "7d", from: "2026-01-01" }),
      "rule.event.window",
      /only from and to go together/,
    ],
    [
      "words for a duration",
      windowed({ last: "30 days" }),
      "rule.event.window.last",
      /a whole number and a unit/,
      "30d",
    ],
    ["a fraction", windowed({ last: "1.5h" }), "rule.event.window.last", /a whole number/, "90m"],
    ["an ISO duration", windowed({ last: "P7D" }), "rule.event.window.last", /a whole number/, "7d"],
    ["a number alone", windowed({ last: 30 }), "rule.event.window.last", /found the number 30/],
    ["months as a duration", windowed({ last: "3 months" }), "rule.event.window.last", /expected a duration/],
    ["no length", windowed({ last: "0s" }), "rule.event.window.last", /no length/],
    ["1,097 days", windowed({ last: "1097d" }), "rule.event.window.last", /limit of 1096d \(limits\.windowMax\)/],
    ["ago of text", windowed({ ago: "7d" }), "rule.event.window.ago", /expected \{gte: D\}/, "{gte: 7d}"],
    ["ago by another operator", windowed({ ago: { gt: "7d" } }), "rule.event.window.ago.gt", /allowed: gte, lt/, "gte"],
    ["ago of nothing", windowed({ ago: {} }), "rule.event.window.ago", /give gte, lt or both/],
    [
      "ago reversed",
      windowed({ ago: { gte: "14d", lt: "7d" } }),
      "rule.event.window.ago",
      /at least 14d and less than 7d old/,
    ],
    ["today not true", windowed({ today: false }), "rule.event.window.today", /expected true/, "true"],
    ["calendar of a number", windowed({ calendar: 7 }), "rule.event.window.calendar", /\{days: 7\}/],
    [
      "calendar by day",
      windowed({ calendar: { day: 7 } }),
      "rule.event.window.calendar.day",
      /allowed: days, weeks, months, skip/,
      "days",
    ],
    [
      "calendar of skip alone",
      windowed({ calendar: { skip: 1 } }),
      "rule.event.window.calendar",
      /one of days, weeks, months/,
    ],
    [
      "calendar of two units",
      windowed({ calendar: { days: 1, weeks: 1 } }),
      "rule.event.window.calendar",
      /one of days/,
    ],
    ["zero days", windowed({ calendar: { days: 0 } }), "rule.event.window.calendar.days", /from 1 up/],
    ["half a skip", windowed({ calendar: { days: 1, skip: 0.5 } }), "rule.event.window.calendar.skip", /from 0 up/],
    ["37 months", windowed({ calendar: { months: 36, skip: 1 } }), "rule.event.window.calendar", /limit of 1096d/],
    ["a year as a number", windowed({ from: 2026 }), "rule.event.window.from", /expected a date/],
    ["30 February", windowed({ to: "2026-02-30" }), "rule.event.window.to", /expected a date/],
    ["days reversed", windowed({ from: "2026-02-01", to: "2026-01-31" }), "rule.event.window", /must lie before/],
    [
      "instants that meet",
      windowed({ from: "2026-02-01T00:00:00Z", to: "2026-02-01T00:00:00Z" }),
      "rule.event.window",
      /must lie before/,
    ],
    [
      "a day long after an instant",
      windowed({ from: "2026-02-03", to: "2026-02-01T00:00:00Z" }),
      "rule.event.window",
      /must lie before/,
    ],
    ["another visit", windowed({ visit: "last" }), "rule.event.window.visit", /expected current/, "current"],
  ];

  const belongs: Row[] = [
    ["segment as text", { segment: "vip" }, "rule.segment", /\{in: \[ids\]\}/, "{in: [vip]}"],
    ["segment in text", { segment: { in: "vip" } }, "rule.segment.in", /at least one segment id/, "[vip]"],
    ["segment of neither", { segment: { joined: { last: "1d" } } }, "rule.segment", /one of in and notIn/],
    ["segment of both", { segment: { in: ["a"], notIn: ["b"] } }, "rule.segment", /one of in and notIn/],
    [
      "segment by another key",
      { segment: { notin: ["a"] } },
      "rule.segment.notin",
      /allowed: in, notIn, joined/,
      "notIn",
    ],
    [
      "a segment's name for its id",
      { segment: { in: ["Big Spenders!"] } },
      "rule.segment.in[0]",
      /a segment's id has a-z/,
      "big-spenders",
    ],
    [
      "joined beside notIn",
      { segment: { notIn: ["a"], joined: { last: "1d" } } },
      "rule.segment.joined",
      /goes with in/,
    ],
    [
      "joined by visit",
      { segment: { in: ["a"], joined: { visit: "current" } } },
      "rule.segment.joined.visit",
      /the time of joining/,
      "last",
    ],
    ["list with joined", { list: { in: ["a"], joined: { last: "1d" } } }, "rule.list.joined", /allowed: in, notIn/],
    ["an empty list id", { list: { in: [""] } }, "rule.list.in[0]", /an empty text/],
    ["bucket of a number", { bucket: 50 }, "rule.bucket", /\{from, to\}/],
    ["bucket without to", { bucket: { from: 1 } }, "rule.bucket.to", /from 0 to 100; found nothing/],
    ["bucket beyond 100", { bucket: { from: 0, to: 101 } }, "rule.bucket.to", /from 0 to 100/],
    ["bucket below 0", { bucket: { from: -1, to: 50 } }, "rule.bucket.from", /from 0 to 100/],
    ["bucket of nobody", { bucket: { from: 50, to: 50 } }, "rule.bucket", /from 50 must be below to 50/],
    [
      "bucket with a seed",
      { bucket: { from: 0, to: 50, seed: "x" } },
      "rule.bucket.seed",
      /allowed: from, to, salt/,
      "salt",
    ],
    ["a salt that is true", { bucket: { from: 0, to: 50, salt: true } }, "rule.bucket.salt", /expected a salt/],
  ];

  test.each([...rules, ...events, ...wheres, ...tests, ...windows, ...belongs])(
    "%s",
    (_, rule, path, message, hint) => {
      const problems = problemsOf({ id: "x", rule });
      expect(problems).toEqual([
        { path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) },
      ]);
    },
  );
});

describe("what is wrong with a definition", () => {
  test("an object that has no text of its own where true or false is wanted", () => {
    const enabled = { valueOf: "x", toString: "y" };
    expect(problemsOf({ id: "x", rule: { cart: { value: 1 } }, enabled })).toMatchObject([{ path: "enabled" }]);
  });

  const rule = { cart: { value: 1 } };
  test.each<Row>([
    ["no object", "x", "", /expected a definition/],
    ["no id", { rule }, "id", /needs an id/],
    ["an id with capitals", { id: "Cart Under 100", rule }, "id", /at most 64 characters/, "cart-under-100"],
    ["an id of 65", { id: "x".repeat(65), rule }, "id", /at most 64/],
    ["no rule", { id: "x" }, "rule", /needs a rule/],
    [
      "an unknown key",
      { id: "x", rule, foldr: "a" },
      "foldr",
      /unknown key "foldr"; allowed: id, name, kind/,
      "folder",
    ],
    ["a forbidden key", JSON.parse('{"id":"x","rule":{"cart":{"value":1}},"__proto__":{}}'), "__proto__", /refused/],
    ["another kind", { id: "x", rule, kind: "users" }, "kind", /kind is user or account; found the text/, "user"],
    ["the kind of companies", { id: "x", rule, kind: "company" }, "kind", /kind is user or account/, "account"],
    ["a kind that is a number", { id: "x", rule, kind: 5 }, "kind", /kind is user or account/],
    ["a name that is a number", { id: "x", rule, name: 5 }, "name", /name is text/],
    [
      "a long name",
      { id: "x", rule, name: "x".repeat(201) },
      "name",
      /201 characters; the limit is 200 \(limits\.nameLengthMax\)/,
    ],
    [
      "a long description",
      { id: "x", rule, description: "x".repeat(1_001) },
      "description",
      /1000 \(limits\.textLengthMax\)/,
    ],
    ["tags as text", { id: "x", rule, tags: "a" }, "tags", /a list of texts/, "[a]"],
    ["a tag that is a number", { id: "x", rule, tags: ["a", 5] }, "tags[1]", /a tag is text/],
    ["101 tags", { id: "x", rule, tags: Array(101).fill("a") }, "tags", /the limit is 100/],
    ["enabled: yes", { id: "x", rule, enabled: "yes" }, "enabled", /true or false/, "true"],
    ["enabled: off", { id: "x", rule, enabled: "off" }, "enabled", /true or false/, "false"],
    ["a zone misspelled", { id: "x", rule, zone: "Europe/Berln" }, "zone", /name of a time zone/, "Europe/Berlin"],
    ["a zone as offset", { id: "x", rule, zone: "+02:00" }, "zone", /name of a time zone/],
    ["a zone that is a number", { id: "x", rule, zone: 2 }, "zone", /the number 2/],
    ["stay in words", { id: "x", rule, stay: "1 hour" }, "stay", /expected a duration/, "1h"],
    ["cooldown too long", { id: "x", rule, cooldown: "200w" }, "cooldown", /limit of 1096d/],
  ])("%s", (_, source, path, message, hint) => {
    expect(problemsOf(source)).toEqual([
      { path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) },
    ]);
  });

  test("all problems are told at once, in the order of reading", () => {
    const source = { id: "X", zoen: "UTC", rule: { all: [{ evnt: {} }, { trait: { a: { gtt: 1, b: 2 } } }, 5] } };
    expect(problemsOf(source).map(({ path }) => path)).toEqual([
      "zoen",
      "id",
      "rule.all[0].evnt",
      "rule.all[1].trait.a.gtt",
      "rule.all[1].trait.a.b",
      "rule.all[2]",
    ]);
  });

  test("a mistake made ten thousand times is told a hundred times", () => {
    const rule = { trait: { a: { in: Array(10_000).fill(null) } } };
    expect(problemsOf({ id: "x", rule })).toHaveLength(100);
  });

  test.each([new Date(), new Map([["id", "x"]]), () => 1, Symbol("x"), 5n, undefined, null])(
    "%s is no definition and no rule",
    (value) => {
      expect(problemsOf(value)).toMatchObject([{ path: "" }]);
      expect(problemsOf({ id: "x", rule: { not: value } })).toMatchObject([{ path: "rule.not" }]);
      expect(problemsOf({ id: "x", rule: { trait: { a: { eq: value } } } })).toMatchObject([
        { path: "rule.trait.a.eq" },
      ]);
    },
  );
});

describe("limits", () => {
  const nest = (depth: number): unknown => (depth === 1 ? { bucket: { from: 0, to: 1 } } : { not: nest(depth - 1) });
  const many = (nodes: number) => ({
    any: Array.from({ length: nodes - 1 }, (_, n) => ({ bucket: { from: 0, to: (n + 1) / 10 } })),
  });

  test("depth 16 and no deeper", () => {
    expect(problemsOf({ id: "x", rule: nest(16) })).toEqual([]);
    expect(problemsOf({ id: "x", rule: nest(17) })).toEqual([
      { path: `rule${".not".repeat(16)}`, message: expect.stringMatching(/deeper than 16 \(limits.ruleDepthMax\)/) },
    ]);
  });

  test("the where of a rule is as deep as the rule", () => {
    const within = (inner: unknown) => JSON.parse(`${'{"not":'.repeat(15)}${JSON.stringify(inner)}${"}".repeat(15)}`);
    expect(
      problemsOf({ id: "x", rule: within({ event: { name: "A", where: { "properties.a": 1 }, count: 2 } }) }),
    ).toEqual([]);
    expect(problemsOf({ id: "x", rule: within({ trait: { any: [{ a: 1 }] } }) })).toMatchObject([
      { path: `rule${".not".repeat(15)}.trait.any[0].a` },
    ]);
    expect(problemsOf({ id: "x", rule: within({ trait: { a: { has: { b: 1 } } } }) })).toMatchObject([
      { path: `rule${".not".repeat(15)}.trait.a.has.b` },
    ]);
  });

  test("256 nodes and no more", () => {
    expect(problemsOf({ id: "x", rule: many(256) })).toEqual([]);
    expect(problemsOf({ id: "x", rule: many(257) })).toEqual([
      { path: "rule.any[255]", message: expect.stringMatching(/more than 256 nodes \(limits.ruleNodesMax\)/) },
    ]);
  });

  test("each name counts as a node", () => {
    const each = Array.from({ length: 256 }, (_, n) => `E${n}`);
    expect(problemsOf({ id: "x", rule: { event: { name: { each } } } })).toMatchObject([{ path: "rule.event" }]);
  });

  test("a small source that is a huge tree is read in bounded work", () => {
    let rule: unknown = { cart: { value: 1 } };
    for (let level = 0; level < 10; level += 1) rule = { all: Array(100).fill(rule) };
    expect(problemsOf({ id: "x", rule }).some(({ message }) => message.includes("256 nodes"))).toBe(true);
  });

  test("a source that holds itself", () => {
    const rule: { not?: unknown } = {};
    rule.not = rule;
    expect(problemsOf({ id: "x", rule })).toMatchObject([{ message: expect.stringMatching(/deeper than 16/) }]);
  });

  test("limits are the caller's", () => {
    const limits = { ...DEFAULT_LIMITS, windowMsMax: 7 * DAY, listValuesMax: 2, ruleNodesMax: 5 };
    expect(problemsOf({ id: "x", rule: { order: { window: { last: "8d" } } } }, limits)).toMatchObject([
      { path: "rule.order.window.last", message: expect.stringContaining("limit of 7d") },
    ]);
    expect(problemsOf({ id: "x", rule: { trait: { a: [1, 2, 3] } } }, limits)).toMatchObject([
      { path: "rule.trait.a" },
    ]);
  });
});

describe("warnings", () => {
  function warningsOf(rule: unknown, fields: object = {}) {
    const parsed = parse({ id: "x", ...fields, rule });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return parsed.warnings;
  }

  const purchase = { event: { name: "Order Completed" } };
  test.each<Row>([
    ["bounds that exclude each other", { trait: { a: { gt: 5, lt: 3 } } }, "rule.trait.a", /never true/],
    ["bounds that meet", { trait: { a: { gt: 5, lte: 5 } } }, "rule.trait.a", /never true/],
    ["a value outside its bounds", { trait: { a: { eq: 2, gt: 3 } } }, "rule.trait.a", /never true/],
    ["values that share none", { trait: { a: { in: ["x"], startsWith: "y" } } }, "rule.trait.a", /never true/],
    ["missing and there", { trait: { a: { exists: false, eq: 1 } } }, "rule.trait.a", /never true/],
    ["a number and a time", { trait: { a: { gt: 5, lt: "12:00" } } }, "rule.trait.a", /never true/],
    ["half a count", { event: { name: "A", count: 1.5 } }, "rule.event.count", /never true/],
    ["between two counts", { event: { name: "A", count: { gt: 1, lt: 2 } } }, "rule.event.count", /never true/],
    ["a count below 0", { event: { name: "A", count: { lt: 0 } } }, "rule.event.count", /never true/],
    [
      "a count of at least 0",
      { all: [purchase, { event: { name: "A", count: { gte: 0 } } }] },
      "rule.all[1].event.count",
      /always true/,
    ],
    ["a bucket of all", { all: [purchase, { bucket: { from: 0, to: 100 } }] }, "rule.all[1].bucket", /always true/],
    [
      "next on what happened",
      { event: { name: "A", window: { next: "7d" } } },
      "rule.event.window.next",
      /never true/,
      "last",
    ],
    [
      "next on joining",
      { segment: { in: ["a"], joined: { next: "7d" } } },
      "rule.segment.joined.next",
      /never true/,
      "last",
    ],
    [
      "a rule and its opposite, all",
      { all: [purchase, { not: purchase }] },
      "rule.all[1]",
      /never true.*opposite of rule\.all\[0\]/,
    ],
    [
      "a rule and its opposite, any",
      { any: [{ not: purchase }, purchase] },
      "rule.any[1]",
      /always true.*opposite of rule\.any\[0\]/,
    ],
    ["in and notIn", { all: [{ segment: { in: ["a"] } }, { segment: { notIn: ["a"] } }] }, "rule.all[1]", /never true/],
    ["the same twice", { all: [purchase, purchase] }, "rule.all[1]", /the same as rule\.all\[0\]/],
    ["a root complement", { not: purchase }, "rule", /everybody known is in/],
    ["did not", { event: { name: "A", count: 0, window: { last: "7d" } } }, "rule", /everybody known is in/],
    ["not on a list", { list: { notIn: ["a"] } }, "rule", /everybody known is in/],
    ["a trait that is not", { trait: { plan: { ne: "pro" } } }, "rule", /everybody known is in/],
    ["an empty cart", { cart: { value: { lt: 100 } } }, "rule", /everybody known is in/],
  ])("%s", (_, rule, path, message, hint) => {
    const warning = { path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) };
    expect(warningsOf(rule).filter(({ path: at }) => at !== "rule" || path === "rule")).toEqual([warning]);
  });

  test("a day without orders takes in everybody at its first instant, in a fixed zone", () => {
    const rule = { order: { count: 0, window: { today: true } } };
    expect(warningsOf(rule, { zone: "Europe/Berlin" })).toMatchObject([
      { message: expect.stringContaining("everybody known") },
      { message: expect.stringMatching(/all at once.*Europe\/Berlin/) },
    ]);
    expect(warningsOf(rule, { zone: "user" })).toHaveLength(1);
  });

  test.each<[string, unknown]>([
    [
      "the cart under $100",
      { all: [{ cart: { value: { gt: 0, lt: 100 } } }, { not: { segment: { in: ["employees"] } } }] },
    ],
    ["bounds", { trait: { a: { gte: 5, lte: 5 } } }],
    ["a next date", { trait: { renews: { date: { next: "30d" } } } }],
    ["fewer than n of those who did", { all: [purchase, { event: { name: "Order Completed", count: { lt: 3 } } }] }],
    ["a half", { bucket: { from: 0, to: 50 } }],
    ["folded text", { trait: { a: { eq: "X", startsWith: "x", fold: true } } }],
  ])("none for %s", (_, rule) => {
    expect(warningsOf(rule)).toEqual([]);
  });
});
