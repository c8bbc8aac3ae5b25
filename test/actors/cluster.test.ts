// Law 3 under faults: whatever dies, is cut off, answers late or not at all, every delta is said once and in order.
// Production actors over lib/memory, virtual time; `SEED=n` plays one seed, `SEEDS=n` plays more of them.
import { describe, expect, test } from "vitest";
import { fakeMachinery } from "../support/fake-machine.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const PARTITIONS = 3;
const STEPS = 250;
const SEEDS =
  process.env.SEED === undefined
    ? Array.from({ length: Number(process.env.SEEDS ?? 25) }, (_, seed) => seed + 1)
    : [Number(process.env.SEED)];

async function play(seed: number): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({
    seed,
    partitions: PARTITIONS,
    machinery: fakeMachinery({ residentMax: 1 + (seed % 4) }),
  });
  const { runtime } = cluster;
  const chance = (): number => runtime.random();
  cluster.startShard();
  cluster.startShard();
  cluster.faults(0.04 * (seed % 3));
  for (let step = 0; step < STEPS; step += 1) {
    const burst = chance() < 0.1 ? 60 : 3;
    for (let count = 0; count < burst; count += 1) {
      cluster.event(Math.floor(chance() * PARTITIONS), `u${Math.floor(chance() * 25)}`);
    }
    if (chance() < 0.02) cluster.append(0, "event", "no JSON");
    if (chance() < 0.02) cluster.control({ op: "apply", define: [{ id: `total-${step}` }], remove: [] });
    const live = cluster.live;
    const any = live[Math.floor(chance() * live.length)];
    if (any !== undefined) cluster.disturb(any, chance());
    if (cluster.live.length < 2 && chance() < 0.3) cluster.startShard();
    if (cluster.live.length < 4 && chance() < 0.02) cluster.startShard();
    await runtime.advance(chance() < 0.05 ? 4_000 : chance() * 150);
    cluster.checkInvariants();
  }
  cluster.calm();
  return cluster;
}

describe("every delta once, in order", () => {
  test.each(SEEDS)("seed %i", async (seed) => {
    const cluster = await play(seed);
    await cluster.untilQuiet();
    expect(cluster.errors).toEqual([]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const expected = cluster.expected(partition);
      expect(expected.length).toBeGreaterThan(10);
      expect(cluster.said(partition)).toEqual(expected);
    }
  });
});
