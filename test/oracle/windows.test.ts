// rules.md 4.2 as stories: when what happened turns old, when days begin, when a visit ends.
import { describe, expect, test } from "vitest";
import { Story } from "./story.ts";

describe("tiles", () => {
  test("100 spent in 7 days: 00:00 ann buys 60; 01:00 ann buys 50 → +big; an hour's tile and 7 days later → −big", () => {
    const story = new Story();
    story.define("00:00", "big: {order: {total: {gte: 100}, window: {last: 7d}}}");
    expect(story.track("00:00", "ann", "Order Completed", { order_id: "1", total: 60 })).toEqual([]);
    expect(story.track("01:00", "ann", "Order Completed", { order_id: "2", total: 50 })).toEqual(["+big ann 01:00"]);
    // The order of 00:00 lies in the tile [00:00, 01:00), so it turns 7 days old at 01:00.
    expect(story.tick("+7 00:59:59.999")).toEqual([]);
    expect(story.tick("+7 12:00")).toEqual(["-big ann +7 01:00"]);
  });
});
