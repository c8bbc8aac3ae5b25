// What the e-commerce events of the Segment spec do to a cart and to orders. Each function says what would come of an
// event before anything is changed, so that an event which is refused leaves no trace. Rules.md 4.7 is the law.
import type { UserEvent } from "../events.ts";
import type { Scalar } from "../rules/ast.ts";
import type { Json, JsonObject, Millis, RejectReason, Seq } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { CartLine, Order } from "./actor.ts";
import { isObject, nameOf } from "./interactions.ts";
import { amountOf } from "./values.ts";

function isForeign(properties: JsonObject, vocabulary: Vocabulary): boolean {
  const currency = properties.currency;
  return currency !== undefined && currency !== null && currency !== vocabulary.currency;
}

interface Item {
  readonly productId: string;
  readonly variant: Scalar | undefined;
  readonly quantity: number | undefined;
  readonly price: number | undefined;
  readonly item: JsonObject;
}

function itemOf(product: Json | undefined, foreign: boolean): Item | undefined {
  if (!isObject(product)) return undefined;
  const productId = nameOf(product.product_id);
  if (productId === undefined) return undefined;
  const { variant, quantity, price } = product;
  return {
    productId,
    variant: variant === null || typeof variant === "object" ? undefined : variant,
    quantity: typeof quantity === "number" ? quantity : undefined,
    price: typeof price === "number" && !foreign ? price : undefined,
    item: product,
  };
}

/** The cart after a track event; undefined when the event does not concern carts or changes nothing. */
export function cartAfter(
  lines: readonly CartLine[],
  event: UserEvent,
  vocabulary: Vocabulary,
): CartLine[] | undefined {
  if (event.type !== "track") return undefined;
  const { properties } = event;
  const foreign = isForeign(properties, vocabulary);
  switch (event.name) {
    case "Product Added": {
      const item = itemOf(properties, foreign);
      return item === undefined ? undefined : withLine(lines, item, (held) => held + (item.quantity ?? 1));
    }
    case "Product Removed": {
      const item = itemOf(properties, foreign);
      if (item === undefined) return undefined;
      const taken = item.quantity ?? Number.POSITIVE_INFINITY;
      return lines
        .map((line) => (isSameLine(line, item) ? { ...line, quantity: line.quantity - taken } : line))
        .filter((line) => line.quantity > 0);
    }
    case "Cart Viewed":
    case "Cart Updated": {
      if (Array.isArray(properties.products)) return replaced(lines, properties.products as readonly Json[], foreign);
      if (event.name === "Cart Viewed") return undefined;
      const item = itemOf(properties, foreign);
      if (item?.quantity === undefined) return undefined;
      const { quantity } = item;
      return withLine(lines, item, () => quantity);
    }
    case "Order Completed":
    case "Cart Cleared":
      return [];
    default:
      return undefined;
  }
}

function isSameLine(line: CartLine, item: Item): boolean {
  return line.productId === item.productId && line.variant === item.variant;
}

function withLine(lines: readonly CartLine[], item: Item, quantityOf: (held: number) => number): CartLine[] {
  const held = lines.find((line) => isSameLine(line, item));
  const line: CartLine = {
    productId: item.productId,
    variant: item.variant,
    quantity: quantityOf(held?.quantity ?? 0),
    price: item.price ?? held?.price ?? 0,
    item: item.item,
  };
  const next = held === undefined ? [...lines, line] : lines.map((one) => (one === held ? line : one));
  return next.filter((one) => one.quantity > 0);
}

function replaced(before: readonly CartLine[], products: readonly Json[], foreign: boolean): CartLine[] {
  const lines = new Map<string, CartLine>();
  for (const product of products) {
    const item = itemOf(product, foreign);
    if (item === undefined) continue;
    const key = JSON.stringify([item.productId, item.variant ?? null]);
    const held = lines.get(key);
    lines.set(key, {
      productId: item.productId,
      variant: item.variant,
      quantity: (held?.quantity ?? 0) + (item.quantity ?? 1),
      price: item.price ?? (held ?? before.find((line) => isSameLine(line, item)))?.price ?? 0,
      item: item.item,
    });
  }
  return [...lines.values()].filter(({ quantity }) => quantity > 0);
}

/** True when two carts hold the same lines at the same quantities and prices; attributes alone are no change. */
export function isSameCart(left: readonly CartLine[], right: readonly CartLine[]): boolean {
  if (left.length !== right.length) return false;
  // Lines keep their place from one cart to the next, so the search behind is for carts that were replaced.
  return left.every((line, index) => isSame(line, right[index]!) || right.some((other) => isSame(line, other)));
}

function isSame(left: CartLine, right: CartLine): boolean {
  return (
    left.productId === right.productId &&
    left.variant === right.variant &&
    left.quantity === right.quantity &&
    left.price === right.price
  );
}

/** Σ price × quantity and Σ quantity as amounts; a line beyond bounds counts for nothing. */
export function cartTotals(lines: readonly CartLine[]): { readonly value: number; readonly quantity: number } {
  return {
    value: sumOf(lines.map((line) => line.price * line.quantity)),
    quantity: sumOf(lines.map((l) => l.quantity)),
  };
}

function sumOf(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) {
    const amount = amountOf(number);
    if (!Number.isNaN(amount)) sum += amount;
  }
  return sum;
}

/** A line as a where sees it. */
export function lineRecord(line: CartLine): JsonObject {
  return { ...line.item, product_id: line.productId, quantity: line.quantity, price: line.price };
}

export type OrderEffect =
  | { readonly ok: true; readonly apply: (orders: Order[], context: OrderContext) => void }
  | { readonly ok: false; readonly reason: RejectReason; readonly detail: string };

export interface OrderContext {
  readonly seq: Seq;
  readonly at: Millis;
  readonly clock: Millis;
  readonly zone: string;
  readonly visiting: boolean;
  readonly changeableMax: number;
}

/** What a track event does to the orders; undefined when it does not concern them. */
export function orderEffect(
  orders: readonly Order[],
  event: UserEvent,
  vocabulary: Vocabulary,
): OrderEffect | undefined {
  if (event.type !== "track") return undefined;
  const id = nameOf(event.properties.order_id);
  const known = id === undefined ? undefined : orders.find((order) => order.id === id && !order.sealed);
  if (event.name === "Order Completed") return { ok: true, apply: completion(id, known, event, vocabulary) };
  if (event.name !== "Order Updated" && event.name !== "Order Refunded" && event.name !== "Order Cancelled") {
    return undefined;
  }
  if (known === undefined) {
    const which = id === undefined ? "has no properties.order_id" : `names order ${JSON.stringify(id)}`;
    const detail = `${event.name} ${which}, and no such order of this member can change: send its Order Completed first`;
    return { ok: false, reason: "unknown-order", detail };
  }
  return {
    ok: true,
    apply: (_orders, context) => {
      if (event.name === "Order Updated") Object.assign(known, contentOf(event, vocabulary, context));
      else if (event.name === "Order Cancelled") known.gone = true;
      else refund(known, event.properties, vocabulary);
      known.readAt = context.clock;
      known.readZone = context.zone;
    },
  };
}

function completion(id: string | undefined, known: Order | undefined, event: UserEvent, vocabulary: Vocabulary) {
  return (orders: Order[], context: OrderContext): void => {
    const content = contentOf(event, vocabulary, context);
    if (known !== undefined) {
      Object.assign(known, content);
      return;
    }
    const { seq, at, zone, visiting } = context;
    let index = orders.length;
    while (index > 0 && orders[index - 1]!.at > at) index -= 1;
    orders.splice(index, 0, { id, seq, at, zone, visiting, gone: false, sealed: false, ...content });
    const open = orders.filter((order) => !order.sealed);
    if (open.length > context.changeableMax) open[0]!.sealed = true;
  };
}

function contentOf(event: UserEvent, vocabulary: Vocabulary, context: OrderContext) {
  const { properties } = event;
  const foreign = isForeign(properties, vocabulary);
  const given = Array.isArray(properties.products) ? (properties.products as readonly Json[]) : [];
  const products = given.filter(isObject).map((product): JsonObject => {
    const quantity = typeof product.quantity === "number" ? product.quantity : 1;
    const price = typeof product.price === "number" ? product.price : 0;
    const name = nameOf(product.product_id);
    return { ...product, ...(name === undefined ? {} : { product_id: name }), quantity, price };
  });
  return {
    readAt: context.clock,
    readZone: context.zone,
    total: foreign ? Number.NaN : totalOf(properties, products),
    quantity: sumOf(products.map((product) => product.quantity as number)),
    products,
    coupon: properties.coupon ?? null,
    currency: properties.currency ?? null,
  };
}

function totalOf(properties: JsonObject, products: readonly JsonObject[]): number {
  for (const field of [properties.total, properties.revenue]) {
    const amount = typeof field === "number" ? amountOf(field) : Number.NaN;
    if (!Number.isNaN(amount)) return amount;
  }
  const sum = sumOf(products.map((product) => (product.price as number) * (product.quantity as number)));
  return sum > 9e15 || sum < -9e15 ? Number.NaN : sum;
}

function refund(order: Order, properties: JsonObject, vocabulary: Vocabulary): void {
  if (order.gone) return;
  const { total } = properties;
  if (total === undefined || total === null) {
    order.gone = true;
    return;
  }
  const amount = typeof total === "number" && !isForeign(properties, vocabulary) ? amountOf(total) : Number.NaN;
  if (Number.isNaN(amount) || Number.isNaN(order.total)) return;
  order.total = Math.max(0, order.total - amount);
  if (order.total === 0) order.gone = true;
}
