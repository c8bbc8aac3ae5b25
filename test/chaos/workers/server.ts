// The nats-server itself: killed and started again on its store, or stopped for seconds, while workers and load go on.
// Everything that it acknowledged must be there afterwards, once. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../../../lib/cli/numbers.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { onStage, type Stage } from "./stage.ts";

const DOWN_MS_MAX = 1_500;
/** A request is given up after three seconds: a pause may be shorter or longer than that. */
const FROZEN_MS = [200, 5_000] as const;

export const server: Scenario = {
  name: "server",
  about: "the nats-server killed (kill -9) and restarted, or stopped for seconds (SIGSTOP)",
  run: (context) => onStage("server", context, play),
};

async function play(stage: Stage): Promise<readonly Observation[]> {
  let killed = 0;
  let frozen = 0;
  const { load } = stage;
  do {
    stage.say(`nats-server killed, ${killed + 1}`);
    await someTime(stage);
    await killServer(stage);
    killed += 1;
    stage.say(`nats-server stopped, ${frozen + 1}`);
    await someTime(stage);
    await freezeServer(stage);
    frozen += 1;
  } while (!stage.overtime);
  const alive = stage.workers.filter(({ ended }) => ended === undefined).length;
  const { held, seen } = await stage.judge();
  const lived = `${alive} of ${stage.workers.length} workers lived through it`;
  return [
    {
      fault: "the nats-server killed (kill -9)",
      times: killed,
      seen: `${seen}; ${count(load.retries)} publishes of the load were made again; ${lived}`,
      held: held && alive === stage.workers.length,
    },
    { fault: "the nats-server stopped for up to 5 s", times: frozen, seen: "judged with the row above", held },
  ];
}

/** All well, or not yet: both happen. */
async function someTime(stage: Stage): Promise<void> {
  if (stage.dice.chance(0.6)) await stage.calm();
  await stage.load.flows(stage.dice.int(10, 600));
}

export async function killServer({ cluster, dice }: Stage): Promise<void> {
  await cluster.server.kill9();
  if (dice.chance(0.5)) await sleep(dice.int(0, DOWN_MS_MAX));
  await cluster.server.restart();
}

export async function freezeServer({ cluster, dice }: Stage): Promise<void> {
  cluster.server.pause();
  await sleep(dice.int(...FROZEN_MS));
  cluster.server.resume();
}
