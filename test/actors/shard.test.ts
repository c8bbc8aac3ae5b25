// What a shard does for all its partitions together: says how many it holds, and shares out the time for checkpoints.
import { describe, expect, test } from "vitest";
import { CheckpointBudget } from "../../actors/partition/checkpoint-budget.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

describe("what it holds is told once, when taking and giving has come to rest", () => {
  test("one line at the start, one more when a second shard takes its share", async () => {
    const cluster = new MemoryCluster({ seed: 1, partitions: 16 });
    cluster.startShard("first");
    await cluster.untilQuiet();
    await cluster.runtime.until("the line", () => cluster.infos.length > 0);
    expect(cluster.infos).toEqual(["worker: holds 16 of 16 partitions"]);
    cluster.startShard("second");
    await cluster.runtime.until("both lines", () => cluster.infos.length > 2);
    const [one, two] = cluster.infos.slice(1).map((line) => Number(/holds (\d+) of 16/.exec(line)?.[1]));
    expect(one! + two!).toBe(16);
  });
});

describe("the time of checkpoints", () => {
  const SHARE = 0.03;
  const INTERVAL_MS = 1_000;

  /** Every partition stores as soon as it may; each time that takes so long. The share of the time that this takes. */
  function play(costsMs: readonly number[], lastsMs: number): number {
    const budget = new CheckpointBudget(SHARE, INTERVAL_MS);
    const dueMs = costsMs.map(() => 0);
    let nowMs = 0;
    let workedMs = 0;
    while (nowMs < lastsMs) {
      const next = dueMs.indexOf(Math.min(...dueMs));
      const beganMs = Math.max(nowMs, dueMs[next]!);
      nowMs = beganMs + costsMs[next]!;
      workedMs += costsMs[next]!;
      dueMs[next] = beganMs + budget.pauseMs(next, costsMs[next]!, nowMs);
    }
    return workedMs / nowMs;
  }

  test("one busy partition, or 32 of them: together no more than the share, and nearly all of it", () => {
    for (const costs of [[50], Array.from({ length: 32 }, () => 50), [500, 5, 5, 5, 5, 5, 5, 5]]) {
      const share = play(costs, 20_000_000);
      expect(share).toBeLessThan(SHARE * 1.01);
      expect(share).toBeGreaterThan(SHARE * 0.95);
    }
  });

  test("cheap ones keep to their interval", () => {
    expect(new CheckpointBudget(SHARE, INTERVAL_MS).pauseMs(0, 3, 0)).toBe(INTERVAL_MS);
  });

  test("who has gone or is idle leaves the share to the others", () => {
    const budget = new CheckpointBudget(SHARE, INTERVAL_MS);
    budget.pauseMs(0, 300, 0);
    expect(budget.pauseMs(1, 300, 0)).toBe(20_000);
    budget.forget(0);
    expect(budget.pauseMs(1, 300, 1_000)).toBe(10_000);
    expect(budget.pauseMs(2, 300, 30_000)).toBe(10_000);
  });
});
