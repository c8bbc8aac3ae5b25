// kill -9, again and again, at whatever moment: while all is well, right after a start, during a take-over, during a restore,
// two at once. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../../../lib/cli/numbers.ts";
import type { Watched } from "../../support/processes.ts";
import { isOf } from "../../support/real-cluster.ts";
import { until } from "../../support/until.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { HEAL_MS_MAX, onStage, type Stage } from "./stage.ts";

const MOMENTS = ["calm", "newborn", "take-over", "anytime"] as const;
type Moment = (typeof MOMENTS)[number];

const TWO_AT_ONCE = 0.15;
/** Long enough for a process to be anywhere between its first line and its first checkpoint. */
const NEWBORN_MS_MAX = 1_200;
const ANYTIME_MS_MAX = 1_500;
/** A restore lasts some ten milliseconds, so the blow falls somewhere around it. */
const RESTORE_MS_MAX = 100;
const EDIT_CHANCE = 0.05;

export function kills(killsMin: number): Scenario {
  return {
    name: "kills",
    about: `kill -9 of workers at random moments, at least ${killsMin} times`,
    run: (context) => onStage("kills", context, (stage) => play(stage, killsMin)),
  };
}

interface Counts {
  killed: number;
  twoAtOnce: number;
  /** So many blows fell while partitions waited for a new owner, and so many met one that was just taking over. */
  orphaned: number;
  takingOver: number;
  newborn: number;
}

async function play(stage: Stage, killsMin: number): Promise<readonly Observation[]> {
  const counts: Counts = { killed: 0, twoAtOnce: 0, orphaned: 0, takingOver: 0, newborn: 0 };
  const edits: Promise<void>[] = [];
  let newest = stage.workers[0]!;
  while (counts.killed < killsMin || !stage.overtime) {
    if (stage.dice.chance(EDIT_CHANCE)) edits.push(stage.edit());
    const moment = stage.dice.pick(MOMENTS);
    const first = (await comes(stage, moment, newest, counts)) ?? stage.dice.pick(stage.workers);
    const victims = [first];
    if (stage.dice.chance(TWO_AT_ONCE)) victims.push(stage.dice.pick(stage.workers.filter((one) => one !== first)));
    if (victims.length > 1) counts.twoAtOnce += 1;
    if ((await stage.orphans()) > 0) counts.orphaned += 1;
    counts.killed += victims.length;
    stage.say(`kill ${counts.killed}`);
    const replacements = await Promise.all(victims.map((worker) => killOne(stage, worker)));
    newest = replacements[0]!;
  }
  await Promise.all(edits);
  const { held, seen } = await stage.judge();
  return [{ fault: "a worker killed (kill -9)", times: counts.killed, seen: `${seen}; ${momentsOf(counts)}`, held }];
}

function momentsOf({ twoAtOnce, orphaned, takingOver, newborn }: Counts): string {
  return (
    `${counted(twoAtOnce, "time")} two at once, ${newborn} within ${NEWBORN_MS_MAX / 1_000} s of their start, ` +
    `${orphaned} while partitions had no living owner, ${takingOver} in the middle of taking one over`
  );
}

/** Waits for the moment; who it concerns, when it concerns somebody. */
async function comes(stage: Stage, moment: Moment, newest: Watched, counts: Counts): Promise<Watched | undefined> {
  const { dice, load } = stage;
  switch (moment) {
    case "calm":
      await stage.calm();
      await load.flows(dice.int(20, 600));
      return undefined;
    case "newborn":
      counts.newborn += 1;
      await sleep(dice.int(0, NEWBORN_MS_MAX));
      return newest;
    case "take-over": {
      const taker = (await stage.orphans()) === 0 ? undefined : await whoTakesOver(stage);
      if (taker !== undefined) counts.takingOver += 1;
      await sleep(dice.int(0, RESTORE_MS_MAX));
      return taker;
    }
    case "anytime":
      await sleep(dice.int(0, ANYTIME_MS_MAX));
      return undefined;
  }
}

/** The first who writes its record into a partition that nobody owned: it restores that one and the others right now. */
async function whoTakesOver(stage: Stage): Promise<Watched | undefined> {
  const before = await stage.records();
  let taker: Watched | undefined;
  await until(
    "somebody begins to take over",
    async () => {
      const records = await stage.records();
      const claimed = records.find(({ value }, partition) => value.epoch > before[partition]!.value.epoch);
      taker = stage.workers.find((worker) => isOf(worker, claimed?.value.owner ?? ""));
      return claimed !== undefined;
    },
    HEAL_MS_MAX,
  );
  return taker;
}

/** For other scenarios: gone at once, and another one comes in its place. */
export async function killOne(stage: Stage, victim: Watched): Promise<Watched> {
  stage.dismiss(victim);
  await victim.kill9();
  return stage.replace(victim);
}
