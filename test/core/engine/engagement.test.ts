// rules.md 4.8 as stories that the engine hears: the engagement score and its change, by the vocabulary's weights.
import { expect, test } from "vitest";
import type { Json } from "../../../lib/core/types.ts";
import { MachineStory } from "./machine-story.ts";

function told(engagement: Json, segments: string): MachineStory {
  const story = new MachineStory();
  story.control("00:00", { op: "vocabulary", vocabulary: { engagement } });
  story.activate("00:00");
  story.define("00:00", segments);
  expect(story.rejects).toEqual([]);
  return story;
}

const web = { channel: "web" };
const server = { channel: "server" };

test("events and visits of the cycle weigh up to their full, and leave it by silence", () => {
  const story = told(
    {
      cycle: "1h",
      parts: [
        { weight: 50, full: 2, visits: true },
        { weight: 30, full: 4, event: ["A", "B"] },
        { weight: 20, full: 1, event: ["C"] },
      ],
    },
    `
    some: {engagement: {score: {gt: 0}}}
    half: {engagement: {score: {gte: 57.5}}}
    all: {engagement: {score: 100}}`,
  );
  // 30 × 1 ÷ 4.
  expect(story.track("01:00", "ann", "A", {}, server)).toEqual(["+some ann 01:00"]);
  // A visit: 25, and 15.
  story.track("01:10", "ann", "B", {}, web);
  // 25 + 22.5 + 20 = 67.5.
  story.track("01:20", "ann", "A", {}, server);
  expect(story.track("01:21", "ann", "C", {}, server)).toEqual(["+half ann 01:21"]);
  // The second visit: 50 + 30 + 20. The event is one more A than is full.
  expect(story.track("01:50", "ann", "A", {}, web)).toEqual(["+all ann 01:50"]);
  // At 02:00:01 the first A has turned an hour old: three are left. At 02:10:01 the visit and B have, 25 + 15 + 20;
  // at 02:20:01 the second A, 25 + 7.5 + 20.
  expect(story.tick("02:20:01")).toEqual(["-all ann 02:00:01", "-half ann 02:20:01"]);
  expect(story.tick("09:00")).toEqual(["-some ann 02:50:01"]);
});

test("a trait counts what it is, and nothing below 0 or that is no number", () => {
  const story = told(
    { cycle: "1h", parts: [{ weight: 100, full: 3, trait: "usage.seats" }] },
    `
    third: {engagement: {score: 33.33}}
    none: {engagement: {score: 0}}`,
  );
  expect(story.identify("01:00", "ann", { usage: { seats: 1 } })).toEqual(["+third ann 01:00"]);
  for (const [day, seats] of [-5, "1", [1], null].entries()) {
    const [at, back] = [`+${day + 1} 02:00`, `+${day + 1} 03:00`];
    expect(story.identify(at, "ann", { usage: { seats } })).toEqual([`+none ann ${at}`, `-third ann ${at}`]);
    expect(story.identify(back, "ann", { usage: { seats: 1 } })).toEqual([`-none ann ${back}`, `+third ann ${back}`]);
  }
});

test("a segment counts 1 while one is in it, in the same step", () => {
  const story = told(
    {
      cycle: "1h",
      parts: [
        { weight: 40, segment: "z-vip" },
        { weight: 60, full: 1, event: "A" },
      ],
    },
    `
    z-vip: {trait: {vip: true}}
    all: {engagement: {score: 100}}
    some: {engagement: {score: {gte: 40}}}`,
  );
  expect(story.identify("01:00", "ann", { vip: true })).toEqual(["+z-vip ann 01:00", "+some ann 01:00"]);
  expect(story.track("02:00", "ann", "A")).toEqual(["+all ann 02:00"]);
  expect(story.identify("02:30", "ann", { vip: false })).toEqual(["-z-vip ann 02:30", "-all ann 02:30"]);
});

test("a weight below 0 takes away, but never below 0", () => {
  const story = told(
    {
      cycle: "1h",
      parts: [
        { weight: -50, full: 1, event: "Complained" },
        { weight: 100, full: 2, event: "A" },
      ],
    },
    "{half: {engagement: {score: 50}}, none: {engagement: {score: 0}}}",
  );
  expect(story.track("01:00", "ann", "Complained")).toEqual(["+none ann 01:00"]);
  expect(story.track("01:01", "ann", "A")).toEqual([]);
  expect(story.track("01:02", "ann", "A")).toEqual(["+half ann 01:02", "-none ann 01:02"]);
});

test("change compares with what left the score in the cycle before", () => {
  const story = told(
    { cycle: "1h", parts: [{ weight: 100, full: 10, event: "A" }] },
    `
    up: {engagement: {change: {gte: 50}}}
    down: {engagement: {change: {lt: 0}}}
    known: {engagement: {change: {exists: true}}}`,
  );
  story.track("01:00", "ann", "A");
  story.track("01:00", "ann", "A");
  // Both turn an hour old at 02:00:01: 0 now against 20 then.
  expect(story.tick("02:30")).toEqual(["+down ann 02:00:01", "+known ann 02:00:01"]);
  story.track("02:31", "ann", "A");
  // 20 against 20.
  expect(story.track("02:32", "ann", "A")).toEqual(["-down ann 02:32"]);
  expect(story.track("02:33", "ann", "A")).toEqual(["+up ann 02:33"]);
  // Two hours have tiles of a minute: at 03:01 those of 01:00 turn that old, and there is nothing to compare with until
  // the A of 02:31 leaves.
  expect(story.tick("03:30")).toEqual(["-known ann 03:01", "-up ann 03:01"]);
  expect(story.tick("03:31:01")).toEqual(["+known ann 03:31:01", "+up ann 03:31:01"]);
});

test("the past is not unwound: a late event that was never in the score is not in it, nor a visit that it moves", () => {
  const story = told(
    {
      cycle: "1h",
      parts: [
        { weight: 50, full: 2, event: "A" },
        { weight: 50, full: 2, visits: true },
      ],
    },
    "known: {engagement: {change: {exists: true}}}",
  );
  story.track("05:00", "ann", "X", {}, server);
  // An hour old already, both the event and the visit that it makes.
  expect(story.track("05:01", "ann", "A", {}, { ...web, at: "03:30" })).toEqual([]);
  // Not an hour old: they leave at 05:10:01.
  story.track("05:02", "ann", "A", {}, { ...web, at: "04:10" });
  expect(story.tick("05:10")).toEqual([]);
  expect(story.tick("05:10:01")).toEqual(["+known ann 05:10:01"]);
  expect(story.explain("known", "ann")).toMatchObject({ actual: -100 });
});

test("the score and its past are found in history", () => {
  const story = new MachineStory();
  const engagement = {
    cycle: "1h",
    parts: [
      { weight: 100, full: 4, event: "A" },
      { weight: 50, full: 2, visits: true },
    ],
  };
  story.control("00:00", { op: "vocabulary", vocabulary: { engagement } });
  story.activate("00:00");
  // One visit and one A in the cycle before (50), two A and no visit in this one (50).
  story.track("01:00", "ann", "A", {}, web);
  story.track("02:10", "ann", "A", {}, server);
  story.track("02:20", "ann", "A", {}, server);
  const said = story.define("02:30", "{level: {engagement: {change: 0}}, half: {engagement: {score: 50}}}");
  expect(said).toEqual(["+half ann 02:30", "+level ann 02:30"]);
  expect(story.explain("half", "ann")).toMatchObject({ actual: 50, until: Date.UTC(2026, 10, 2, 3, 10, 1) });
  expect(story.explain("level", "ann")).toMatchObject({ actual: 0, until: Date.UTC(2026, 10, 2, 3, 1) });
});

test("other weights in the vocabulary announce the difference", () => {
  const story = told(
    { cycle: "1h", parts: [{ weight: 100, full: 4, event: "A" }] },
    "{high: {engagement: {score: {gte: 50}}}}",
  );
  story.track("01:00", "ann", "A");
  const engagement = { cycle: "1h", parts: [{ weight: 100, full: 2, event: "A" }] };
  const said = story.control("01:30", { op: "vocabulary", vocabulary: { engagement } });
  expect([...said, ...story.activate("01:30")]).toEqual(["+high ann 01:30"]);
});
