// How long whoever is refused is told to wait, as it goes on.
import { expect, test } from "vitest";
import { Trouble } from "../../lib/api/ingest/trouble.ts";

/** Who comes back when told to; each refusal takes so long. */
function told(trouble: Trouble, times: number, refusedMs: number, least?: number): number[] {
  let nowMs = 1_000;
  return Array.from({ length: times }, () => {
    const begunMs = nowMs;
    nowMs += refusedMs;
    const seconds = trouble.retryAfterS(begunMs, nowMs, least);
    nowMs += seconds * 1_000;
    return seconds;
  });
}

test("at once a second, then as long as it has lasted, never more than half a minute", () => {
  expect(told(new Trouble(), 8, 0)).toEqual([1, 1, 2, 4, 8, 16, 30, 30]);
});

test("the time that a refusal takes is part of it", () => {
  expect(told(new Trouble(), 6, 3_000)).toEqual([3, 9, 21, 30, 30, 30]);
});

test("what is known to last is told as such", () => {
  expect(told(new Trouble(), 4, 0, 15)).toEqual([15, 15, 30, 30]);
});

test("it is over when nobody was refused for twice as long as the last one was told to wait", () => {
  const trouble = new Trouble();
  expect(told(trouble, 5, 0)).toEqual([1, 1, 2, 4, 8]);
  const lastMs = 1_000 + 8_000;
  expect(trouble.retryAfterS(lastMs + 16_000, lastMs + 16_000)).toBe(24);
  expect(trouble.retryAfterS(lastMs + 16_000 + 48_001, lastMs + 16_000 + 48_001)).toBe(1);
});
