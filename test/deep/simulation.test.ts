// The simulator as a program: thousands of seeds on every core, the planted bugs that show what it is worth, and the story that it
// makes of a failure. Needs `npm run build:proofs`.
import { expect, test } from "vitest";
import { MUTANTS } from "../simulation/mutants/list.ts";
import { MUTANT_VARIABLE } from "../support/mutants/mutant.ts";
import { proofProgram, runProof } from "../support/proof-program.ts";
import { seeds } from "../support/seed.ts";

const PROGRAM = proofProgram("simulation/run.ts");
const SEEDS = Number(process.env.SEEDS ?? 1_200);

test(`${SEEDS} seeds, and nothing is broken in any`, async () => {
  const [from] = seeds(SEEDS);
  const ran = await runProof([PROGRAM, "--seeds", `${from}..${from! + SEEDS - 1}`]);
  process.stdout.write(`${ran.stdout}\n`);
  expect(ran.stderr).not.toContain("Error");
  expect(ran.stdout).toMatch(/^violations +none$/m);
  expect(ran.code).toBe(0);
});

test("every planted bug is found", async () => {
  const ran = await runProof([proofProgram("simulation/mutants/run.ts")]);
  process.stdout.write(`${ran.stdout}\n`);
  expect(ran.stdout).toContain(`${MUTANTS.length} of ${MUTANTS.length} found within`);
  expect(ran.code).toBe(0);
});

test("a seed gives the same trace in every process", async () => {
  const [seed] = seeds(1);
  const traces = await Promise.all([1, 2].map(() => runProof([PROGRAM, "--seed", `${seed}`, "--trace"])));
  expect(traces[0]!.stdout.length).toBeGreaterThan(5_000);
  expect(traces[1]!.stdout).toBe(traces[0]!.stdout);
});

test("a failure is shrunk to a few steps and told as a story", async () => {
  const planted = proofProgram("support/mutants/plant.ts");
  const variables = { [MUTANT_VARIABLE]: JSON.stringify(MUTANTS.find(({ name }) => name === "settle-without-scan")) };
  const args = ["--import", planted, PROGRAM, "--seeds", "1..500", "--jobs", "1"];
  const found = await runProof([...args, "--json"], variables);
  const { violation } = JSON.parse(found.stdout) as { violation: { seed: number } };
  const told = await runProof(["--import", planted, PROGRAM, "--seed", `${violation.seed}`], variables);
  process.stdout.write(`${told.stdout}\n`);
  const [, before, after] = /shrunk from (\d+) steps to (\d+)/.exec(told.stdout)!;
  expect(Number(after)).toBeLessThan(Number(before) / 2);
  expect(told.stdout).toMatch(/Broken: [a-z-]+\. /);
  expect(told.stdout).toContain(`again: npm run simulate -- --seed ${violation.seed}`);
  expect(told.code).toBe(1);
});
