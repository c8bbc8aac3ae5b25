// Questions that are answered from a list which is kept of everybody, orders and visits: read anew whenever the list
// or the clock moves what they count. Counters over what is not kept are in counters.ts.
import type { Path, Test, Where } from "../../rules/ast.ts";
import type { JsonObject, Millis } from "../../types.ts";
import { distinctValues, numbersAsAmounts, numbersAt } from "../counting/contributions.ts";
import { type CounterState, type CounterView, newCounter, readCounter } from "../counting/counters.ts";
import type { Actor, Order } from "../member/actor.ts";
import { inCurrency } from "../member/currencies.ts";
import { visitRecord } from "../member/visit-record.ts";
import { type VisitList, type VisitMove, type VisitSpan, visitSpan } from "../member/visits.ts";
import { isOrderAmount } from "../plan/rule-leaves.ts";
import type { CounterPlan } from "../plan/shapes.ts";
import { asksOfVisit, canonicalVisit, counterView, listOf, zoneFor } from "../reading.ts";
import { type Moment, momentFlips, momentInWindow, turnsOld } from "../time/windows.ts";
import { zoneNamed } from "../time/zones.ts";
import { amountTest, find, scalarsAt, type TestContext, testHolds, whereHolds, whereHoldsBy } from "../values.ts";

export interface ListedValue {
  readonly value: number;
  readonly b: number;
  /** The next instant at which silence may change it. */
  readonly next: Millis;
}

export function isListed({ source }: CounterPlan): boolean {
  return source === "order" || source === "visit";
}

/** Reads a question from its list: value into `state.a`/`b`, and the next instant it may change. */
export function readListed(counter: CounterPlan, state: CounterState, actor: Actor, now: Millis): ListedValue {
  const fresh = newCounter(counter.shape);
  const view = counterView(actor, zoneFor(counter.zone, actor), now, counter.visits?.idleMs);
  const tally: Tally = { counter, into: fresh, distinct: new Set(), view, next: Number.POSITIVE_INFINITY };
  if (counter.source === "order") tallyOrders(tally, actor);
  else tallyVisits(tally, actor);
  state.a = fresh.a;
  state.b = fresh.b;
  state.last = fresh.last;
  const { distinct, next } = tally;
  if (counter.shape.aggregate === "distinct") {
    const canonical = canonicalVisit(counter, actor);
    const values = counter.measure === "visits" ? new Set([...distinct].map(canonical)) : distinct;
    return { value: values.size, b: 0, next };
  }
  const shape = { ...counter.shape, cells: "none", window: undefined, running: false, plain: false } as const;
  return { ...readCounter(shape, fresh, view), next };
}

interface Tally {
  readonly counter: CounterPlan;
  readonly into: CounterState;
  readonly distinct: Set<string | number>;
  readonly view: CounterView;
  next: Millis;
}

/** What is on such a list, as a measure takes it. */
interface Listed {
  readonly moment: Moment;
  /** A moment of the visit it belongs to; NaN when it belongs to none. */
  readonly visit: Millis;
  readonly record: JsonObject;
  /** What a sum of nothing named adds. */
  readonly amount: number;
}

function take({ counter, into, distinct }: Tally, { moment, visit, record, amount }: Listed): void {
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
      else if (counter.measure !== "visits") {
        for (const value of distinctValues(record, counter.of!)) distinct.add(value);
      } else if (!Number.isNaN(visit)) distinct.add(visit);
      return;
    default:
      for (const value of numbersOf(counter, record, amount)) addNumber(aggregate, into, value);
  }
}

function numbersOf(counter: CounterPlan, record: JsonObject, amount: number): number[] {
  if (counter.of === undefined) return Number.isNaN(amount) ? [] : [amount];
  const values = numbersAt(record, counter.of);
  const isAmount = counter.source === "order" && isOrderAmount(counter.of);
  return counter.amount && !isAmount ? numbersAsAmounts(values) : values;
}

function addNumber(aggregate: string, into: CounterState, value: number): void {
  if (aggregate === "min") into.a = into.b === 0 ? value : Math.min(into.a, value);
  else if (aggregate === "max") into.a = into.b === 0 ? value : Math.max(into.a, value);
  else into.a += value;
  into.b += 1;
}

/** Whether a moment of the list counts now, and when silence next changes that. */
function countsNow(counter: CounterPlan, moment: Moment, isCurrent: boolean, view: CounterView): [boolean, Millis] {
  const { window, aggregate } = counter.shape;
  if (window === undefined || aggregate === "first" || aggregate === "latest") return [true, Number.POSITIVE_INFINITY];
  if (window.kind === "next") return [false, Number.POSITIVE_INFINITY];
  if (window.kind !== "visit") {
    return [momentInWindow(window, moment, view.now, view.zone), momentFlips(window, moment, view.now, view.zone)];
  }
  const counts = isCurrent && view.now < view.visitEnd;
  return [counts, counts ? view.visitEnd : Number.POSITIVE_INFINITY];
}

// ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function tallyOrders(tally: Tally, actor: Actor): void {
  const { counter, view } = tally;
  const list = listOf(counter, actor);
  for (const order of actor.orders) {
    const { total, gone } = inCurrency(order.money, counter.currency);
    if (gone || !orderPasses(order, counter.where, counter)) continue;
    const zone = zoneNamed(counter.zone === "user" ? order.zone : counter.zone);
    const visiting = order.visiting && list?.outside.includes(order.seq) !== true;
    const visit = visiting ? order.at : Number.NaN;
    const moment = { at: order.at, day: asksOfVisit(counter) ? visit : zone.dayOf(order.at), tiled: true };
    const isCurrent = visiting && order.at >= view.visitStart && order.at <= view.visitLast;
    const [counts, flips] = countsNow(counter, moment, isCurrent, view);
    if (flips < tally.next) tally.next = flips;
    if (!counts) continue;
    take(tally, { moment, visit, record: orderRecord(order, total), amount: total });
    tally.into.last = Math.max(tally.into.last, order.seq);
  }
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

function orderRecord(order: Order, total: number): JsonObject {
  return {
    id: order.id ?? null,
    total: Number.isNaN(total) ? null : total,
    quantity: order.quantity,
    lines: order.products.length,
    coupon: order.coupon,
    currency: order.currency,
    products: order.products,
  };
}

/** Whether an order, as its last message left it, passes a where. */
export function orderPasses(
  order: Order,
  where: Where | undefined,
  { zone, currency }: { readonly zone: string; readonly currency: string },
): boolean {
  if (where === undefined) return true;
  const context = { now: order.readAt, zone: zoneNamed(zone === "user" ? order.readZone : zone) };
  const record = orderRecord(order, inCurrency(order.money, currency).total);
  return whereHoldsBy(where, (path, test) =>
    testHolds(find(record, path), isOrderAmount(path) ? asAmounts(test) : test, context),
  );
}

// ── visits ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOTHING_READ: JsonObject = {};

/** From the newest visit back, until the rest is too old for the window. */
function tallyVisits(tally: Tally, actor: Actor): void {
  const { counter, view } = tally;
  const list = listOf(counter, actor);
  if (list === undefined) return;
  const context = { now: view.now, zone: view.zone };
  const isRead = counter.where !== undefined || counter.of !== undefined;
  const newest = list.times.length / 2 - 1;
  for (let index = newest; index >= 0; index -= 1) {
    const span = visitSpan(list, index);
    if (isTooOld(counter, span.start, view.now)) break;
    const moment = visitMoment(counter, span, actor);
    const [counts, flips] = countsNow(counter, moment, index === newest, view);
    if (!counts && flips === Number.POSITIVE_INFINITY) continue;
    const record = isRead ? visitRecordFor(counter, span) : NOTHING_READ;
    if (counter.where !== undefined && !whereHolds(record, counter.where, context)) continue;
    if (flips < tally.next) tally.next = flips;
    if (counts) take(tally, { moment, visit: span.start, record, amount: Number.NaN });
  }
}

/** It counts no more, and no older one does. */
function isTooOld({ shape: { window, aggregate } }: CounterPlan, start: Millis, now: Millis): boolean {
  if (aggregate === "first" || aggregate === "latest") return false;
  if (window?.kind === "last") return now >= turnsOld(start, window.ms);
  return window?.kind === "ago" && window.ltMs !== undefined && now >= turnsOld(start, window.ltMs);
}

/** A visit counts at its start, on the date that the member's zone gave the event which is its start. */
function visitMoment(counter: CounterPlan, { start, detail }: VisitSpan, actor: Actor): Moment {
  if (!counter.local) return { at: start, day: 0, tiled: true };
  const zone = counter.zone === "user" && detail !== undefined ? zoneNamed(detail.zone) : zoneFor(counter.zone, actor);
  return { at: start, day: zone.dayOf(start), tiled: true };
}

function visitRecordFor({ visits }: CounterPlan, span: VisitSpan): JsonObject {
  return visits?.details ? visitRecord(span, visits.referrers) : { duration: span.last - span.start };
}

// ── a visit that moved ──────────────────────────────────────────────────────────────────────────────────────────────

/** A visit as several questions look at it: its record is made once for each referrer table. */
class SeenVisit {
  readonly start: Millis;
  readonly #span: VisitSpan;
  readonly #records = new Map<unknown, JsonObject>();

  constructor(span: VisitSpan) {
    this.start = span.start;
    this.#span = span;
  }

  record(counter: CounterPlan): JsonObject {
    const table = counter.visits?.details ? counter.visits.referrers : undefined;
    let record = this.#records.get(table);
    if (record === undefined) {
      record = visitRecordFor(counter, this.#span);
      this.#records.set(table, record);
    }
    return record;
  }

  passes(counter: CounterPlan, context: TestContext): boolean {
    return counter.where === undefined || whereHolds(this.record(counter), counter.where, context);
  }
}

/** What an event did to a visit, for all questions that may be moved by it. */
export class MovedVisit {
  readonly #kind: Exclude<VisitMove["kind"], "none">;
  readonly #before: SeenVisit | undefined;
  readonly #after: SeenVisit;

  constructor(list: VisitList, move: Exclude<VisitMove, { kind: "none" }>) {
    this.#kind = move.kind;
    this.#before = move.kind === "extended" ? new SeenVisit(move.before) : undefined;
    this.#after = new SeenVisit(visitSpan(list, move.index));
  }

  /** Whether what the visit gives this question is another than before. */
  moves(counter: CounterPlan, context: TestContext): boolean {
    if (this.#kind === "merged" || readsCurrent(counter)) return true;
    const [before, after] = [this.#before, this.#after];
    if (before === undefined) return after.passes(counter, context);
    const hasMoved = before.start !== after.start;
    if (!hasMoved && counter.where === undefined && counter.of === undefined) return false;
    const passes = after.passes(counter, context);
    if (passes !== before.passes(counter, context)) return true;
    if (!passes || hasMoved) return passes;
    return counter.of !== undefined && !isSameAt(counter.of, before.record(counter), after.record(counter));
  }
}

/** Its answer follows the visit under way, which any event may be part of. */
function readsCurrent({ shape, leaves }: CounterPlan): boolean {
  return shape.window?.kind === "visit" || leaves.some(({ window }) => window?.kind === "visit");
}

function isSameAt(path: Path, one: JsonObject, other: JsonObject): boolean {
  const [values, others] = [scalarsAt(one, path), scalarsAt(other, path)];
  return values.length === others.length && values.every((value, index) => value === others[index]);
}
