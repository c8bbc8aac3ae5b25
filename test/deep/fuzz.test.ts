// The fuzzer as a program, for most of a minute: wild input of every kind against real processes, and nothing that it holds against
// them is found. `npm run fuzz` does it for as long as one likes; whether memory is flat, only that is long enough to say.
import { expect, test } from "vitest";
import { proofProgram, runProof } from "../support/proof-program.ts";
import { seeds } from "../support/seed.ts";

const MINUTES = "0.6";

test("wild input finds no crash, no hang, no stack, and nothing that was taken is lost", async () => {
  const args = [proofProgram("fuzz/run.ts"), "--minutes", MINUTES, "--seed", `${seeds(1)[0]}`];
  const { code, stdout, stderr } = await runProof(args);
  const text = `${stdout}\n${stderr}`;
  expect(text).toMatch(/^faults +none$/m);
  const [, asked] = /^asked +([\d,]+) requests/m.exec(text)!;
  expect(Number(asked!.replaceAll(",", ""))).toBeGreaterThan(500);
  expect(code, text).toBe(0);
});
