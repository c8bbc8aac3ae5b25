// Law 9: an account is all its users, wherever they are. Over several partitions the engine says in each log what the slow
// recomputation says, to everybody and to the other partitions. A slice here; run.ts plays as many as one has time for.
import { expect, test } from "vitest";
import { seeds } from "../../support/seed.ts";
import { NOTHING_YET, type Tally } from "../play.ts";
import { playAccounts } from "./play.ts";

const CHECKS_AT_LEAST = 10_000;

test("the engine says what the oracle says, in every partition", { timeout: 900_000 }, () => {
  const tally: Tally = { ...NOTHING_YET };
  const started = seeds(1)[0]!;
  const single = process.env.SEED !== undefined && process.env.SEED !== "";
  const wanted = Number(process.env.CHECKS ?? CHECKS_AT_LEAST);
  let seed = started;
  do {
    playAccounts(seed, tally);
    seed += 1;
  } while (!single && tally.checks < wanted);
  process.stdout.write(
    `accounts property: seeds ${started}…${seed - 1}, ${tally.checks} (member, segment) checks, ${tally.deltas} deltas, ${tally.records} messages\n`,
  );
  if (!single) expect(tally.checks).toBeGreaterThanOrEqual(wanted);
});
