// Laws 1, 2, 4 and 6: whatever the rules, whatever the history, the engine says delta for delta what the slow recomputation
// says. A slice here; run.ts plays as many as one has time for. SEED=n replays one.
import { test } from "vitest";
import { play } from "./play.ts";
import { playSlice } from "./slice.ts";

const CHECKS_AT_LEAST = 40_000;

test("the engine says what the oracle says", { timeout: 900_000 }, () => {
  playSlice("oracle property", play, CHECKS_AT_LEAST);
});
