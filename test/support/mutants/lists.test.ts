// Each planted bug changes one place of the compiled program: a line that was edited since, or that stands there twice, is told
// here, and not only once somebody has the time to look for the bugs. Compiles the program as the build does.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MUTANTS as LAWS } from "../../laws/mutants/list.ts";
import { MUTANTS as SIMULATION } from "../../simulation/mutants/list.ts";
import { REPOSITORY } from "../repository.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rollcall-mutants-"));
  const compiler = join(REPOSITORY, "node_modules", "typescript", "bin", "tsc");
  const args = [
    "-p",
    "tsconfig.json",
    "--outDir",
    directory,
    "--noCheck",
    "--incremental",
    "false",
    "--sourceMap",
    "false",
  ];
  await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: REPOSITORY });
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each([
  ["the engine", LAWS],
  ["the protocol", SIMULATION],
])("planted bugs of %s", (_of, mutants) => {
  test("each has a name of its own", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  test("each changes what occurs exactly once", async () => {
    const found = await Promise.all(
      mutants.map(async ({ name, file, find, replace }) => {
        const text = await readFile(join(directory, file), "utf8");
        return { name, times: text.split(find).length - 1, isChange: find !== replace };
      }),
    );
    expect(found.filter(({ times, isChange }) => times !== 1 || !isChange)).toEqual([]);
  });
});
