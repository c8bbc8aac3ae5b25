// Reading one actor: its zone, its records as a where sees them, its counters brought up to a clock, and whether a leaf
// or a whole segment holds. Nothing here changes a membership; evaluation.ts does.
import type { Catalogue, Situations } from "../feeds.ts";
import type { Test, Where } from "../rules/ast.ts";
import type { JsonObject, Limits, Millis } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Actor, Order } from "./actor.ts";
import { cartTotals, lineRecord } from "./commerce.ts";
import { distinctValues, numbersAsAmounts, numbersAt } from "./contributions.ts";
import { type CounterState, type CounterView, missingOf, newCounter, readCounter } from "./counters.ts";
import { averagePasses, numberPasses } from "./numeric-index.ts";
import {
  ALL,
  ANY,
  bucketHolds,
  type CounterPlan,
  type DeltaPlan,
  isOrderAmount,
  type KeptRecord,
  LEAF,
  type Leaf,
  lengthAt,
  NOT,
  type Plan,
} from "./plan.ts";
import type { ReadScope } from "./readings.ts";
import { amountTest, find, type TestContext, testHolds, whereHoldsBy } from "./values.ts";
import { withWaiting } from "./view-times.ts";
import { visitStartOf } from "./visits.ts";
import { type Moment, momentFlips, momentInWindow, tileOf } from "./windows.ts";
import { isZoneName, type Zone, zoneNamed } from "./zones.ts";

/** What members are read against: it changes with the control log alone. */
export interface World {
  readonly limits: Limits;
  readonly vocabulary: Vocabulary;
  readonly catalogue: Catalogue;
  readonly situations: Situations;
}

export function userZone(actor: Actor): string {
  const { timezone } = actor.traits;
  if (isZoneName(timezone)) return timezone;
  return actor.contextZone ?? "UTC";
}

export function zoneFor(name: string, actor: Actor): Zone {
  return zoneNamed(name === "user" ? userZone(actor) : name);
}

export function counterView(actor: Actor, zone: Zone, now: Millis, world: World): CounterView {
  const { visits, visitsSealed } = actor;
  const last = visits.length - 2;
  return {
    now,
    zone,
    visitStart: last < 0 ? Number.NaN : visits[last]!,
    visitLast: last < 0 ? Number.NaN : visits[last + 1]!,
    visitEnd: last < 0 ? Number.NaN : visits[last + 1]! + world.vocabulary.visitIdleMs,
    visitFloor: last < 0 ? Number.NEGATIVE_INFINITY : visits[visitsSealed * 2]!,
  };
}

/** Distinct values of a `visits` measure are moments of visits; visits that merged count once. */
export function canonicalVisit(actor: Actor) {
  return (moment: string | number): number => visitStartOf(actor, moment as number);
}

// ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Value and quantity are amounts, as amountOf gives them. Products are only listed where somebody reads them. */
export function cartRecord(actor: Actor, products = true): JsonObject {
  const { value, quantity } = cartTotals(actor.cart);
  return {
    value,
    quantity,
    lines: actor.cart.length,
    changed: actor.cartChanged === undefined ? null : new Date(actor.cartChanged).toISOString(),
    ...(products ? { products: actor.cart.map(lineRecord) } : {}),
  };
}

/** A record of a member as a `where` sees it; undefined where there is none. */
export function recordOf(kind: KeptRecord, actor: Actor, _world: World, products = true): JsonObject | undefined {
  switch (kind) {
    case "trait":
      return actor.traits;
    case "cart":
      return cartRecord(actor, products);
    case "place":
    case "network":
    case "device":
      return actor[kind];
    case "identity":
      return actor.identities;
    default:
      throw new Error(`${kind} is no record that is kept`);
  }
}

export function readScope(zone: string, actor: Actor, now: Millis, world: World): ReadScope {
  return { now, zone: zoneFor(zone, actor), world };
}

const amountTests = new WeakMap<Test, Test>();

function asAmounts(test: Test): Test {
  let scaled = amountTests.get(test);
  if (scaled === undefined) {
    scaled = amountTest(test);
    amountTests.set(test, scaled);
  }
  return scaled;
}

function orderRecord(order: Order): JsonObject {
  return {
    id: order.id ?? null,
    total: Number.isNaN(order.total) ? null : order.total,
    quantity: order.quantity,
    lines: order.products.length,
    coupon: order.coupon,
    currency: order.currency,
    products: order.products,
  };
}

/** Whether an order, as its last message left it, passes a where. */
export function orderPasses(order: Order, where: Where | undefined, zone: string): boolean {
  if (where === undefined) return true;
  const context = { now: order.readAt, zone: zoneNamed(zone === "user" ? order.readZone : zone) };
  const record = orderRecord(order);
  return whereHoldsBy(where, (path, test) =>
    testHolds(find(record, path), isOrderAmount(path) ? asAmounts(test) : test, context),
  );
}

// ── orders as a counter ─────────────────────────────────────────────────────────────────────────────────────────────

/** Reads an order question from the list of orders: value into `state.a`/`b`, and the next instant it may change. */
export function readOrders(
  counter: CounterPlan,
  state: CounterState,
  actor: Actor,
  now: Millis,
  world: World,
): { value: number; b: number; next: Millis } {
  const fresh = newCounter(counter.shape);
  const view = counterView(actor, zoneFor(counter.zone, actor), now, world);
  let next = Number.POSITIVE_INFINITY;
  const distinct = new Set<string | number>();
  for (const order of actor.orders) {
    if (order.gone || !orderPasses(order, counter.where, counter.zone)) continue;
    const zone = zoneNamed(counter.zone === "user" ? order.zone : counter.zone);
    const moment = { at: order.at, day: zone.dayOf(order.at), tiled: true };
    const [counts, flips] = orderCounts(counter, order, moment, view);
    if (flips < next) next = flips;
    if (counts) takeOrder(counter, fresh, distinct, order, moment);
  }
  state.a = fresh.a;
  state.b = fresh.b;
  if (counter.shape.aggregate === "distinct") {
    const canonical = canonicalVisit(actor);
    const values = counter.measure === "visits" ? new Set([...distinct].map(canonical)) : distinct;
    return { value: values.size, b: 0, next };
  }
  return {
    ...readCounter({ ...counter.shape, cells: "none", window: undefined, running: false, plain: false }, fresh, view),
    next,
  };
}

function orderCounts(counter: CounterPlan, order: Order, moment: Moment, view: CounterView): [boolean, Millis] {
  const { window, aggregate } = counter.shape;
  if (window === undefined || aggregate === "first" || aggregate === "latest") return [true, Number.POSITIVE_INFINITY];
  if (window.kind === "next") return [false, Number.POSITIVE_INFINITY];
  if (window.kind !== "visit") {
    return [momentInWindow(window, moment, view.now, view.zone), momentFlips(window, moment, view.now, view.zone)];
  }
  const counts =
    order.visiting && order.at >= view.visitStart && order.at <= view.visitLast && view.now < view.visitEnd;
  return [counts, counts ? view.visitEnd : Number.POSITIVE_INFINITY];
}

function takeOrder(
  counter: CounterPlan,
  into: CounterState,
  distinct: Set<string | number>,
  order: Order,
  moment: Moment,
): void {
  const { aggregate } = counter.shape;
  switch (aggregate) {
    case "count":
      into.a += 1;
      return;
    case "first":
      if (Number.isNaN(into.a) || moment.at < into.a) [into.a, into.b] = [moment.at, moment.day];
      return;
    case "latest":
      if (Number.isNaN(into.a) || moment.at >= into.a) [into.a, into.b] = [moment.at, moment.day];
      return;
    case "distinct":
      if (counter.measure === "days") distinct.add(moment.day);
      else if (counter.measure === "visits") {
        if (order.visiting) distinct.add(order.at);
      } else for (const value of distinctValues(orderRecord(order), counter.of!)) distinct.add(value);
      return;
    default:
      for (const value of orderNumbers(counter, order)) addNumber(aggregate, into, value);
  }
}

function orderNumbers(counter: CounterPlan, order: Order): number[] {
  if (counter.of === undefined) return Number.isNaN(order.total) ? [] : [order.total];
  const values = numbersAt(orderRecord(order), counter.of);
  return counter.amount && !isOrderAmount(counter.of) ? numbersAsAmounts(values) : values;
}

function addNumber(aggregate: string, into: CounterState, value: number): void {
  if (aggregate === "min") into.a = into.b === 0 ? value : Math.min(into.a, value);
  else if (aggregate === "max") into.a = into.b === 0 ? value : Math.max(into.a, value);
  else into.a += value;
  into.b += 1;
}

// ── deltas of traits ────────────────────────────────────────────────────────────────────────────────────────────────

/** Now against then: `then` is the write in force at the last tile edge at or before clock − over; NaN is missing. */
export function deltaValues(plan: DeltaPlan, state: CounterState | undefined, now: Millis) {
  if (state === undefined || state.keys.length === 0) return { percent: Number.NaN, amount: Number.NaN };
  const tile = tileOf(plan.overMs);
  const edge = Math.floor((now - plan.overMs) / tile) * tile;
  let index = state.keys.length - 1;
  while (index >= 0 && state.keys[index]! > edge) index -= 1;
  const then = index < 0 ? Number.NaN : state.as[index]!;
  const amount = state.as[state.as.length - 1]! - then;
  return { amount, percent: then === 0 ? Number.NaN : (amount * 100) / Math.abs(then) };
}

/** The next instant at which `then` changes. Forgets writes that are never in force again. */
export function deltaDue(plan: DeltaPlan, state: CounterState, now: Millis): Millis {
  const tile = tileOf(plan.overMs);
  const edge = Math.floor((now - plan.overMs) / tile) * tile;
  let held = 0;
  while (held + 1 < state.keys.length && state.keys[held + 1]! <= edge) held += 1;
  if (held > 0) {
    state.keys.splice(0, held);
    state.as.splice(0, held);
  }
  const next = state.keys.find((at) => at > edge);
  return next === undefined ? Number.POSITIVE_INFINITY : Math.ceil(next / tile) * tile + plan.overMs;
}

// ── leaves and segments ─────────────────────────────────────────────────────────────────────────────────────────────

/** Whether a leaf holds, from what its counter showed last. */
export function leafHolds(leaf: Leaf, actor: Actor, now: Millis, world: World): boolean {
  switch (leaf.kind) {
    case "counter": {
      const state = actor.counters.get(leaf.counter.key);
      const shown = state === undefined ? missingOf(leaf.counter.shape.aggregate) : state.shown;
      if (leaf.counter.shape.aggregate === "avg") return averagePasses(shown, state?.shownB ?? 0, leaf.test);
      return numberPasses(shown, leaf.test);
    }
    case "moment": {
      const moment = counterMoment(leaf.counter, actor.counters.get(leaf.counter.key));
      return moment !== undefined && momentInWindow(leaf.window, moment, now, zoneFor(leaf.counter.zone, actor));
    }
    case "reading":
      return leaf.reading.holds(actor, readScope(leaf.zone, actor, now, world));
    case "trait":
      return testHolds(find(actor.traits, leaf.path), leaf.test, leafContext(leaf.zone, actor, now));
    case "cart":
      return testHolds(
        find(cartRecord(actor, leaf.path[0] === "products"), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
    case "delta": {
      const values = deltaValues(leaf.delta, actor.counters.get(leaf.delta.key), now);
      return numberPasses(values[leaf.unit], leaf.test);
    }
    case "situation":
      return testHolds(
        find(world.situations.valuesAt(leaf.of, actor.place, now), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
    case "segment":
      return actor.memberships.get(leaf.id)?.in === true;
    case "joined": {
      const membership = actor.memberships.get(leaf.id);
      if (membership?.in !== true) return false;
      const zone = zoneFor(leaf.zone, actor);
      return momentInWindow(leaf.window, dateMoment(membership.since, zone), now, zone);
    }
    case "list":
      return actor.lists?.has(leaf.id) === true;
    case "bucket":
      return bucketHolds(leaf, actor.id);
    default:
      return testHolds(
        find(recordOf(leaf.kind, actor, world), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
  }
}

export function counterMoment(counter: CounterPlan, state: CounterState | undefined): Moment | undefined {
  if (state === undefined) return undefined;
  const { a, b } = withWaiting(counter, state, 0);
  return Number.isNaN(a) ? undefined : { at: a, day: b, tiled: true };
}

export function dateMoment(at: Millis, zone: Zone): Moment {
  return { at, day: zone.dayOf(at), tiled: false };
}

export function leafContext(zone: string, actor: Actor, now: Millis): TestContext {
  return { now, zone: zoneFor(zone, actor) };
}

/** Whether a segment's rule holds, from its program; see plan.ts for the codes. */
export function programHolds(
  program: Int32Array,
  at: number,
  plan: Plan,
  actor: Actor,
  now: Millis,
  world: World,
): boolean {
  const code = program[at]!;
  if (code === LEAF) return leafHolds(plan.leaves[program[at + 1]!]!, actor, now, world);
  if (code === NOT) return !programHolds(program, at + 2, plan, actor, now, world);
  const end = at + program[at + 1]!;
  const wanted = code !== ALL;
  for (let child = at + 2; child < end; child += lengthAt(program, child)) {
    if (programHolds(program, child, plan, actor, now, world) === wanted) return code === ANY;
  }
  return code !== ANY;
}
