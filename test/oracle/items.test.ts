// rules.md 4.6 as stories: interactions with items, their attributes and view times, outcomes of campaigns.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { TELLERS } from "./tellers.ts";

type Message = readonly [event: string, properties: Json];

describe.each(TELLERS)("the %s says", (_, Teller) => {
  /** A story with one segment `s`: is ann in after these track messages, a minute apart? */
  function holdsAfter(rule: string, messages: readonly Message[], items: Readonly<Record<string, Json>> = {}): boolean {
    const story = new Teller();
    story.define("00:00", `s: ${rule}`);
    if (Object.keys(items).length > 0) story.items("00:00", items);
    expect(story.reasons, "the definition must parse").toEqual([]);
    story.identify("00:00", "ann", {});
    for (const [index, [event, properties]] of messages.entries()) {
      story.track(`01:${String(index).padStart(2, "0")}`, "ann", event, properties);
    }
    return story.members("s").length === 1;
  }

  const item = (test: string) => `{item: {${test}}}`;
  const viewed = (properties: Json): Message => ["Product Viewed", properties];
  const added = (properties: Json): Message => ["Product Added", properties];

  describe("interactions", () => {
    test.each<[string, Message[], boolean]>([
      ["action: viewed", [viewed({ product_id: "a" })], true],
      ["action: viewed", [viewed({})], false],
      ["action: viewed", [viewed({ product_id: "" })], false],
      ["action: viewed", [added({ product_id: "a" })], false],
      ['action: viewed, ids: ["5"]', [viewed({ product_id: 5 })], true],
      ["action: viewed, ids: [a, b], count: 1", [viewed({ product_id: "b" }), viewed({ product_id: "c" })], true],
      ["action: favorited", [["Product Added to Wishlist", { product_id: "a" }]], true],
      // Each product of an order is one, however many pieces of it.
      [
        "action: purchased, count: 3",
        [
          [
            "Order Completed",
            { products: [{ product_id: "a", quantity: 5 }, { product_id: "a" }, { product_id: "b" }, { sku: "c" }, 7] },
          ],
        ],
        true,
      ],
      [
        "action: purchased, sum: {of: quantity, is: 6}",
        [["Order Completed", { products: [{ product_id: "a", quantity: 5 }, { product_id: "b" }] }]],
        true,
      ],
      ["action: purchased", [["Order Completed", { product_id: "a" }]], false],
      // Categories: a/b counts for a and for a/b.
      [
        "action: viewed, type: category, ids: [shoes]",
        [viewed({ product_id: "a", category: "shoes/men/boots" })],
        true,
      ],
      [
        "action: viewed, type: category, ids: [shoes/men]",
        [viewed({ product_id: "a", category: "shoes/men/boots" })],
        true,
      ],
      [
        "action: viewed, type: category, ids: [shoes/me]",
        [viewed({ product_id: "a", category: "shoes/men/boots" })],
        false,
      ],
      ["action: viewed, type: category, ids: [men]", [viewed({ product_id: "a", category: "shoes/men/boots" })], false],
      [
        "action: viewed, type: category, ids: [shoes/men/boots]",
        [viewed({ product_id: "a", category: "shoes/men" })],
        false,
      ],
      // One interaction that several ids match counts once.
      [
        "action: viewed, type: category, ids: [shoes, shoes/men, sale], count: 1",
        [viewed({ product_id: "a", category: ["shoes/men", "sale"] })],
        true,
      ],
      ["action: viewed, type: brand, ids: [acme]", [viewed({ product_id: "a", brand: "acme" })], true],
      ["action: viewed, type: brand", [viewed({ product_id: "a" })], false],
      ["action: viewed, type: colour, ids: [red]", [viewed({ product_id: "a", colour: "red" })], false],
      // A category list has no product and no brand.
      [
        "action: viewed, type: category, ids: [shoes]",
        [["Product List Viewed", { category: "shoes/men", brand: "acme" }]],
        true,
      ],
      ["action: viewed", [["Product List Viewed", { category: "shoes", product_id: "a" }]], false],
      ["action: viewed, type: brand", [["Product List Viewed", { category: "shoes", brand: "acme" }]], false],
      ["action: viewed, type: category", [["Product List Viewed", { category: 5 }]], false],
      // Items of any type.
      ["action: shared, type: article, ids: [x1]", [["Item Shared", { type: "article", id: "x1" }]], true],
      ["action: shared, type: article, ids: ['7']", [["Item Shared", { type: "article", id: 7 }]], true],
      ["action: shared, type: product", [["Item Shared", { type: "article", id: "x1" }]], false],
      ["action: shared, type: movie", [["Item Shared", { type: "movie", id: "x1" }]], false],
      [
        "action: shared, type: category, ids: [sport]",
        [["Item Shared", { type: "article", id: "x1", category: "sport" }]],
        true,
      ],
    ])("%s after %j", (test, messages, expected) => {
      expect(holdsAfter(item(test), messages)).toBe(expected);
    });

    test.each<[string, Message[], boolean]>([
      ["where: {value: 30, quantity: 3, price: 10}", [added({ product_id: "a", price: 10, quantity: 3 })], true],
      ["where: {value: 10, quantity: 1}", [added({ product_id: "a", price: 10 })], true],
      ["where: {value: {exists: false}, price: {exists: false}}", [added({ product_id: "a", quantity: 3 })], true],
      ["where: {value: {exists: false}}", [added({ product_id: "a", price: "10", value: 10 })], true],
      ["where: {id: '5'}", [added({ product_id: 5 })], true],
      ["where: {time: {exists: false}}", [added({ product_id: "a", seconds: 5, time: 3 })], true],
      ["where: {size: {gt: 40}}", [added({ product_id: "a", size: 41 })], true],
      // Money in another currency is missing; the interaction counts.
      ["where: {value: {exists: false}}, count: 1", [added({ product_id: "a", price: 10, currency: "EUR" })], true],
      ["where: {value: 10}", [added({ product_id: "a", price: 10, currency: "USD" })], true],
      // Sums are exact: 0.1 + 0.2.
      [
        "sum: {of: value, is: 0.3}",
        [added({ product_id: "a", price: 0.1 }), added({ product_id: "a", price: 0.2 })],
        true,
      ],
      [
        "distinct: {of: id, is: 2}",
        [added({ product_id: "a" }), added({ product_id: "b" }), added({ product_id: "a" })],
        true,
      ],
    ])("the record of an interaction: %s after %j", (test, messages, expected) => {
      expect(holdsAfter(item(`action: added, ${test}`), messages)).toBe(expected);
    });

    test.each<[string, Message, boolean]>([
      ["where: {price: 10}", added({ product_id: "a" }), true],
      ["where: {price: 8}", added({ product_id: "a", price: 8 }), true],
      // null in the event is missing: it hides what the catalogue says.
      ["where: {price: {exists: false}}", added({ product_id: "a", price: null }), true],
      ["where: {colour: red}", added({ product_id: "a" }), true],
      ["type: category, ids: [shoes]", added({ product_id: "a" }), true],
      ["type: category, ids: [sale]", added({ product_id: "a", category: "sale" }), true],
      ["type: category, ids: [shoes]", added({ product_id: "a", category: "sale" }), false],
      ["where: {price: {exists: true}}", added({ product_id: "b" }), false],
    ])("over the catalogue: %s after %j", (test, message, expected) => {
      const items = { a: { price: 10, category: "shoes/men", colour: "red" } };
      expect(holdsAfter(item(`action: added, ${test}`), [message], items)).toBe(expected);
    });

    test("the catalogue counts from its place in the log; what happened before keeps what was known then", () => {
      const story = new Teller();
      story.define(
        "00:00",
        "red: {item: {action: viewed, where: {colour: red}, count: {gte: 1}}}\nblue: {item: {action: viewed, where: {colour: blue}}}",
      );
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" });
      expect(story.items("01:01", { a: { colour: "red", size: 5 } })).toEqual([]);
      expect(story.track("01:02", "ann", "Product Viewed", { product_id: "a" })).toEqual(["+red ann 01:02"]);
      story.items("01:03", { a: { colour: "blue" } });
      expect(story.track("01:04", "ann", "Product Viewed", { product_id: "a" })).toEqual(["+blue ann 01:04"]);
      expect(story.members("red")).toEqual(["ann"]);
    });

    test("merge keeps what it does not name, replace does not, remove forgets", () => {
      const story = new Teller();
      story.define("00:00", "s: {item: {action: viewed, where: {colour: red, size: {exists: true}}}}");
      const view = (stamp: string, userId: string) => story.track(stamp, userId, "Product Viewed", { product_id: "a" });
      story.items("01:00", { a: { colour: "red" } });
      story.items("01:01", { a: { size: 5 } });
      expect(view("01:02", "ann")).toEqual(["+s ann 01:02"]);
      story.items("01:03", { a: { colour: "red" } }, "replace");
      expect(view("01:04", "bea")).toEqual([]);
      story.items("01:05", { a: { size: 5 } });
      expect(view("01:06", "bea")).toEqual(["+s bea 01:06"]);
      story.items("01:07", { a: { size: null } });
      expect(view("01:08", "cem")).toEqual([]);
      story.items("01:09", { a: { size: 5 } });
      story.items("01:10", { a: {} }, "remove");
      expect(view("01:11", "cem")).toEqual([]);
      expect(story.reasons).toEqual([]);
    });

    test("windows, first and latest take an interaction at its own time", () => {
      const story = new Teller();
      story.define(
        "00:00",
        "new: {item: {action: purchased, type: category, ids: [shoes], first: {last: 1h}}}\nlate: {item: {action: added, ids: [a], count: {gte: 2}, window: {last: 1h}}}",
      );
      const order = { order_id: "o", products: [{ product_id: "a", category: "shoes/men" }] };
      expect(story.track("03:00", "ann", "Order Completed", order)).toEqual(["+new ann 03:00"]);
      expect(story.track("03:10", "ann", "Order Completed", { ...order, order_id: "p" }, { at: "01:00" })).toEqual([
        "-new ann 03:10",
      ]);
      story.track("03:11", "ann", "Product Added", { product_id: "a" });
      expect(story.track("03:12", "ann", "Product Added", { product_id: "a" }, { at: "02:20" })).toEqual([
        "+late ann 03:12",
      ]);
      expect(story.tick("04:00")).toEqual(["-late ann 03:20:01"]);
    });

    test("refunds touch orders alone", () => {
      const rule = item("action: purchased, sum: {of: value, is: 50}");
      const order: Json = { order_id: "o", total: 50, products: [{ product_id: "a", price: 25, quantity: 2 }] };
      expect(
        holdsAfter(rule, [
          ["Order Completed", order],
          ["Order Refunded", { order_id: "o" }],
        ]),
      ).toBe(true);
      expect(
        holdsAfter("{order: {count: 0}}", [
          ["Order Completed", order],
          ["Order Refunded", { order_id: "o" }],
        ]),
      ).toBe(true);
    });
  });

  describe("view time", () => {
    const spent = (ms: number, window = "") =>
      `s: {item: {action: viewed, sum: {of: time, is: {gte: ${ms}}}${window}}}`;

    test("until the user's next visit event, if that is later by less than the idle time", () => {
      const story = new Teller();
      story.define("00:00", spent(600_000));
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" });
      expect(story.track("01:10", "ann", "Product Viewed", { product_id: "b" })).toEqual(["+s ann 01:10"]);
    });

    test("no longer than a visit lasts", () => {
      const story = new Teller();
      story.define("00:00", spent(1));
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" });
      expect(story.track("01:30", "ann", "A")).toEqual([]);
      expect(story.track("01:59:59.999", "ann", "Product Viewed", { product_id: "a" })).toEqual([]);
      expect(story.track("02:00", "ann", "A")).toEqual(["+s ann 02:00"]);
    });

    test("a server's event ends no view, a server's view waits for a visit event", () => {
      const story = new Teller();
      story.define("00:00", spent(300_000));
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" }, { channel: "server" });
      expect(story.track("01:02", "ann", "A", {}, { channel: "server" })).toEqual([]);
      expect(story.track("01:05", "ann", "A")).toEqual(["+s ann 01:05"]);
    });

    test("the next event in the log, even where it is a late one: then it took no time", () => {
      const story = new Teller();
      story.define("00:00", spent(1));
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" });
      expect(story.track("01:05", "ann", "A", {}, { at: "00:50" })).toEqual([]);
      expect(story.track("01:06", "ann", "A")).toEqual([]);
    });

    test.each<[Json, boolean]>([
      [5, true],
      [4.9, false],
      [0, false],
      // What is no number of seconds says nothing: the next event, a minute later, does.
      [-1, true],
      ["5", true],
    ])("seconds in the event: %j", (seconds, expected) => {
      const rule = "{item: {action: viewed, sum: {of: time, is: {gte: 5000}}}}";
      expect(holdsAfter(rule, [viewed({ product_id: "a", seconds }), ["A", {}]])).toBe(expected);
    });

    test("counts at the view's own time", () => {
      const story = new Teller();
      story.define("00:00", spent(1, ", window: {last: 1h}"));
      story.track("01:00", "ann", "Product Viewed", { product_id: "a" });
      story.track("01:20", "ann", "A");
      expect(story.members("s")).toEqual(["ann"]);
      expect(story.tick("03:00")).toEqual(["-s ann 02:00:01"]);
    });

    test("a where that reads it is read again", () => {
      const story = new Teller();
      story.define(
        "00:00",
        "s: {item: {action: viewed, where: {time: {gte: 60000}}}}\nt: {item: {action: viewed, where: {time: 0}}}",
      );
      expect(story.track("01:00", "ann", "Product Viewed", { product_id: "a" })).toEqual(["+t ann 01:00"]);
      expect(story.track("01:01", "ann", "A")).toEqual(["+s ann 01:01", "-t ann 01:01"]);
    });
  });

  describe("campaigns", () => {
    test.each<[string, Message[], boolean]>([
      ["id: summer, outcome: viewed", [["Campaign Viewed", { campaign_id: "summer" }]], true],
      ["id: summer, outcome: viewed", [["Campaign Viewed", { campaign_id: "winter" }]], false],
      ["id: summer, outcome: clicked", [["Campaign Viewed", { campaign_id: "summer" }]], false],
      [
        "id: summer, experience: b, outcome: viewed",
        [["Campaign Viewed", { campaign_id: "summer", experience_id: "b" }]],
        true,
      ],
      ["id: summer, experience: b, outcome: viewed", [["Campaign Viewed", { campaign_id: "summer" }]], false],
      ["id: '7', outcome: viewed", [["Campaign Viewed", { campaign_id: 7 }]], true],
      [
        "outcome: clicked, count: 2",
        [
          ["Campaign Clicked", {}],
          ["Email Link Clicked", {}],
        ],
        true,
      ],
      ["outcome: unsubscribed", [["Unsubscribed", {}]], true],
      ["outcome: sent, where: {properties.subject: {startsWith: Hi}}", [["Email Sent", { subject: "Hi there" }]], true],
      [
        "outcome: sent, distinct: {of: properties.campaign_id, is: 2}",
        [
          ["Email Sent", { campaign_id: "a" }],
          ["Email Sent", { campaign_id: "b" }],
        ],
        true,
      ],
      ["outcome: viewed", [["constructor", {}]], false],
    ])("%s after %j", (test, messages, expected) => {
      expect(holdsAfter(`{campaign: {${test}}}`, messages)).toBe(expected);
    });

    test("in a window, and by channel", () => {
      const story = new Teller();
      story.define("00:00", "s: {campaign: {outcome: opened, where: {channel: email}, window: {last: 1h}}}");
      expect(story.track("01:00", "ann", "Email Opened", {})).toEqual([]);
      expect(story.track("01:01", "ann", "Email Opened", {}, { channel: "email" })).toEqual(["+s ann 01:01"]);
      expect(story.tick("03:00")).toEqual(["-s ann 02:01:01"]);
    });
  });
});
