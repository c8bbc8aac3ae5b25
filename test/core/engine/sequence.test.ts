// rules.md 4.8 as stories that the engine hears: one register a step, absences decided by time.
import { describe, expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

function defined(segments: string, header: Record<string, unknown> = {}): MachineStory {
  const story = new MachineStory();
  story.define("00:00", segments, header);
  expect(story.rejects).toEqual([]);
  return story;
}

const [A, B, C] = ["{event: {name: A}}", "{event: {name: B}}", "{event: {name: C}}"];

describe("steps", () => {
  test("come in their order, whatever else happens between them", () => {
    const story = defined(`s: {sequence: {steps: [${A}, ${B}, ${C}]}}`);
    for (const name of ["B", "C", "A", "C", "X", "B"]) expect(story.track("01:00", "ann", name)).toEqual([]);
    expect(story.track("02:00", "ann", "C")).toEqual(["+s ann 02:00"]);
  });

  test("one event completes one of two equal steps", () => {
    const story = defined(`s: {sequence: {steps: [${A}, ${A}]}}`);
    expect(story.track("01:00", "ann", "A")).toEqual([]);
    expect(story.track("01:00", "ann", "A")).toEqual(["+s ann 01:00"]);
  });

  test("within counts from the newest time of the step before, both ends included", () => {
    const story = defined(`s: {sequence: {steps: [${A}, {event: {name: B}, within: 2h}]}}`);
    story.track("01:00", "ann", "A");
    expect(story.track("03:00:01", "ann", "B")).toEqual([]);
    story.track("04:00", "ann", "A");
    expect(story.track("06:00", "ann", "B")).toEqual(["+s ann 06:00"]);
  });

  test("in log order: a late event does not come before what the log has", () => {
    const story = defined(`s: {sequence: {steps: [${A}, ${B}]}}`);
    story.track("05:00", "ann", "B");
    expect(story.track("06:00", "ann", "A", {}, { at: "01:00" })).toEqual([]);
    // B at 02:00 comes after A at 01:00, in the log and in time.
    expect(story.track("07:00", "ann", "B", {}, { at: "02:00" })).toEqual(["+s ann 07:00"]);
    const other = defined(`s: {sequence: {steps: [${A}, ${B}]}}`);
    other.track("05:00", "ann", "A");
    expect(other.track("06:00", "ann", "B", {}, { at: "04:59" })).toEqual([]);
  });

  test("no register goes back: a late first step leaves the newer one", () => {
    const story = defined(`s: {sequence: {steps: [${A}, {event: {name: B}, within: 1h}]}}`);
    story.track("05:00", "ann", "A");
    story.track("05:10", "ann", "A", {}, { at: "01:00" });
    expect(story.track("06:00", "ann", "B")).toEqual(["+s ann 06:00"]);
  });

  test("the window is over the last step, by tiles", () => {
    const story = defined(`s: {sequence: {steps: [${A}, ${B}], window: {last: 1h}}}`);
    story.track("01:00", "ann", "A");
    expect(story.track("09:00", "ann", "B")).toEqual(["+s ann 09:00"]);
    expect(story.tick("10:00")).toEqual([]);
    expect(story.tick("10:01")).toEqual(["-s ann 10:00:01"]);
    expect(story.track("11:00", "ann", "B")).toEqual(["+s ann 11:00"]);
  });

  test("where reads the event, and the wall clock of the segment's zone", () => {
    const story = defined(
      `s: {sequence: {steps: [${A}, {event: {name: B, where: {all: [{properties.x: {gte: 5}}, {at.time: {lt: "12:00"}}]}}}]}}`,
      { zone: "Asia/Tokyo" },
    );
    story.track("01:00", "ann", "A");
    expect(story.track("02:00", "ann", "B", { x: 4 })).toEqual([]);
    expect(story.track("03:00", "ann", "B", { x: 5 })).toEqual([]);
    expect(story.track("+1 02:59", "ann", "B", { x: 5 })).toEqual(["+s ann +1 02:59"]);
  });

  test("an order is a step when it was not known", () => {
    const story = defined(`s: {sequence: {steps: [${A}, {order: {where: {total: {gte: 10}}}}]}}`);
    story.track("01:00", "ann", "Order Completed", { order_id: "o1", total: 20 });
    story.track("02:00", "ann", "A");
    expect(story.track("03:00", "ann", "Order Completed", { order_id: "o1", total: 20 })).toEqual([]);
    expect(story.track("04:00", "ann", "Order Completed", { order_id: "o2", total: 9 })).toEqual([]);
    expect(story.track("05:00", "ann", "Order Completed", { total: 10 })).toEqual(["+s ann 05:00"]);
  });

  test("items and campaigns are steps by the vocabulary", () => {
    const story = defined(
      "s: {sequence: {steps: [{campaign: {outcome: clicked, id: summer}}, {item: {action: viewed, type: category, ids: [shoes]}}, {item: {action: added, where: {price: {gt: 5}}}}]}}",
    );
    story.track("01:00", "ann", "Campaign Clicked", { campaign_id: "winter" });
    story.track("01:01", "ann", "Product Viewed", { product_id: "p1", category: "shoes/red" });
    story.track("01:02", "ann", "Product Added", { product_id: "p1", price: 9 });
    story.track("02:00", "ann", "Email Link Clicked", { campaign_id: "summer" });
    story.track("02:01", "ann", "Product Viewed", { product_id: "p1", category: "shoes/red" });
    expect(story.track("02:02", "ann", "Product Added", { product_id: "p1", price: 5 })).toEqual([]);
    expect(story.track("02:03", "ann", "Product Added", { product_id: "p1", price: 9 })).toEqual(["+s ann 02:03"]);
  });
});

describe("an absence", () => {
  const abandoned = `s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1d}]}}`;

  test("is decided by silence, at its own instant", () => {
    const story = defined(abandoned);
    expect(story.track("01:00", "ann", "A")).toEqual([]);
    expect(story.tick("+1 00:59")).toEqual([]);
    expect(story.tick("+2 00:00")).toEqual(["+s ann +1 01:00"]);
  });

  test("ends when its event comes in time", () => {
    const story = defined(abandoned);
    story.track("01:00", "ann", "A");
    story.track("20:00", "ann", "B");
    expect(story.tick("+9 00:00")).toEqual([]);
    // The deadline comes before a message of the same instant, and the event then clears the last step.
    story.track("+9 01:00", "ann", "A");
    expect(story.track("+10 01:00", "ann", "B")).toEqual(["+s ann +10 01:00", "-s ann +10 01:00"]);
  });

  test("as last step is cleared when its event comes later, and waits anew after the next first step", () => {
    const story = defined(abandoned);
    story.track("01:00", "ann", "A");
    story.tick("+1 01:00");
    expect(story.track("+2 00:00", "ann", "B")).toEqual(["-s ann +2 00:00"]);
    expect(story.tick("+9 00:00")).toEqual([]);
    story.track("+9 01:00", "ann", "A");
    expect(story.tick("+10 01:00")).toEqual(["+s ann +10 01:00"]);
  });

  test("as last step is not cleared by what happened before its wait began", () => {
    const story = defined(abandoned);
    story.track("02:00", "ann", "A");
    story.tick("+1 02:00");
    expect(story.track("+2 00:00", "ann", "B", {}, { at: "01:59" })).toEqual([]);
    expect(story.track("+2 00:01", "ann", "B", {}, { at: "20:00" })).toEqual(["-s ann +2 00:01"]);
  });

  test("waits anew from a newer step before it, and keeps what was reached", () => {
    const story = defined(
      `s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1d}], window: {last: 2d}}}`,
    );
    story.track("01:00", "ann", "A");
    story.track("13:00", "ann", "A");
    expect(story.tick("+1 12:59")).toEqual([]);
    expect(story.tick("+1 13:00")).toEqual(["+s ann +1 13:00"]);
    story.track("+1 20:00", "ann", "A");
    // The instant reached is the last step: it turns 2 d old a minute (its tile) after +3 20:00, not after +3 13:00.
    expect(story.tick("+9 00:00")).toEqual(["-s ann +4 20:01"]);
  });

  test("in the middle stands for good once it is reached", () => {
    const story = defined(`s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1h}, ${C}]}}`);
    story.track("01:00", "ann", "A");
    expect(story.track("01:30", "ann", "C")).toEqual([]);
    story.track("02:30", "ann", "B");
    expect(story.track("03:00", "ann", "C")).toEqual(["+s ann 03:00"]);
  });

  test("of the same event as the step before is a pause between two of them", () => {
    const story = defined(`s: {sequence: {steps: [${A}, {absent: {event: {name: A}}, within: 1h}]}}`);
    story.track("01:00", "ann", "A");
    story.track("01:40", "ann", "A");
    expect(story.tick("09:00")).toEqual(["+s ann 02:40"]);
  });

  test("follows another absence", () => {
    const story = defined(
      `s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1h}, {absent: {event: {name: C}}, within: 1h}]}}`,
    );
    story.track("01:00", "ann", "A");
    story.track("01:30", "ann", "C");
    expect(story.tick("09:00")).toEqual(["+s ann 03:00"]);
    story.track("10:00", "bob", "A");
    story.track("11:30", "bob", "C");
    expect(story.tick("20:00")).toEqual([]);
  });

  test("from a late event may be over already", () => {
    const story = defined(abandoned);
    expect(story.track("+5 00:00", "ann", "A", {}, { at: "01:00" })).toEqual(["+s ann +5 00:00"]);
  });

  test("turns its local day at its own instant, in the member's zone then", () => {
    const story = defined(
      `s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1h}], window: {today: true}}}`,
      { zone: "user" },
    );
    story.identify("00:30", "ann", { timezone: "Asia/Tokyo" });
    // 13:30 UTC is 22:30 in Tokyo; the absence is reached at 23:30, half an hour before the day ends there.
    story.track("13:30", "ann", "A");
    expect(story.tick("16:00")).toEqual(["+s ann 14:30", "-s ann 15:00"]);
    // Over Tokyo's date line and back: in New York it is still the day that the absence was fixed to.
    expect(story.identify("16:30", "ann", { timezone: "America/New_York" })).toEqual(["+s ann 16:30"]);
  });
});

test("history is folded, waits under way with it", () => {
  const story = new MachineStory();
  story.track("01:00", "ann", "A");
  story.track("01:00", "bob", "A");
  story.track("02:00", "bob", "B");
  story.track("+1 00:30", "cat", "A");
  const said = story.define("+1 01:30", `s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1d}]}}`);
  expect(said).toEqual(["+s ann +1 01:30"]);
  expect(story.tick("+9 00:00")).toEqual(["+s cat +2 00:30"]);
});

test("silence goes on while a definition waits for its activation", () => {
  const story = new MachineStory();
  story.track("01:00", "ann", "A");
  const rule = {
    sequence: {
      steps: [{ event: { name: "A" } }, { absent: { event: { name: "B" } }, within: "1h" }],
      window: { today: true },
    },
  };
  story.control("01:30", { op: "apply", define: [{ id: "s", zone: "user", rule }], remove: [] });
  // Reached at 02:00, a Monday; then the member moves to where it is still Sunday.
  story.identify("02:10", "ann", { timezone: "America/New_York" });
  expect(story.control("02:20", { op: "activate", revision: 1 })).toEqual([]);
  expect(story.tick("05:00")).toEqual(["+s ann 05:00"]);
});

test("a visit under way holds the last step while it lasts", () => {
  const story = defined(`s: {sequence: {steps: [${A}, ${B}], window: {visit: current}}}`);
  story.track("01:00", "ann", "A");
  expect(story.track("02:00", "ann", "B", {}, { channel: "server" })).toEqual([]);
  expect(story.track("03:00", "ann", "B", {}, { channel: "web" })).toEqual(["+s ann 03:00"]);
  story.track("03:20", "ann", "X", {}, { channel: "web" });
  expect(story.tick("09:00")).toEqual(["-s ann 03:50"]);
});

test("explain says which step is reached, when, and what silence will do", () => {
  const story = defined(`s: {sequence: {steps: [${A}, {absent: {event: {name: B}}, within: 1d}], window: {last: 7d}}}`);
  story.track("01:00", "ann", "A");
  expect(story.explain("s", "ann")).toMatchObject({
    pass: false,
    actual: "step 1 of 2 at 2026-11-02T01:00:00.000Z; waits for silence until 2026-11-03T01:00:00.000Z",
    expected: "all 2 steps in order, the last in the last 7d",
    until: Date.UTC(2026, 10, 3, 1),
  });
  story.tick("+2 00:00");
  expect(story.explain("s", "ann")).toMatchObject({
    pass: true,
    actual: "step 2 of 2 at 2026-11-03T01:00:00.000Z",
    until: Date.UTC(2026, 10, 10, 2),
  });
  expect(story.track("+2 01:00", "bob", "X")).toEqual([]);
  expect(story.explain("s", "bob")).toMatchObject({ pass: false, actual: "none of 2 steps" });
});
