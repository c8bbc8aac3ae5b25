// Random definitions and random histories that make them flip: few people, few names, times that jump by seconds, by
// days and backwards, so that windows, midnights, visits and late events all get their share.
import type { ControlEntry } from "../../lib/core/control.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { Json, JsonObject, LogKind, LogRecord, Millis } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { DURATIONS } from "./parts.ts";
import { NAMES, rowsWithout, rule } from "./rows.ts";
import { itemAttributes, itemMessage } from "./rows-items.ts";
import { identityContext, identityTraits, memberIds, objectMessage, situationEntry } from "./rows-states.ts";
import { visitContext } from "./rows-visits.ts";

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "user", "user"];

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

// ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────

export function definition(
  dice: Dice,
  id: string,
  others: readonly string[],
  rows = rowsWithout("funnel"),
): JsonObject {
  return {
    id,
    name: id,
    kind: "user",
    ...(dice.chance(0.5) ? { zone: dice.pick(ZONES) } : {}),
    ...(dice.chance(0.15) ? { stay: dice.pick(DURATIONS.slice(0, 6)) } : {}),
    ...(dice.chance(0.15) ? { cooldown: dice.pick(DURATIONS.slice(0, 6)) } : {}),
    ...(dice.chance(0.05) ? { enabled: false } : {}),
    rule: dice.chance(0.25) ? gated(dice, others, rows) : rule(dice, others, 2, rows),
  };
}

/** A rule that insists on a trait: the engine lets all its other leaves sleep for people who have another value. */
function gated(dice: Dice, others: readonly string[], rows: readonly string[]): JsonObject {
  const gate = dice.pick<JsonObject>([{ plan: "x" }, { plan: ["x", "y"] }, { n: 5 }, { plan: "x", n: { gt: 0 } }]);
  const more = dice.chance(0.3) ? [rule(dice, others, 0, rows)] : [];
  return { all: [{ trait: gate }, rule(dice, others, 1, rows), ...more] };
}

// ── histories ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HistoryOptions {
  readonly partition: number;
  readonly partitions: number;
  readonly clockMode: "log" | "event";
  readonly members: readonly string[];
  readonly start: Millis;
}

/** Spans that something in the rules or the vocabulary measures, so that what lies just so far apart is frequent. */
const SPANS = [5_000, 5_000, 30_000, 30_000, 600_000, 600_000, 1_800_000, 1_800_000, 3_600_000, 10_800_000, 86_400_000];
const RECENT_MAX = 4;
const AHEAD_MS_MAX = 8 * 86_400_000;

/** What messages are about; a history says more of some than of others. */
const SUBJECTS = { traits: 22, page: 8, screen: 3, item: 15, named: 18, object: 7, commerce: 27 } as const;
type Subject = keyof typeof SUBJECTS;

/** Makes one message after another; the caller numbers them and decides when definitions change. */
export class History {
  readonly #dice: Dice;
  readonly #options: HistoryOptions;
  #seq = 0;
  #now: Millis;
  #message = 0;
  readonly #subjects: readonly (readonly [Subject, number])[];
  /** By member, the times of the events before. */
  readonly #recent = new Map<string, Millis[]>();

  constructor(dice: Dice, options: HistoryOptions) {
    this.#dice = dice;
    this.#options = options;
    this.#now = options.start;
    const leans = dice.chance(0.6);
    const names = Object.keys(SUBJECTS) as Subject[];
    this.#subjects = names.map((name) => [name, SUBJECTS[name] * (leans ? dice.pick([0.2, 1, 4]) : 1)]);
  }

  get seq(): number {
    return this.#seq;
  }

  get members(): readonly string[] {
    return this.#options.members;
  }

  get now(): Millis {
    return this.#now;
  }

  /** Time has passed elsewhere. */
  passTo(now: Millis): void {
    this.#now = Math.max(this.#now, now);
  }

  record(kind: LogKind, body: unknown): LogRecord {
    this.#seq += 1;
    return { seq: this.#seq, stamp: this.#now, kind, body: body instanceof Uint8Array ? body : bytes(body) };
  }

  control(revision: number, entry: ControlEntry): LogRecord {
    return this.record("control", { revision, entry });
  }

  /** An entry of a feed; its dates are near now. */
  situation(revision: number): LogRecord {
    return this.control(
      revision,
      situationEntry(this.#dice, this.#now, () => this.#date()),
    );
  }

  ready(revision: number): LogRecord {
    return this.record("ready", { revision, from: 1 });
  }

  /** `deadline`: when silence next moves somebody; some messages come at that very instant, or beside it. */
  next(deadline = Number.POSITIVE_INFINITY): LogRecord {
    const dice = this.#dice;
    if (deadline > this.#now && deadline - this.#now < AHEAD_MS_MAX && dice.chance(0.15))
      this.#now = deadline + dice.pick([-1, 0, 0, 1]);
    else this.#pass();
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
    const steps = [
      0, 1, 900, 1_000, 4_000, 31_000, 600_000, 1_800_000, 1_900_000, 3_600_000, 20_000_000, 90_000_000, 700_000_000,
    ];
    const weights = dice.chance(0.8) ? 9 : steps.length;
    this.#now += dice.chance(0.3) ? steps[dice.int(0, weights - 1)]! : dice.int(0, steps[dice.int(1, weights - 1)]!);
    if (dice.chance(0.02)) this.#now -= dice.int(0, 5_000);
  }

  #event(): JsonObject {
    const dice = this.#dice;
    this.#message += 1;
    const member = dice.pick(this.#options.members);
    const time = this.#timeOf(member);
    const base = {
      ...memberIds(dice, member),
      ...(dice.chance(0.9) ? { timestamp: new Date(time).toISOString() } : {}),
      ...(dice.chance(0.7) ? { channel: dice.pick(["web", "web", "mobile", "server"]) } : {}),
      ...(dice.chance(0.4) ? { messageId: `m${this.#message}` } : {}),
      ...(dice.chance(0.5) ? { context: this.#context() } : {}),
    };
    switch (this.#subject()) {
      case "traits":
        return { ...base, type: "identify", traits: this.#traits() };
      case "page":
        return { ...base, type: "page", properties: this.#properties() };
      case "screen":
        return { ...base, type: "screen", name: "Home", properties: this.#properties() };
      case "item":
        return { ...base, type: "track", ...itemMessage(dice) };
      case "named":
        return { ...base, type: "track", event: dice.pick(NAMES), properties: this.#properties() };
      case "object":
        return { ...base, type: "track", ...objectMessage(dice, () => this.#date()) };
      case "commerce":
        return { ...base, type: "track", ...this.#commerce() };
    }
  }

  /** A user who belongs to an account from now on, or to none. */
  group(accounts: readonly string[]): LogRecord {
    const dice = this.#dice;
    this.#pass();
    this.#message += 1;
    const member = dice.pick(this.#options.members);
    const time = this.#timeOf(member);
    return this.record("event", {
      ...memberIds(dice, member),
      type: "group",
      groupId: dice.chance(0.15) ? null : dice.chance(0.02) ? "" : dice.pick(accounts),
      ...(dice.chance(0.9) ? { timestamp: new Date(time).toISOString() } : {}),
      ...(dice.chance(0.4) ? { messageId: `m${this.#message}` } : {}),
      ...(dice.chance(0.2) ? { context: this.#context() } : {}),
      ...(dice.chance(0.6) ? { traits: this.#traits() } : {}),
    });
  }

  /** A message about an account of this partition, by no user. */
  ofAccount(account: string): LogRecord {
    const dice = this.#dice;
    this.#pass();
    this.#message += 1;
    const time = this.#timeOf(`account ${account}`);
    const what = dice.chance(0.5)
      ? { type: "group", traits: this.#traits() }
      : { type: "track", event: dice.pick(NAMES), properties: this.#properties() };
    return this.record("account", {
      ...what,
      groupId: account,
      ...(dice.chance(0.05) ? { userId: "u5" } : {}),
      ...(dice.chance(0.9) ? { timestamp: new Date(time).toISOString() } : {}),
      ...(dice.chance(0.4) ? { messageId: `m${this.#message}` } : {}),
      ...(dice.chance(0.3) ? { context: this.#context() } : {}),
    });
  }

  #subject(): Subject {
    let rest = this.#dice.next() * this.#subjects.reduce((sum, [, weight]) => sum + weight, 0);
    const found = this.#subjects.find(([, weight]) => {
      rest -= weight;
      return rest < 0;
    });
    return (found ?? this.#subjects[0]!)[0];
  }

  /** Mostly now; late, or a little ahead; or just so long before or after another event of the member. */
  #timeOf(member: string): Millis {
    const dice = this.#dice;
    const recent = this.#recent.get(member) ?? [];
    this.#recent.set(member, recent);
    let time = this.#now;
    const pick = dice.next();
    if (pick < 0.15) time -= dice.int(1, dice.pick([5_000, 2_000_000, 5_000_000, 100_000_000, 700_000_000]));
    else if (pick < 0.18) time += dice.int(1, 100_000);
    else if (pick < 0.42 && recent.length > 0) {
      const other = dice.chance(0.5) ? recent.at(-1)! : dice.pick(recent);
      time = other + dice.pick([0, 0, ...SPANS]) * dice.pick([-1, 1, 1, 1]) + dice.pick([-1, 0, 0, 0, 0, 1]);
      // What is then still to come is waited for.
      this.#now = Math.max(this.#now, time);
    }
    recent.push(time);
    if (recent.length > RECENT_MAX) recent.shift();
    return time;
  }

  #context(): JsonObject {
    const dice = this.#dice;
    const zones = ["Asia/Tokyo", "America/Los_Angeles", "Mars/Base"];
    return {
      ...(dice.chance(0.15) ? { timezone: dice.pick(zones) } : {}),
      ...visitContext(dice),
      ...identityContext(dice),
    };
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
    // Some just beyond a span that a window reaches ahead.
    const away = dice.chance(0.4)
      ? dice.pick(SPANS) + dice.int(0, 100_000)
      : dice.int(-100, 100) * dice.pick([1_000, 3_600_000, 86_400_000]);
    const text = new Date(this.#now + away).toISOString();
    return dice.chance(0.85) ? dice.pick([text, text, text, text.slice(0, 10)]) : dice.pick<Json>(["soon", 5]);
  }

  #traits(): JsonObject {
    const dice = this.#dice;
    const traits: Record<string, Json> = { ...identityTraits(dice) };
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
      ...(dice.chance(0.3) ? itemAttributes(dice) : {}),
    });
    const orderId = dice.pick<Json>(["o1", "o2", "o3", 4]);
    const currency = dice.chance(0.2) ? { currency: dice.pick(["EUR", "USD"]) } : {};
    const products = Array.from({ length: dice.int(0, 3) }, product);
    switch (dice.int(0, 11)) {
      case 0:
      case 1:
      case 2:
        return { event: "Product Added", properties: { ...product(), ...currency } };
      case 3:
      case 11:
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
