// Law 3, with real processes: a short run of `npm run chaos`. Whatever is killed, stopped, cut off or restarted, and whenever,
// an auditor that reads the streams alone finds each delta once; and the program itself says so the way it promises to.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../support/repository.ts";
import { seeds } from "../support/seed.ts";

const PROGRAM = join(REPOSITORY, "dist", "test", "chaos", "run.js");
const TIMEOUT_MS = 900_000;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "rollcall-chaos-test-"));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function chaos(...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

interface Row {
  readonly fault: string;
  readonly times: number;
  readonly seen: string;
  readonly verdict: string;
}

async function rowsOf(report: string): Promise<readonly Row[]> {
  const lines = (await readFile(report, "utf8")).split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(2).map((line) => {
    const [fault = "", times = "", seen = "", verdict = ""] = line
      .split(" | ")
      .map((cell) => cell.replaceAll(/^\| | \|$/g, ""));
    return { fault, times: Number(times.replaceAll(",", "")), seen, verdict };
  });
}

test.each(seeds(1))(
  "each delta once, whatever happens to whom, seed %i",
  async (seed) => {
    const report = join(dir, `report-${seed}.md`);
    const few = ["--only", "kills,zombies,rolling,everything", "--kills", "6", "--zombies", "2", "--minutes", "0.1"];
    const ran = await chaos("--seed", `${seed}`, "--report", report, ...few);
    process.stdout.write(ran.stdout);
    expect(ran.code, ran.stderr).toBe(0);
    const rows = await rowsOf(report);
    expect(rows.map(({ verdict }) => verdict)).toEqual(rows.map(() => "held"));
    const timesOf = (words: RegExp): number => rows.find(({ fault }) => words.test(fault))?.times ?? 0;
    expect(timesOf(/worker killed/)).toBeGreaterThanOrEqual(6);
    expect(timesOf(/asleep past a take-over/)).toBeGreaterThanOrEqual(2);
    for (const words of [/good order/, /there and back/, /second SIGTERM/, /everything/])
      expect(timesOf(words), `${words}`).toBeGreaterThanOrEqual(1);
    const audited = rows.filter(({ seen }) => seen.includes("deltas"));
    expect(audited).toHaveLength(4);
    for (const { seen } of audited) {
      expect(seen).toContain("0 lost, 0 repeated, 0 wrong, 0 disordered, 0 from a stale owner");
      // People belong to accounts, and segments look from one to the other.
      expect(seen).toMatch(/, [\d,]{4,} link messages between partitions/);
    }
  },
  TIMEOUT_MS,
);

test("what cannot be played is refused with code 2, and the list says what there is", async () => {
  expect(await chaos("--only", "nothing")).toMatchObject({ code: 2, stdout: "" });
  expect(await chaos("--minutes", "many")).toMatchObject({ code: 2, stdout: "" });
  expect(await chaos("--sorts")).toMatchObject({ code: 2, stdout: "" });
  const { code, stdout } = await chaos("--list");
  expect(code).toBe(0);
  for (const name of ["kills", "zombies", "rolling", "network", "server", "everything"])
    expect(stdout).toMatch(new RegExp(`^${name} +\\S`, "m"));
});
