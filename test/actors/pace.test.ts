// A fold's pace is the one it has lately: it rises when the other folds of the thread are through.
import { expect, test } from "vitest";
import { Pace } from "../../actors/partition/pace.ts";

test("follows what is done lately, and forgets how it began", () => {
  const pace = new Pace(0);
  expect(pace.perSecond(0, 0)).toBe(0);
  for (let ms = 100; ms <= 20_000; ms += 100) pace.note(ms, ms / 10);
  expect(pace.perSecond(20_000, 2_000)).toBe(100);
  for (let ms = 20_100; ms <= 30_000; ms += 100) pace.note(ms, 2_000 + (ms - 20_000));
  expect(pace.perSecond(30_000, 12_000)).toBe(1_000);
});

test("falls while nothing is done", () => {
  const pace = new Pace(0);
  for (let ms = 100; ms <= 10_000; ms += 100) pace.note(ms, ms);
  expect(pace.perSecond(20_000, 10_000)).toBe(375);
});
