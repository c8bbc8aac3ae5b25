// Random rules: one function a row of the catalogue, behind one table. ROWS=item,visit in the environment restricts a run
// to some of them. What their messages need stands beside the rows that need it (rows-visits.ts, rows-items.ts).
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { countTest, DURATIONS, maybeWhere, measured, numberTest, textTest, window, windowed } from "./parts.ts";
import { campaign, favorite, item } from "./rows-items.ts";
import { change, engagement, funnel, sequence } from "./rows-journeys.ts";
import { anonymous, clock, identity, object, situation, weather } from "./rows-states.ts";
import { device, network, place, source, visit } from "./rows-visits.ts";

export const NAMES = ["A", "B", "Page Viewed", "Product Viewed"];
export const LIST_IDS = ["crm", "dmp"];

interface Row {
  /** How often, against the others. */
  readonly weight: number;
  /** The body of the rule; `others` are the ids of segments that it may name. */
  readonly make: (dice: Dice, others: readonly string[]) => Json;
}

export const ROWS: Readonly<Record<string, Row>> = {
  event: { weight: 30, make: event },
  order: { weight: 14, make: order },
  trait: { weight: 12, make: trait },
  cart: { weight: 10, make: cart },
  segment: { weight: 7, make: segment },
  list: { weight: 3, make: list },
  bucket: { weight: 4, make: bucket },
  item: { weight: 16, make: item },
  campaign: { weight: 6, make: campaign },
  favorite: { weight: 8, make: favorite },
  visit: { weight: 14, make: visit },
  source: { weight: 8, make: source },
  place: { weight: 4, make: place },
  network: { weight: 2, make: network },
  device: { weight: 3, make: device },
  change: { weight: 10, make: change },
  sequence: { weight: 16, make: sequence },
  funnel: { weight: 8, make: funnel },
  engagement: { weight: 8, make: engagement },
  identity: { weight: 5, make: identity },
  anonymous: { weight: 2, make: anonymous },
  object: { weight: 10, make: object },
  weather: { weight: 5, make: weather },
  situation: { weight: 4, make: situation },
  clock: { weight: 6, make: clock },
};

const named = (process.env.ROWS ?? "").split(",").filter((name) => name !== "");
for (const name of named) {
  if (!Object.hasOwn(ROWS, name)) throw new Error(`ROWS names ${name}; it is one of ${Object.keys(ROWS).join(", ")}`);
}

export const ALL_ROWS: readonly string[] = Object.keys(ROWS);
/** The rows of this run: those that ROWS names, else all. */
export const RUN_ROWS: readonly string[] = named.length > 0 ? named : ALL_ROWS;

/** The rows of this run but for one; where nothing is left, the simplest. */
export function rowsWithout(name: string, rows = RUN_ROWS): readonly string[] {
  const rest = rows.filter((other) => other !== name);
  return rest.length > 0 ? rest : ["event"];
}

export function rule(dice: Dice, others: readonly string[], depth: number, rows = RUN_ROWS): JsonObject {
  if (depth > 0 && dice.chance(0.45)) {
    const parts = Array.from({ length: dice.int(1, 3) }, () => rule(dice, others, depth - 1, rows));
    const op = dice.pick(["all", "any", "none", "not"]);
    return op === "not" ? { not: parts[0]! } : { [op]: parts };
  }
  const name = pickRow(dice, rows);
  return { [name]: ROWS[name]!.make(dice, others) };
}

function pickRow(dice: Dice, rows: readonly string[]): string {
  const all = rows.reduce((sum, name) => sum + ROWS[name]!.weight, 0);
  let rest = dice.int(0, all - 1);
  const found = rows.find((name) => {
    rest -= ROWS[name]!.weight;
    return rest < 0;
  });
  return found!;
}

function event(dice: Dice): JsonObject {
  const name: Json = dice.chance(0.15)
    ? "*"
    : dice.chance(0.25)
      ? { [dice.pick(["any", "each"])]: [dice.pick(NAMES), dice.pick(NAMES.slice(2))] }
      : dice.pick(NAMES);
  return { name, ...maybeWhere(dice, eventWhere), ...measured(dice, "properties.v", true) };
}

function eventWhere(dice: Dice): JsonObject {
  const pick = dice.int(0, 9);
  if (pick < 3) return { "properties.v": numberTest(dice) };
  if (pick < 5) return { "properties.c": textTest(dice) };
  if (pick < 6) return { channel: dice.pick(["web", "server"]) };
  if (pick < 7) return { "at.time": { [dice.pick(["lt", "gte"])]: dice.pick(["06:00", "12:00", "18:30"]) } };
  if (pick < 8) return { "at.weekday": dice.pick([["sat", "sun"], "mon"]) };
  if (pick < 9) return { any: [{ "properties.v": numberTest(dice) }, { "properties.tags": "x" }] };
  return { "properties.when": { date: window(dice) } };
}

function order(dice: Dice): JsonObject {
  const where = (): JsonObject =>
    dice.chance(0.5)
      ? { total: numberTest(dice) }
      : dice.pick<JsonObject>([
          { coupon: { exists: true } },
          { "products.product_id": "p1" },
          { quantity: { gte: 2 } },
          { lines: 1 },
          { products: { has: { price: { gt: 20 } } } },
        ]);
  const given = maybeWhere(dice, where);
  if (dice.chance(0.4)) {
    const measure = dice.pick(["total", "average", "largest"]);
    return { ...given, [measure]: numberTest(dice), ...windowed(dice) };
  }
  return { ...given, ...measured(dice, dice.pick(["total", "quantity", "lines", "products.price"]), true) };
}

function trait(dice: Dice): JsonObject {
  const pick = dice.int(0, 9);
  if (pick < 3) return { plan: textTest(dice) };
  if (pick < 5) return { n: numberTest(dice) };
  if (pick < 6) return { tags: textTest(dice) };
  if (pick < 8) return { renews: { date: window(dice) } };
  if (pick < 9)
    return { n: { delta: { over: dice.pick(DURATIONS), [dice.pick(["percent", "amount"])]: numberTest(dice) } } };
  return dice.pick<JsonObject>([
    { leases: { has: { rent: { gt: 10 }, ends: { date: window(dice) } } } },
    { point: { near: { lat: 48.86, lon: 2.35, within: "25mi" } } },
    { not: { plan: "x" } },
    { none: [{ plan: textTest(dice) }, { n: numberTest(dice) }] },
    { "deep.er": textTest(dice) },
  ]);
}

function cart(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { value: { gt: 0, lt: 100 } },
    { value: numberTest(dice) },
    { quantity: countTest(dice) },
    { lines: countTest(dice) },
    { lines: { gte: 1 }, changed: { date: { ago: { gte: dice.pick(DURATIONS) } } } },
    { changed: { date: window(dice) } },
    { "products.product_id": "p1" },
  ]);
}

/** Where there is no other segment, one that nobody defines: the definition is made anew. */
function segment(dice: Dice, others: readonly string[]): JsonObject {
  if (others.length === 0) return { in: [] };
  const ids = [dice.pick(others)];
  if (dice.chance(0.35)) return { in: ids, joined: window(dice) };
  return { [dice.pick(["in", "notIn"])]: ids };
}

function list(dice: Dice): JsonObject {
  return { [dice.pick(["in", "notIn"])]: [dice.pick(LIST_IDS)] };
}

function bucket(dice: Dice): JsonObject {
  const from = dice.int(0, 60);
  return { from, to: from + dice.int(1, 40), ...(dice.chance(0.3) ? { salt: "s" } : {}) };
}
