// Which edits of the vocabulary concern which definitions: a row is a rule and everything that it reads; every other
// edit must leave its text as it is.
import { expect, test } from "vitest";
import type { Definition, Measure, Rule, Where } from "../../../lib/core/rules/ast.ts";
import { vocabularyText } from "../../../lib/core/rules/questions/vocabulary-reads.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import type { Vocabulary } from "../../../lib/core/vocabulary.ts";
import { parseVocabulary } from "../../../lib/core/vocabulary-document.ts";

function vocabularyOf(document: Record<string, unknown>): Vocabulary {
  const funnels = {
    trial: {
      steps: [
        { name: "looked", item: { action: "viewed" } },
        { name: "bought", order: {} },
      ],
    },
    other: { steps: [{ name: "paid", order: { where: { total: { gte: 5 } } } }] },
  };
  const parsed = parseVocabulary({ funnels, ...document }, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.vocabulary;
}

const EDITS = {
  idle: { visit: { idle: "45m" } },
  currency: { currency: "EUR" },
  types: { items: { types: ["product", "category"] } },
  viewed: { items: { events: { "Page Viewed": { action: "viewed", of: "product" } } } },
  purchased: { items: { events: { "Order Completed": null } } },
  clicked: { campaigns: { "Banner Clicked": "clicked" } },
  funnel: { funnels: { trial: { steps: [{ name: "bought", order: {} }] } } },
  engagement: { engagement: { cycle: "7d" } },
  referrers: { referrers: { "t.co": null } },
  traits: { traits: { personal: [] } },
  trusted: { trusted: [] },
};
type Edit = keyof typeof EDITS;

const count: Measure = { kind: "count", is: [{ op: "gte", value: 1 }] };
const is = count.is;
const where = (...path: string[]): Where => ({ op: "test", path, test: is });
const event: Rule = { op: "event", names: ["A"], measure: count };
const item = { op: "item", action: "viewed", type: "product", measure: count } as const;
const favorite = { op: "favorite", type: "category", ids: ["a"], top: 1 } as const;

const ROWS: readonly [string, Rule, readonly Edit[]][] = [
  ["an event", event, []],
  ["visits of an event", { ...event, measure: { kind: "visits", is } }, ["idle"]],
  ["an event of the visit under way", { ...event, window: { kind: "visit" } }, ["idle"]],
  ["the first event, in the visit", { ...event, measure: { kind: "first", in: { kind: "visit" } } }, ["idle"]],
  ["a trait", { op: "trait", where: where("a") }, []],
  ["a change", { op: "change", trait: ["a"], stayed: false, measure: count }, []],
  ["visits", { op: "visit", measure: count }, ["idle"]],
  ["visits by source", { op: "visit", where: where("source", "medium"), measure: count }, ["idle", "referrers"]],
  ["the source", { op: "source", where: where("first", "medium") }, ["idle", "referrers"]],
  ["the cart's value", { op: "cart", where: { op: "not", where: where("value") } }, ["currency"]],
  ["the cart's lines", { op: "cart", where: where("lines") }, []],
  ["when the cart changed", { op: "cart", where: where("changed") }, ["currency"]],
  ["orders", { op: "order", measure: count }, ["currency"]],
  ["the total of orders", { op: "order", measure: { kind: "total", is } }, ["currency"]],
  ["orders above", { op: "order", where: { op: "all", wheres: [where("total")] }, measure: count }, ["currency"]],
  ["views", item, ["types", "viewed"]],
  ["views for long", { ...item, measure: { kind: "sum", of: ["time"], is } }, ["types", "viewed", "idle"]],
  ["views of what is dear", { ...item, where: where("price") }, ["types", "viewed", "currency"]],
  ["purchases", { ...item, action: "purchased" }, ["types", "purchased"]],
  ["a favorite by views", { ...favorite, by: "views" }, ["types", "viewed"]],
  ["a favorite by time", { ...favorite, by: "time" }, ["types", "viewed", "idle"]],
  ["a favorite by purchases", { ...favorite, by: "purchases" }, ["types", "purchased"]],
  ["a favorite by revenue", { ...favorite, by: "revenue" }, ["types", "purchased", "currency"]],
  ["clicks", { op: "campaign", outcome: "clicked", measure: count }, ["clicked"]],
  ["dismissals", { op: "campaign", outcome: "dismissed", measure: count }, []],
  [
    "a funnel, with what its steps read",
    { op: "funnel", id: "trial", relation: "at", step: "bought" },
    ["funnel", "viewed", "types"],
  ],
  // The edit drops the other funnel.
  ["another funnel", { op: "funnel", id: "other", relation: "at", step: "paid" }, ["funnel", "currency"]],
  [
    "a sequence",
    {
      op: "sequence",
      steps: [
        { kind: "occurs", which: { op: "campaign", outcome: "clicked" } },
        { kind: "absent", which: { op: "item", action: "viewed", type: "brand", where: where("time") }, withinMs: 1 },
      ],
      window: { kind: "visit" },
    },
    ["clicked", "viewed", "types", "idle"],
  ],
  ["engagement, which counts visits", { op: "engagement", where: where("score") }, ["engagement", "idle"]],
  [
    "what an account's users do",
    { op: "users", rule: { op: "not", rule: item }, measure: { kind: "count", is } },
    ["types", "viewed"],
  ],
  ["what an account ordered", { op: "account", rule: { op: "order", measure: count } }, ["currency"]],
  [
    "how engaged an account is",
    { op: "account", rule: { op: "engagement", where: where("score") } },
    ["engagement", "idle"],
  ],
  ["weather", { op: "weather", where: where("condition") }, []],
  [
    "all of many",
    { op: "all", rules: [event, { op: "none", rules: [{ op: "not", rule: item }] }] },
    ["types", "viewed"],
  ],
];

test.each(ROWS)("%s", (_, rule, reads) => {
  const definition = { id: "x", rule } as Definition;
  const before = vocabularyText(definition, vocabularyOf({}));
  const differing = (Object.keys(EDITS) as Edit[]).filter(
    (edit) => vocabularyText(definition, vocabularyOf(EDITS[edit])) !== before,
  );
  expect(differing.sort()).toEqual([...reads].sort());
});

test("of types, an action whose events name theirs reads only whether its own is one", () => {
  const events = { "Item Viewed": null, "Lesson Viewed": { action: "viewed", of: "product" } };
  const text = (type: string, types: string[]) =>
    vocabularyText(
      { id: "x", rule: { ...item, type } } as unknown as Definition,
      vocabularyOf({ items: { events, types } }),
    );
  expect(text("brand", ["brand"])).toBe(text("brand", ["lesson", "brand"]));
  expect(text("brand", ["brand"])).not.toBe(text("brand", ["lesson"]));
});

test("the order in which events are written says nothing", () => {
  const text = (...names: string[]) =>
    vocabularyText(
      { id: "x", rule: { op: "campaign", outcome: "seen", measure: count } } as unknown as Definition,
      vocabularyOf({ campaigns: Object.fromEntries(names.map((name) => [name, "seen"])) }),
    );
  expect(text("A", "B")).toBe(text("B", "A"));
});
