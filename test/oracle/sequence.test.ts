// rules.md 4.8 as stories: registers of sequences and funnels, in log order, and absences that time decides.
import { describe, expect, test } from "vitest";
import type { StepWhich } from "../../lib/core/rules/ast.ts";
import type { Vocabulary } from "../../lib/core/vocabulary.ts";
import { Story, type StoryOptions } from "./story.ts";

function storyOf(rule: string, header: Record<string, unknown> = {}, options: StoryOptions = {}): Story {
  const story = new Story(options);
  story.define("00:00", `s: ${rule}`, header);
  expect(story.reasons, "the definition must parse").toEqual([]);
  return story;
}

/** "A, B within 1h, not C within 2h": a sequence as a sentence. */
function sequence(steps: string, window = ""): string {
  const parts = steps.split(", ").map((step) => {
    const [, not, name, within] = /^(not )?(\w+)(?: within (\w+))?$/.exec(step)!;
    const event = `event: {name: ${name}}`;
    const limit = within === undefined ? "" : `, within: ${within}`;
    return not === undefined ? `{${event}${limit}}` : `{absent: {${event}}${limit}}`;
  });
  return `{sequence: {steps: [${parts.join(", ")}]${window === "" ? "" : `, window: ${window}`}}}`;
}

describe("steps in their order", () => {
  test("three of them, one after the other", () => {
    const story = storyOf(sequence("A, B, C"));
    expect(story.track("01:00", "ann", "A")).toEqual([]);
    expect(story.track("01:01", "ann", "B")).toEqual([]);
    expect(story.track("01:02", "ann", "C")).toEqual(["+s ann 01:02"]);
  });

  test("in another order they complete nothing, until the rest follows", () => {
    const story = storyOf(sequence("A, B, C"));
    for (const [at, name] of ["C", "B", "A", "C", "B"].entries()) {
      expect(story.track(`01:0${at}`, "ann", name)).toEqual([]);
    }
    expect(story.track("01:09", "ann", "C")).toEqual(["+s ann 01:09"]);
  });

  test("one event that matches two steps completes one of them: the last it can", () => {
    const story = storyOf(sequence("A, A, A"));
    expect(story.track("01:00", "ann", "A")).toEqual([]);
    expect(story.track("01:01", "ann", "A")).toEqual([]);
    expect(story.track("01:02", "ann", "A")).toEqual(["+s ann 01:02"]);
  });

  test("one event completes a later step and renews an earlier one", () => {
    const story = storyOf(sequence("A, A within 1m"));
    story.track("01:00", "ann", "A");
    expect(story.track("01:05", "ann", "A")).toEqual([]);
    // Counted from the second A: each event also starts anew.
    expect(story.track("01:06", "ann", "A")).toEqual(["+s ann 01:06"]);
  });

  test("at equal times a step may follow the one before; one millisecond earlier it may not", () => {
    const story = storyOf(sequence("A, B"));
    story.track("01:00", "ann", "A", {}, { at: "01:00" });
    expect(story.track("01:01", "ann", "B", {}, { at: "00:59:59.999" })).toEqual([]);
    expect(story.track("01:02", "ann", "B", {}, { at: "01:00" })).toEqual(["+s ann 01:02"]);
  });

  test("log order: what comes late completes no step that stands after it in the log", () => {
    const story = storyOf(sequence("A, B"));
    story.track("01:00", "ann", "B");
    expect(story.track("01:01", "ann", "A", {}, { at: "00:30" })).toEqual([]);
    expect(story.track("01:02", "ann", "B", {}, { at: "00:40" })).toEqual(["+s ann 01:02"]);
  });

  test("no register goes back: a late first step leaves the newer one", () => {
    const story = storyOf(sequence("A, B within 10m"));
    story.track("01:00", "ann", "A");
    story.track("01:05", "ann", "A", {}, { at: "00:30" });
    expect(story.track("01:10", "ann", "B")).toEqual(["+s ann 01:10"]);
  });

  test("within counts both ends", () => {
    const story = storyOf(sequence("A, B within 10m"));
    story.track("01:00", "ann", "A");
    story.track("01:00", "bob", "A");
    expect(story.track("01:10:00.001", "bob", "B")).toEqual([]);
    expect(story.track("01:10:00.001", "ann", "B", {}, { at: "01:10" })).toEqual(["+s ann 01:10:00.001"]);
  });

  test("a where of a step reads the event", () => {
    const story = storyOf(
      "{sequence: {steps: [{event: {name: A, where: {properties.x: 1}}}, {event: {name: B, where: {channel: web}}}]}}",
    );
    story.track("01:00", "ann", "A", { x: 2 });
    expect(story.track("01:01", "ann", "B", {}, { channel: "web" })).toEqual([]);
    story.track("01:02", "ann", "A", { x: 1 });
    expect(story.track("01:03", "ann", "B")).toEqual([]);
    expect(story.track("01:04", "ann", "B", {}, { channel: "web" })).toEqual(["+s ann 01:04"]);
  });
});

describe("steps of other kinds", () => {
  test("an order step is an order that was not known; its where reads it as of then", () => {
    const story = storyOf("{sequence: {steps: [{event: {name: A}}, {order: {where: {total: {gte: 50}}}}]}}");
    story.track("01:00", "ann", "Order Completed", { order_id: "o", total: 90 });
    story.track("01:01", "ann", "A");
    expect(story.track("01:02", "ann", "Order Completed", { order_id: "o", total: 95 })).toEqual([]);
    expect(story.track("01:03", "ann", "Order Completed", { order_id: "p", total: 49 })).toEqual([]);
    // An update makes no order, and none of what was completed comes true afterwards.
    expect(story.track("01:04", "ann", "Order Updated", { order_id: "p", total: 60 })).toEqual([]);
    expect(story.track("01:05", "ann", "Order Completed", { total: 50 })).toEqual(["+s ann 01:05"]);
  });

  test("a cancelled order has been completed all the same", () => {
    const story = storyOf("{sequence: {steps: [{order: {}}]}}");
    expect(story.track("01:00", "ann", "Order Completed", { order_id: "o" })).toEqual(["+s ann 01:00"]);
    expect(story.track("01:01", "ann", "Order Cancelled", { order_id: "o" })).toEqual([]);
  });

  test("viewed, then put into the cart within two hours, then no order for a day", () => {
    const story = storyOf(
      "{sequence: {steps: [{item: {action: viewed, type: category, ids: [shoes]}}, {item: {action: added}, within: 2h}, {absent: {order: {}}, within: 1d}]}}",
    );
    for (const id of ["ann", "bob", "cid"])
      story.track("01:00", id, "Product Viewed", { product_id: "p", category: "shoes/red" });
    story.track("02:00", "ann", "Product Added", { product_id: "p" });
    story.track("02:30", "bob", "Product Added", { product_id: "q" });
    story.track("03:00:00.001", "cid", "Product Added", { product_id: "p" });
    story.track("20:00", "bob", "Order Completed", { order_id: "o" });
    expect(story.tick("+3 00:00")).toEqual(["+s ann +1 02:00"]);
  });

  test("a where of an item step reads attributes; time is what the event itself says, or 0", () => {
    const story = storyOf("{sequence: {steps: [{item: {action: viewed, where: {brand: x, time: {gte: 10s}}}}]}}");
    expect(story.track("01:00", "ann", "Product Viewed", { product_id: "p", brand: "x" })).toEqual([]);
    // The view before has lasted 10 s by now; a step is not unwound.
    expect(story.track("01:00:10", "ann", "Product Viewed", { product_id: "p", seconds: 10 })).toEqual([]);
    expect(story.track("01:01", "ann", "Product Viewed", { product_id: "p", brand: "x", seconds: 10 })).toEqual([
      "+s ann 01:01",
    ]);
  });

  test("a campaign's outcomes", () => {
    const story = storyOf(
      "{sequence: {steps: [{campaign: {outcome: sent, id: c1}}, {absent: {campaign: {outcome: opened, id: c1}}, within: 1d}]}}",
    );
    for (const id of ["ann", "bob"]) story.track("01:00", id, "Email Sent", { campaign_id: "c1" });
    story.track("02:00", "ann", "Email Opened", { campaign_id: "c2" });
    story.track("02:00", "bob", "Email Opened", { campaign_id: "c1" });
    expect(story.tick("+2 00:00")).toEqual(["+s ann +1 01:00"]);
  });
});

describe("an absence", () => {
  const cart = sequence("A, not B within 1h");

  test("is decided at its very instant, by a time that no message has", () => {
    const story = storyOf(cart);
    story.track("01:00:00.123", "ann", "A");
    expect(story.tick("02:00:00.122")).toEqual([]);
    expect(story.tick("02:00:00.123")).toEqual(["+s ann 02:00:00.123"]);
  });

  test("the instant comes before a message that has the same time", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    expect(story.track("02:00", "ann", "B")).toEqual(["+s ann 02:00", "-s ann 02:00"]);
  });

  test("its event within the time clears the step before, for good", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.track("01:59:59.999", "ann", "B");
    expect(story.tick("09:00")).toEqual([]);
  });

  test("a newer step before starts the wait anew", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.track("01:30", "ann", "A");
    expect(story.tick("09:00")).toEqual(["+s ann 02:30"]);
  });

  test("a step before that comes late, and is older, does not", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.track("01:30", "ann", "A", {}, { at: "00:45" });
    expect(story.tick("09:00")).toEqual(["+s ann 02:00"]);
  });

  test("a step before that comes when its time is over decides it at once", () => {
    const story = storyOf(cart);
    expect(story.track("05:00", "ann", "A", {}, { at: "01:00" })).toEqual(["+s ann 05:00"]);
  });

  test("its event before the step is not one", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.track("01:30", "ann", "B", {}, { at: "00:59:59.999" });
    expect(story.tick("09:00")).toEqual(["+s ann 02:00"]);
  });

  test("as last step it is cleared when its event comes later", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    expect(story.tick("02:00")).toEqual(["+s ann 02:00"]);
    expect(story.track("05:00", "ann", "B")).toEqual(["-s ann 05:00"]);
    expect(story.tick("09:00")).toEqual([]);
    expect(story.track("10:00", "ann", "A")).toEqual([]);
    expect(story.tick("12:00")).toEqual(["+s ann 11:00"]);
  });

  test("as last step it is cleared by an event of the time that was waited for, which comes late", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.tick("03:00");
    expect(story.track("03:00", "ann", "B", {}, { at: "01:30" })).toEqual(["-s ann 03:00"]);
  });

  test("as last step it is not cleared by an event from before that time", () => {
    const story = storyOf(cart);
    story.track("01:00", "ann", "A");
    story.tick("03:00");
    expect(story.track("03:00", "ann", "B", {}, { at: "00:30" })).toEqual([]);
  });

  test("between steps it stands for good, and the next step counts from its instant", () => {
    const story = storyOf(sequence("A, not B within 1h, C within 1h"));
    for (const id of ["ann", "bob", "cid"]) story.track("01:00", id, "A");
    // Too early for C: nothing has been decided.
    story.track("01:30", "bob", "C");
    story.track("02:30", "ann", "B");
    expect(story.track("03:00", "ann", "C")).toEqual(["+s ann 03:00"]);
    expect(story.track("03:00:00.001", "cid", "C")).toEqual([]);
    expect(story.tick("09:00")).toEqual([]);
  });

  test("after an absence: the second is waited for from the instant of the first", () => {
    const story = storyOf(sequence("A, not B within 1h, not C within 30m"));
    for (const id of ["ann", "bob"]) story.track("01:00", id, "A");
    story.track("01:45", "ann", "C");
    story.track("02:15", "bob", "C");
    expect(story.tick("09:00")).toEqual(["+s ann 02:30"]);
  });

  test("in the past of a new definition it is decided where it was in the log", () => {
    const story = new Story();
    for (const id of ["ann", "bob"]) story.track("01:00", id, "A");
    story.track("01:30", "bob", "B");
    expect(story.define("05:00", `s: ${cart}`)).toEqual(["+s ann 05:00"]);
  });
});

describe("the window of a sequence", () => {
  test("the last step lies in it", () => {
    const story = storyOf(sequence("A, B", "{last: 1h}"));
    story.track("01:00", "ann", "A");
    expect(story.track("05:00", "ann", "B")).toEqual(["+s ann 05:00"]);
    expect(story.tick("09:00")).toEqual(["-s ann 06:00:01"]);
    expect(story.track("09:00", "ann", "B")).toEqual(["+s ann 09:00"]);
  });

  test("an absence is an occurrence of its instant", () => {
    const story = storyOf(sequence("A, not B within 1h", "{last: 1h}"));
    story.track("01:00", "ann", "A");
    expect(story.tick("09:00")).toEqual(["+s ann 02:00", "-s ann 03:00:01"]);
  });

  test("a late last step that is older than the window", () => {
    const story = storyOf(sequence("A, B", "{last: 1h}"));
    story.track("01:00", "ann", "A");
    expect(story.track("05:00", "ann", "B", {}, { at: "02:00" })).toEqual([]);
    expect(story.track("05:00", "ann", "B", {}, { at: "04:30" })).toEqual(["+s ann 05:00"]);
  });

  test("today is the day of the user's zone when it was processed", () => {
    const story = storyOf(sequence("A, not B within 1h", "{today: true}"), { zone: "user" });
    story.track("00:30", "ann", "A", {}, { context: { timezone: "Asia/Tokyo" } });
    // 01:30 is 10:30 in Tokyo, whose day ends at 15:00.
    expect(story.tick("20:00")).toEqual(["+s ann 01:30", "-s ann 15:00"]);
  });

  test("the visit under way", () => {
    const story = storyOf(sequence("A, B", "{visit: current}"));
    story.track("01:00", "ann", "A");
    expect(story.track("01:10", "ann", "B")).toEqual(["+s ann 01:10"]);
    expect(story.tick("03:00")).toEqual(["-s ann 01:40"]);
    expect(story.track("03:00", "ann", "B", {}, { channel: "server" })).toEqual([]);
  });
});

const event = (name: string): StepWhich => ({ op: "event", names: [name] });
const TRIAL: Partial<Vocabulary> = {
  funnels: {
    trial: {
      steps: [
        { name: "signed", which: event("A") },
        { name: "tried", which: event("B") },
        { name: "paid", which: event("C") },
      ],
    },
  },
};

describe("a funnel", () => {
  const funnel = (relation: string): Story => storyOf(`{funnel: {id: trial, ${relation}}}`, {}, { vocabulary: TRIAL });

  test("at: the furthest step that was reached", () => {
    const story = funnel("at: tried");
    story.track("01:00", "ann", "A");
    expect(story.track("01:01", "ann", "B")).toEqual(["+s ann 01:01"]);
    expect(story.track("01:02", "ann", "A")).toEqual([]);
    expect(story.track("01:03", "ann", "C")).toEqual(["-s ann 01:03"]);
  });

  test("before: a step that was not reached, also by nobody's first word", () => {
    const story = funnel("before: tried");
    expect(story.track("01:00", "ann", "B")).toEqual(["+s ann 01:00"]);
    expect(story.track("01:01", "ann", "A")).toEqual([]);
    expect(story.track("01:02", "ann", "B")).toEqual(["-s ann 01:02"]);
  });

  test("after: a later step was reached", () => {
    const story = funnel("after: signed");
    story.track("01:00", "ann", "A");
    expect(story.track("01:01", "ann", "C")).toEqual([]);
    expect(story.track("01:02", "ann", "B")).toEqual(["+s ann 01:02"]);
  });

  test("is kept for ever, and knows no time between steps", () => {
    const story = funnel("at: paid");
    story.track("01:00", "ann", "A");
    story.track("+200 01:00", "ann", "B");
    expect(story.track("+300 01:00", "ann", "C")).toEqual(["+s ann +300 01:00"]);
    expect(story.tick("+600 00:00")).toEqual([]);
  });

  test("follows log order: a step that comes late, and before the one it follows, is none", () => {
    const story = funnel("at: tried");
    story.track("01:00", "ann", "A");
    expect(story.track("01:01", "ann", "B", {}, { at: "00:59" })).toEqual([]);
  });
});
