// What events say of items and campaigns: the record a where reads, the values an interaction counts for.
import { describe, expect, test } from "vitest";
import { campaignMatches, interactionMatches, interactionsOf } from "../../../lib/core/engine/member/interactions.ts";
import { zoneNamed } from "../../../lib/core/engine/time/zones.ts";
import type { UserEvent } from "../../../lib/core/events.ts";
import { type Catalogue, NO_CATALOGUE } from "../../../lib/core/feeds.ts";
import type { JsonObject } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../../lib/core/vocabulary.ts";

function said(name: string, properties: JsonObject): UserEvent {
  const who = { userId: "ann", anonymousId: undefined, isAnonymous: false };
  const nothing = { timestamp: undefined, channel: undefined, messageId: undefined, context: {}, traits: {} };
  return { type: "track", name, properties, ...who, ...nothing };
}

function found(name: string, properties: JsonObject, catalogue: Catalogue = NO_CATALOGUE) {
  return interactionsOf(said(name, properties), DEFAULT_VOCABULARY, catalogue);
}

function valuesOf(name: string, properties: JsonObject, type: string): string[] {
  return found(name, properties).flatMap(({ values }) => [...(values.get(type) ?? [])]);
}

const shoes: Catalogue = {
  attributesOf: (id) => (id === "sku-1" ? { price: 50, color: "red", category: "shoes/running", stock: 3 } : undefined),
};

describe("the record", () => {
  test("what the event says stands over the catalogue, and null is missing", () => {
    const [seen] = found("Product Added", { product_id: "sku-1", price: 40, quantity: 2, color: null }, shoes);
    expect(seen!.record).toEqual({
      ...{ product_id: "sku-1", id: "sku-1", price: 40, quantity: 2, value: 80 },
      ...{ color: null, category: "shoes/running", stock: 3 },
    });
  });

  test("the catalogue's price, else none and no value; one piece unless it says more", () => {
    expect(found("Product Added", { product_id: "sku-1" }, shoes)[0]!.record).toMatchObject({ price: 50, value: 50 });
    const { record } = found("Product Added", { product_id: 7, price: "9" })[0]!;
    expect(record).toEqual({ product_id: 7, id: "7", quantity: 1 });
  });

  test("a price in another currency is missing", () => {
    const euros = { product_id: "sku-1", price: 40, currency: "EUR" };
    expect(found("Product Added", euros, shoes)[0]!.record).toEqual({
      ...{ product_id: "sku-1", id: "sku-1", quantity: 1, currency: "EUR" },
      ...{ color: "red", category: "shoes/running", stock: 3 },
    });
    expect(found("Order Completed", { products: [euros], currency: "USD" })[0]!.record).not.toHaveProperty("value");
    const dollars = { product_id: "sku-1", price: 40 };
    expect(found("Order Completed", { products: [dollars], currency: "USD" })[0]!.record.value).toBe(40);
    expect(found("Order Completed", { products: [dollars], currency: "EUR" })[0]!.record).not.toHaveProperty("value");
  });

  test("time is only of views: as it is said, else 0 for now", () => {
    expect(found("Product Viewed", { product_id: "a", seconds: 2.5 })[0]).toMatchObject({
      record: { time: 2_500 },
      waits: false,
    });
    expect(found("Product Viewed", { product_id: "a", seconds: -1 })[0]).toMatchObject({
      record: { time: 0 },
      waits: true,
    });
    expect(found("Product Added", { product_id: "a", seconds: 3, time: 9 })[0]!.record).not.toHaveProperty("time");
  });
});

describe("which items", () => {
  test("each product of an order that has an id", () => {
    const products = [{ product_id: "a" }, "junk", { sku: "x" }, { product_id: 5, quantity: 2, price: 1.5 }];
    const bought = found("Order Completed", { products });
    expect(bought.map(({ id, action, record }) => [id, action, record.value])).toEqual([
      ["a", "purchased", undefined],
      ["5", "purchased", 3],
    ]);
  });

  test("a list view is of its category alone", () => {
    const [seen] = found("Product List Viewed", { category: "shoes/running", brand: "Acme" });
    expect([...seen!.values].map(([type, values]) => [type, [...values]])).toEqual([
      ["category", ["shoes", "shoes/running"]],
    ]);
  });

  test("any item of a type that the vocabulary knows", () => {
    expect(found("Item Viewed", { type: "article", id: 12 })).toMatchObject([{ type: "article", id: "12" }]);
    expect(found("Item Viewed", { type: "podcast", id: 12 })).toEqual([]);
    expect(found("Item Viewed", { type: "article" })).toEqual([]);
    expect(found("toString", { product_id: "a" })).toEqual([]);
  });

  test("an item counts for its values of every type, and for what they lie in", () => {
    const properties = { product_id: "a", category: ["shoes/running/trail", "sale", 7, null], brand: "Acme" };
    expect(valuesOf("Product Viewed", properties, "category")).toEqual([
      ...["shoes", "shoes/running", "shoes/running/trail"],
      ...["sale", "7"],
    ]);
    expect(valuesOf("Product Viewed", properties, "brand")).toEqual(["Acme"]);
    expect(valuesOf("Product Viewed", properties, "article")).toEqual([]);
  });
});

test("an item rule matches once, by action, a value of its type and its where", () => {
  const context = { now: 0, zone: zoneNamed("UTC") };
  const [seen] = found("Product Viewed", { product_id: "a", category: "shoes/running", price: 30 });
  const which = { action: "viewed", type: "category" };
  const cheap = { op: "test", path: ["price"], test: [{ op: "lt", value: 40 }] } as const;
  expect(interactionMatches({ ...which, ids: ["hats", "shoes"] }, cheap, seen!, context)).toBe(true);
  expect(interactionMatches({ ...which, ids: ["hats"] }, cheap, seen!, context)).toBe(false);
  expect(interactionMatches({ ...which, type: "brand" }, undefined, seen!, context)).toBe(false);
  expect(interactionMatches({ ...which, action: "added" }, undefined, seen!, context)).toBe(false);
  expect(interactionMatches(which, { op: "not", where: cheap }, seen!, context)).toBe(false);
});

test("a campaign rule matches by outcome and by ids", () => {
  const clicked = said("Campaign Clicked", { campaign_id: 7, experience_id: "b" });
  const matches = (which: { outcome: string; id?: string; experience?: string }) =>
    campaignMatches(which, clicked, DEFAULT_VOCABULARY);
  expect(matches({ outcome: "clicked" })).toBe(true);
  expect(matches({ outcome: "clicked", id: "7", experience: "b" })).toBe(true);
  expect(matches({ outcome: "clicked", id: "8" })).toBe(false);
  expect(matches({ outcome: "clicked", experience: "a" })).toBe(false);
  expect(matches({ outcome: "viewed" })).toBe(false);
});
