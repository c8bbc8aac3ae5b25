// Law 3, with real processes: each delta once, whatever is killed or stopped, and whenever.
// Two workers on a server of its own, under load all the time; in the end everything is recomputed and compared.
import { jetstream } from "@nats-io/jetstream";
import { afterEach, expect, test } from "vitest";
import type { PartitionNo } from "../../lib/core/types.ts";
import { PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import { storedMessage, streamState } from "../../lib/nats/wire.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { Alternation } from "../support/alternation.ts";
import type { Load } from "../support/load.ts";
import { expectNothingLost } from "../support/nothing-lost.ts";
import type { Watched } from "../support/processes.ts";
import { isOf, RealCluster, total } from "../support/real-cluster.ts";
import { Dice, seeds } from "../support/seed.ts";
import { until } from "../support/until.ts";

/** Many, so that nobody has a history that the oracle, which looks at all of it each time, takes long over. */
const SHOPPERS = 6_000;
const EVENTS_PER_SECOND = 2_500;
const KILLS = 10;
const SERVER_KILLS = 2;
const PAUSES = 3;

let cluster: RealCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

async function twoWorkersUnderLoad(seed: number): Promise<{ workers: Watched[]; load: Load; ear: Alternation }> {
  cluster = await RealCluster.open();
  const workers = [cluster.worker(), cluster.worker()];
  await cluster.everyPartitionRuns();
  const ear = await Alternation.open(await cluster.server.connection("subscriber"));
  await cluster.apply();
  const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
  await load.flows(EVENTS_PER_SECOND);
  return { workers, load, ear };
}

test.each(seeds(1))(`a worker killed ${KILLS} times in a row, seed %i`, async (seed) => {
  const dice = new Dice(seed);
  const { workers, load, ear } = await twoWorkersUnderLoad(seed);
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Half of the blows fall when all is well, half while the one before is still being healed.
    if (dice.chance(0.5)) await cluster!.everyPartitionRuns();
    await load.flows(dice.int(EVENTS_PER_SECOND / 10, EVENTS_PER_SECOND * 2));
    await workers[kill % 2]!.kill9();
    workers[kill % 2] = cluster!.worker();
  }
  await cluster!.everyPartitionRuns();
  await load.flows(EVENTS_PER_SECOND);
  const statuses = await expectNothingLost(cluster!, load, `${KILLS} workers killed, seed ${seed}`, {}, ear);
  expect(total(statuses, ({ epoch }) => epoch - 1)).toBeGreaterThan(0);
});

test.each(seeds(1))(
  `a worker stopped until others took over, and woken again, ${PAUSES} times, seed %i`,
  async (seed) => {
    const dice = new Dice(seed);
    const { workers, load, ear } = await twoWorkersUnderLoad(seed);
    let refused = 0;
    for (let pause = 0; pause < PAUSES; pause += 1) {
      await cluster!.everyPartitionRuns();
      await load.flows(dice.int(EVENTS_PER_SECOND / 10, EVENTS_PER_SECOND));
      const [sleeper, other] = pause % 2 === 0 ? workers : workers.toReversed();
      sleeper!.kill("SIGSTOP");
      const fences = await fencesOf(cluster!, sleeper!);
      expect(fences.size, "the stopped worker owned something").toBeGreaterThan(0);
      await until(
        "the other one runs everything",
        async () => {
          const statuses = await cluster!.status();
          return statuses.every((status) => status?.phase === "running" && isOf(other!, status.owner));
        },
        120_000,
      );
      const { last } = await streamState(cluster!.nc, cluster!.server.names.segmentsStream);
      const lostBefore = sleeper!.count(LOST);
      sleeper!.kill("SIGCONT");
      await until("the woken one has noticed", () => sleeper!.count(LOST) >= lostBefore + fences.size, 120_000);
      await load.flows(EVENTS_PER_SECOND);
      const after = await deltasAfter(cluster!, last);
      expect(after.fenced, "stored deltas show the record they were fenced by").toBeGreaterThan(0);
      expect(after.of(fences), "deltas of the woken worker that were stored").toBe(0);
      refused += sleeper!.count(LOST) - lostBefore;
    }
    await expectNothingLost(
      cluster!,
      load,
      `${PAUSES} workers stopped and woken, seed ${seed}`,
      {
        "partitions found lost": refused,
      },
      ear,
    );
  },
);

test.each(seeds(1))(`the nats-server killed ${SERVER_KILLS} times, seed %i`, async (seed) => {
  const dice = new Dice(seed);
  const { workers, load } = await twoWorkersUnderLoad(seed);
  for (let kill = 0; kill < SERVER_KILLS; kill += 1) {
    await load.flows(dice.int(EVENTS_PER_SECOND, EVENTS_PER_SECOND * 3));
    await cluster!.server.kill9();
    await cluster!.server.restart();
    await cluster!.everyPartitionRuns(120_000);
    await load.flows(EVENTS_PER_SECOND);
  }
  expect(
    workers.map(({ ended }) => ended),
    "the workers lived through it",
  ).toEqual([undefined, undefined]);
  await expectNothingLost(cluster!, load, `nats-server killed ${SERVER_KILLS} times, seed ${seed}`, {
    "tries again": load.retries,
  });
  expect(load.retries).toBeGreaterThan(0);
});

const LOST = /partition: another worker owns it now/;

/** Of every partition that the worker owns, by its own record: what its publishes are fenced by. */
async function fencesOf({ nc, server }: RealCluster, worker: Watched): Promise<Map<PartitionNo, number>> {
  const { names, partitions } = server;
  const fences = new Map<PartitionNo, number>();
  for (let partition = 0; partition < partitions; partition += 1) {
    const record = await storedMessage(nc, names.segmentsStream, { last_by_subj: names.watermarkSubject(partition) });
    const { owner } = JSON.parse(Buffer.from(record!.data).toString()) as Watermark;
    if (isOf(worker, owner ?? "")) fences.set(partition, record!.seq);
  }
  return fences;
}

/** Everything in SEGMENTS after a place, by partition and by the record it was fenced by. */
async function deltasAfter({ nc, server }: RealCluster, after: number) {
  const { segmentsStream } = server.names;
  const { last } = await streamState(nc, segmentsStream);
  const found: { partition: number; fence: number }[] = [];
  const consumer = await jetstream(nc).consumers.get(segmentsStream, { opt_start_seq: after + 1 });
  for await (const message of await consumer.consume()) {
    const fence = message.headers?.get("Nats-Expected-Last-Subject-Sequence") ?? "";
    if (message.subject.startsWith("segment.") && fence !== "")
      found.push({ partition: Number(message.headers!.get(PARTITION_HEADER)), fence: Number(fence) });
    if (message.seq >= last || message.info.pending === 0) break;
  }
  return {
    fenced: found.length,
    of: (fences: ReadonlyMap<PartitionNo, number>) =>
      found.filter(({ partition, fence }) => fences.get(partition) === fence).length,
  };
}
