// All of it at once, by a seed: what no other scenario combines, this one may. Played on stage.ts with the means of the others.
import { setTimeout as sleep } from "node:timers/promises";
import type { Observation, Scenario } from "../scenario.ts";
import { killOne } from "./kills.ts";
import { pickFault, strike } from "./network.ts";
import { restartOne } from "./rolling.ts";
import { freezeServer, killServer } from "./server.ts";
import { onStage, type Stage } from "./stage.ts";

const CALM_MS_MAX = 120_000;
const BETWEEN_MS_MAX = 1_200;
const ASLEEP_MS = [100, 4_000] as const;
/** As often as a number says: one of the workers is hurt oftener than the server. */
const DEEDS = {
  kill: 4,
  pause: 4,
  network: 6,
  restart: 2,
  "server kill": 1,
  "server stop": 1,
} as const;
type Deed = keyof typeof DEEDS;
const NAMES = Object.keys(DEEDS) as Deed[];
/** So many things may go on at the same time. */
const AT_ONCE_MAX = 3;
/** Now and then everything must be well again. */
const CALM_EVERY = 12;

export const everything: Scenario = {
  name: "everything",
  about: "all of the above by a seed, several at the same time",
  run: (context) => onStage("everything", context, play, { proxies: true, outages: true }),
};

async function play(stage: Stage): Promise<readonly Observation[]> {
  const times = new Map<Deed, number>(NAMES.map((deed) => [deed, 0]));
  const deck = NAMES.flatMap((deed) => Array.from({ length: DEEDS[deed] }, () => deed));
  const busy = new Set<Promise<void>>();
  let done = 0;
  /** Whoever is being hurt is left alone by the next deed; the server is one of those. */
  const hurt = new Set<unknown>();
  while (!stage.overtime || done < CALM_EVERY) {
    const deed = stage.dice.pick(deck);
    const whom = deed.startsWith("server") ? stage.cluster.server : stage.dice.pick(stage.workers);
    await sleep(stage.dice.int(0, BETWEEN_MS_MAX));
    stage.tend();
    if (hurt.has(whom)) continue;
    stage.say(`${done + 1}: ${deed}`);
    hurt.add(whom);
    const doing = deeds(stage, whom)
      [deed]()
      .finally(() => {
        hurt.delete(whom);
        busy.delete(doing);
      });
    busy.add(doing);
    doing.catch(() => undefined);
    times.set(deed, times.get(deed)! + 1);
    done += 1;
    if (busy.size >= AT_ONCE_MAX) await Promise.race(busy);
    if (done % CALM_EVERY === 0) {
      stage.say(`${done} deeds: waiting until all is well`);
      await Promise.all(busy);
      await stage.calm(CALM_MS_MAX);
      await stage.load.flows(stage.dice.int(10, 200));
    }
  }
  await Promise.all(busy);
  const { held, seen } = await stage.judge();
  const what = NAMES.map((deed) => `${times.get(deed)} × ${deed}`).join(", ");
  return [
    {
      fault: "everything at once, by a seed",
      times: done,
      seen: `${seen}; ${what}`,
      held,
    },
  ];
}

function deeds(stage: Stage, whom: unknown): Readonly<Record<Deed, () => Promise<void>>> {
  const worker = stage.workers.find((one) => one === whom) ?? stage.workers[0]!;
  return {
    kill: async () => {
      await killOne(stage, worker);
    },
    pause: async () => {
      worker.kill("SIGSTOP");
      await sleep(stage.dice.int(...ASLEEP_MS));
      worker.kill("SIGCONT");
    },
    network: () => strike(stage, worker, pickFault(stage)),
    // The server may be down: a drain that cannot be finished then ends with code 1, as it says it does.
    restart: () => restartOne(stage, worker, { restarts: 0, faults: [] }),
    "server kill": () => killServer(stage),
    "server stop": () => freezeServer(stage),
  };
}
