// What the e-commerce events of the Segment spec do to a cart and to orders. Each function says what would come of an
// event before anything is changed, so that an event which is refused leaves no trace. Rules.md 4.7 is the law.
import type { UserEvent } from "../../events.ts";
import type { Catalogue } from "../../feeds.ts";
import type { Scalar } from "../../rules/ast.ts";
import type { Json, JsonObject, Millis, RejectReason, Seq } from "../../types.ts";
import { amountOf } from "../values.ts";
import type { CartLine, Order, OrderMoney, Prices } from "./actor.ts";
import { changedIn, changedInAll, inCurrency, type PerCurrency, trimmed } from "./currencies.ts";
import { isObject, nameOf } from "./interactions.ts";

interface Item {
  readonly productId: string;
  readonly variant: Scalar | undefined;
  readonly quantity: number | undefined;
  readonly price: number | undefined;
  /** As the message gives it: of the price. */
  readonly currency: Json | undefined;
  readonly item: JsonObject;
}

function itemOf(product: Json | undefined, currency: Json | undefined): Item | undefined {
  if (!isObject(product)) return undefined;
  const productId = nameOf(product.product_id);
  if (productId === undefined) return undefined;
  const { variant, quantity, price } = product;
  return {
    productId,
    variant: variant === null || typeof variant === "object" ? undefined : variant,
    quantity: typeof quantity === "number" ? quantity : undefined,
    price: typeof price === "number" ? price : undefined,
    currency,
    item: product,
  };
}

/** The cart after a track event; undefined when the event does not concern carts or changes nothing. */
export function cartAfter(lines: readonly CartLine[], event: UserEvent, catalogue: Catalogue): CartLine[] | undefined {
  if (event.type !== "track") return undefined;
  const { properties } = event;
  const { currency } = properties;
  switch (event.name) {
    case "Product Added": {
      const item = itemOf(properties, currency);
      return item === undefined ? undefined : withLine(lines, item, catalogue, (held) => held + (item.quantity ?? 1));
    }
    case "Product Removed": {
      const item = itemOf(properties, currency);
      if (item === undefined) return undefined;
      const taken = item.quantity ?? Number.POSITIVE_INFINITY;
      return lines
        .map((line) => (isSameLine(line, item) ? { ...line, quantity: line.quantity - taken } : line))
        .filter((line) => line.quantity > 0);
    }
    case "Cart Viewed":
    case "Cart Updated": {
      if (Array.isArray(properties.products)) {
        const products = properties.products as readonly Json[];
        return replaced(
          lines,
          products.flatMap((product) => itemOf(product, currency) ?? []),
          catalogue,
        );
      }
      if (event.name === "Cart Viewed") return undefined;
      const item = itemOf(properties, currency);
      if (item?.quantity === undefined) return undefined;
      const { quantity } = item;
      return withLine(lines, item, catalogue, () => quantity);
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

function withLine(
  lines: readonly CartLine[],
  item: Item,
  catalogue: Catalogue,
  quantityOf: (held: number) => number,
): CartLine[] {
  const held = lines.find((line) => isSameLine(line, item));
  const line: CartLine = {
    productId: item.productId,
    variant: item.variant,
    quantity: quantityOf(held?.quantity ?? 0),
    prices: pricesOf(item, held?.prices, catalogue),
    item: item.item,
  };
  const next = held === undefined ? [...lines, line] : lines.map((one) => (one === held ? line : one));
  return next.filter((one) => one.quantity > 0);
}

const NO_PRICE: Prices = { any: undefined };

/** The message's price, else the line's own, else what the catalogue says; each in the currency in which it is given. */
function pricesOf({ productId, price, currency }: Item, held: Prices | undefined, catalogue: Catalogue): Prices {
  const given = price === undefined ? held : changedIn(held ?? NO_PRICE, currency, () => price);
  const known = catalogue.attributesOf(productId);
  if (typeof known?.price !== "number") return given ?? NO_PRICE;
  const { price: listed } = known;
  return trimmed(
    changedIn(given ?? NO_PRICE, known.currency, (before) => before ?? listed),
    Object.is,
  );
}

function replaced(before: readonly CartLine[], items: readonly Item[], catalogue: Catalogue): CartLine[] {
  const lines = new Map<string, CartLine>();
  for (const item of items) {
    const key = JSON.stringify([item.productId, item.variant ?? null]);
    const held = lines.get(key);
    const known = held ?? before.find((line) => isSameLine(line, item));
    lines.set(key, {
      productId: item.productId,
      variant: item.variant,
      quantity: (held?.quantity ?? 0) + (item.quantity ?? 1),
      prices: pricesOf(item, known?.prices, catalogue),
      item: item.item,
    });
  }
  return [...lines.values()].filter(({ quantity }) => quantity > 0);
}

/** When the lines last changed, after another cart has taken the place of one; by each currency that has prices of its own. */
export function changedAt(
  changed: PerCurrency<Millis | undefined>,
  before: readonly CartLine[],
  after: readonly CartLine[],
  at: Millis,
): PerCurrency<Millis | undefined> {
  if (after.length === 0) return { any: undefined };
  const held = [changed, ...before.map(({ prices }) => prices), ...after.map(({ prices }) => prices)];
  const currencies = new Set(held.flatMap(({ own }) => [...(own?.keys() ?? [])]));
  const moved = (was: Millis | undefined, priceOf: PriceReader) => (isSameCart(before, after, priceOf) ? was : at);
  const own = Array.from(currencies, (currency): [string, Millis | undefined] => [
    currency,
    moved(inCurrency(changed, currency), ({ prices }) => inCurrency(prices, currency)),
  ]);
  return trimmed({ any: moved(changed.any, ({ prices }) => prices.any), own: new Map(own) }, Object.is);
}

type PriceReader = (line: CartLine) => number | undefined;

/** True when two carts hold the same lines at the same quantities and prices; attributes alone are no change. */
function isSameCart(left: readonly CartLine[], right: readonly CartLine[], priceOf: PriceReader): boolean {
  if (left.length !== right.length) return false;
  const isSame = (one: CartLine, other: CartLine): boolean =>
    one.productId === other.productId &&
    one.variant === other.variant &&
    one.quantity === other.quantity &&
    (priceOf(one) ?? 0) === (priceOf(other) ?? 0);
  // Lines keep their place from one cart to the next, so the search behind is for carts that were replaced.
  return left.every((line, index) => isSame(line, right[index]!) || right.some((other) => isSame(line, other)));
}

/** Σ price × quantity and Σ quantity as amounts; a line beyond bounds counts for nothing. */
export function cartTotals(
  lines: readonly CartLine[],
  currency: string,
): { readonly value: number; readonly quantity: number } {
  return {
    value: sumOf(lines.map((line) => priceIn(line, currency) * line.quantity)),
    quantity: sumOf(lines.map((l) => l.quantity)),
  };
}

function priceIn({ prices }: CartLine, currency: string): number {
  return inCurrency(prices, currency) ?? 0;
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
export function lineRecord(line: CartLine, currency: string): JsonObject {
  const price = priceIn(line, currency);
  return { ...line.item, product_id: line.productId, quantity: line.quantity, price };
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
export function orderEffect(orders: readonly Order[], event: UserEvent): OrderEffect | undefined {
  if (event.type !== "track") return undefined;
  const id = nameOf(event.properties.order_id);
  const known = id === undefined ? undefined : orders.find((order) => order.id === id && !order.sealed);
  if (event.name === "Order Completed") return { ok: true, apply: completion(id, known, event) };
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
      if (event.name === "Order Updated") Object.assign(known, contentOf(event, context, known.money));
      else if (event.name === "Order Cancelled") known.money = changedInAll(known.money, withdrawn);
      else known.money = refunded(known.money, event.properties);
      known.readAt = context.clock;
      known.readZone = context.zone;
    },
  };
}

function completion(id: string | undefined, known: Order | undefined, event: UserEvent) {
  return (orders: Order[], context: OrderContext): void => {
    const content = contentOf(event, context, known?.money ?? NO_MONEY);
    if (known !== undefined) {
      Object.assign(known, content);
      return;
    }
    const { seq, at, zone, visiting } = context;
    let index = orders.length;
    while (index > 0 && orders[index - 1]!.at > at) index -= 1;
    orders.splice(index, 0, { id, seq, at, zone, visiting, sealed: false, ...content });
    const open = orders.filter((order) => !order.sealed);
    if (open.length > context.changeableMax) open[0]!.sealed = true;
  };
}

const NO_MONEY: PerCurrency<OrderMoney> = { any: { total: Number.NaN, gone: false } };

function contentOf(event: UserEvent, context: OrderContext, held: Order["money"]) {
  const { properties } = event;
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
    money: rewritten(held, properties.currency, totalOf(properties, products)),
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

/** Another amount, in the currency in which it is given; what was withdrawn stays so. */
function rewritten(held: Order["money"], currency: Json | undefined, total: number): Order["money"] {
  const missing = changedInAll(held, ({ gone }) => ({ total: Number.NaN, gone }));
  return trimmed(
    changedIn(missing, currency, ({ gone }) => ({ total, gone })),
    isSameMoney,
  );
}

function isSameMoney(left: OrderMoney, right: OrderMoney): boolean {
  return Object.is(left.total, right.total) && left.gone === right.gone;
}

function withdrawn(money: OrderMoney): OrderMoney {
  return { ...money, gone: true };
}

function refunded(held: Order["money"], { total, currency }: JsonObject): Order["money"] {
  if (total === undefined || total === null) return changedInAll(held, withdrawn);
  const amount = typeof total === "number" ? amountOf(total) : Number.NaN;
  return changedIn(held, currency, (money) => {
    if (money.gone || Number.isNaN(amount) || Number.isNaN(money.total)) return money;
    const rest = Math.max(0, money.total - amount);
    return { total: rest, gone: rest === 0 };
  });
}
