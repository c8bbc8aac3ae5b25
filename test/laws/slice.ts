// As many histories as make so many checks, for the tests that take a slice of what run.ts plays. SEED=n replays one,
// CHECKS=n asks for more.
import { expect } from "vitest";
import { seeds } from "../support/seed.ts";
import { NOTHING_YET, type Tally } from "./play.ts";

/** Throws what `play` throws: a Mismatch at the first difference. */
export function playSlice(
  property: string,
  play: (seed: number, tally: Tally) => unknown,
  checksAtLeast: number,
): void {
  const tally: Tally = { ...NOTHING_YET };
  const started = seeds(1)[0]!;
  const single = process.env.SEED !== undefined && process.env.SEED !== "";
  const wanted = Number(process.env.CHECKS ?? checksAtLeast);
  let seed = started;
  do {
    play(seed, tally);
    seed += 1;
  } while (!single && tally.checks < wanted);
  process.stdout.write(
    `${property}: seeds ${started}…${seed - 1}, ${tally.checks} (member, segment) checks, ${tally.deltas} deltas, ${tally.records} messages\n`,
  );
  if (!single) expect(tally.checks).toBeGreaterThanOrEqual(wanted);
}
