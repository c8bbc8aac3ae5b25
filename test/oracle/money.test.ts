// rules.md 4.7 as stories: amounts are kept with their currency, and read against that of the vocabulary.
import { describe, expect, test } from "vitest";
import { TELLERS } from "./tellers.ts";

describe.each(TELLERS)("the %s says", (_, Teller) => {
  test("a cart line without a price takes the catalogue's", () => {
    const story = new Teller();
    story.define("00:00", "s: {cart: {value: 20}}");
    story.items("00:00", { a: { price: 10 }, b: { price: 5, currency: "EUR" } });
    expect(story.track("01:00", "ann", "Product Added", { product_id: "a", quantity: 2 })).toEqual(["+s ann 01:00"]);
    expect(story.track("01:01", "ann", "Product Added", { product_id: "b" })).toEqual([]);
    // A line keeps the price that it has.
    story.items("01:02", { a: { price: 99 } });
    expect(story.track("01:03", "ann", "Cart Updated", { product_id: "a", quantity: 1 })).toEqual(["-s ann 01:03"]);
    expect(story.track("01:04", "ann", "Cart Updated", { product_id: "a", quantity: 2 })).toEqual(["+s ann 01:04"]);
  });

  test("another currency: amounts are kept with theirs", () => {
    const story = new Teller();
    story.define("00:00", "s: {order: {total: {gte: 100}}}\nn: {order: {count: 2}}");
    story.track("01:00", "ann", "Order Completed", { order_id: "a", total: 60, currency: "USD" });
    expect(story.track("01:01", "ann", "Order Completed", { order_id: "b", total: 150, currency: "EUR" })).toEqual([
      "+n ann 01:01",
    ]);
    expect(story.vocabulary("02:00", { currency: "EUR" })).toEqual(["+s ann 02:00"]);
    expect(story.vocabulary("02:01", { currency: "CHF" })).toEqual(["-s ann 02:01"]);
  });

  test("a refund in another currency than ours takes nothing, and ours takes what it says", () => {
    const story = new Teller();
    story.define("00:00", "s: {order: {total: {lt: 60}}}");
    story.track("01:00", "ann", "Order Completed", { order_id: "a", total: 60 });
    expect(story.track("01:01", "ann", "Order Refunded", { order_id: "a", total: 10, currency: "EUR" })).toEqual([]);
    expect(story.track("01:02", "ann", "Order Refunded", { order_id: "a", total: 10 })).toEqual(["+s ann 01:02"]);
    // Read in euros the order, which names no currency, is 60 euros, of which 10 were given back twice.
    expect(story.vocabulary("02:00", { currency: "EUR" })).toEqual([]);
    expect(story.members("s")).toEqual(["ann"]);
  });

  test("a cart read in another currency: lines that say none are in ours", () => {
    const story = new Teller();
    story.define("00:00", "s: {cart: {value: {gte: 30}}}");
    story.track("01:00", "ann", "Product Added", { product_id: "a", price: 20 });
    expect(story.track("01:01", "ann", "Product Added", { product_id: "b", price: 10, currency: "EUR" })).toEqual([]);
    expect(story.vocabulary("02:00", { currency: "EUR" })).toEqual(["+s ann 02:00"]);
  });
});
