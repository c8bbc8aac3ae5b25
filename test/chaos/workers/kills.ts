// kill -9, again and again, at whatever moment: while all is well, right after a start, during a take-over, during a restore,
// two at once. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../../../lib/cli/numbers.ts";
import type { Watched } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { onStage, type Stage } from "./stage.ts";

const MOMENTS = ["while all was well", "right after its start", "during a take-over", "anytime"] as const;
type Moment = (typeof MOMENTS)[number];

const TWO_AT_ONCE = 0.15;
/** Long enough for a process to be anywhere between its first line and its first checkpoint. */
const NEWBORN_MS_MAX = 1_200;
const TAKE_OVER_MS_MAX = 1_500;
/** A restore lasts some ten milliseconds, so the blow falls somewhere around it. */
const RESTORE_MS_MAX = 120;
const CALM_MS_MAX = 60_000;

export function kills(killsMin: number): Scenario {
  return {
    name: "kills",
    about: `kill -9 of workers at random moments, at least ${killsMin} times`,
    run: (context) => onStage("kills", context, (stage) => play(stage, killsMin)),
  };
}

async function play(stage: Stage, killsMin: number): Promise<readonly Observation[]> {
  const done = new Map<Moment, number>();
  let killed = 0;
  let twoAtOnce = 0;
  let orphaned = 0;
  let newest = stage.workers[0]!;
  while (killed < killsMin || !stage.overtime) {
    const moment = stage.dice.pick(MOMENTS);
    stage.say(`kill ${killed + 1}: ${moment}`);
    await comes(stage, moment);
    if ((await stage.orphans()) > 0) orphaned += 1;
    const first = moment === "right after its start" ? newest : stage.dice.pick(stage.workers);
    const victims = [first];
    if (stage.dice.chance(TWO_AT_ONCE)) victims.push(stage.dice.pick(stage.workers.filter((one) => one !== first)));
    const replacements = await Promise.all(victims.map((worker) => killOne(stage, worker)));
    newest = replacements[0]!;
    killed += victims.length;
    if (victims.length > 1) twoAtOnce += 1;
    done.set(moment, (done.get(moment) ?? 0) + victims.length);
  }
  const { held, seen } = await stage.judge();
  const moments = MOMENTS.map((moment) => `${done.get(moment) ?? 0} ${moment}`).join(", ");
  const pairs = `${counted(twoAtOnce, "pair")} at once, ${counted(orphaned, "blow")} while partitions had no living owner`;
  return [{ fault: "a worker killed (kill -9)", times: killed, seen: `${seen}; ${moments}; ${pairs}`, held }];
}

async function comes(stage: Stage, moment: Moment): Promise<void> {
  const { dice, load } = stage;
  switch (moment) {
    case "while all was well":
      await stage.calm(CALM_MS_MAX);
      return load.flows(dice.int(20, 300));
    case "right after its start":
      return wait(dice.int(0, NEWBORN_MS_MAX));
    case "during a take-over":
      if ((await stage.orphans()) === 0) return load.flows(dice.int(1, 50));
      await until("somebody begins to take over", () => takeOverBegins(stage), CALM_MS_MAX);
      return wait(dice.int(0, RESTORE_MS_MAX));
    case "anytime":
      return wait(dice.int(0, TAKE_OVER_MS_MAX));
  }
}

/** The first of the partitions that nobody owned has a new record: the others are being claimed and restored right now. */
async function takeOverBegins(stage: Stage): Promise<boolean> {
  const before = await stage.orphans();
  if (before === 0) return true;
  const after = await stage.orphans();
  return after < before;
}

async function wait(ms: number): Promise<void> {
  await sleep(ms);
}

/** For other scenarios: gone at once, and another one comes in its place. */
export async function killOne(stage: Stage, victim: Watched): Promise<Watched> {
  await victim.kill9();
  return stage.replace(victim);
}
