// SIGSTOP until others have taken over, then SIGCONT: an owner that wakes up and still believes that it is one.
// Whatever it wants to say is refused by the server; that is proved by the fences of what was stored. Played on stage.ts.
import { count, counted } from "../../../lib/cli/numbers.ts";
import type { PartitionNo, Seq } from "../../../lib/core/types.ts";
import { PARTITION_HEADER } from "../../../lib/nats/delta-sink.ts";
import { StreamReader } from "../../../lib/nats/stream-reader.ts";
import { streamState } from "../../../lib/nats/wire.ts";
import type { Watched } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { HEAL_MS_MAX, onStage, type Stage } from "./stage.ts";

const LOST = /partition: another worker owns it now/;
const TWO_ASLEEP = 0.25;
/** So much goes on being said after the waking: time enough for a stale publish to be stored, if it could be. */
const EVENTS_AFTER = 150;
const IN_FLIGHT_MAX = 2_000;

export function zombies(pausesMin: number): Scenario {
  return {
    name: "zombies",
    about: `SIGSTOP of workers past a take-over, then SIGCONT, at least ${pausesMin} times`,
    run: (context) => onStage("zombies", context, (stage) => play(stage, pausesMin)),
  };
}

interface Waking {
  readonly partitions: number;
  /** Deltas that were stored under the sleepers' records after they woke. */
  readonly accepted: number;
  /** All that were stored meanwhile. */
  readonly stored: number;
}

async function play(stage: Stage, pausesMin: number): Promise<readonly Observation[]> {
  const wakings: Waking[] = [];
  let pauses = 0;
  while (pauses < pausesMin || !stage.overtime) {
    stage.say(`pause ${pauses + 1}`);
    await stage.calm();
    await stage.load.flows(stage.dice.int(10, 200));
    const first = stage.dice.pick(stage.workers);
    const sleepers = [first];
    if (stage.dice.chance(TWO_ASLEEP)) sleepers.push(stage.dice.pick(stage.workers.filter((one) => one !== first)));
    wakings.push(await sleepAndWake(stage, sleepers));
    pauses += sleepers.length;
  }
  const { held, seen } = await stage.judge();
  const sum = (of: (waking: Waking) => number): number => wakings.reduce((total, waking) => total + of(waking), 0);
  const accepted = sum((waking) => waking.accepted);
  const noticed = `all ${counted(
    sum((waking) => waking.partitions),
    "partition",
  )} were noticed to be lost`;
  return [
    {
      fault: "an owner asleep past a take-over (SIGSTOP, SIGCONT)",
      times: pauses,
      seen: `${count(accepted)} of the ${count(sum((waking) => waking.stored))} deltas stored after a waking were the woken one's; ${noticed}; ${seen}`,
      held: held && accepted === 0,
    },
  ];
}

async function sleepAndWake(stage: Stage, sleepers: readonly Watched[]): Promise<Waking> {
  const { nc, server } = stage.cluster;
  for (const sleeper of sleepers) sleeper.kill("SIGSTOP");
  const fences = await stage.fencesOf(sleepers);
  await stage.takenOver(sleepers, [...fences.keys()]);
  const { last } = await streamState(nc, server.names.segmentsStream);
  const lostBefore = lostBy(sleepers);
  for (const sleeper of sleepers) sleeper.kill("SIGCONT");
  await haveNoticed(sleepers, lostBefore + fences.size);
  await stage.load.flows(EVENTS_AFTER);
  return { partitions: fences.size, ...(await storedUnder(stage, fences, last)) };
}

/** How many partitions they found to be somebody else's by now, in their own words. */
export function lostBy(workers: readonly Watched[]): number {
  return workers.reduce((sum, worker) => sum + worker.count(LOST), 0);
}

export async function haveNoticed(workers: readonly Watched[], lost: number): Promise<void> {
  await until("they have noticed", () => lostBy(workers) >= lost, HEAL_MS_MAX).catch((error: Error) => {
    throw new Error(`${error.message}: ${lostBy(workers)} of ${lost} losses of a partition`);
  });
}

/** What SEGMENTS got after a place: how much of it under one of these records. */
async function storedUnder(
  { cluster: { nc, server } }: Stage,
  fences: ReadonlyMap<PartitionNo, Seq>,
  after: Seq,
): Promise<{ accepted: number; stored: number }> {
  const { segmentsStream } = server.names;
  const { last } = await streamState(nc, segmentsStream);
  let accepted = 0;
  let stored = 0;
  let reached = after;
  await new Promise<void>((resolve, reject) => {
    const reader: StreamReader = new StreamReader({
      nc,
      stream: segmentsStream,
      next: () => reached + 1,
      room: () => IN_FLIGHT_MAX,
      onMessage: ({ headers, subject }, { seq, pending }) => {
        reached = seq;
        if (subject.startsWith("segment.")) {
          stored += 1;
          const fence = Number(headers?.get("Nats-Expected-Last-Subject-Sequence") || Number.NaN);
          if (fences.get(Number(headers?.get(PARTITION_HEADER))) === fence) accepted += 1;
        }
        if (seq < last && pending > 0) return;
        reader.stop();
        resolve();
      },
      onFault: reject,
    });
  });
  return { accepted, stored };
}
