// What people do in a run: carts, orders and pings; where the world has it also visits with what is told of them, items, leases
// and places. plan.ts puts it into steps.
import type { Json, JsonObject, MemberId } from "../../lib/core/types.ts";
import { itemMessage } from "../laws/rows-items.ts";
import { objectMessage } from "../laws/rows-states.ts";
import { visitContext } from "../laws/rows-visits.ts";
import type { Dice } from "../support/seed.ts";
import type { SentEvent } from "./plan.ts";

export class SentEvents {
  private readonly dice: Dice;
  private readonly users: readonly MemberId[];
  private readonly stateful: boolean;
  private made = 0;

  constructor(dice: Dice, users: readonly MemberId[], stateful: boolean) {
    this.dice = dice;
    this.users = users;
    this.stateful = stateful;
  }

  some(count: number): SentEvent[] {
    return Array.from({ length: count }, () => this.one());
  }

  private one(): SentEvent {
    const { dice } = this;
    this.made += 1;
    const user = dice.pick(this.users);
    const lateMs = dice.chance(0.7) ? undefined : dice.chance(0.7) ? 0 : dice.int(1, 9_000);
    const id = dice.chance(0.3) ? { messageId: `m${this.made}` } : {};
    const sent = { user, lateMs, message: { userId: user, ...id, ...this.said() } };
    return this.stateful ? this.enriched(sent) : sent;
  }

  /** With what is told of the visit it belongs to; or about an item, a campaign or something that ends. */
  private enriched(sent: SentEvent): SentEvent {
    const { dice } = this;
    const context = dice.chance(0.4) ? { context: { ...visitContext(dice), ...this.place() } } : {};
    const message = { ...sent.message, ...context, ...(dice.chance(0.1) ? { channel: "server" } : {}) };
    const pick = dice.int(0, 9);
    if (pick < 2) return { ...sent, message: { ...message, type: "track", ...itemMessage(dice) } };
    if (pick > 2) return { ...sent, message };
    const owned: JsonObject = { ...message, type: "track", ...objectMessage(dice, () => null) };
    return owned.event === "Object Set" && dice.chance(0.8)
      ? { ...sent, message: owned, endsInMs: dice.int(-3_000, 12_000) }
      : { ...sent, message: owned };
  }

  private place(): JsonObject {
    const { dice } = this;
    if (!dice.chance(0.4)) return {};
    return {
      place: dice.pick<Json>([{ country: "DE", region: "NW", city: "Bonn" }, { country: "DE" }, { country: "FR" }]),
    };
  }

  private said(): JsonObject {
    const { dice } = this;
    const price = dice.int(0, 70);
    const product = { product_id: `p${price % 3}`, price, quantity: 1 };
    switch (dice.int(0, 9)) {
      case 0:
      case 1:
      case 2:
        return { type: "track", event: "Ping", properties: { v: price } };
      case 3:
        return { type: "track", event: dice.pick(["A", "B"]), properties: { v: price, c: dice.pick(["x", "y"]) } };
      case 4:
      case 5:
        return { type: "track", event: "Product Added", properties: product };
      case 6:
        return { type: "track", event: dice.pick(["Cart Cleared", "Product Removed"]), properties: product };
      case 7:
        return { type: "track", event: "Order Completed", properties: { order_id: `o${price}`, total: price } };
      case 8:
        return { type: "page", properties: { v: price } };
      default:
        return { type: "identify", traits: { plan: dice.pick<Json>(["x", "y", null]), n: price } };
    }
  }
}
