// The fuzzer as a program, for most of a minute: wild input of every kind against real processes, and nothing that it holds against
// them is found. `npm run fuzz` does it for as long as one likes; whether memory is flat, only that is long enough to say.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "../support/repository.ts";
import { seeds } from "../support/seed.ts";

const PROGRAM = join(REPOSITORY, "dist", "test", "fuzz", "run.js");
const MINUTES = "0.6";
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

test("wild input finds no crash, no hang, no stack, and nothing that was taken is lost", async () => {
  if (!existsSync(PROGRAM)) throw new Error("run `npm run build:proofs` first");
  const options = { cwd: REPOSITORY, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: OUTPUT_BYTES_MAX };
  const ran = await new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, "--minutes", MINUTES, "--seed", `${seeds(1)[0]}`],
      options,
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: `${stdout}\n${stderr}` });
      },
    );
  });
  expect(ran.text).toMatch(/^faults +none$/m);
  const [, asked] = /^asked +([\d,]+) requests/m.exec(ran.text)!;
  expect(Number(asked!.replaceAll(",", ""))).toBeGreaterThan(500);
  expect(ran.code, ran.text).toBe(0);
});
