// The rules as programs: a million comparisons of the engine with the oracle, or as many as fit, and the faults planted into the
// engine that show what they are worth. The compiled programs are several times faster than a test runner's transform.
import { expect, test } from "vitest";
import { MUTANTS } from "../laws/mutants/list.ts";
import { proofProgram, type Ran, runProof } from "../support/proof-program.ts";

const PROGRAM = proofProgram("laws/run.ts");
const CHECKS = Number(process.env.CHECKS ?? 1_000_000);
/** What even a machine that does other things besides gets done in that time. */
const CHECKS_MIN = Math.min(CHECKS, 50_000);

async function run(args: readonly string[]): Promise<Ran> {
  const ran = await runProof(args);
  process.stdout.write(`${ran.stdout}\n`);
  return ran;
}

test.each([
  ["of one partition", 3, []],
  ["of several partitions, with accounts", 2, ["--accounts"]],
])(`the engine says what the oracle says %s, ${CHECKS} times or for %i minutes`, async (_, minutes, more) => {
  const ran = await run([PROGRAM, "--checks", `${CHECKS}`, "--minutes", `${minutes}`, ...more]);
  expect(ran.stdout).toMatch(/^mismatches +none$/m);
  const [, checks] = /^checks +([\d,]+)/m.exec(ran.stdout)!;
  expect(Number(checks!.replaceAll(",", ""))).toBeGreaterThanOrEqual(CHECKS_MIN);
  expect(ran.code).toBe(0);
});

test("every planted fault is found", async () => {
  const ran = await run([proofProgram("laws/mutants/run.ts")]);
  expect(ran.stdout).toContain(`${MUTANTS.length} of ${MUTANTS.length} found within`);
  expect(ran.code).toBe(0);
});
