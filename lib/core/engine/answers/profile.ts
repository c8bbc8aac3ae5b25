// The longer parts of what is known of somebody, a page at a time: where the log tells of them, their orders, their visits.
// view.ts shows the whole at a glance; here is what grows with what they have done.
import type { HistoryView, OrdersView, OrderView, VisitsPage } from "../../partition.ts";
import type { Json, Millis, Seq } from "../../types.ts";
import type { Actor, Order } from "../member/actor.ts";
import { inCurrency } from "../member/currencies.ts";
import { TRAIL_MAX } from "../member/trail.ts";
import { visitRecord } from "../member/visit-record.ts";
import { shownList, visitEndOf, visitSpan } from "../member/visits.ts";
import { userZone } from "../reading.ts";
import type { World } from "../world.ts";

const AMOUNT = 10_000;

export function historyOf(actor: Actor): HistoryView {
  return {
    trail: [...actor.trail],
    isWhole: actor.trail.length < TRAIL_MAX,
    traitTimes: { ...actor.traitTimes },
    zone: userZone(actor),
    firstSeen: actor.firstSeen,
    lastSeen: actor.lastSeen,
  };
}

/** Newest first, those older than `before`: the time and the log position of the last one on the page before. */
export function ordersOf(
  { orders }: Actor,
  { vocabulary }: World,
  before: readonly [at: Millis, seq: Seq] | undefined,
  limit: number,
): OrdersView {
  const { currency } = vocabulary;
  const standing = orders.filter(({ money }) => !inCurrency(money, currency).gone);
  const totals = standing.map(({ money }) => inCurrency(money, currency).total).filter((total) => !Number.isNaN(total));
  const revenue = totals.reduce((sum, total) => sum + total, 0);
  const older = before === undefined ? orders : orders.filter((order) => isBefore(order, before));
  return {
    count: orders.length,
    standing: standing.length,
    currency,
    revenue: revenue / AMOUNT,
    average: totals.length === 0 ? null : Math.round(revenue / totals.length) / AMOUNT,
    orders: older
      .slice(-limit)
      .reverse()
      .map((order) => orderView(order, currency)),
    more: older.length > limit,
  };
}

function isBefore({ at, seq }: Order, [beforeAt, beforeSeq]: readonly [Millis, Seq]): boolean {
  return at < beforeAt || (at === beforeAt && seq < beforeSeq);
}

/** In the currency that the order names, else in the vocabulary's. */
function orderView(order: Order, usual: string): OrderView {
  const currency = textOr(order.currency, usual);
  const { total, gone } = inCurrency(order.money, currency);
  return {
    ...(order.id === undefined ? {} : { id: order.id }),
    seq: order.seq,
    at: order.at,
    currency,
    total: Number.isNaN(total) ? null : total / AMOUNT,
    gone,
    mayChange: order.id !== undefined && !order.sealed,
    quantity: order.quantity / AMOUNT,
    ...(order.coupon === null ? {} : { coupon: order.coupon }),
    products: order.products,
  };
}

function textOr(value: Json, usual: string): string {
  return typeof value === "string" ? value : usual;
}

/** Newest first, those that began before a moment. By the idle time in force. */
export function visitsOf(
  actor: Actor,
  now: Millis,
  { vocabulary }: World,
  before: Millis | undefined,
  limit: number,
): VisitsPage {
  const list = shownList(actor, vocabulary.visitIdleMs);
  const count = list.times.length / 2;
  let end = count;
  while (before !== undefined && end > 0 && visitSpan(list, end - 1).start >= before) end -= 1;
  const from = Math.max(0, end - limit);
  const visits = Array.from({ length: end - from }, (_, index) => {
    const at = end - 1 - index;
    const span = visitSpan(list, at);
    return {
      start: span.start,
      last: span.last,
      underWay: at === count - 1 && now < visitEndOf(list),
      visit: visitRecord(span, vocabulary.referrers),
    };
  });
  return { count, visits, more: from > 0 };
}
