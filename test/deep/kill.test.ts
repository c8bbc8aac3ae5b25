// Law 3, with real processes: each delta once, whatever is killed or stopped, and whenever.
// Two workers on a server of its own, under load all the time; in the end everything is recomputed and compared.
import { afterEach, expect, test } from "vitest";
import { Dice, seeds } from "../support/seed.ts";
import type { Watched } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { differencesOf, figuresOf, RealCluster, tell, total } from "./cluster.ts";

const SHOPPERS = 2_400;
const EVENTS_PER_SECOND = 2_500;
const KILLS = 10;

let cluster: RealCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

test.each(seeds(1))("a worker killed ten times in a row under load, seed %i", async (seed) => {
  const dice = new Dice(seed);
  cluster = await RealCluster.open();
  const workers: Watched[] = [cluster.worker(), cluster.worker()];
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
  await load.flows(EVENTS_PER_SECOND);
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Half of the blows fall when all is well, half while the one before is still being healed.
    if (dice.chance(0.5)) await cluster.everyPartitionRuns();
    await load.flows(dice.int(EVENTS_PER_SECOND / 10, EVENTS_PER_SECOND * 2));
    const victim = workers[kill % 2]!;
    await victim.kill9();
    workers[kill % 2] = cluster.worker();
  }
  await load.flows(EVENTS_PER_SECOND);
  const { perSecond } = load;
  await load.stop();
  const statuses = await cluster.everyPartitionRuns();
  await cluster.caughtUp();
  const report = await cluster.verify();
  const events = await cluster.eventsStored();
  tell(`kill -9 of a worker, ${KILLS} times, seed ${seed}`, {
    "events/s": perSecond,
    acknowledged: load.stored,
    "events in the logs": events,
    takeovers: total(statuses, ({ epoch }) => epoch - 1),
    ...figuresOf(report),
  });
  expect(differencesOf(report)).toEqual([]);
  expect(report.equal).toBe(true);
  expect(events).toBe(load.stored);
  expect(perSecond).toBeGreaterThan(2_000);
  expect(report.deltas.expected).toBeGreaterThan(1_000);
});
