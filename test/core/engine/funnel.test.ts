// rules.md 4.8 as stories that the engine hears: funnels of the vocabulary, kept for ever.
import { expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

const TRIAL = [
  { name: "signed", event: { name: "Signed Up" } },
  { name: "used", event: { name: "Used", where: { "properties.minutes": { gte: 5 } } } },
  { name: "paid", order: {} },
];

function told(steps: readonly object[], segments: string): MachineStory {
  const story = new MachineStory();
  story.control("00:00", { op: "vocabulary", vocabulary: { funnels: { trial: { steps } } } });
  story.define("00:00", segments);
  expect(story.rejects).toEqual([]);
  return story;
}

const SEGMENTS = `
  at: {funnel: {id: trial, at: used}}
  before: {funnel: {id: trial, before: paid}}
  after: {funnel: {id: trial, after: signed}}`;

test("at is the furthest step, before one not reached, after when a later one is", () => {
  const story = told(TRIAL, SEGMENTS);
  expect(story.track("01:00", "ann", "Used", { minutes: 9 })).toEqual(["+before ann 01:00"]);
  expect(story.track("02:00", "ann", "Signed Up")).toEqual([]);
  expect(story.track("03:00", "ann", "Used", { minutes: 4 })).toEqual([]);
  expect(story.track("04:00", "ann", "Used", { minutes: 5 })).toEqual(["+after ann 04:00", "+at ann 04:00"]);
  expect(story.track("05:00", "ann", "Order Completed", { order_id: "o1" })).toEqual([
    "-at ann 05:00",
    "-before ann 05:00",
  ]);
  expect(story.track("+300 00:00", "ann", "Signed Up")).toEqual([]);
});

test("steps are completed in log order: one that is older than the step before it does not count", () => {
  const story = told(TRIAL, SEGMENTS);
  story.track("05:00", "ann", "Signed Up");
  expect(story.track("06:00", "ann", "Used", { minutes: 5 }, { at: "04:00" })).toEqual([]);
  expect(story.track("07:00", "ann", "Used", { minutes: 5 }, { at: "05:00" })).toEqual([
    "+after ann 07:00",
    "+at ann 07:00",
  ]);
});

test("a vocabulary with other steps asks history anew, and announces the difference", () => {
  const story = told(TRIAL, SEGMENTS);
  story.track("01:00", "ann", "Signed Up");
  story.track("02:00", "ann", "Used", { minutes: 4 });
  const easier = [TRIAL[0]!, { name: "used", event: { name: "Used" } }, TRIAL[2]!];
  const said = story.control("03:00", { op: "vocabulary", vocabulary: { funnels: { trial: { steps: easier } } } });
  expect([...said, ...story.activate("03:00")]).toEqual(["+after ann 03:00", "+at ann 03:00"]);
});

test("explain says which step is reached, since when", () => {
  const story = told(TRIAL, SEGMENTS);
  story.track("01:00", "ann", "Signed Up");
  expect(story.explain("at", "ann")).toMatchObject({
    pass: false,
    actual: "signed since 2026-11-02T01:00:00.000Z",
    expected: "at used",
  });
});
