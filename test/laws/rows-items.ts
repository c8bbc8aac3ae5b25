// Rules about items, campaigns and favourites, and the messages and catalogue entries that they read.
// rows.ts has them in its table; generate.ts sends the messages, definitions.ts the entries.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { countTest, measured, numberTest, textTest, window, windowed } from "./parts.ts";

const PRODUCTS: readonly Json[] = ["p1", "p2", 7];
const CATEGORIES = ["shoes", "shoes/men", "shoes/men/boots", "sale", "shoes/kids"];
const BRANDS = ["acme", "zeta"];
const ARTICLES = ["x1", "x2"];
const CAMPAIGNS = ["summer", "winter"];

function idsOf(type: string): readonly string[] {
  if (type === "category") return CATEGORIES;
  if (type === "brand") return BRANDS;
  return type === "article" ? ARTICLES : PRODUCTS.map(String);
}

function typeAndIds(dice: Dice): { readonly type: string; readonly ids: string[] } {
  const type = dice.pick(["product", "product", "category", "category", "category", "brand", "article"]);
  const ids = idsOf(type);
  return { type, ids: Array.from({ length: dice.int(1, 2) }, () => dice.pick(ids)) };
}

export function item(dice: Dice): JsonObject {
  const action = dice.pick([
    "viewed",
    "viewed",
    "viewed",
    "added",
    "purchased",
    "purchased",
    "favorited",
    "shared",
    "removed",
  ]);
  const { type, ids } = typeAndIds(dice);
  const which = {
    action,
    ...(type === "product" && dice.chance(0.5) ? {} : { type }),
    ...(dice.chance(0.6) ? { ids } : {}),
    ...(dice.chance(0.3) ? { where: itemWhere(dice) } : {}),
  };
  if (action === "viewed" && dice.chance(0.35)) {
    return { ...which, [dice.pick(["sum", "avg", "max"])]: { of: "time", is: spentTest(dice) }, ...windowed(dice) };
  }
  return { ...which, ...measured(dice, dice.pick(["price", "value", "value", "quantity", "id", "colour"]), true) };
}

function itemWhere(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ price: numberTest(dice) }),
    () => ({ value: numberTest(dice) }),
    () => ({ quantity: countTest(dice) }),
    () => ({ id: dice.pick(["p1", "7"]) }),
    () => ({ colour: textTest(dice) }),
    () => ({ time: spentTest(dice) }),
    () => ({ colour: { date: window(dice) } }),
  ])();
}

function spentTest(dice: Dice): Json {
  const bound = dice.pick<Json>([0, "1s", 5_000, "1m", "10m"]);
  return dice.pick<Json>([{ gt: bound }, { gte: bound }, { lt: bound }, { lte: bound }]);
}

export function campaign(dice: Dice): JsonObject {
  return {
    outcome: dice.pick(["viewed", "clicked", "clicked", "opened", "sent"]),
    ...(dice.chance(0.5) ? { id: dice.pick(CAMPAIGNS) } : {}),
    ...(dice.chance(0.25) ? { experience: dice.pick(["a", "7"]) } : {}),
    ...(dice.chance(0.25)
      ? { where: dice.pick<JsonObject>([{ channel: "web" }, { "properties.v": numberTest(dice) }]) }
      : {}),
    ...measured(dice, dice.pick(["properties.v", "properties.campaign_id"]), true),
  };
}

export function favorite(dice: Dice): JsonObject {
  return {
    ...typeAndIds(dice),
    by: dice.pick(["views", "time", "purchases", "revenue"]),
    ...(dice.chance(0.4) ? { top: dice.int(1, 3) } : {}),
    ...windowed(dice),
  };
}

/** What an event or the catalogue says of an item. */
export function itemAttributes(dice: Dice): JsonObject {
  return {
    ...(dice.chance(0.5) ? { price: dice.pick<Json>([10, 33.335, 60, 0.1, "9", null]) } : {}),
    ...(dice.chance(0.5) ? { category: dice.pick<Json>([...CATEGORIES, ["shoes/men", "sale"], 5, null]) } : {}),
    ...(dice.chance(0.3) ? { brand: dice.pick<Json>([...BRANDS, 7]) } : {}),
    ...(dice.chance(0.2) ? { article: dice.pick<Json>(ARTICLES) } : {}),
    ...(dice.chance(0.3) ? { colour: dice.pick<Json>(["x", "y", "xay", "2026-03-28", 5]) } : {}),
  };
}

/** A track message about an item or a campaign. */
export function itemMessage(dice: Dice): JsonObject {
  if (dice.chance(0.25)) return campaignMessage(dice);
  const product = {
    ...(dice.chance(0.95) ? { product_id: dice.pick(PRODUCTS) } : {}),
    ...itemAttributes(dice),
    ...(dice.chance(0.3) ? { quantity: dice.int(1, 3) } : {}),
  };
  const seconds = dice.chance(0.2) ? { seconds: dice.pick<Json>([0, 5, 0.4, 700, -1, "5"]) } : {};
  switch (dice.int(0, 7)) {
    case 0:
      return {
        event: "Product List Viewed",
        properties: { category: dice.pick<Json>([...CATEGORIES, 5]), ...seconds },
      };
    case 1: {
      const [type, id] = dice.pick<[string, Json]>([
        ["article", "x1"],
        ["article", "x2"],
        ["category", "sale"],
        ["product", 7],
        ["movie", "m"],
      ]);
      const event = dice.pick(["Item Viewed", "Item Viewed", "Item Shared", "Item Purchased"]);
      return { event, properties: { type, id, ...itemAttributes(dice), ...seconds } };
    }
    case 2:
      return { event: dice.pick(["Product Shared", "Product Added to Wishlist"]), properties: product };
    default:
      return { event: "Product Viewed", properties: { ...product, ...seconds } };
  }
}

function campaignMessage(dice: Dice): JsonObject {
  const event = dice.pick(["Campaign Viewed", "Campaign Clicked", "Email Link Clicked", "Email Opened", "Email Sent"]);
  const properties = {
    ...(dice.chance(0.8) ? { campaign_id: dice.pick(CAMPAIGNS) } : {}),
    ...(dice.chance(0.4) ? { experience_id: dice.pick<Json>(["a", 7]) } : {}),
    ...(dice.chance(0.4) ? { v: dice.pick([0, 5, 60]) } : {}),
  };
  return { event, properties };
}

/** Items that become known, change, or are forgotten. */
export function itemsEntry(dice: Dice): ControlEntry {
  const ids = [...PRODUCTS.map(String), ...ARTICLES, ...CATEGORIES].filter(() => dice.chance(0.3));
  const mode = dice.pick(["merge", "merge", "replace", "remove"] as const);
  return { op: "items", mode, items: ids.map((id) => ({ id, attributes: itemAttributes(dice) })) };
}
