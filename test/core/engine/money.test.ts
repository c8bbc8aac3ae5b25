// rules.md 4.7 as stories that the engine hears: prices from the catalogue, and another currency in the vocabulary, which
// reads carts and orders anew without their history.
import { describe, expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

function defined(segments: string): MachineStory {
  const story = new MachineStory();
  story.define("00:00", segments);
  expect(story.rejects).toEqual([]);
  return story;
}

function priced(story: MachineStory, stamp: string, id: string, attributes: object): void {
  story.control(stamp, { op: "items", mode: "merge", items: [{ id, attributes }] });
}

function currency(story: MachineStory, stamp: string, name: string): string[] {
  const said = story.control(stamp, { op: "vocabulary", vocabulary: { currency: name } });
  expect(story.reasons, "no question is new, so that nothing waits").toEqual([]);
  expect(story.rig.machine.control.pending.size).toBe(0);
  return said;
}

const worth = (test: string) => `s: {cart: {value: ${test}}}`;

describe("a line without a price", () => {
  test("takes the catalogue's as it is then", () => {
    const story = defined(worth("40"));
    priced(story, "00:10", "a", { price: 20 });
    story.track("01:00", "ann", "Product Added", { product_id: "a" });
    priced(story, "01:10", "a", { price: 90 });
    expect(story.track("01:20", "ann", "Product Added", { product_id: "a" })).toEqual(["+s ann 01:20"]);
  });

  test("has its own before the catalogue's, and none where nobody knows one", () => {
    const story = defined(worth("{gt: 0}"));
    expect(story.track("01:00", "ann", "Product Added", { product_id: "b" })).toEqual([]);
    const own = defined(worth("10"));
    priced(own, "00:10", "a", { price: 20 });
    own.track("01:00", "ann", "Product Added", { product_id: "a", price: 5 });
    expect(own.track("01:01", "ann", "Product Added", { product_id: "a" })).toEqual(["+s ann 01:01"]);
  });

  test("not from a catalogue in another currency, until that is ours", () => {
    const story = defined(worth("20"));
    priced(story, "00:10", "a", { price: 20, currency: "EUR" });
    expect(story.track("01:00", "ann", "Product Added", { product_id: "a" })).toEqual([]);
    expect(currency(story, "02:00", "EUR")).toEqual(["+s ann 02:00"]);
  });
});

describe("another currency in force", () => {
  test("reads the cart anew, to and fro", () => {
    const story = defined(worth("{gte: 50}"));
    story.track("01:00", "ann", "Product Added", { product_id: "a", price: 60, currency: "EUR" });
    story.track("01:01", "bob", "Product Added", { product_id: "a", price: 70 });
    expect(story.members("s")).toEqual(["bob"]);
    expect(currency(story, "02:00", "EUR")).toEqual(["+s ann 02:00"]);
    expect(currency(story, "03:00", "USD")).toEqual(["-s ann 03:00"]);
    expect(story.track("03:10", "ann", "Product Added", { product_id: "a", price: 25, currency: "USD" })).toEqual([
      "+s ann 03:10",
    ]);
    // 2 × 60 in euros, 2 × 25 in dollars.
    expect(currency(story, "04:00", "GBP")).toEqual(["-s ann 04:00"]);
    expect(currency(story, "05:00", "EUR")).toEqual(["+s ann 05:00"]);
  });

  test("reads orders and their refunds anew", () => {
    const story = defined("s: {order: {total: {gte: 50}}}\none: {order: {count: 1}}");
    const say = (stamp: string, event: string, properties: object) =>
      story.track(stamp, "ann", event, { order_id: "o", ...properties });
    expect(say("01:00", "Order Completed", { total: 100, currency: "EUR" })).toEqual(["+one ann 01:00"]);
    say("01:01", "Order Refunded", { total: 30, currency: "EUR" });
    say("01:02", "Order Refunded", { total: 60, currency: "USD" });
    expect(currency(story, "02:00", "EUR")).toEqual(["+s ann 02:00"]);
    // All of it, in euros alone: in dollars its amount was missing, and it is still one.
    expect(say("02:10", "Order Refunded", { total: 70, currency: "EUR" })).toEqual(["-one ann 02:10", "-s ann 02:10"]);
    expect(currency(story, "03:00", "USD")).toEqual(["+one ann 03:00"]);
  });

  test("survives a restart", () => {
    const story = defined(`${worth("60")}\nt: {order: {total: 100}}`);
    story.track("01:00", "ann", "Order Completed", { order_id: "o", total: 100, currency: "EUR" });
    story.track("01:01", "ann", "Product Added", { product_id: "a", price: 60, currency: "EUR" });
    story.rig.beginCheckpoint();
    story.rig.finishCheckpoint();
    story.rig.restart();
    expect(currency(story, "02:00", "EUR")).toEqual(["+s ann 02:00", "+t ann 02:00"]);
  });

  test("a price in a currency that is not ours does not change the cart", () => {
    const story = defined("s: {cart: {changed: {date: {last: 1h}}}}");
    story.track("01:00", "ann", "Product Added", { product_id: "a", price: 60 });
    const dear = { product_id: "a", quantity: 1, price: 90, currency: "EUR" };
    story.track("01:30", "ann", "Cart Updated", dear);
    expect(story.tick("02:10")).toEqual(["-s ann 02:00"]);
    // By euros the price changed at 01:30.
    expect(currency(story, "02:20", "EUR")).toEqual(["+s ann 02:20"]);
    expect(story.tick("02:40")).toEqual(["-s ann 02:30"]);
  });
});
