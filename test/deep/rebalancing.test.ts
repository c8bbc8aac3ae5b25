// Workers join and leave under load, as processes and as threads: the partitions spread over those that are there, each has
// one owner in the end, and no delta is lost or repeated on the way (laws 2 and 3).
import { afterEach, expect, test } from "vitest";
import { wishedOwner } from "../../actors/worker/rendezvous.ts";
import { expectNothingLost } from "../support/nothing-lost.ts";
import type { Watched } from "../support/processes.ts";
import { isOf, RealCluster } from "../support/real-cluster.ts";
import { seeds } from "../support/seed.ts";
import { until } from "../support/until.ts";

const SHOPPERS = 6_000;
const EVENTS_PER_SECOND = 2_500;
const PARTITIONS = 32;

let cluster: RealCluster;

afterEach(async () => {
  await cluster.close();
});

/** How many partitions each of them runs, once each of them has the share that hashing gives it: then none moves any more. */
async function spreadOver(workers: readonly Watched[]): Promise<number[]> {
  let shares: number[] = [];
  await until(
    `${workers.length} workers share the partitions`,
    async () => {
      const statuses = await cluster.status();
      const owners = statuses.flatMap((status) => (status?.phase === "running" ? [status.owner] : []));
      shares = workers.map((worker) => owners.filter((owner) => isOf(worker, owner)).length);
      return shares.every((share) => share > 0) && areAsHashed(owners);
    },
    120_000,
  );
  return shares;
}

function areAsHashed(owners: readonly string[]): boolean {
  const shards = new Set(owners);
  return owners.length === PARTITIONS && owners.every((owner, partition) => owner === wishedOwner(partition, shards));
}

test.each(seeds(1))("workers that join and leave share the partitions, seed %i", async (seed) => {
  cluster = await RealCluster.open({ partitions: PARTITIONS });
  const first = cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
  await load.flows(EVENTS_PER_SECOND * 2);
  const second = cluster.worker();
  const two = await spreadOver([first, second]);
  await load.flows(EVENTS_PER_SECOND * 2);
  const third = cluster.worker();
  const three = await spreadOver([first, second, third]);
  await load.flows(EVENTS_PER_SECOND * 2);
  second.kill("SIGTERM");
  expect(await second.exit()).toEqual({ code: 0, signal: null });
  await second.says(/every partition is released/);
  const left = await spreadOver([first, third]);
  await load.flows(EVENTS_PER_SECOND * 2);
  await expectNothingLost(cluster, load, `workers joined and left, seed ${seed}`, {
    "shares of two": two.join("+"),
    "shares of three": three.join("+"),
    "shares of the two left": left.join("+"),
  });
  // Rendezvous hashing spreads by chance, not evenly: a share this small or large would be a fault, not bad luck.
  for (const shares of [two, left]) for (const share of shares) expect(share).toBeGreaterThanOrEqual(PARTITIONS / 8);
  expect(await cluster.owners()).toEqual(Array.from({ length: PARTITIONS }, () => 1));
});

test.each(seeds(1))("two shards in one process share the partitions, seed %i", async (seed) => {
  cluster = await RealCluster.open({ partitions: PARTITIONS, variables: { ROLLCALL_SHARDS: "2" } });
  const worker = cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
  await load.flows(EVENTS_PER_SECOND * 3);
  await until("both shards run partitions", async () => {
    const owners = (await cluster.status()).flatMap((status) => (status?.phase === "running" ? [status.owner] : []));
    return new Set(owners).size === 2 && areAsHashed(owners);
  });
  const statuses = await expectNothingLost(cluster, load, `two shards, seed ${seed}`);
  const names = [...new Set(statuses.map(({ owner }) => owner))].sort();
  expect(names).toHaveLength(2);
  for (const name of names) expect(isOf(worker, name)).toBe(true);
  expect(await cluster.owners()).toEqual(Array.from({ length: PARTITIONS }, () => 1));
  worker.kill("SIGTERM");
  expect(await worker.exit()).toEqual({ code: 0, signal: null });
});
