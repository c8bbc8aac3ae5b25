// The rules as programs: a million comparisons of the engine with the oracle, or as many as fit, and the faults planted into the
// engine that show what they are worth. The compiled programs are several times faster than a test runner's transform.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { MUTANTS } from "../laws/mutants/list.ts";
import { REPOSITORY } from "../support/repository.ts";

const PROGRAM = join(REPOSITORY, "dist", "test", "laws");
const CHECKS = Number(process.env.CHECKS ?? 1_000_000);
/** What even a machine that does other things besides gets done in that time. */
const CHECKS_MIN = Math.min(CHECKS, 50_000);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

interface Ran {
  readonly code: number;
  readonly stdout: string;
}

function run(args: readonly string[]): Promise<Ran> {
  const options = { cwd: REPOSITORY, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout) => {
      process.stdout.write(`${stdout}\n`);
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout });
    });
  });
}

beforeAll(() => {
  if (!existsSync(join(PROGRAM, "run.js"))) throw new Error("run `npm run build:proofs` first");
});

test.each([
  ["of one partition", 3, []],
  ["of several partitions, with accounts", 2, ["--accounts"]],
])(`the engine says what the oracle says %s, ${CHECKS} times or for %i minutes`, async (_, minutes, more) => {
  const ran = await run([join(PROGRAM, "run.js"), "--checks", `${CHECKS}`, "--minutes", `${minutes}`, ...more]);
  expect(ran.stdout).toMatch(/^mismatches +none$/m);
  const [, checks] = /^checks +([\d,]+)/m.exec(ran.stdout)!;
  expect(Number(checks!.replaceAll(",", ""))).toBeGreaterThanOrEqual(CHECKS_MIN);
  expect(ran.code).toBe(0);
});

test("every planted fault is found", async () => {
  const ran = await run([join(PROGRAM, "mutants", "run.js")]);
  expect(ran.stdout).toContain(`${MUTANTS.length} of ${MUTANTS.length} found within`);
  expect(ran.code).toBe(0);
});
