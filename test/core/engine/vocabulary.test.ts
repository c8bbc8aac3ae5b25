// A vocabulary and items in a partition: what was said before them is read as they say, once history has been folded;
// items count from their place in the log on, for what is folded as for what was heard there.
import { expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

test("a campaign's event of before counts once the vocabulary that names it is in force", () => {
  const story = new MachineStory();
  story.define("10:00", "clicks: { campaign: { outcome: clicked } }");
  story.track("10:01", "u1", "Banner Clicked", { campaign_id: "summer" });
  expect(story.track("10:02", "u2", "Campaign Clicked", { campaign_id: "summer" })).toEqual(["+clicks u2 10:02"]);
  story.control("10:03", {
    op: "vocabulary",
    vocabulary: { campaigns: { "Banner Clicked": "clicked", "Campaign Clicked": null } },
  });
  expect(story.members("clicks")).toEqual(["u2"]);
  expect(story.control("10:04", { op: "activate", revision: 3 })).toEqual(["+clicks u1 10:04", "-clicks u2 10:04"]);
  expect(story.track("10:05", "u3", "Banner Clicked", {})).toEqual(["+clicks u3 10:05"]);
  expect(story.reasons).toEqual([]);
});

test("items are read as of each place in the log, live and by a backfill", () => {
  const story = new MachineStory();
  const rule = "{ item: { action: viewed, where: { brand: acme } } }";
  const items = (stamp: string, mode: string, attributes = {}) =>
    story.control(stamp, { op: "items", mode, items: [{ id: "sku", attributes }] });
  const view = (stamp: string, user: string) => story.track(stamp, user, "Product Viewed", { product_id: "sku" });
  story.define("10:00", `live: ${rule}`);
  expect(view("10:01", "u1")).toEqual([]);
  items("10:02", "merge", { brand: "acme" });
  expect(view("10:03", "u2")).toEqual(["+live u2 10:03"]);
  items("10:04", "replace", { brand: "other" });
  expect(view("10:05", "u3")).toEqual([]);
  items("10:06", "merge", { brand: "acme" });
  expect(view("10:07", "u4")).toEqual(["+live u4 10:07"]);
  items("10:08", "remove");
  expect(view("10:09", "u5")).toEqual([]);
  // Another question, so that it is folded anew.
  expect(story.define("10:10", `later: ${rule.replace("} }", "}, window: { last: 30d } }")}`)).toEqual([
    "+later u2 10:10",
    "+later u4 10:10",
  ]);
  story.rig.restart();
  expect(story.members("live").sort()).toEqual(["u2", "u4"]);
  expect(story.reasons).toEqual([]);
});

test("a currency asks nothing of history: what is kept is read anew at the very entry", () => {
  const story = new MachineStory();
  story.define("10:00", "paid: { order: { total: { gte: 50 } } }");
  story.track("10:01", "u1", "Order Completed", { order_id: "o1", total: 60, currency: "EUR" });
  expect(story.track("10:02", "u2", "Order Completed", { order_id: "o2", total: 60, currency: "USD" })).toEqual([
    "+paid u2 10:02",
  ]);
  expect(story.control("10:03", { op: "vocabulary", vocabulary: { currency: "EUR" } })).toEqual([
    "+paid u1 10:03",
    "-paid u2 10:03",
  ]);
});

test.each([
  [0, ["u1", "u3"]],
  // What is kept begins with an entry: what was before it is known.
  [2, ["u3"]],
  // Before the first entry that is kept, items are as they were when the definition was applied.
  [3, ["u2", "u3"]],
  [5, ["u3"]],
])("a log that has lost its first %i messages is folded by the items that were known", (lost, members) => {
  const story = new MachineStory();
  const items = (stamp: string, brand: string) =>
    story.control(stamp, { op: "items", mode: "merge", items: [{ id: "sku", attributes: { brand } }] });
  const view = (stamp: string, user: string) => story.track(stamp, user, "Product Viewed", { product_id: "sku" });
  items("10:00", "acme");
  view("10:01", "u1");
  items("10:02", "other");
  view("10:03", "u2");
  items("10:04", "acme");
  view("10:05", "u3");
  story.rig.log.splice(0, lost);
  story.define("10:06", "acme: { item: { action: viewed, where: { brand: acme } } }");
  expect(story.members("acme").sort()).toEqual(members);
});

test("an entry that is refused is told, and the partition goes on", () => {
  const story = new MachineStory();
  story.control("10:00", { op: "vocabulary", vocabulary: { currency: 5 } });
  story.control("10:00", { op: "items", mode: "merge", items: [7] });
  expect(story.reasons).toEqual(["bad-control", "bad-control"]);
  expect(story.define("10:01", "all: { not: { list: { in: [l] } } }")).toEqual([]);
  expect(story.track("10:02", "u1", "A")).toEqual(["+all u1 10:02"]);
});
