// Segments side by side: each member counted once, under the set of segments that hold them, so that every overlap of any
// of them adds up from the same counts. Beside it: trial.ts, which walks through everybody in the same way.
import { type ComparePart, type GroupPart, newGroup } from "../../comparing.ts";
import type { Json, Millis, SegmentId } from "../../types.ts";
import { engagementScore } from "../leaves/engagement.ts";
import type { Actor } from "../member/actor.ts";
import { nameOf } from "../member/interactions.ts";
import { shownList } from "../member/visits.ts";
import type { Plan } from "../plan/shapes.ts";
import type { World } from "../world.ts";
import { broughtUp } from "./explain.ts";
import { standingOrders } from "./view.ts";

const DAY_MS = 86_400_000;
const CATEGORY_LENGTH_MAX = 200;

export class Comparing {
  readonly part: { members: number; groups: Record<string, GroupPart> } & ComparePart = { members: 0, groups: {} };
  readonly #rows = new Map<GroupPart, Map<string, GroupPart["categories"][number]>>();
  readonly #segments: readonly SegmentId[];
  readonly #plan: Plan;
  readonly #now: Millis;
  readonly #world: World;
  readonly #score: ((actor: Actor) => number) | undefined;

  constructor(segments: readonly SegmentId[], plan: Plan, now: Millis, world: World) {
    this.#segments = segments;
    this.#plan = plan;
    this.#now = now;
    this.#world = world;
    this.#score = engagementScore(world.vocabulary, (question) => plan.asks(question));
  }

  look(actor: Actor): void {
    this.part.members += 1;
    let held = 0;
    this.#segments.forEach((segment, index) => {
      if (actor.memberships.get(segment)?.in === true) held += 2 ** index;
    });
    const group = this.#groupOf(held);
    group.members += 1;
    if (actor.lastSeen > this.#now - 7 * DAY_MS) group.active7 += 1;
    if (actor.lastSeen > this.#now - 30 * DAY_MS) group.active30 += 1;
    group.visits += shownList(actor, this.#world.vocabulary.visitIdleMs).times.length / 2;
    this.#addScore(group, actor);
    this.#addOrders(group, actor);
  }

  #groupOf(held: number): GroupPart {
    this.part.groups[held] ??= newGroup();
    return this.part.groups[held];
  }

  #addScore(group: GroupPart, actor: Actor): void {
    if (this.#score === undefined) return;
    group.scored += 1;
    group.score += this.#score(broughtUp(actor, this.#plan, this.#now, this.#world));
  }

  #addOrders(group: GroupPart, actor: Actor): void {
    const orders = standingOrders(actor, this.#world.vocabulary.currency);
    if (orders.length === 0) return;
    group.buyers += 1;
    group.orders += orders.length;
    for (const [category, items] of this.#boughtIn(orders, group)) {
      const row = this.#rowOf(group, category);
      row[1] += 1;
      row[2] += items;
    }
  }

  /** Items by category; what the orders come to is added up on the way. */
  #boughtIn(orders: ReturnType<typeof standingOrders>, group: GroupPart): Map<string, number> {
    const bought = new Map<string, number>();
    for (const { order, total } of orders) {
      if (!Number.isNaN(total)) group.revenue += total;
      for (const product of order.products) {
        const category = this.#categoryOf(product.category, nameOf(product.product_id));
        if (category === undefined) continue;
        bought.set(category, (bought.get(category) ?? 0) + (product.quantity as number));
      }
    }
    return bought;
  }

  #rowOf(group: GroupPart, category: string): GroupPart["categories"][number] {
    let rows = this.#rows.get(group);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(group, rows);
    }
    let row = rows.get(category);
    if (row === undefined) {
      row = [category, 0, 0];
      rows.set(category, row);
      group.categories.push(row);
    }
    return row;
  }

  /** As the order said it, else as the item is known. */
  #categoryOf(said: Json | undefined, product: string | undefined): string | undefined {
    const known = product === undefined ? undefined : this.#world.catalogue.attributesOf(product)?.category;
    return nameOf(said)?.slice(0, CATEGORY_LENGTH_MAX) ?? nameOf(known)?.slice(0, CATEGORY_LENGTH_MAX);
  }
}
