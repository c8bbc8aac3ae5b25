// Laws 1 to 3 together: the product's own machines in a cluster that loses shards, answers and time, with pages that hardly
// fit in memory and definitions that change meanwhile, say exactly what one machine with room for everything says.
import { describe, expect, test } from "vitest";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { createPartition } from "../../lib/core/engine/core.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { PartitionOptions } from "../../lib/core/partition.ts";
import { DEFAULT_LIMITS, DEFAULT_VOCABULARY, type Json } from "../../lib/core/types.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const PARTITIONS = 3;
const STEPS = 150;
const USERS = 60;
const SEEDS =
  process.env.SEED === undefined
    ? Array.from({ length: Number(process.env.SEEDS ?? 8) }, (_, seed) => seed + 1)
    : [Number(process.env.SEED)];

const DEFINITIONS: readonly Json[] = [
  { id: "cart", kind: "user", rule: { cart: { value: { gt: 0, lt: 100 } } } },
  { id: "busy", kind: "user", rule: { event: { name: "Ping", count: { gte: 3 }, window: { last: "10s" } } } },
  { id: "both", kind: "user", rule: { all: [{ segment: { in: ["cart"] } }, { segment: { in: ["busy"] } }] } },
  { id: "buyers", kind: "user", rule: { order: { total: { gte: 100 } } } },
  { id: "rest", kind: "user", rule: { none: [{ segment: { in: ["buyers", "busy"] } }] } },
];

const TIGHT: Partial<PartitionOptions> = { pageCacheBytesMax: 1, pageBytesMax: 600 };

function machineOptions(partition: number): PartitionOptions {
  return {
    partition,
    partitions: PARTITIONS,
    clockMode: "log",
    clockStepMsMax: 1,
    limits: DEFAULT_LIMITS,
    vocabulary: DEFAULT_VOCABULARY,
    pageCacheBytesMax: 100_000_000,
    pageBytesMax: 64 * 1024,
  };
}

function body(user: string, roll: number): string {
  const price = Math.floor(roll * 1_000) % 70;
  if (roll < 0.4) return JSON.stringify({ type: "track", event: "Ping", userId: user });
  if (roll < 0.7) {
    const properties = { product_id: `p${price % 3}`, price, quantity: 1 };
    return JSON.stringify({ type: "track", event: "Product Added", userId: user, properties });
  }
  if (roll < 0.8) {
    const properties = { order_id: `${user}-${price}`, total: price };
    return JSON.stringify({ type: "track", event: "Order Completed", userId: user, properties });
  }
  if (roll < 0.98) return JSON.stringify({ type: "identify", userId: user, traits: { price } });
  return "no JSON";
}

async function play(seed: number): Promise<MemoryCluster> {
  const machinery = productMachinery(DEFAULT_LIMITS);
  const cluster = new MemoryCluster({
    seed,
    partitions: PARTITIONS,
    machinery,
    machine: TIGHT,
    roomy: (partition) => createPartition(machineOptions(partition)),
  });
  const chance = (): number => cluster.runtime.random();
  cluster.startShard();
  cluster.startShard();
  cluster.control({ op: "apply", define: DEFINITIONS.slice(0, 3), remove: [] });
  cluster.faults(0.03 * (seed % 3));
  for (let step = 0; step < STEPS; step += 1) {
    for (let count = chance() < 0.1 ? 60 : 4; count > 0; count -= 1) {
      const user = `u${Math.floor(chance() * USERS)}`;
      cluster.append(partitionOf(user, PARTITIONS), "event", body(user, chance()));
    }
    if (step === 50) cluster.control({ op: "apply", define: DEFINITIONS.slice(3), remove: [] });
    if (step === 100) cluster.control({ op: "apply", define: [edited()], remove: ["both"] });
    const live = cluster.live;
    const any = live[Math.floor(chance() * live.length)];
    if (any !== undefined) cluster.disturb(any, chance());
    if (cluster.live.length < 2 && chance() < 0.3) cluster.startShard();
    await cluster.runtime.advance(chance() < 0.05 ? 4_000 : chance() * 150);
    cluster.checkInvariants();
  }
  cluster.calm();
  return cluster;
}

function edited(): Json {
  return { id: "cart", kind: "user", rule: { cart: { value: { gt: 0, lt: 200 } } } };
}

describe("the product in a cluster", () => {
  test.each(SEEDS)("seed %i", async (seed) => {
    const cluster = await play(seed);
    await cluster.untilQuiet();
    expect(cluster.errors).toEqual([]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const expected = cluster.expected(partition);
      expect(expected.length).toBeGreaterThan(30);
      expect(cluster.said(partition)).toEqual(expected);
    }
  });
});
