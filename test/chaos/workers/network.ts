// What a network does: connections that end, that fall silent, that are slow, answers that never come. Each worker speaks
// through a proxy of its own; load, subscriber and auditor speak to the server directly. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../../../lib/cli/numbers.ts";
import type { Watched } from "../../support/processes.ts";
import { total } from "../../support/real-cluster.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { onStage, type Stage } from "./stage.ts";
import { LOST } from "./zombies.ts";

const CALM_MS_MAX = 90_000;
/** A request that is not answered is given up after three seconds; some of these end before, some after. */
const SILENT_MS = [300, 4_500] as const;
const REPLIES_LOST_MS = [300, 4_500] as const;
const REFUSED_MS = [100, 2_500] as const;
const LATENCY_MS = [50, 200] as const;
const SLOW_MS = [500, 3_000] as const;

export const NETWORK_FAULTS = {
  disconnect: "connections of a worker cut",
  refuse: "a worker not let in for a while",
  silent: "half-open connections, past a take-over",
  "replies-lost": "publishes stored and never acknowledged",
  slow: "latency of 50 to 200 ms",
} as const;
type Fault = keyof typeof NETWORK_FAULTS;
const FAULTS = Object.keys(NETWORK_FAULTS) as Fault[];

export const network: Scenario = {
  name: "network",
  about: "disconnects, half-open connections, latency, lost replies between workers and server",
  run: (context) => onStage("network", context, play, { proxies: true }),
};

async function play(stage: Stage): Promise<readonly Observation[]> {
  const times = new Map<Fault, number>(FAULTS.map((fault) => [fault, 0]));
  const fenced = new Map<Fault, number>(FAULTS.map((fault) => [fault, 0]));
  let timeouts = 0;
  let round = 0;
  do {
    // Each once and then again in another order, so that a short run has seen all of them.
    for (const fault of shuffled(FAULTS, stage)) {
      round += 1;
      stage.say(`fault ${round}: ${NETWORK_FAULTS[fault]}`);
      if (stage.dice.chance(0.5)) await stage.calm(CALM_MS_MAX);
      await stage.load.flows(stage.dice.int(10, 150));
      const before = lostBy(stage.workers);
      await strike(stage, stage.dice.pick(stage.workers), fault);
      if (fault === "silent" || fault === "replies-lost") await stage.calm(CALM_MS_MAX);
      timeouts = Math.max(timeouts, total(await stage.cluster.everyPartitionRuns(CALM_MS_MAX), publishTimeouts));
      times.set(fault, times.get(fault)! + 1);
      fenced.set(fault, fenced.get(fault)! + lostBy(stage.workers) - before);
    }
  } while (!stage.overtime);
  const { held, seen } = await stage.judge();
  const lines: Readonly<Record<Fault, string>> = {
    disconnect: seen,
    refuse: noticed(fenced.get("refuse")!),
    silent: noticed(fenced.get("silent")!),
    "replies-lost": `at least ${count(timeouts)} publishes went without an answer, and were settled by a new record and a scan`,
    slow: noticed(fenced.get("slow")!),
  };
  return FAULTS.map((fault) => ({
    fault: NETWORK_FAULTS[fault],
    times: times.get(fault)!,
    seen: fault === "disconnect" ? seen : `${lines[fault]}; judged with the first row of the network`,
    held,
  }));
}

function publishTimeouts({ counters }: { readonly counters: { readonly publishTimeouts: number } }): number {
  return counters.publishTimeouts;
}

function noticed(partitions: number): string {
  return `${count(partitions)} partitions were taken over meanwhile, and the old owner noticed`;
}

function lostBy(workers: readonly Watched[]): number {
  return workers.reduce((sum, worker) => sum + worker.count(LOST), 0);
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
    case "silent":
    case "replies-lost":
      proxy.set(fault);
      await whileFor(fault === "silent" ? SILENT_MS : REPLIES_LOST_MS);
      return proxy.set("flowing");
    case "slow":
      proxy.delay(stage.dice.int(...LATENCY_MS));
      await whileFor(SLOW_MS);
      return proxy.delay(0);
  }
}

export function pickFault(stage: Stage): Fault {
  return stage.dice.pick(FAULTS);
}

function shuffled<T>(items: readonly T[], { dice }: Stage): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(dice.int(0, rest.length - 1), 1)[0]!);
}
