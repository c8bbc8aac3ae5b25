// The server's store is not what it was: the most telling cases of test/chaos/storage, each against a real server that loses,
// tears or takes back what it had acknowledged. Refused in words, or made again exactly; the whole matrix runs in chaos.
import { expect, test } from "vitest";
import { type Case, playCase } from "../chaos/storage/cases.ts";
import { needed } from "../chaos/storage/flipped.ts";
import { putBack } from "../chaos/storage/restored.ts";
import { cut, refilled } from "../chaos/storage/tail.ts";
import { purged } from "../chaos/storage/trimmed.ts";
import { seeds } from "../support/seed.ts";

const [seed] = seeds(1);

function chosen(cases: readonly Case[], fault: RegExp, worker: Case["worker"]): Case {
  const found = cases.find((one) => fault.test(one.fault) && one.worker === worker);
  if (found === undefined) throw new Error(`no case ${fault} with a worker that is ${worker}`);
  return found;
}

test.each([
  chosen(cut, /cut off/, "stayed"),
  chosen(refilled, /others in their place/, "fresh"),
  chosen(purged, /purged/, "stayed"),
  chosen(needed, /closed, compressed block, index kept/, "fresh"),
  chosen(putBack, /SEGMENTS alone/, "stayed"),
  chosen(putBack, /SEGMENTS alone/, "fresh"),
])(`$fault (worker: $worker), seed ${seed}`, async (one) => {
  const row = await playCase({ seed: seed!, minutes: 0, say: () => undefined }, one);
  process.stdout.write(`${row.fault}: ${row.seen}\n`);
  expect(row.held, row.seen).toBe(true);
});
