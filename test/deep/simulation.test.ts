// The simulator as a program: thousands of seeds on every core, the planted bugs that show what it is worth, and the story that it
// makes of a failure. Needs `npm run build:proofs`.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { MUTANTS } from "../simulation/mutants/list.ts";
import { MUTANT_VARIABLE } from "../support/mutants/mutant.ts";
import { REPOSITORY } from "../support/repository.ts";
import { seeds } from "../support/seed.ts";

const PROGRAM = join(REPOSITORY, "dist", "test", "simulation");
const SEEDS = Number(process.env.SEEDS ?? 1_200);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const options = {
    cwd: REPOSITORY,
    env: { ...process.env, NO_COLOR: "1", ...variables },
    maxBuffer: OUTPUT_BYTES_MAX,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

beforeAll(() => {
  if (!existsSync(join(PROGRAM, "run.js"))) throw new Error("run `npm run build:proofs` first");
});

test(`${SEEDS} seeds, and nothing is broken in any`, async () => {
  const [from] = seeds(SEEDS);
  const ran = await run([join(PROGRAM, "run.js"), "--seeds", `${from}..${from! + SEEDS - 1}`]);
  process.stdout.write(`${ran.stdout}\n`);
  expect(ran.stderr).not.toContain("Error");
  expect(ran.stdout).toMatch(/^violations +none$/m);
  expect(ran.code).toBe(0);
});

test("every planted bug is found", async () => {
  const ran = await run([join(PROGRAM, "mutants", "run.js")]);
  process.stdout.write(`${ran.stdout}\n`);
  expect(ran.stdout).toContain(`${MUTANTS.length} of ${MUTANTS.length} found within`);
  expect(ran.code).toBe(0);
});

test("a seed gives the same trace in every process", async () => {
  const [seed] = seeds(1);
  const traces = await Promise.all([1, 2].map(() => run([join(PROGRAM, "run.js"), "--seed", `${seed}`, "--trace"])));
  expect(traces[0]!.stdout.length).toBeGreaterThan(5_000);
  expect(traces[1]!.stdout).toBe(traces[0]!.stdout);
});

test("a failure is shrunk to a few steps and told as a story", async () => {
  const planted = join(REPOSITORY, "dist", "test", "support", "mutants", "plant.js");
  const variables = { [MUTANT_VARIABLE]: JSON.stringify(MUTANTS.find(({ name }) => name === "settle-without-scan")) };
  const args = ["--import", planted, join(PROGRAM, "run.js"), "--seeds", "1..500", "--jobs", "1"];
  const found = await run([...args, "--json"], variables);
  const { violation } = JSON.parse(found.stdout) as { violation: { seed: number } };
  const told = await run(["--import", planted, join(PROGRAM, "run.js"), "--seed", `${violation.seed}`], variables);
  process.stdout.write(`${told.stdout}\n`);
  const [, before, after] = /shrunk from (\d+) steps to (\d+)/.exec(told.stdout)!;
  expect(Number(after)).toBeLessThan(Number(before) / 2);
  expect(told.stdout).toMatch(/Broken: [a-z-]+\. /);
  expect(told.stdout).toContain(`again: npm run simulate -- --seed ${violation.seed}`);
  expect(told.code).toBe(1);
});
