// rules.md 4.6 as stories: favourites, ties, windows.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { TELLERS } from "./tellers.ts";

type Message = readonly [event: string, properties: Json];

describe.each(TELLERS)("the %s says", (_, Teller) => {
  function holdsAfter(test: string, messages: readonly Message[]): boolean {
    const story = new Teller();
    story.define("00:00", `s: {favorite: {${test}}}`);
    expect(story.reasons, "the definition must parse").toEqual([]);
    story.identify("00:00", "ann", {});
    for (const [index, [event, properties]] of messages.entries()) {
      story.track(`01:${String(index).padStart(2, "0")}`, "ann", event, properties);
    }
    return story.members("s").length === 1;
  }

  const views = (...categories: string[]): Message[] =>
    categories.map((category, index) => ["Product Viewed", { product_id: `p${index}`, category }]);
  const bought = (...products: Json[]): Message => ["Order Completed", { products }];

  describe("favourites", () => {
    test.each<[string, Message[], boolean]>([
      ["type: category, ids: [a], by: views", [], false],
      ["type: category, ids: [a], by: views", views("a"), true],
      ["type: category, ids: [a], by: views", views("a", "b"), true],
      ["type: category, ids: [a], by: views", views("a", "b", "b"), false],
      ["type: category, ids: [b], by: views", views("a", "b", "b"), true],
      ["type: category, ids: [a, b], by: views", views("a", "b", "b"), true],
      // Fewer than `top` values have strictly more: all that tie are in.
      ["type: category, ids: [a], by: views, top: 2", views("a", "b", "b", "c", "c"), false],
      ["type: category, ids: [a], by: views, top: 3", views("a", "b", "b", "c", "c"), true],
      ["type: category, ids: [a], by: views, top: 2", views("a", "b", "b", "c"), true],
      ["type: category, ids: [d], by: views, top: 10", views("a"), false],
      // a/b counts for a and for a/b, so a parent never has less.
      ["type: category, ids: [a/x], by: views", views("a/x", "a/y"), false],
      ["type: category, ids: [a], by: views", views("a/x", "a/y"), true],
      ["type: category, ids: [a/x], by: views, top: 2", views("a/x", "a/y"), true],
      ["type: category, ids: [a/x], by: views", views("a/x"), true],
      // Products, by purchases and by revenue; purchases count products, not pieces.
      [
        "type: product, ids: [p], by: purchases",
        [bought({ product_id: "p" }, { product_id: "q" }, { product_id: "q" })],
        false,
      ],
      [
        "type: product, ids: [q], by: purchases",
        [bought({ product_id: "p" }, { product_id: "q" }, { product_id: "q" })],
        true,
      ],
      ["type: product, ids: [p], by: purchases", [bought({ product_id: "p", quantity: 9 }, { product_id: "q" })], true],
      [
        "type: product, ids: [p], by: revenue",
        [bought({ product_id: "p", price: 10, quantity: 3 }, { product_id: "q", price: 29 })],
        true,
      ],
      // 0.1 + 0.2 is 0.3, exactly: a tie.
      [
        "type: product, ids: [q], by: revenue",
        [bought({ product_id: "p", price: 0.1 }, { product_id: "p", price: 0.2 }, { product_id: "q", price: 0.3 })],
        true,
      ],
      // No revenue is none, though something was bought.
      ["type: product, ids: [p], by: revenue", [bought({ product_id: "p" })], false],
      ["type: brand, ids: [acme], by: revenue", [bought({ product_id: "p", brand: "acme", price: 1 })], true],
      // Views that took no time make no favourite by time.
      ["type: category, ids: [a], by: time", views("a"), false],
      ["type: category, ids: [a], by: time", views("a", "b"), true],
      [
        "type: category, ids: [a], by: time",
        [["Product Viewed", { product_id: "p", category: "a", seconds: 5 }], ...views("b", "c")],
        false,
      ],
    ])("%s after %j", (test, messages, expected) => {
      expect(holdsAfter(test, messages)).toBe(expected);
    });

    test("what leaves the window makes room for another", () => {
      const story = new Teller();
      story.define("00:00", "s: {favorite: {type: category, ids: [a], by: views, window: {last: 1h}}}");
      const view = (stamp: string, category: string) =>
        story.track(stamp, "ann", "Product Viewed", { product_id: "p", category });
      view("01:00", "b");
      view("01:10", "b");
      expect(view("01:30", "a")).toEqual([]);
      expect(story.tick("02:20")).toEqual(["+s ann 02:00:01"]);
      expect(story.tick("03:00")).toEqual(["-s ann 02:30:01"]);
    });

    test("in the visit under way", () => {
      const story = new Teller();
      story.define("00:00", "s: {favorite: {type: category, ids: [a], by: views, window: {visit: current}}}");
      const view = (stamp: string, category: string) =>
        story.track(stamp, "ann", "Product Viewed", { product_id: "p", category });
      expect(view("01:00", "a")).toEqual(["+s ann 01:00"]);
      expect(view("01:10", "b")).toEqual([]);
      expect(view("01:20", "b")).toEqual(["-s ann 01:20"]);
      expect(view("02:00", "a")).toEqual(["+s ann 02:00"]);
      expect(story.tick("03:00")).toEqual(["-s ann 02:30"]);
    });
  });
});
