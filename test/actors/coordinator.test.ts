// When a batch takes effect, and who should own what: the two decisions that a shard makes about the whole cluster.
import { expect, test } from "vitest";
import type { ControlBook } from "../../actors/partition/context.ts";
import { Coordinator } from "../../actors/worker/coordinator.ts";
import { wishedOwner } from "../../actors/worker/rendezvous.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import type { PartitionReport } from "../../lib/ports/cluster.ts";
import type { ControlLog } from "../../lib/ports/control-log.ts";

const APPLY: ControlEntry = {
  op: "apply",
  define: [{ id: "busy", kind: "user", rule: { event: { name: "Ping", count: { gte: 3 } } } }],
  remove: [],
};
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function cluster(partitions: number, entries: ControlEntry[] = [APPLY]) {
  const appended: { readonly entry: ControlEntry; readonly expectedLast: number }[] = [];
  const control: ControlLog = {
    lastRevision: async () => entries.length,
    follow: () => ({ stop: () => undefined }),
    append: async (entry, expectedLast) => {
      appended.push({ entry, expectedLast });
      entries.push(entry);
      return { kind: "stored", seq: entries.length };
    },
  };
  const book: ControlBook = {
    get revision() {
      return entries.length;
    },
    entries,
    fault: undefined,
    caughtUp: async () => undefined,
    listen: () => () => undefined,
  };
  return { appended, coordinator: new Coordinator(control, book, partitions, DEFAULT_LIMITS, log) };
}

function report(partition: number, change: Partial<PartitionReport> = {}): [number, PartitionReport] {
  const running = { partition, epoch: 1, phase: "running", position: 9, done: 9, revision: 1, folding: [] };
  return [partition, { ...running, ...change }];
}

test("a batch is activated once every partition has applied and folded it, and only once", async () => {
  const { appended, coordinator } = cluster(2);
  await coordinator.tend(new Map([report(0)]));
  await coordinator.tend(new Map([report(0), report(1, { folding: [1] })]));
  await coordinator.tend(new Map([report(0), report(1, { revision: 0 })]));
  await coordinator.tend(new Map([report(0), report(1, { phase: "restoring" })]));
  expect(appended).toEqual([]);
  const ready = new Map([report(0), report(1)]);
  await coordinator.tend(ready);
  expect(appended).toEqual([{ entry: { op: "activate", revision: 1 }, expectedLast: 1 }]);
  await coordinator.tend(ready);
  expect(appended).toHaveLength(1);
});

test("a batch whose flag another one gave up waits for whoever has not heard of that", async () => {
  const tier = { account: { trait: { tier: "y" } } };
  const define = (id: string, rule: object): ControlEntry => ({
    op: "apply",
    define: [{ id, kind: "user", rule } as never],
    remove: [],
  });
  // Revision 5 lets go of the flag that 1 carried in force; what 4 asks is another one from there on.
  const entries = [
    define("first", tier),
    { op: "activate", revision: 1 } as const,
    define("first", { event: { name: "A" } }),
  ];
  const { appended, coordinator } = cluster(1, [...entries, define("second", tier), { op: "activate", revision: 3 }]);
  await coordinator.tend(new Map([report(0, { revision: 4 })]));
  expect(appended).toEqual([]);
  await coordinator.tend(new Map([report(0, { revision: 5, folding: [4] })]));
  expect(appended).toEqual([]);
  await coordinator.tend(new Map([report(0, { revision: 5 })]));
  expect(appended).toEqual([{ entry: { op: "activate", revision: 4 }, expectedLast: 5 }]);
});

test("partitions spread evenly, and a shard that comes or goes moves only its share", () => {
  const shards = ["worker-1", "worker-2", "worker-3", "worker-4"];
  const owners = (alive: readonly string[]): (string | undefined)[] =>
    Array.from({ length: 256 }, (_, partition) => wishedOwner(partition, alive));
  const all = owners(shards);
  for (const shard of shards) {
    const share = all.filter((owner) => owner === shard).length;
    expect(share).toBeGreaterThan(40);
    expect(share).toBeLessThan(90);
  }
  const fewer = owners(shards.slice(0, 3));
  all.forEach((owner, partition) => {
    if (owner !== "worker-4") expect(fewer[partition]).toBe(owner);
  });
  expect(owners([...shards].reverse())).toEqual(all);
  expect(wishedOwner(0, [])).toBeUndefined();
});
