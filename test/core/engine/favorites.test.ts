// rules.md 4.6 as stories that the engine hears: the favourite values of a catalog type.
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../lib/core/types.ts";
import { MachineStory } from "./machine-story.ts";

function defined(segments: string, options: ConstructorParameters<typeof MachineStory>[0] = {}): MachineStory {
  const story = new MachineStory(options);
  story.define("00:00", segments);
  expect(story.rejects).toEqual([]);
  return story;
}

const view = (story: MachineStory, stamp: string, category: string, said: object = {}) =>
  story.track(stamp, "ann", "Product Viewed", { product_id: "p", category, ...said });

describe("by views", () => {
  test("the one with most, and all that tie", () => {
    const story = defined(
      "hats: {favorite: {type: category, ids: [hats], by: views}}\nshoes: {favorite: {type: category, ids: [shoes, boots], by: views}}",
    );
    expect(view(story, "01:00", "shoes")).toEqual(["+shoes ann 01:00"]);
    expect(view(story, "01:01", "hats")).toEqual(["+hats ann 01:01"]);
    expect(view(story, "01:02", "hats")).toEqual(["-shoes ann 01:02"]);
    expect(view(story, "01:03", "boots")).toEqual([]);
    expect(view(story, "01:04", "boots")).toEqual(["+shoes ann 01:04"]);
  });

  test("top: fewer than so many are strictly ahead", () => {
    const story = defined("s: {favorite: {type: category, ids: [c], by: views, top: 2}}");
    for (const category of ["a", "a", "b", "b"]) view(story, "01:00", category);
    expect(view(story, "01:01", "c")).toEqual([]);
    // a and b have two, c has two: none is ahead of it.
    expect(view(story, "01:02", "c")).toEqual(["+s ann 01:02"]);
    expect(view(story, "01:03", "a")).toEqual([]);
    expect(view(story, "01:04", "b")).toEqual(["-s ann 01:04"]);
  });

  test("a path counts for what it lies in, too", () => {
    const story = defined("s: {favorite: {type: category, ids: [shoes], by: views}}");
    view(story, "01:00", "hats");
    view(story, "01:01", "hats");
    view(story, "01:02", "shoes/men");
    expect(view(story, "01:03", "shoes/women")).toEqual(["+s ann 01:03"]);
  });

  test("values leave by silence, exactly when their tiles turn old, and give way to others", () => {
    const story = defined(
      "hats: {favorite: {type: category, ids: [hats], by: views, window: {last: 1h}}}\nshoes: {favorite: {type: category, ids: [shoes], by: views, window: {last: 1h}}}",
    );
    view(story, "01:00:00", "shoes");
    view(story, "01:10:00", "hats");
    expect(view(story, "01:20:00", "shoes")).toEqual(["-hats ann 01:20"]);
    expect(story.tick("02:00:00")).toEqual([]);
    expect(story.tick("02:05:00")).toEqual(["+hats ann 02:00:01"]);
    expect(story.tick("03:00:00")).toEqual(["-hats ann 02:10:01", "-shoes ann 02:20:01"]);
  });

  test("days of the member's own zone", () => {
    const story = new MachineStory();
    story.define("00:00", "s: {favorite: {type: category, ids: [a], by: views, window: {today: true}}}", {
      zone: "user",
    });
    story.identify("00:00", "ann", { timezone: "America/New_York" });
    expect(view(story, "12:00", "a")).toEqual(["+s ann 12:00"]);
    expect(story.tick("23:59")).toEqual([]);
    expect(story.identify("23:59:30", "ann", { timezone: "Asia/Tokyo" })).toEqual(["-s ann 23:59:30"]);
    expect(story.identify("23:59:40", "ann", { timezone: "America/New_York" })).toEqual(["+s ann 23:59:40"]);
    expect(story.tick("+1 06:00")).toEqual(["-s ann +1 05:00"]);
  });

  test("of the visit under way", () => {
    const story = defined("s: {favorite: {type: category, ids: [a], by: views, window: {visit: current}}}");
    expect(view(story, "01:00", "a")).toEqual(["+s ann 01:00"]);
    expect(view(story, "01:10", "b")).toEqual([]);
    expect(story.tick("02:00")).toEqual(["-s ann 01:40"]);
    expect(view(story, "03:00", "b")).toEqual([]);
  });
});

describe("by other measures", () => {
  test("time: what views took, once that is known", () => {
    const story = defined("s: {favorite: {type: category, ids: [a], by: time}}");
    expect(view(story, "01:00", "b", { seconds: 60 })).toEqual([]);
    expect(view(story, "01:01", "a")).toEqual([]);
    expect(story.track("01:02", "ann", "A")).toEqual(["+s ann 01:02"]);
    view(story, "01:03", "b");
    expect(view(story, "01:03:01", "b")).toEqual(["-s ann 01:03:01"]);
  });

  test("purchases are interactions, revenue is money", () => {
    const story = defined(
      "bought: {favorite: {type: brand, ids: [Acme], by: purchases}}\npaid: {favorite: {type: brand, ids: [Acme], by: revenue}}",
    );
    const buy = (stamp: string, ...products: JsonObject[]) =>
      story.track(stamp, "ann", "Order Completed", { products });
    const acme = { product_id: "a", brand: "Acme", price: 10 };
    const zeta = { product_id: "z", brand: "Zeta", price: 10 };
    expect(buy("01:00", acme)).toEqual(["+bought ann 01:00", "+paid ann 01:00"]);
    expect(buy("01:01", { ...zeta, quantity: 2 })).toEqual(["-paid ann 01:01"]);
    expect(buy("01:02", { ...zeta, price: 0 })).toEqual(["-bought ann 01:02"]);
    expect(buy("01:03", acme)).toEqual(["+bought ann 01:03", "+paid ann 01:03"]);
    // No price, no revenue; in another currency neither.
    expect(buy("01:04", { ...acme, price: "1000" }, { ...acme, price: 1000, currency: "EUR" }, zeta, zeta)).toEqual([
      "-paid ann 01:04",
    ]);
  });
});

test("a new value beyond the limit is refused, nothing else", () => {
  const story = defined("s: {favorite: {type: category, ids: [c], by: views, window: {last: 1h}}}", {
    limits: { itemsMax: 2 },
  });
  view(story, "01:00", "a");
  view(story, "01:00", "b");
  expect(view(story, "01:01", "c")).toEqual([]);
  expect(story.rejects.map(({ detail }) => detail)).toEqual([
    "a new category does not count for favorites by views: 2 different ones are kept (limits.itemsMax)",
  ]);
  // Room comes back with what turns old.
  expect(view(story, "02:30", "c")).toEqual(["+s ann 02:30"]);
});

test("what is kept of it is shown and explained, and survives a restart", () => {
  const story = defined("s: {favorite: {type: category, ids: [a, c], by: time, top: 2, window: {last: 1h}}}");
  expect(story.rig.machine.user("ann")).toBeUndefined();
  view(story, "01:00", "a", { seconds: 2 });
  view(story, "01:00", "b", { seconds: 2.5 });
  story.rig.beginCheckpoint();
  story.rig.finishCheckpoint();
  story.rig.restart();
  expect(story.members("s")).toEqual(["ann"]);
  expect(story.explain("s", "ann")).toMatchObject({
    pass: true,
    actual: { asked: { a: 2_000 }, favorites: { b: 2_500, a: 2_000 } },
    expected: "among the 2 favorites of type category by time in the last 1h",
    until: Date.UTC(2026, 10, 2, 2, 0, 1),
  });
  expect(story.rig.machine.user("ann")!.affinities).toEqual([
    {
      type: "category",
      by: "time",
      window: "in the last 1h",
      values: [
        { value: "b", amount: 2_500 },
        { value: "a", amount: 2_000 },
      ],
    },
  ]);
});
