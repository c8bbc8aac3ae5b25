// rules.md 4.8 as stories: changes of a trait, the accepted writes whose value differs from the one before.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { Story } from "./story.ts";

function storyOf(rule: string, header: Record<string, unknown> = {}): Story {
  const story = new Story();
  story.define("00:00", `s: {change: ${rule}}`, header);
  expect(story.reasons, "the definition must parse").toEqual([]);
  return story;
}

describe("what is a change", () => {
  test.each<[string, readonly Json[], number]>([
    ["the first write, from missing", ["trial"], 1],
    ["the same again is none", ["trial", "trial"], 1],
    ["another value is", ["trial", "paying", "trial"], 3],
    ["a removal, and nothing removed is none", ["trial", null, null], 2],
    ["a removal of what was never there is none", [null], 0],
    [
      "deep equality, whatever the order of names",
      [
        { a: 1, b: [1, 2] },
        { b: [1, 2], a: 1 },
      ],
      1,
    ],
    [
      "a list in another order",
      [
        [1, 2],
        [2, 1],
      ],
      2,
    ],
    ["another type", ["5", 5], 2],
    ["a name more", [{ a: 1 }, { a: 1, b: 2 }], 2],
  ])("%s", (_, values, count) => {
    const story = storyOf(`{trait: plan, count: {eq: ${count}}}`);
    for (const [at, plan] of values.entries()) story.identify(`01:0${at}`, "ann", { plan });
    expect(story.members("s")).toEqual(["ann"]);
  });

  test("a write that is refused as older is none", () => {
    const story = storyOf("{trait: plan, count: {gte: 2}}");
    story.identify("01:00", "ann", { plan: "x" });
    expect(story.identify("02:00", "ann", { plan: "y" }, { at: "00:59" })).toEqual([]);
    expect(story.identify("03:00", "ann", { plan: "y" }, { at: "01:00" })).toEqual(["+s ann 03:00"]);
  });

  test("of a value inside: another value beside it is none", () => {
    const story = storyOf("{trait: address.city, count: {gte: 2}}");
    story.identify("01:00", "ann", { address: { city: "Rome", zip: 1 } });
    expect(story.identify("01:01", "ann", { address: { city: "Rome", zip: 2 } })).toEqual([]);
    expect(story.identify("01:02", "ann", { address: { zip: 2 } })).toEqual(["+s ann 01:02"]);
  });
});

describe("from and to", () => {
  test("from trial to paying", () => {
    const story = storyOf("{trait: plan, from: trial, to: paying}");
    expect(story.identify("01:00", "ann", { plan: "paying" })).toEqual([]);
    story.identify("01:01", "ann", { plan: "trial" });
    expect(story.identify("01:02", "ann", { plan: "paying" })).toEqual(["+s ann 01:02"]);
  });

  test("from missing; to missing is a removal", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{first: {change: {trait: plan, from: {exists: false}}}, gone: {change: {trait: plan, to: {exists: false}}}}",
    );
    expect(story.identify("01:00", "ann", { plan: "x" })).toEqual(["+first ann 01:00"]);
    expect(story.identify("01:01", "ann", { plan: null })).toEqual(["+gone ann 01:01"]);
  });

  test("a where reads both", () => {
    const story = storyOf("{trait: plan, where: {any: [{from: x}, {to: {startsWith: z}}]}}");
    expect(story.identify("01:00", "ann", { plan: "x" })).toEqual([]);
    expect(story.identify("01:01", "ann", { plan: "y" })).toEqual(["+s ann 01:01"]);
    expect(story.identify("01:01", "bob", { plan: "zz" })).toEqual(["+s bob 01:01"]);
  });

  test("measures read them, too", () => {
    const story = storyOf("{trait: n, sum: {of: to, is: {gte: 10}}}");
    story.identify("01:00", "ann", { n: 4 });
    story.identify("01:01", "ann", { n: "6" });
    expect(story.identify("01:02", "ann", { n: 6 })).toEqual(["+s ann 01:02"]);
  });
});

describe("stayed, window, time", () => {
  test("stayed: only the latest change can match", () => {
    const story = storyOf("{trait: plan, to: paying, stayed: true}");
    expect(story.identify("01:00", "ann", { plan: "paying" })).toEqual(["+s ann 01:00"]);
    expect(story.identify("01:01", "ann", { plan: "paying" })).toEqual([]);
    expect(story.identify("01:02", "ann", { plan: "trial" })).toEqual(["-s ann 01:02"]);
  });

  test("without it a change stands, whatever follows", () => {
    const story = storyOf("{trait: plan, to: paying}");
    story.identify("01:00", "ann", { plan: "paying" });
    expect(story.identify("01:02", "ann", { plan: "trial" })).toEqual([]);
  });

  test("it occurs at the write's event time", () => {
    const story = storyOf("{trait: plan, window: {last: 1h}}");
    expect(story.identify("05:00", "ann", { plan: "x" }, { at: "04:30" })).toEqual(["+s ann 05:00"]);
    expect(story.tick("09:00")).toEqual(["-s ann 05:30:01"]);
  });

  test("days are those of the user's zone when it was processed", () => {
    const story = storyOf("{trait: n, days: {gte: 2}}", { zone: "user" });
    story.identify("14:00", "ann", { n: 1, timezone: "Asia/Tokyo" });
    expect(story.identify("15:00", "ann", { n: 2 })).toEqual(["+s ann 15:00"]);
  });

  test("it belongs to no visit", () => {
    const story = storyOf("{trait: n, visits: {gte: 1}}");
    story.track("01:00", "ann", "A");
    expect(story.identify("01:01", "ann", { n: 1 })).toEqual([]);
  });
});
