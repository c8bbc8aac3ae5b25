// rules.md 4.8 as stories: the engagement score out of what the vocabulary weighs, and its change against the cycle before.
import { describe, expect, test } from "vitest";
import type { EngagementPart, Vocabulary } from "../../lib/core/vocabulary.ts";
import { Story } from "./story.ts";
import { TELLERS } from "./tellers.ts";

const DAY = 86_400_000;

function weighing(parts: readonly EngagementPart[], cycleMs = 7 * DAY): Partial<Vocabulary> {
  return { engagement: { cycleMs, parts } };
}

const events = (weight: number, full: number, ...names: string[]): EngagementPart => ({
  weight,
  full,
  of: { kind: "events", names },
});
const trait = (weight: number, full: number, ...path: string[]): EngagementPart => ({
  weight,
  full,
  of: { kind: "trait", path },
});
const visits = (weight: number, full: number): EngagementPart => ({ weight, full, of: { kind: "visits" } });

function storyOf(where: string, parts: readonly EngagementPart[]): Story {
  const story = new Story({ vocabulary: weighing(parts) });
  story.define("00:00", `s: {engagement: ${where}}`);
  expect(story.reasons, "the definition must parse").toEqual([]);
  return story;
}

/** Whether the score passes a test after these events and traits. */
function scores(test: string, parts: readonly EngagementPart[], names: readonly string[], traits = {}): boolean {
  const story = storyOf(`{score: ${test}}`, parts);
  story.identify("01:00", "ann", traits);
  for (const name of names) story.track("01:00", "ann", name);
  return story.members("s").length === 1;
}

describe("the score", () => {
  test.each<[string, string, EngagementPart[], string[], object, boolean]>([
    ["of nothing is 0", "0", [events(50, 2, "A")], [], {}, true],
    ["events, each of several names", "75", [events(100, 4, "A", "B")], ["A", "B", "A", "C"], {}, true],
    ["no more than the weight", "40", [events(40, 2, "A")], ["A", "A", "A"], {}, true],
    ["is cut at 100", "100", [events(80, 1, "A"), events(80, 1, "B")], ["A", "B"], {}, true],
    ["just below the cut it is not", "99.99", [events(99.99, 1, "A")], ["A"], {}, true],
    ["is cut at 0", "0", [events(-80, 1, "A"), events(30, 1, "B")], ["A", "B"], {}, true],
    ["is rounded to hundredths", "33.33", [events(100, 3, "A")], ["A"], {}, true],
    ["upwards at the half", "66.67", [events(100, 3, "A")], ["A", "A"], {}, true],
    ["a trait", "25", [trait(50, 10, "tickets")], [], { tickets: 5 }, true],
    ["a trait inside another", "25", [trait(50, 10, "kpi", "tickets")], [], { kpi: { tickets: 5 } }, true],
    ["a trait below 0 is 0", "0", [trait(50, 10, "tickets")], [], { tickets: -5 }, true],
    ["a trait that is no number is 0", "0", [trait(50, 10, "tickets")], [], { tickets: "5" }, true],
    ["a list of numbers is none", "0", [trait(50, 10, "tickets")], [], { tickets: [5] }, true],
  ])("%s", (_, test, parts, names, traits, expected) => {
    expect(scores(test, parts, names, traits)).toBe(expected);
  });

  test("a segment is 0 or 1, as announced in the same step", () => {
    const parts: EngagementPart[] = [{ weight: 60, full: 1, of: { kind: "segment", id: "vip" } }];
    const story = new Story({ vocabulary: weighing(parts) });
    story.define("00:00", "{a-engaged: {engagement: {score: {gte: 60}}}, vip: {trait: {vip: true}}}");
    expect(story.identify("01:00", "ann", { vip: true })).toEqual(["+vip ann 01:00", "+a-engaged ann 01:00"]);
    expect(story.identify("01:01", "ann", { vip: null })).toEqual(["-vip ann 01:01", "-a-engaged ann 01:01"]);
  });

  test("a segment that leaves by silence takes its weight along", () => {
    const parts: EngagementPart[] = [{ weight: 60, full: 1, of: { kind: "segment", id: "lately" } }];
    const story = new Story({ vocabulary: weighing(parts) });
    story.define(
      "00:00",
      "{a-engaged: {engagement: {score: {gte: 60}}}, lately: {event: {name: A, window: {last: 1h}}}}",
    );
    story.track("01:00", "ann", "A");
    expect(story.tick("09:00")).toEqual(["-lately ann 02:00:01", "-a-engaged ann 02:00:01"]);
  });

  test("a segment that reads engagement, weighed by engagement, would be a cycle", () => {
    const parts: EngagementPart[] = [{ weight: 60, full: 1, of: { kind: "segment", id: "s" } }];
    const story = new Story({ vocabulary: weighing(parts) });
    story.define("00:00", "s: {engagement: {score: {gte: 60}}}");
    expect(story.reasons).toEqual(["bad-control"]);
  });

  test("events and visits leave it when they turn a cycle old", () => {
    const story = storyOf("{score: {gte: 50}}", [events(50, 1, "A")]);
    expect(story.track("01:00", "ann", "A")).toEqual(["+s ann 01:00"]);
    // Tiles of an hour for 7 d: 01:00 turns 7 d old at the end of its hour.
    expect(story.tick("+9 00:00")).toEqual(["-s ann +7 02:00"]);
  });

  test("a visit counts at its start; a late event can merge two", () => {
    const story = storyOf("{score: {gte: 50}}", [visits(50, 2)]);
    story.track("01:00", "ann", "A");
    expect(story.track("01:50", "ann", "A")).toEqual(["+s ann 01:50"]);
    expect(story.track("02:00", "ann", "A", {}, { at: "01:25" })).toEqual(["-s ann 02:00"]);
  });

  test("an event of a server is an event, and no visit", () => {
    const story = storyOf("{score: {gte: 10}}", [visits(50, 1), events(9, 1, "A")]);
    expect(story.track("01:00", "ann", "A", {}, { channel: "server" })).toEqual([]);
    expect(story.track("01:01", "ann", "A", {}, { channel: "web" })).toEqual(["+s ann 01:01"]);
  });
});

describe("the change", () => {
  test("is missing while the cycle before gave nothing", () => {
    const story = storyOf("{change: {exists: false}}", [events(50, 1, "A")]);
    expect(story.track("01:00", "ann", "A")).toEqual(["+s ann 01:00"]);
    expect(story.tick("+20 00:00")).toEqual(["-s ann +7 02:00", "+s ann +14 02:00"]);
  });

  test("is percent of what the cycle before gave", () => {
    const story = storyOf("{change: 50}", [events(100, 10, "A")]);
    for (const at of ["01:00", "01:01"]) story.track(at, "ann", "A");
    expect(story.track("+8 01:00", "ann", "A")).toEqual([]);
    expect(story.track("+8 01:01", "ann", "A")).toEqual([]);
    expect(story.track("+8 01:02", "ann", "A")).toEqual(["+s ann +8 01:02"]);
  });

  test("traits weigh in both cycles what they are now", () => {
    const story = storyOf("{change: {lte: -50}}", [events(50, 1, "A"), trait(50, 10, "tickets")]);
    story.track("01:00", "ann", "A");
    story.identify("01:00", "ann", { tickets: 10 });
    // At first 100 against 50, then 50 against 100.
    expect(story.tick("+7 02:00")).toEqual(["+s ann +7 02:00"]);
    expect(story.identify("+7 03:00", "ann", { tickets: 20 })).toEqual([]);
    expect(story.tick("+20 00:00")).toEqual(["-s ann +14 02:00"]);
  });

  test("what comes when it is a cycle old already has never been in the score", () => {
    const story = storyOf("{change: {exists: true}}", [events(50, 1, "A")]);
    story.track("+8 00:00", "ann", "B");
    expect(story.track("+8 00:01", "ann", "A", {}, { at: "01:00" })).toEqual([]);
    // A late one that is younger than that leaves the score as the others do.
    story.track("+8 00:02", "ann", "A", {}, { at: "+2 01:00" });
    expect(story.tick("+10 00:00")).toEqual(["+s ann +9 02:00"]);
  });

  test("a late event merges no visits of the cycle before", () => {
    const story = storyOf("{change: {lte: -50}}", [visits(50, 2)]);
    story.track("01:00", "ann", "A");
    story.track("01:50", "ann", "A");
    // At 02:00 of the seventh day both have left: 0 against 50.
    expect(story.tick("+7 03:00")).toEqual(["+s ann +7 02:00"]);
    // 25 against 50, before the late event and after it.
    expect(story.track("+8 01:00", "ann", "A")).toEqual([]);
    expect(story.track("+8 01:01", "ann", "A", {}, { at: "01:25" })).toEqual([]);
  });
});

test.each(TELLERS)("a segment of users weighs nothing on an account of the same id, says the %s", (_, Teller) => {
  const story = new Teller();
  const parts = [
    { weight: 60, full: 1, segment: "vip" },
    { weight: 40, full: 1, event: ["A"] },
  ];
  story.vocabulary("00:00", { engagement: { cycle: "7d", parts } });
  story.apply("00:01", [{ id: "vip", rule: { trait: { vip: true } } }]);
  story.apply("00:02", [
    { id: "hot", rule: { engagement: { score: 60 } } },
    { id: "warm", kind: "account", rule: { engagement: { score: { gte: 40 } } } },
    { id: "of-warm", rule: { account: { engagement: { score: 40 } } } },
  ]);
  expect(story.identify("00:03", "acme", { vip: true })).toEqual(["+vip acme 00:03", "+hot acme 00:03"]);
  expect(story.group("00:04", "acme", "acme", { vip: true })).toEqual([]);
  expect(story.track("00:05", "acme", "A")).toEqual(["-hot acme 00:05", "+warm acme 00:05", "+of-warm acme 00:05"]);
});
