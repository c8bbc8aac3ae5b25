// rules.md 4.7 as stories: the cart in log order, orders by their id, refunds, money.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { Story, type StoryOptions } from "./story.ts";

/** A story with one segment `s`, and a question: is ann in after these messages? */
function after(rule: string, messages: readonly [string, Json][], options: StoryOptions = {}): boolean {
  const story = new Story(options);
  story.define("00:00", `s: ${rule}`);
  expect(story.reasons, "the definition must parse").toEqual([]);
  story.identify("00:00", "ann", {});
  for (const [index, [event, properties]] of messages.entries()) {
    story.track(`01:${String(index).padStart(2, "0")}`, "ann", event, properties);
  }
  return story.members("s").length === 1;
}

const cart = (test: string) => `{cart: ${test}}`;
const added = (properties: Json): [string, Json] => ["Product Added", properties];

test("the cart under $100: 60 joins, 120 leaves", () => {
  const story = new Story();
  story.define("00:00", "cheap: {cart: {value: {gt: 0, lt: 100}}}");
  expect(story.track("00:01", "u1", "Product Added", { product_id: "a", price: 60 })).toEqual(["+cheap u1 00:01"]);
  expect(story.track("00:02", "u1", "Product Added", { product_id: "a", price: 60 })).toEqual(["-cheap u1 00:02"]);
  expect(story.track("00:03", "u1", "Product Removed", { product_id: "a", quantity: 1 })).toEqual(["+cheap u1 00:03"]);
  expect(story.track("00:04", "u1", "Order Completed", { order_id: "o" })).toEqual(["-cheap u1 00:04"]);
});

describe("cart", () => {
  test.each<[string, [string, Json][], boolean]>([
    ["{value: 0, quantity: 0, lines: 0, changed: {exists: false}}", [], true],
    ["{lines: 2, quantity: 3}", [added({ product_id: "a" }), added({ product_id: "b", quantity: 2 })], true],
    // A line is product_id + variant; a number is its decimal text there, and nowhere else.
    ["{lines: 1, quantity: 2}", [added({ product_id: 5 }), added({ product_id: "5" })], true],
    ["{lines: 2}", [added({ product_id: "a", variant: "x" }), added({ product_id: "a", variant: "y" })], true],
    ["{lines: 2}", [added({ product_id: "a", variant: 5 }), added({ product_id: "a", variant: "5" })], true],
    ['{products.product_id: "5"}', [added({ product_id: 5 })], true],
    // Added sets the line's price; without one the line keeps its own, and a new line has none.
    ["{value: 40}", [added({ product_id: "a", price: 10 }), added({ product_id: "a", price: 20 })], true],
    ["{value: 20}", [added({ product_id: "a", price: 10 }), added({ product_id: "a" })], true],
    ["{value: 0, lines: 1}", [added({ product_id: "a" })], true],
    ["{value: 0, lines: 1}", [added({ product_id: "a", price: "10" })], true],
    ["{value: 0, lines: 1}", [added({ product_id: "a", price: 10, currency: "EUR" })], true],
    ["{value: 10}", [added({ product_id: "a", price: 10, currency: "USD" })], true],
    ["{value: 0.3}", [added({ product_id: "a", price: 0.1, quantity: 3 })], true],
    // Removed takes the quantity, or the line.
    [
      "{quantity: 1}",
      [added({ product_id: "a", quantity: 3 }), ["Product Removed", { product_id: "a", quantity: 2 }]],
      true,
    ],
    ["{lines: 0}", [added({ product_id: "a", quantity: 3 }), ["Product Removed", { product_id: "a" }]], true],
    ["{lines: 0}", [added({ product_id: "a" }), ["Product Removed", { product_id: "a", quantity: 5 }]], true],
    ["{lines: 1}", [added({ product_id: "a" }), ["Product Removed", { product_id: "b" }]], true],
    // Updated and Viewed with products replace all.
    [
      "{lines: 1, value: 8}",
      [added({ product_id: "a" }), ["Cart Viewed", { products: [{ product_id: "b", price: 4, quantity: 2 }] }]],
      true,
    ],
    ["{lines: 0}", [added({ product_id: "a" }), ["Cart Updated", { products: [] }]], true],
    [
      "{lines: 1, quantity: 3}",
      [["Cart Viewed", { products: [{ product_id: "b" }, { product_id: "b", quantity: 2 }, { sku: "c" }, 7] }]],
      true,
    ],
    ["{lines: 1}", [added({ product_id: "a" }), ["Cart Viewed", { product_id: "a", quantity: 0 }]], true],
    // Updated with a product sets that quantity.
    [
      "{quantity: 7, value: 70}",
      [added({ product_id: "a", price: 10 }), ["Cart Updated", { product_id: "a", quantity: 7 }]],
      true,
    ],
    ["{lines: 0}", [added({ product_id: "a" }), ["Cart Updated", { product_id: "a", quantity: 0 }]], true],
    ["{quantity: 1}", [added({ product_id: "a" }), ["Cart Updated", { product_id: "a" }]], true],
    ["{lines: 0}", [added({ product_id: "a" }), ["Cart Cleared", {}]], true],
    ["{lines: 0}", [added({ price: 5 })], true],
    ["{products.brand: acme}", [added({ product_id: "a", brand: "acme" })], true],
    ["{products: {has: {brand: acme, price: {gt: 5}}}}", [added({ product_id: "a", brand: "acme", price: 6 })], true],
  ])("%s after %j", (test, messages, expected) => {
    expect(after(cart(test), messages)).toBe(expected);
  });

  test("changed moves only when lines do: abandonment by silence", () => {
    const story = new Story();
    story.define("00:00", "left: {cart: {lines: {gte: 1}, changed: {date: {ago: {gte: 30m}}}}}");
    story.track("00:00:00.500", "ann", "Product Added", { product_id: "a", price: 5 });
    story.track("00:10", "ann", "Cart Viewed", { products: [{ product_id: "a", price: 5, position: 3 }] });
    expect(story.tick("01:00")).toEqual(["+left ann 00:30:00.500"]);
    expect(story.track("01:00", "ann", "Cart Viewed", { products: [{ product_id: "a", price: 6 }] })).toEqual([
      "-left ann 01:00",
    ]);
    expect(story.tick("02:00")).toEqual(["+left ann 01:30"]);
    expect(story.track("02:00", "ann", "Cart Cleared")).toEqual(["-left ann 02:00"]);
  });

  test("follows log order: a late message is not sorted in", () => {
    const story = new Story();
    story.define("00:00", "full: {cart: {lines: {gte: 1}}}");
    story.track("02:00", "ann", "Cart Cleared");
    expect(story.track("03:00", "ann", "Product Added", { product_id: "a" }, { at: "01:00" })).toEqual([
      "+full ann 03:00",
    ]);
  });

  test("more lines than allowed: the whole message is rejected", () => {
    const story = new Story({ limits: { cartLinesMax: 1 } });
    story.define("00:00", "{two: {cart: {lines: 2}}, did: {event: {name: Product Added, count: {gte: 2}}}}");
    story.track("00:01", "ann", "Product Added", { product_id: "a" });
    expect(story.track("00:02", "ann", "Product Added", { product_id: "b" })).toEqual([]);
    expect(story.reasons).toEqual(["limit"]);
    expect(story.track("00:03", "ann", "Product Added", { product_id: "a" })).toEqual(["+did ann 00:03"]);
  });
});

const order = (test: string) => `{order: {${test}}}`;
const completed = (properties: Json): [string, Json] => ["Order Completed", properties];

describe("orders", () => {
  const one: [string, Json] = completed({ order_id: "1", total: 50 });
  test.each<[string, [string, Json][], boolean]>([
    ["count: 1", [one], true],
    ["total: 50", [one], true],
    ["total: {eq: 0}", [], true],
    ["average: {gte: 0}", [], false],
    ["largest: {gte: 0}", [], false],
    ["average: 40", [one, completed({ order_id: "2", total: 30 })], true],
    ["largest: 50", [one, completed({ order_id: "2", total: 30 })], true],
    // The amount: total, else revenue, else the sum of the lines.
    ["total: 7", [completed({ total: "50", revenue: 7 })], true],
    ["total: 9", [completed({ products: [{ price: 2, quantity: 2 }, { price: 5 }, "x"] })], true],
    ["total: 0", [completed({})], true],
    // No id: every message is an order of its own. A number is the same id as its text.
    ["count: 2", [completed({}), completed({})], true],
    ["count: 1", [completed({ order_id: 1 }), completed({ order_id: "1" })], true],
    // The same id again, or Order Updated, replaces amount and lines.
    ["total: 20, window: {last: 30d}", [one, completed({ order_id: "1", total: 20 })], true],
    ["total: 20", [one, ["Order Updated", { order_id: "1", total: 20 }]], true],
    [
      "count: 1, where: {lines: 2, quantity: 4, products.product_id: b}",
      [one, ["Order Updated", { order_id: "1", products: [{ product_id: "a", quantity: 3 }, { product_id: "b" }] }]],
      true,
    ],
    // Refunds.
    ["total: 30", [one, ["Order Refunded", { order_id: "1", total: 20 }]], true],
    ["count: 1", [one, ["Order Refunded", { order_id: "1", total: 20 }]], true],
    [
      "count: 0",
      [one, ["Order Refunded", { order_id: "1", total: 20 }], ["Order Refunded", { order_id: "1", total: 30 }]],
      true,
    ],
    ["count: 0", [one, ["Order Refunded", { order_id: "1", total: 80 }]], true],
    ["count: 0", [one, ["Order Refunded", { order_id: "1" }]], true],
    ["total: 50", [one, ["Order Refunded", { order_id: "1", total: 20, currency: "EUR" }]], true],
    ["count: 0", [one, ["Order Cancelled", { order_id: "1" }]], true],
    ["average: {exists: false}", [one, ["Order Cancelled", { order_id: "1" }]], true],
    ["count: 0", [one, ["Order Cancelled", { order_id: "1" }], ["Order Updated", { order_id: "1", total: 5 }]], true],
    // Currency: the order counts, its money does not.
    ["count: 1, where: {total: {exists: false}, currency: EUR}", [completed({ total: 50, currency: "EUR" })], true],
    ["total: 0", [completed({ total: 50, currency: "EUR" })], true],
    ["average: 50", [one, completed({ total: 10, currency: "EUR" })], true],
    [
      "count: 1, where: {currency: USD, coupon: SAVE}",
      [completed({ total: 5, currency: "USD", coupon: "SAVE" })],
      true,
    ],
    ["count: 1, where: {total: {gte: 50}}", [one, completed({ order_id: "2", total: 49.99 })], true],
    ["sum: {of: total, is: 80}", [one, completed({ order_id: "2", total: 30 })], true],
    ["max: {of: products.price, is: 8}", [completed({ products: [{ price: 8 }, { price: 3 }] })], true],
    ['count: 1, where: {id: "1"}', [one], true],
  ])("%s after %j", (test, messages, expected) => {
    expect(after(order(test), messages)).toBe(expected);
  });

  test("a refund works at the order's time, and an order keeps its time", () => {
    const story = new Story();
    story.define("00:00", "spent: {order: {total: {gte: 10}, window: {last: 1d}}}");
    story.track("00:00", "ann", "Order Completed", { order_id: "1", total: 50 });
    expect(story.track("12:00", "ann", "Order Refunded", { order_id: "1", total: 45 })).toEqual(["-spent ann 12:00"]);
    expect(story.track("13:00", "ann", "Order Updated", { order_id: "1", total: 99 })).toEqual(["+spent ann 13:00"]);
    expect(story.tick("+3 00:00")).toEqual(["-spent ann +1 00:01"]);
  });

  test("refunds touch order alone: event says what was done", () => {
    const story = new Story();
    story.define("00:00", "{bought: {event: {name: Order Completed}}, refunded: {event: {name: Order Refunded}}}");
    story.track("00:00", "ann", "Order Completed", { order_id: "1", total: 50 });
    expect(story.track("00:01", "ann", "Order Refunded", { order_id: "1" })).toEqual(["+refunded ann 00:01"]);
    expect(story.members("bought")).toEqual(["ann"]);
  });

  test.each(["Order Updated", "Order Refunded", "Order Cancelled"])(
    "%s of an unknown order is rejected by name",
    (event) => {
      const story = new Story();
      story.define("00:00", "did: {event: {name: '*'}}");
      expect(story.track("00:01", "ann", event, { order_id: "no-such" })).toEqual([]);
      expect(story.oracle.rejects[0]).toMatchObject({
        reason: "unknown-order",
        detail: expect.stringContaining("no-such"),
      });
    },
  );

  test("only the newest can change, newest by their time", () => {
    const story = new Story({ limits: { ordersChangeableMax: 2 } });
    story.define("00:00", "{three: {order: {count: 3}}}");
    story.track("02:00", "ann", "Order Completed", { order_id: "b" });
    story.track("03:00", "ann", "Order Completed", { order_id: "c" });
    expect(story.track("04:00", "ann", "Order Completed", { order_id: "a" }, { at: "01:00" })).toEqual([
      "+three ann 04:00",
    ]);
    expect(story.track("05:00", "ann", "Order Cancelled", { order_id: "a" })).toEqual([]);
    expect(story.reasons).toEqual(["unknown-order"]);
    expect(story.track("05:00", "ann", "Order Cancelled", { order_id: "b" })).toEqual(["-three ann 05:00"]);
  });

  test("first, days, visits and windows are those of the event that completed it", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{new: {order: {first: {last: 30d}}}, now: {order: {window: {visit: current}}}, days: {order: {days: {gte: 2}}}, visits: {order: {visits: {gte: 2}}}}",
    );
    expect(story.track("23:50", "ann", "Order Completed", { order_id: "1" })).toEqual([
      "+new ann 23:50",
      "+now ann 23:50",
    ]);
    expect(story.track("+1 00:05", "ann", "Order Completed", { order_id: "2" })).toEqual(["+days ann +1 00:05"]);
    expect(story.tick("+1 12:00")).toEqual(["-now ann +1 00:35"]);
    expect(story.track("+1 12:00", "ann", "Order Completed", { order_id: "3" }, { channel: "server" })).toEqual([]);
    expect(story.track("+1 13:00", "ann", "Order Completed", { order_id: "4" })).toEqual([
      "+now ann +1 13:00",
      "+visits ann +1 13:00",
    ]);
  });
});
