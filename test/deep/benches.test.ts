// Every bench, tiny, so that none rots: it runs, its two sides agree with each other and with the oracle, and computes the
// same twice. No time is judged here.
import { expect, test } from "vitest";
import { bench as accounts } from "../../bench/accounts.bench.ts";
import { bench as backfill } from "../../bench/backfill.bench.ts";
import { bench as checkpoint } from "../../bench/checkpoint.bench.ts";
import { bench as decide } from "../../bench/decide.bench.ts";
import { bench as endToEnd } from "../../bench/end-to-end.bench.ts";
import { bench as evaluate } from "../../bench/evaluate.bench.ts";
import { bench as ingest } from "../../bench/ingest.bench.ts";
import { bench as latency } from "../../bench/latency.bench.ts";
import { bench as memory } from "../../bench/memory.bench.ts";
import { bench as segments } from "../../bench/segments.bench.ts";
import type { Bench } from "../../bench/support/bench.ts";
import { readFlags, runBench } from "../../bench/support/cli.ts";
import { tableOf, verdict } from "../../bench/support/table.ts";
import { bench as sync } from "../../bench/sync.bench.ts";
import { bench as wakeUps } from "../../bench/wake-ups.bench.ts";

const ALONE: readonly Bench[] = [segments, evaluate, wakeUps, memory];
const WITH_SERVER: readonly Bench[] = [endToEnd, latency, checkpoint, sync, backfill, accounts, decide, ingest];

const quiet = (): void => undefined;

test.each([...ALONE, ...WITH_SERVER])("$name runs, and what it computes is right", async (bench) => {
  const finished = await runBench(bench, bench.sizes.tiny, quiet);
  expect(finished.rows.length).toBeGreaterThan(0);
  expect(finished.checked.length).toBeGreaterThan(0);
  for (const { question, ratio } of finished.rows) {
    for (const value of [ratio.median, ratio.low, ratio.high]) expect(value, question).toSatisfy(Number.isFinite);
  }
  const table = tableOf([finished]);
  for (const { question } of finished.rows) expect(table).toContain(question);
  expect(table).toContain(`hash ${finished.hash}`);
});

test.each([segments, evaluate, wakeUps])("$name computes the same twice", async (bench) => {
  const [first, second] = [await bench.run(bench.sizes.tiny, quiet), await bench.run(bench.sizes.tiny, quiet)];
  expect(second.hash).toBe(first.hash);
});

test("sizes come from flags; one that the bench does not know is refused", () => {
  expect(readFlags(segments, ["--quick", "--events", "77"]).sizes).toEqual({ ...segments.sizes.quick, events: 77 });
  expect(readFlags(segments, ["--json", "out.json"])).toEqual({ sizes: segments.sizes.full, json: "out.json" });
  expect(() => readFlags(segments, ["--people", "1"])).toThrow("--people");
  expect(() => readFlags(segments, ["--events", "many"])).toThrow("--events many is not a number");
});

test("a goal is reached from its own side", () => {
  expect(verdict(0.9, { least: 0.9, aim: 0.97, better: "more" })).toContain(": reached");
  expect(verdict(0.89, { least: 0.9, aim: 0.97, better: "more" })).toContain("NOT reached");
  expect(verdict(1.2, { least: 2, aim: 1.3, better: "less" })).toContain("aim reached");
  expect(verdict(2.1, { least: 2, aim: 1.3, better: "less" })).toContain("NOT reached");
});
