// Law 5 across the two: what a user's event costs does not depend on how many others are in the same account.
import { expect, test } from "vitest";
import type { WorkCounts } from "../../../lib/core/partition.ts";
import { MachineCluster } from "../../support/machine-cluster.ts";

const PARTITIONS = 8;
const MANY_MS_MAX = 60_000;

const DEFINITIONS = [
  { id: "busy", kind: "account", rule: { event: { name: "Used", count: { gte: 3 } } } },
  { id: "adopted", kind: "account", rule: { users: { rule: { event: { name: "Used" } }, share: { gte: 50 } } } },
  { id: "three", kind: "account", rule: { users: { rule: { event: { name: "Used" } }, atLeast: 3 } } },
  { id: "colleague", kind: "user", rule: { account: { segment: { in: ["busy"] } } } },
];

/** An account with so many users, and what an event of one of them costs all partitions together. */
function workOfOneEvent(users: number): WorkCounts {
  const cluster = new MachineCluster(PARTITIONS);
  cluster.define(DEFINITIONS.slice(0, 3));
  cluster.define(DEFINITIONS.slice(3));
  for (let user = 0; user < users; user += 1) cluster.event(`u${user}`, { type: "group", groupId: "acme" });
  const before = total(cluster);
  cluster.event("u1", { type: "track", event: "Used" });
  const after = total(cluster);
  return Object.fromEntries(
    Object.entries(after).map(([what, count]) => [what, count - before[what as keyof WorkCounts]]),
  ) as unknown as WorkCounts;
}

function total(cluster: MachineCluster): WorkCounts {
  const sum: WorkCounts = { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 };
  for (const { work } of cluster.machines) {
    for (const what of Object.keys(sum) as (keyof WorkCounts)[]) sum[what] += work[what];
  }
  return sum;
}

test("an event costs no more in an account of 100,000 users than in one of ten", { timeout: MANY_MS_MAX }, () => {
  const few = workOfOneEvent(10);
  const many = workOfOneEvent(100_000);
  expect(many).toEqual(few);
  expect(few.evaluations).toBeGreaterThan(0);
});

test("a flip of an account reaches each of its users once, and nobody else is looked at", () => {
  const cluster = new MachineCluster(PARTITIONS);
  cluster.define(DEFINITIONS.slice(0, 3));
  cluster.define(DEFINITIONS.slice(3));
  for (let user = 0; user < 2_000; user += 1) {
    cluster.event(`u${user}`, { type: "group", groupId: user < 500 ? "acme" : `other-${user % 40}` });
  }
  cluster.event("u1", { type: "track", event: "Used" });
  cluster.event("u2", { type: "track", event: "Used" });
  const before = total(cluster);
  cluster.deltas.length = 0;
  cluster.event("u1", { type: "track", event: "Used" });
  const joined = cluster.deltas.filter(({ segment, change }) => segment === "colleague" && change === "joined");
  expect(joined).toHaveLength(500);
  expect(new Set(joined.map(({ id }) => id)).size).toBe(500);
  // The account's segment and its flag, and the users of that account.
  expect(total(cluster).evaluations - before.evaluations).toBeLessThanOrEqual(503);
});
