// Cart and orders: what the e-commerce events of one member, read in log order, leave behind (rules.md 4.7).
// history.ts applies every accepted event; a message that cannot stand is answered with a Refusal and changes nothing.
import type { Catalogue } from "../core/feeds.ts";
import {
  DEFAULT_LIMITS,
  type JsonObject,
  type Limits,
  type MemberId,
  type Millis,
  type RejectReason,
  type Seq,
} from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import { Amount, HeldDate, isRecord, unitsOf } from "./values.ts";

const AMOUNT_UNITS_MAX = 9_000_000_000_000_000n;

export interface Refusal {
  readonly reason: RejectReason;
  readonly detail: string;
}

/** A product of a cart or an order: as written, with its id as text, a quantity and a price (0 where there is none). */
interface Line {
  readonly key: string;
  readonly quantity: number;
  readonly price: number | undefined;
  readonly written: JsonObject;
}

export interface Order {
  readonly id: string | undefined;
  readonly seq: Seq;
  readonly time: Millis;
  /** undefined: in another currency, or beyond bounds. */
  units: bigint | undefined;
  lines: readonly Line[];
  coupon: unknown;
  currency: unknown;
  /** Cancelled or wholly refunded: for good, though still known. */
  isNone: boolean;
  /** The clock and the zone when this order was last changed: date tests in a where are read as of then. */
  readClock: Millis;
  readZone: string;
}

export interface Occasion {
  readonly seq: Seq;
  readonly time: Millis;
  readonly clock: Millis;
  readonly zone: string;
  /** What is known of items at this place of the log. */
  readonly catalogue: Catalogue;
  /** On an account: the user whose event it is. */
  readonly by?: MemberId | undefined;
}

export class Shop {
  readonly #limits: Limits;
  readonly #vocabulary: Vocabulary;
  #cart = new Map<string, Line>();
  #changed: Millis | undefined;
  /** What is read of the cart, until it is set again. */
  #record: Record<string, unknown> | undefined;
  readonly orders: Order[] = [];
  /** Orders that can still change, by id (or log position), in the order of their times. */
  #changeable: Order[] = [];

  constructor(limits: Limits, vocabulary: Vocabulary) {
    this.#limits = limits;
    this.#vocabulary = vocabulary;
  }

  /** Applies a track event; anything but an e-commerce name does nothing. */
  apply(name: string, properties: JsonObject, when: Occasion): Refusal | undefined {
    switch (name) {
      case "Product Added":
        return this.#setCart(this.#withAdded(properties, when), when);
      case "Product Removed":
        return this.#setCart(this.#withRemoved(properties), when);
      case "Cart Viewed":
      case "Cart Updated":
        return this.#setCart(this.#withUpdated(name, properties, when), when);
      case "Cart Cleared":
        return this.#setCart(new Map(), when);
      case "Order Completed":
        this.#complete(properties, when);
        return this.#setCart(new Map(), when);
      case "Order Updated":
      case "Order Refunded":
      case "Order Cancelled":
        return this.#change(name, properties, when);
      default:
        return undefined;
    }
  }

  #setCart(lines: Map<string, Line>, when: Occasion): Refusal | undefined {
    const cart = new Map([...lines].filter(([, line]) => line.quantity > 0));
    if (cart.size > this.#limits.cartLinesMax) {
      return { reason: "limit", detail: `the cart would have more than ${this.#limits.cartLinesMax} lines` };
    }
    if (!isSameCart(cart, this.#cart)) this.#changed = when.time;
    this.#cart = cart;
    this.#record = undefined;
    return undefined;
  }

  #withAdded(properties: JsonObject, when: Occasion): Map<string, Line> {
    const key = lineKey(properties);
    if (key === undefined) return this.#cart;
    const held = this.#cart.get(key);
    const quantity = (held?.quantity ?? 0) + (numberOf(properties.quantity) ?? 1);
    const price = this.#priceOf(properties, properties) ?? held?.price ?? this.#knownPrice(properties, when);
    return new Map(this.#cart).set(key, { key, quantity, price, written: properties });
  }

  #withRemoved(properties: JsonObject): Map<string, Line> {
    const key = lineKey(properties);
    const held = key === undefined ? undefined : this.#cart.get(key);
    if (key === undefined || held === undefined) return this.#cart;
    const quantity = held.quantity - (numberOf(properties.quantity) ?? held.quantity);
    return new Map(this.#cart).set(key, { ...held, quantity });
  }

  #withUpdated(name: string, properties: JsonObject, when: Occasion): Map<string, Line> {
    if (Array.isArray(properties.products)) return this.#replaced(properties.products, properties, when);
    const key = lineKey(properties);
    const quantity = numberOf(properties.quantity);
    if (name !== "Cart Updated" || key === undefined || quantity === undefined) return this.#cart;
    const held = this.#cart.get(key);
    const price = this.#priceOf(properties, properties) ?? held?.price ?? this.#knownPrice(properties, when);
    return new Map(this.#cart).set(key, { key, quantity, price, written: properties });
  }

  #replaced(products: readonly unknown[], message: JsonObject, when: Occasion): Map<string, Line> {
    const cart = new Map<string, Line>();
    for (const product of products) {
      const key = isRecord(product) ? lineKey(product as JsonObject) : undefined;
      if (key === undefined) continue;
      const written = product as JsonObject;
      const before = cart.get(key);
      const quantity = (before?.quantity ?? 0) + (numberOf(written.quantity) ?? 1);
      const held = before ?? this.#cart.get(key);
      const price = this.#priceOf(written, message) ?? held?.price ?? this.#knownPrice(written, when);
      cart.set(key, { key, quantity, price, written });
    }
    return cart;
  }

  /** A price in another currency is missing. */
  #priceOf(product: JsonObject, message: JsonObject): number | undefined {
    return this.#isOurs(message.currency) ? numberOf(product.price) : undefined;
  }

  /** The catalogue's, for a line that nobody has given one. */
  #knownPrice(product: JsonObject, { catalogue }: Occasion): number | undefined {
    const known = catalogue.attributesOf(idText(product.product_id) ?? "");
    return known !== undefined && this.#isOurs(known.currency) ? numberOf(known.price) : undefined;
  }

  #isOurs(currency: unknown): boolean {
    return currency === undefined || currency === null || currency === this.#vocabulary.currency;
  }

  #complete(properties: JsonObject, when: Occasion): void {
    const id = idText(properties.order_id);
    const known = id === undefined ? undefined : this.#changeable.find((order) => order.id === id);
    if (known !== undefined) {
      this.#rewrite(known, properties, when);
      return;
    }
    const { seq, time } = when;
    const order = { id, seq, time, isNone: false } as Order;
    this.#rewrite(order, properties, when);
    this.orders.push(order);
    this.#changeable.push(order);
    this.#changeable.sort((a, b) => a.time - b.time || a.seq - b.seq);
    if (this.#changeable.length > this.#limits.ordersChangeableMax) this.#changeable.shift();
  }

  #change(name: string, properties: JsonObject, when: Occasion): Refusal | undefined {
    const id = idText(properties.order_id);
    const order = id === undefined ? undefined : this.#changeable.find((known) => known.id === id);
    if (order === undefined) {
      const which = id === undefined ? "without order_id" : `of the unknown order ${JSON.stringify(id)}`;
      return { reason: "unknown-order", detail: `${name} ${which}; send its Order Completed first` };
    }
    if (name === "Order Updated") this.#rewrite(order, properties, when);
    else if (name === "Order Cancelled") order.isNone = true;
    else this.#refund(order, properties);
    order.readClock = when.clock;
    order.readZone = when.zone;
    return undefined;
  }

  #rewrite(order: Order, properties: JsonObject, when: Occasion): void {
    order.lines = orderLines(properties.products);
    order.units = this.#isOurs(properties.currency) ? amountOf(properties, order.lines) : undefined;
    order.coupon = properties.coupon;
    order.currency = properties.currency;
    order.readClock = when.clock;
    order.readZone = when.zone;
  }

  #refund(order: Order, properties: JsonObject): void {
    if (properties.total === undefined || properties.total === null) {
      order.isNone = true;
      return;
    }
    const refunded = this.#isOurs(properties.currency) ? unitsOf(properties.total) : undefined;
    if (refunded === undefined || order.units === undefined) return;
    const rest = order.units - refunded;
    order.units = rest < 0n ? 0n : rest;
    if (order.units === 0n) order.isNone = true;
  }

  /** What a `cart` rule reads. */
  cartRecord(): Record<string, unknown> {
    this.#record ??= this.#readCart();
    return this.#record;
  }

  #readCart(): Record<string, unknown> {
    const lines = [...this.#cart.values()];
    return {
      value: new Amount(sumOf(lines.map(worthOf))),
      quantity: new Amount(sumOf(lines.map((line) => unitsOf(line.quantity)))),
      lines: lines.length,
      ...(lines.length === 0 ? {} : { changed: new HeldDate(this.#changed!) }),
      products: lines.map(productOf),
    };
  }
}

/** The same of an order as one `Order Completed` tells it, whatever came later. */
export function orderAsOf(properties: JsonObject, when: Occasion, vocabulary: Vocabulary): Record<string, unknown> {
  const shop = new Shop(DEFAULT_LIMITS, vocabulary);
  shop.apply("Order Completed", properties, when);
  return orderRecord(shop.orders[0]!);
}

/** What an `order` rule reads. */
export function orderRecord(order: Order): Record<string, unknown> {
  return {
    ...(order.id === undefined ? {} : { id: order.id }),
    ...(order.units === undefined ? {} : { total: new Amount(order.units) }),
    quantity: new Amount(sumOf(order.lines.map((line) => unitsOf(line.quantity)))),
    lines: order.lines.length,
    coupon: order.coupon,
    currency: order.currency,
    products: order.lines.map(productOf),
  };
}

function amountOf(properties: JsonObject, lines: readonly Line[]): bigint | undefined {
  const said = unitsOf(properties.total) ?? unitsOf(properties.revenue);
  if (said !== undefined) return said;
  const sum = sumOf(lines.map(worthOf));
  return sum > AMOUNT_UNITS_MAX || sum < -AMOUNT_UNITS_MAX ? undefined : sum;
}

function orderLines(products: unknown): Line[] {
  if (!Array.isArray(products)) return [];
  return products.filter(isRecord).map((product) => {
    const written = product as JsonObject;
    const [quantity, price] = [numberOf(written.quantity) ?? 1, numberOf(written.price) ?? 0];
    return { key: lineKey(written) ?? "", quantity, price, written };
  });
}

function priceOf({ price }: Line): number {
  return price ?? 0;
}

function worthOf(line: Line): bigint | undefined {
  return unitsOf(priceOf(line) * line.quantity);
}

function sumOf(units: readonly (bigint | undefined)[]): bigint {
  return units.reduce<bigint>((sum, part) => sum + (part ?? 0n), 0n);
}

function productOf(line: Line): Record<string, unknown> {
  const { product_id, ...written } = line.written;
  const id = idText(product_id);
  return { ...written, ...(id === undefined ? {} : { product_id: id }), quantity: line.quantity, price: priceOf(line) };
}

function isSameCart(one: ReadonlyMap<string, Line>, other: ReadonlyMap<string, Line>): boolean {
  return (
    one.size === other.size &&
    [...one].every(([key, line]) => {
      const held = other.get(key);
      return held !== undefined && held.quantity === line.quantity && priceOf(held) === priceOf(line);
    })
  );
}

/** A line is a product and its variant; undefined without a product id. */
function lineKey(product: JsonObject): string | undefined {
  const id = idText(product.product_id);
  if (id === undefined) return undefined;
  const { variant } = product;
  return JSON.stringify([id, typeof variant === "object" || variant === undefined ? null : variant]);
}

/** Where an id stands, a number is read as its decimal text. */
export function idText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
