// All of it at once, by a seed: what no other scenario combines, this one may. Played on stage.ts with the means of the others.
import { setTimeout as sleep } from "node:timers/promises";
import type { Observation, Scenario } from "../scenario.ts";
import { killOne } from "./kills.ts";
import { pickFault, strike } from "./network.ts";
import { restartOne } from "./rolling.ts";
import { freezeServer, killServer } from "./server.ts";
import { onStage, type Stage } from "./stage.ts";

const BETWEEN_MS_MAX = 1_200;
const ASLEEP_MS = [100, 4_000] as const;
/** How often in one round: a worker is hurt oftener than the server. */
const DEEDS = {
  "worker kill": 4,
  "worker stop": 4,
  network: 5,
  restart: 2,
  edit: 1,
  "server kill": 1,
  "server stop": 1,
} as const;
type Deed = keyof typeof DEEDS;
const NAMES = Object.keys(DEEDS) as Deed[];
const DECK = NAMES.flatMap((deed) => Array.from({ length: DEEDS[deed] }, () => deed));
/** So many things may go on at the same time. */
const AT_ONCE_MAX = 3;

export const everything: Scenario = {
  name: "everything",
  about: "all of the above by a seed, several at the same time",
  run: (context) => onStage("everything", context, play, { proxies: true, outages: true }),
};

async function play(stage: Stage): Promise<readonly Observation[]> {
  const times = new Map<Deed, number>(NAMES.map((deed) => [deed, 0]));
  let done = 0;
  do {
    for (const deed of await playRound(stage, done)) {
      times.set(deed, times.get(deed)! + 1);
      done += 1;
    }
    stage.say(`${done} done: until all is well`);
    await stage.calm();
    await stage.load.flows(stage.dice.int(10, 300));
  } while (!stage.overtime);
  const { held, seen } = await stage.judge();
  const what = NAMES.map((deed) => `${times.get(deed)} × ${deed}`).join(", ");
  return [{ fault: "everything at once, by a seed", times: done, seen: `${seen}; ${what}`, held }];
}

/** Every deed as often as it is in the deck, a few of them under way at any time; gives what was done. */
async function playRound(stage: Stage, doneBefore: number): Promise<readonly Deed[]> {
  const done: Deed[] = [];
  const failures: unknown[] = [];
  const busy = new Set<Promise<void>>();
  /** Whoever is being hurt is left alone by the next deed; the server is one of those. */
  const hurt = new Set<unknown>();
  for (const deed of stage.dice.shuffled(DECK)) {
    await sleep(stage.dice.int(0, BETWEEN_MS_MAX));
    stage.tend();
    const whom = deed.startsWith("server") ? stage.cluster.server : stage.dice.pick(stage.workers);
    if (hurt.has(whom)) await Promise.all(busy);
    if (!deed.startsWith("server") && !stage.workers.some((worker) => worker === whom)) continue;
    stage.say(`${doneBefore + done.length + 1}: ${deed}`);
    hurt.add(whom);
    const doing = deeds(stage, whom)
      [deed]()
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => {
        hurt.delete(whom);
        busy.delete(doing);
      });
    busy.add(doing);
    done.push(deed);
    if (busy.size >= AT_ONCE_MAX) await Promise.race(busy);
  }
  await Promise.all(busy);
  if (failures.length > 0) throw failures[0];
  return done;
}

function deeds(stage: Stage, whom: unknown): Readonly<Record<Deed, () => Promise<void>>> {
  const worker = stage.workers.find((one) => one === whom) ?? stage.workers[0]!;
  return {
    "worker kill": async () => {
      await killOne(stage, worker);
    },
    "worker stop": async () => {
      worker.kill("SIGSTOP");
      await sleep(stage.dice.int(...ASLEEP_MS));
      worker.kill("SIGCONT");
    },
    network: () => strike(stage, worker, pickFault(stage)),
    edit: () => stage.edit(),
    // The server may be down: a drain that cannot be finished then ends with code 1, as it says it does.
    restart: () => restartOne(stage, worker, { restarts: 0, faults: [] }),
    "server kill": () => killServer(stage),
    "server stop": () => freezeServer(stage),
  };
}
