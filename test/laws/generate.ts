// Random definitions and random histories that make them flip: few people, few names, times that jump by seconds, by
// days and backwards, so that windows, midnights, visits and late events all get their share.
import type { ControlEntry } from "../../lib/core/control.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { Json, JsonObject, LogKind, LogRecord, Millis } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";

const NAMES = ["A", "B", "Page Viewed", "Product Viewed"];
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "user"];
const LISTS = ["crm", "dmp"];
const DURATIONS = ["5s", "30s", "10m", "1h", "3h", "1d", "2d", "7d", "60d", "95d"];

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

// ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────

export function definition(dice: Dice, id: string, others: readonly string[]): JsonObject {
  return {
    id,
    name: id,
    kind: "user",
    ...(dice.chance(0.5) ? { zone: dice.pick(ZONES) } : {}),
    ...(dice.chance(0.15) ? { stay: dice.pick(DURATIONS.slice(0, 6)) } : {}),
    ...(dice.chance(0.15) ? { cooldown: dice.pick(DURATIONS.slice(0, 6)) } : {}),
    ...(dice.chance(0.05) ? { enabled: false } : {}),
    rule: dice.chance(0.25) ? gated(dice, others) : rule(dice, others, 2),
  };
}

/** A rule that insists on a trait: the engine lets all its other leaves sleep for people who have another value. */
function gated(dice: Dice, others: readonly string[]): JsonObject {
  const gate = dice.pick<JsonObject>([{ plan: "x" }, { plan: ["x", "y"] }, { n: 5 }, { plan: "x", n: { gt: 0 } }]);
  return { all: [{ trait: gate }, rule(dice, others, 1), ...(dice.chance(0.3) ? [rule(dice, others, 0)] : [])] };
}

function rule(dice: Dice, others: readonly string[], depth: number): JsonObject {
  if (depth > 0 && dice.chance(0.45)) {
    const parts = Array.from({ length: dice.int(1, 3) }, () => rule(dice, others, depth - 1));
    const op = dice.pick(["all", "any", "none", "not"]);
    return op === "not" ? { not: parts[0]! } : { [op]: parts };
  }
  const pick = dice.int(0, 99);
  if (pick < 42) return { event: event(dice) };
  if (pick < 60) return { order: order(dice) };
  if (pick < 75) return { trait: traitWhere(dice) };
  if (pick < 85) return { cart: cartWhere(dice) };
  if (pick < 92 && others.length > 0) return { segment: segment(dice, others) };
  if (pick < 95) return { list: { [dice.pick(["in", "notIn"])]: [dice.pick(LISTS)] } };
  const from = dice.int(0, 60);
  return { bucket: { from, to: from + dice.int(1, 40), ...(dice.chance(0.3) ? { salt: "s" } : {}) } };
}

function event(dice: Dice): JsonObject {
  const name: Json = dice.chance(0.15)
    ? "*"
    : dice.chance(0.25)
      ? { [dice.pick(["any", "each"])]: [dice.pick(NAMES), dice.pick(NAMES.slice(2))] }
      : dice.pick(NAMES);
  return { name, ...maybeWhere(dice, eventWhere), ...measured(dice, "properties.v", true) };
}

function maybeWhere(dice: Dice, make: (dice: Dice) => JsonObject): JsonObject {
  return dice.chance(0.35) ? { where: make(dice) } : {};
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

function measured(dice: Dice, of: string, windows: boolean): JsonObject {
  const pick = dice.int(0, 99);
  if (pick < 12) return { [dice.pick(["first", "latest"])]: window(dice) };
  const measure: JsonObject =
    pick < 20
      ? {}
      : pick < 45
        ? { count: countTest(dice) }
        : pick < 55
          ? { days: countTest(dice) }
          : pick < 65
            ? { visits: countTest(dice) }
            : { [dice.pick(["sum", "avg", "min", "max", "distinct"])]: { of, is: numberTest(dice) } };
  return { ...measure, ...(windows ? windowed(dice) : {}) };
}

function windowed(dice: Dice): JsonObject {
  return dice.chance(0.75) ? { window: window(dice, true) } : {};
}

function window(dice: Dice, occurrence = false): JsonObject {
  const pick = dice.int(0, 99);
  const long = dice.pick(DURATIONS);
  if (pick < 35) return { last: long };
  if (pick < 50) {
    const index = dice.int(0, DURATIONS.length - 2);
    const [gte, lt] = [DURATIONS[index]!, DURATIONS[dice.int(index + 1, DURATIONS.length - 1)]!];
    return { ago: dice.pick<JsonObject>([{ gte }, { lt }, { gte, lt }]) };
  }
  if (pick < 58) return { today: true };
  if (pick < 78) {
    const unit = dice.pick(["days", "weeks", "months"]);
    return { calendar: { [unit]: dice.int(1, 3), ...(dice.chance(0.4) ? { skip: dice.int(1, 2) } : {}) } };
  }
  if (pick < 88)
    return dice.pick<JsonObject>([
      { from: "2026-03-02" },
      { from: "2026-03-01", to: "2026-03-29" },
      { to: "2026-03-28T23:30:00Z" },
    ]);
  if (occurrence) return { visit: "current" };
  return { next: long };
}

function countTest(dice: Dice): Json {
  const n = dice.int(0, 4);
  return dice.pick<Json>([{ gte: n }, { lt: n + 1 }, { eq: n }, { between: [1, n + 1] }, { ne: n }, n, [n, n + 2]]);
}

function numberTest(dice: Dice): Json {
  const n = dice.pick([0, 5, 10, 20.5, 60, 100]);
  return dice.pick<Json>([
    { gt: n },
    { gte: n },
    { lt: n },
    { lte: n },
    { between: [n, n + 40] },
    n,
    { ne: n },
    { gt: n, ne: n + 5 },
  ]);
}

function textTest(dice: Dice): Json {
  return dice.pick<Json>([
    "x",
    ["x", "y"],
    { ne: "x" },
    { notIn: ["x", "y"] },
    { contains: "a" },
    { notContains: "a" },
    { startsWith: "x" },
    { endsWith: "Y", fold: true },
    { like: "?a*" },
    { eq: "ÄB", fold: true },
    { exists: true },
    { exists: false },
    { includesAll: ["x", "y"] },
  ]);
}

function traitWhere(dice: Dice): JsonObject {
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

function cartWhere(dice: Dice): JsonObject {
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

function segment(dice: Dice, others: readonly string[]): JsonObject {
  const ids = [dice.pick(others)];
  if (dice.chance(0.35)) return { in: ids, joined: window(dice) };
  return { [dice.pick(["in", "notIn"])]: ids };
}

// ── histories ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HistoryOptions {
  readonly partition: number;
  readonly partitions: number;
  readonly clockMode: "log" | "event";
  readonly members: readonly string[];
  readonly start: Millis;
}

/** Makes one message after another; the caller numbers them and decides when definitions change. */
export class History {
  readonly #dice: Dice;
  readonly #options: HistoryOptions;
  #seq = 0;
  #now: Millis;
  #message = 0;

  constructor(dice: Dice, options: HistoryOptions) {
    this.#dice = dice;
    this.#options = options;
    this.#now = options.start;
  }

  get seq(): number {
    return this.#seq;
  }

  record(kind: LogKind, body: unknown): LogRecord {
    this.#seq += 1;
    return { seq: this.#seq, stamp: this.#now, kind, body: body instanceof Uint8Array ? body : bytes(body) };
  }

  control(revision: number, entry: ControlEntry): LogRecord {
    return this.record("control", { revision, entry });
  }

  ready(revision: number): LogRecord {
    return this.record("ready", { revision, from: 1 });
  }

  next(): LogRecord {
    const dice = this.#dice;
    this.#pass();
    if (dice.chance(0.06)) {
      return this.record("clock", this.#options.clockMode === "event" ? { to: this.#now } : {});
    }
    if (dice.chance(0.02))
      return this.record(
        "event",
        dice.pick<unknown>([{ type: "track" }, "nonsense", [1], { type: "track", event: "A" }]),
      );
    return this.record("event", this.#event());
  }

  /** Time passes: mostly a little, sometimes over midnight or a season, now and then not at all. */
  #pass(): void {
    const dice = this.#dice;
    const steps = [0, 1, 900, 1_000, 4_000, 31_000, 600_000, 1_900_000, 3_600_000, 20_000_000, 90_000_000, 700_000_000];
    const weights = dice.chance(0.8) ? 8 : steps.length;
    this.#now += dice.chance(0.3) ? steps[dice.int(0, weights - 1)]! : dice.int(0, steps[dice.int(1, weights - 1)]!);
    if (dice.chance(0.02)) this.#now -= dice.int(0, 5_000);
  }

  #event(): JsonObject {
    const dice = this.#dice;
    this.#message += 1;
    const late = dice.chance(0.15) ? dice.int(1, dice.pick([5_000, 2_000_000, 100_000_000])) : 0;
    const ahead = dice.chance(0.03) ? dice.int(1, 100_000) : 0;
    const base = {
      userId: dice.pick(this.#options.members),
      ...(dice.chance(0.85) ? { timestamp: new Date(this.#now - late + ahead).toISOString() } : {}),
      ...(dice.chance(0.7) ? { channel: dice.pick(["web", "web", "mobile", "server"]) } : {}),
      ...(dice.chance(0.4) ? { messageId: `m${this.#message}` } : {}),
      ...(dice.chance(0.08)
        ? { context: { timezone: dice.pick(["Asia/Tokyo", "America/Los_Angeles", "Mars/Base"]) } }
        : {}),
    };
    const pick = dice.int(0, 99);
    if (pick < 22) return { ...base, type: "identify", traits: this.#traits() };
    if (pick < 30) return { ...base, type: "page", properties: this.#properties() };
    if (pick < 33) return { ...base, type: "screen", name: "Home", properties: this.#properties() };
    if (pick < 60) return { ...base, type: "track", event: dice.pick(NAMES), properties: this.#properties() };
    return { ...base, type: "track", ...this.#commerce() };
  }

  #properties(): JsonObject {
    const dice = this.#dice;
    return {
      ...(dice.chance(0.7) ? { v: dice.pick<Json>([0, 5, 7.00005, 10, 20.5, 60, -10, "5", [5, 60], null]) } : {}),
      ...(dice.chance(0.5) ? { c: dice.pick<Json>(["x", "y", "xay", "a", "äb", ["x", "y"], 3, true]) } : {}),
      ...(dice.chance(0.2) ? { tags: dice.pick<Json>([["x"], ["y", "z"], []]) } : {}),
      ...(dice.chance(0.2) ? { when: this.#date() } : {}),
    };
  }

  #date(): Json {
    const dice = this.#dice;
    const at = this.#now + dice.int(-100, 100) * dice.pick([1_000, 3_600_000, 86_400_000]);
    return dice.pick<Json>([new Date(at).toISOString(), new Date(at).toISOString().slice(0, 10), "soon", 5]);
  }

  #traits(): JsonObject {
    const dice = this.#dice;
    const traits: Record<string, Json> = {};
    if (dice.chance(0.5)) traits.plan = dice.pick<Json>(["x", "y", "xy", "ÄB", "äb", null, 5, ["x", "a"]]);
    if (dice.chance(0.5)) traits.n = dice.pick<Json>([0, 5, 10, 20.5, 60, 100, -5, null, "5"]);
    if (dice.chance(0.3)) traits.tags = dice.pick<Json>([["x", "y"], ["xay"], [], "x", [["x"], null]]);
    if (dice.chance(0.4)) traits.renews = dice.pick<Json>([this.#date(), this.#date(), null]);
    if (dice.chance(0.15))
      traits.timezone = dice.pick<Json>(["Europe/Berlin", "Pacific/Apia", "America/New_York", "nowhere", null]);
    if (dice.chance(0.2)) traits.leases = [{ rent: dice.int(0, 20), ends: this.#date() }, { rent: 5 }];
    if (dice.chance(0.1)) traits.point = { lat: 48.86 + dice.next(), lon: 2.35 };
    if (dice.chance(0.1)) traits.deep = { er: dice.pick(["x", "y"]) };
    return traits;
  }

  #commerce(): JsonObject {
    const dice = this.#dice;
    const product = (): JsonObject => ({
      product_id: dice.pick<Json>(["p1", "p2", 7]),
      ...(dice.chance(0.8) ? { price: dice.pick<Json>([10, 33.335, 60, 0, "9"]) } : {}),
      ...(dice.chance(0.5) ? { quantity: dice.int(1, 3) } : {}),
      ...(dice.chance(0.2) ? { variant: dice.pick<Json>(["red", 5, "5"]) } : {}),
    });
    const orderId = dice.pick<Json>(["o1", "o2", "o3", 4]);
    const currency = dice.chance(0.1) ? { currency: dice.pick(["EUR", "USD"]) } : {};
    const products = Array.from({ length: dice.int(0, 3) }, product);
    switch (dice.int(0, 10)) {
      case 0:
      case 1:
      case 2:
        return { event: "Product Added", properties: { ...product(), ...currency } };
      case 3:
        return { event: "Product Removed", properties: product() };
      case 4:
        return {
          event: dice.pick(["Cart Updated", "Cart Viewed"]),
          properties: dice.chance(0.5) ? { products } : product(),
        };
      case 5:
        return { event: "Cart Cleared", properties: {} };
      case 6:
      case 7: {
        const money = dice.pick<JsonObject>([{ total: dice.pick([0, 60, 99.99995, 120]) }, { revenue: 10 }, {}]);
        const id = dice.chance(0.9) ? { order_id: orderId } : {};
        const coupon = dice.chance(0.3) ? { coupon: "c" } : {};
        return { event: "Order Completed", properties: { ...id, ...money, ...coupon, ...currency, products } };
      }
      case 8:
        return { event: "Order Updated", properties: { order_id: orderId, total: dice.pick([5, 60]), products } };
      case 9:
        return {
          event: "Order Refunded",
          properties: { order_id: orderId, ...(dice.chance(0.6) ? { total: dice.pick([10, 60]) } : {}) },
        };
      default:
        return { event: "Order Cancelled", properties: { order_id: orderId } };
    }
  }
}

/** Ids that belong to one partition, odd ones among them. */
export function membersOf(count: number, partition: number, partitions: number): string[] {
  const odd = ["a.b c*", "ü>x", "\u{1f600}", "￿z", "A@x.org"];
  const ids: string[] = [];
  for (let index = 0; ids.length < count && index < 10_000; index += 1) {
    const id = index < odd.length ? odd[index]! : `u${index}`;
    if (partitionOf(id, partitions) === partition) ids.push(id);
  }
  return ids;
}

export const LIST_IDS = LISTS;
