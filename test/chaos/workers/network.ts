// What a network does: connections that end, that fall silent, that are slow, answers that never come. Each worker speaks
// through a proxy of its own; load, subscriber and auditor speak to the server directly. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../../../lib/cli/numbers.ts";
import type { Watched } from "../../support/processes.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { HEAL_MS_MAX, onStage, type Stage } from "./stage.ts";
import { haveNoticed, lostBy } from "./zombies.ts";

/** Shorter than the silence that makes others take over, or about as long. */
const HICCUP_MS = [100, 1_200] as const;
/** Beyond the moment at which others have taken over. */
const SILENT_MS = [0, 2_500] as const;
/** A request that is not answered is given up after three seconds; some of these end before, some after. */
const REPLIES_LOST_MS = [300, 4_500] as const;
const REFUSED_MS = [100, 2_500] as const;
const LATENCY_MS = [50, 200] as const;
const SLOW_MS = [500, 3_000] as const;
const TWO_WORKERS = 0.25;

export const NETWORK_FAULTS = {
  disconnect: "connections of a worker cut",
  refuse: "a worker not let in for up to 2.5 s",
  hiccup: "half-open connections for up to 1.2 s",
  silent: "half-open connections past a take-over",
  "replies-lost": "publishes stored, answers lost",
  slow: "latency of 50 to 200 ms each way",
} as const;
type Fault = keyof typeof NETWORK_FAULTS;
const FAULTS = Object.keys(NETWORK_FAULTS) as Fault[];

export const network: Scenario = {
  name: "network",
  about: "disconnects, half-open connections, latency, lost answers between workers and server",
  run: (context) => onStage("network", context, play, { proxies: true }),
};

interface Seen {
  times: number;
  /** Partitions that were found lost by whoever had them before. */
  lost: number;
}

async function play(stage: Stage): Promise<readonly Observation[]> {
  const seenOf = new Map<Fault, Seen>(FAULTS.map((fault) => [fault, { times: 0, lost: 0 }]));
  const unanswered = new Map<string, number>();
  let round = 0;
  do {
    // Each once and then again in another order, so that a short run has seen all of them.
    for (const fault of stage.dice.shuffled(FAULTS)) {
      round += 1;
      stage.say(`fault ${round}: ${NETWORK_FAULTS[fault]}`);
      await stage.calm();
      await stage.load.flows(stage.dice.int(10, 300));
      const lostBefore = lostBy(stage.workers);
      const victims = stage.dice.shuffled(stage.workers).slice(0, stage.dice.chance(TWO_WORKERS) ? 2 : 1);
      await Promise.all(victims.map((worker) => strike(stage, worker, fault)));
      await stage.calm();
      const seen = seenOf.get(fault)!;
      seen.times += victims.length;
      seen.lost += lostBy(stage.workers) - lostBefore;
      await countUnanswered(stage, unanswered);
    }
  } while (!stage.overtime);
  const { held, seen } = await stage.judge();
  const rows = FAULTS.map((fault): Observation => {
    const { times, lost } = seenOf.get(fault)!;
    const words = `${counted(lost, "partition")} found lost by the old owner; judged with the last row of the network`;
    return { fault: NETWORK_FAULTS[fault], times, seen: words, held };
  });
  const all = rows.reduce((sum, { times }) => sum + times, 0);
  const without = [...unanswered.values()].reduce((sum, times) => sum + times, 0);
  const words = `${seen}; ${counted(without, "publish", "publishes")} got no answer, and what became of them was found out`;
  return [...rows, { fault: "the network: all of the above", times: all, seen: words, held }];
}

/** Each owner counts for itself; the highest count that was seen of each is kept, since it may own nothing the next time. */
async function countUnanswered(stage: Stage, unanswered: Map<string, number>): Promise<void> {
  for (const { owner, partition, counters } of await stage.cluster.everyPartitionRuns(HEAL_MS_MAX))
    unanswered.set(`${owner} ${partition}`, counters.publishTimeouts);
}

/** Does it to one worker, for a while, and lets the connection heal. */
export async function strike(stage: Stage, worker: Watched, fault: Fault): Promise<void> {
  const proxy = stage.proxyOf(worker);
  const whileFor = ([low, high]: readonly [number, number]): Promise<void> => sleep(stage.dice.int(low, high));
  switch (fault) {
    case "disconnect":
      return proxy.hangUp();
    case "refuse":
      proxy.refuse();
      await whileFor(REFUSED_MS);
      return proxy.accept();
    case "hiccup":
      proxy.set("silent");
      await whileFor(HICCUP_MS);
      return proxy.set("flowing");
    case "silent": {
      proxy.set("silent");
      const fences = await stage.fencesOf([worker]);
      await stage.takenOver([worker], [...fences.keys()]);
      const before = lostBy([worker]);
      await whileFor(SILENT_MS);
      proxy.set("flowing");
      return haveNoticed([worker], before + fences.size);
    }
    case "replies-lost":
      proxy.set("replies-lost");
      await whileFor(REPLIES_LOST_MS);
      return proxy.set("flowing");
    case "slow":
      proxy.delay(stage.dice.int(...LATENCY_MS));
      await whileFor(SLOW_MS);
      return proxy.delay(0);
  }
}

export function pickFault(stage: Stage): Fault {
  // Whether anybody can take over is not known where other things go on, too.
  return stage.dice.pick(FAULTS.filter((fault) => fault !== "silent"));
}
