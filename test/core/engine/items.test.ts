// rules.md 4.6 as stories that the engine hears: interactions with items, how long views took, outcomes of campaigns.
import { describe, expect, test } from "vitest";
import type { Json } from "../../../lib/core/types.ts";
import { MachineStory } from "./machine-story.ts";

function defined(rule: string, header: Record<string, unknown> = {}): MachineStory {
  const story = new MachineStory();
  story.define("00:00", `s: ${rule}`, header);
  expect(story.rejects).toEqual([]);
  return story;
}

const shoes = { product_id: "a", category: "shoes/running", brand: "Acme", price: 30 };

describe("an interaction counts", () => {
  test("for its product and for each value of each type, once however many ids match", () => {
    const story = defined("{item: {action: viewed, type: category, ids: [shoes, shoes/running], count: {gte: 2}}}");
    expect(story.track("01:00", "ann", "Product Viewed", shoes)).toEqual([]);
    expect(story.track("02:00", "ann", "Product Viewed", { product_id: "b", category: "shoes" })).toEqual([
      "+s ann 02:00",
    ]);
  });

  test("not for another action, type or id", () => {
    const story = defined("{item: {action: added, ids: [a]}}");
    story.track("01:00", "ann", "Product Viewed", shoes);
    story.track("01:01", "ann", "Product Added", { product_id: "b" });
    expect(story.track("01:02", "ann", "Item Added", { type: "article", id: "a" })).toEqual([]);
    expect(story.track("01:03", "ann", "Product Added", shoes)).toEqual(["+s ann 01:03"]);
  });

  test("each product of an order, pieces not counted", () => {
    const story = defined("{item: {action: purchased, type: brand, ids: [Acme], count: {eq: 2}}}");
    const products = [{ ...shoes, quantity: 5 }, { ...shoes, product_id: "b" }, { product_id: "c" }];
    expect(story.track("01:00", "ann", "Order Completed", { products })).toEqual(["+s ann 01:00"]);
  });

  test("with the attributes it had then: a new catalogue changes what comes after it", () => {
    const story = defined("{item: {action: viewed, type: brand, ids: [Acme], count: {gte: 2}}}");
    const say = (brand: string) =>
      story.control("01:00", { op: "items", mode: "merge", items: [{ id: "a", attributes: { brand } }] });
    say("Acme");
    story.track("01:01", "ann", "Product Viewed", { product_id: "a" });
    say("Zeta");
    expect(story.track("01:02", "ann", "Product Viewed", { product_id: "a" })).toEqual([]);
    expect(story.track("01:03", "ann", "Product Viewed", { product_id: "a", brand: "Acme" })).toEqual(["+s ann 01:03"]);
  });
});

describe("measures", () => {
  test("the sum of values is exact, and shrinks tile by tile", () => {
    const story = defined("{item: {action: added, sum: {of: value, is: {gte: 0.3}}, window: {last: 1h}}}");
    story.track("01:00:00", "ann", "Product Added", { product_id: "a", price: 0.1, quantity: 2 });
    expect(story.track("01:30:00", "ann", "Product Added", { product_id: "b", price: 0.1 })).toEqual(["+s ann 01:30"]);
    expect(story.tick("02:00:00")).toEqual([]);
    expect(story.tick("02:30:00")).toEqual(["-s ann 02:00:01"]);
  });

  test("different items; the first of a category", () => {
    const story = defined("{item: {action: viewed, distinct: {of: id, is: {gte: 2}}}}");
    story.track("01:00", "ann", "Product Viewed", shoes);
    expect(story.track("01:01", "ann", "Product Viewed", shoes)).toEqual([]);
    expect(story.track("01:02", "ann", "Product Viewed", { product_id: 7 })).toEqual(["+s ann 01:02"]);

    const first = defined("{item: {action: purchased, type: category, ids: [shoes], first: {last: 1h}}}");
    expect(first.track("01:00", "ann", "Order Completed", { products: [shoes] })).toEqual(["+s ann 01:00"]);
    // A late purchase before it ends the first that was.
    expect(first.track("01:10", "ann", "Order Completed", { products: [shoes] }, { at: "00:30" })).toEqual([]);
    expect(first.tick("01:45")).toEqual(["-s ann 01:30:01"]);
  });

  test("money in another currency is missing, and another currency asks history anew", () => {
    const story = defined("{item: {action: added, sum: {of: value, is: {gte: 50}}}}");
    story.track("01:00", "ann", "Product Added", { product_id: "a", price: 60, currency: "EUR" });
    expect(story.members("s")).toEqual([]);
    story.control("02:00", { op: "vocabulary", vocabulary: { currency: "EUR" } });
    expect(story.control("02:01", { op: "activate", revision: 3 })).toEqual(["+s ann 02:01"]);
  });
});

describe("the time of a view", () => {
  const spent = "{item: {action: viewed, sum: {of: time, is: {gte: 5m}}}}";
  const at = (story: MachineStory, stamp: string, said: Json = {}, channel = "web") =>
    story.track(stamp, "ann", "Product Viewed", { product_id: "a", ...(said as object) }, { channel });

  test("is what the event says", () => {
    expect(at(defined(spent), "01:00", { seconds: 300 })).toEqual(["+s ann 01:00"]);
    expect(at(defined(spent), "01:00", { seconds: 299 })).toEqual([]);
  });

  test("else lasts until the next visit event, if that is later by less than the idle time", () => {
    const story = defined(spent);
    at(story, "01:00");
    expect(at(story, "01:04")).toEqual([]);
    // 4 minutes and 1 minute.
    expect(story.event("01:05", { type: "page", userId: "ann" }, { channel: "web" })).toEqual(["+s ann 01:05"]);
    const idle = defined(spent);
    at(idle, "01:00");
    expect(at(idle, "01:30")).toEqual([]);
    expect(at(idle, "01:34")).toEqual([]);
    expect(at(idle, "01:35")).toEqual(["+s ann 01:35"]);
  });

  test("events of the server tell nothing, and an earlier one tells 0 for good", () => {
    const story = defined(spent);
    at(story, "01:00");
    expect(at(story, "01:10", {}, "server")).toEqual([]);
    story.track("01:11", "ann", "A", {}, { at: "00:59" });
    expect(at(story, "01:20")).toEqual([]);
    expect(at(story, "01:25")).toEqual(["+s ann 01:25"]);
  });

  test("counts at the view's time, however late it is known", () => {
    const story = defined("{item: {action: viewed, sum: {of: time, is: {gte: 10m}}, window: {last: 1h}}}");
    at(story, "01:00");
    expect(at(story, "01:20")).toEqual(["+s ann 01:20"]);
    expect(story.tick("02:01")).toEqual(["-s ann 02:00:01"]);
  });

  test("is 0 to a where and to other measures until it is known", () => {
    const story = defined("{item: {action: viewed, where: {time: {lt: 1m}}, count: {gte: 1}}}");
    expect(at(story, "01:00")).toEqual(["+s ann 01:00"]);
    expect(story.track("01:02", "ann", "A")).toEqual(["-s ann 01:02"]);
    const longest = defined("{item: {action: viewed, max: {of: time, is: {eq: 0}}}}");
    expect(at(longest, "01:00")).toEqual(["+s ann 01:00"]);
    expect(longest.track("01:02", "ann", "A")).toEqual(["-s ann 01:02"]);
    const latest = defined("{item: {action: viewed, where: {time: {gte: 2m}}, latest: {last: 1h}}}");
    expect(at(latest, "01:00")).toEqual([]);
    expect(latest.track("01:02", "ann", "A")).toEqual(["+s ann 01:02"]);
    expect(latest.tick("02:30")).toEqual(["-s ann 02:00:01"]);
  });

  test("survives a restart while the view waits", () => {
    const story = defined(spent);
    at(story, "01:00");
    story.rig.beginCheckpoint();
    story.rig.finishCheckpoint();
    story.rig.restart();
    expect(story.track("01:10", "ann", "A")).toEqual(["+s ann 01:10"]);
  });

  test("an idle time that the vocabulary changes tells it anew", () => {
    const story = defined(spent);
    at(story, "01:00");
    story.track("01:40", "ann", "A");
    expect(story.members("s")).toEqual([]);
    story.control("02:00", { op: "vocabulary", vocabulary: { visit: { idle: "1h" } } });
    expect(story.reasons).toEqual([]);
    expect(story.control("02:01", { op: "activate", revision: 3 })).toEqual(["+s ann 02:01"]);
  });

  test("no more views wait than items are kept; the rest of the event counts", () => {
    const story = new MachineStory({ limits: { itemsMax: 2 } });
    story.define("00:00", `s: ${spent}\nt: {item: {action: viewed, count: {gte: 3}}}`);
    at(story, "01:00", {}, "server");
    at(story, "01:01", {}, "server");
    expect(at(story, "01:02", {}, "server")).toEqual(["+t ann 01:02"]);
    expect(story.reasons).toEqual(["limit"]);
  });
});

describe("explain", () => {
  test("says what is there, what is asked and until when", () => {
    const story = defined("{item: {action: added, sum: {of: value, is: {gte: 50}}, window: {last: 1h}}}");
    story.track("01:00", "ann", "Product Added", { product_id: "a", price: 60.5 });
    const { pass, actual, expected, until } = story.explain("s", "ann");
    expect({ pass, actual, expected }).toEqual({ pass: true, actual: 60.5, expected: "at least 50" });
    expect(new Date(until!).toISOString()).toBe("2026-11-02T02:00:01.000Z");
  });
});

describe("campaigns", () => {
  test("by outcome, id and experience", () => {
    const story = defined("{campaign: {outcome: clicked, id: summer, experience: 7, count: {gte: 2}}}");
    const click = (stamp: string, properties: Json, event = "Campaign Clicked") =>
      story.track(stamp, "ann", event, properties);
    click("01:00", { campaign_id: "summer", experience_id: 7 });
    click("01:01", { campaign_id: "winter", experience_id: 7 });
    click("01:02", { campaign_id: "summer", experience_id: "8" });
    click("01:03", { campaign_id: "summer", experience_id: "7" }, "Campaign Viewed");
    expect(story.members("s")).toEqual([]);
    expect(click("01:04", { campaign_id: "summer", experience_id: "7" }, "Email Link Clicked")).toEqual([
      "+s ann 01:04",
    ]);
  });

  test("any campaign, with a where, in a window", () => {
    const story = defined("{campaign: {outcome: opened, where: {channel: email}, window: {last: 7d}}}");
    story.track("01:00", "ann", "Email Opened", {}, { channel: "web" });
    expect(story.members("s")).toEqual([]);
    expect(story.track("01:05", "ann", "Email Opened", { campaign_id: "x" }, { channel: "email" })).toEqual([
      "+s ann 01:05",
    ]);
    expect(story.tick("+7 03:00")).toEqual(["-s ann +7 02:00"]);
  });

  test("names that the vocabulary gives later ask history anew", () => {
    const story = defined("{campaign: {outcome: clicked}}");
    story.track("01:00", "ann", "Banner Hit");
    story.control("02:00", { op: "vocabulary", vocabulary: { campaigns: { "Banner Hit": "clicked" } } });
    expect(story.reasons).toEqual([]);
    expect(story.control("02:01", { op: "activate", revision: 3 })).toEqual(["+s ann 02:01"]);
  });
});
