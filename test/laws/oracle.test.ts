// Laws 1, 2, 4 and 6: whatever the rules, whatever the history, the engine says delta for delta what the slow recomputation
// says. A slice here; run.ts plays as many as one has time for. SEED=n replays one.
import { expect, test } from "vitest";
import { seeds } from "../support/seed.ts";
import { NOTHING_YET, play, type Tally } from "./play.ts";

const CHECKS_AT_LEAST = 40_000;

test("the engine says what the oracle says", { timeout: 900_000 }, () => {
  const tally: Tally = { ...NOTHING_YET };
  const started = seeds(1)[0]!;
  const single = process.env.SEED !== undefined && process.env.SEED !== "";
  const wanted = Number(process.env.CHECKS ?? CHECKS_AT_LEAST);
  let seed = started;
  do {
    play(seed, tally);
    seed += 1;
  } while (!single && tally.checks < wanted);
  process.stdout.write(
    `oracle property: seeds ${started}…${seed - 1}, ${tally.checks} (member, segment) checks, ${tally.deltas} deltas, ${tally.records} messages\n`,
  );
  if (!single) expect(tally.checks).toBeGreaterThanOrEqual(wanted);
});
