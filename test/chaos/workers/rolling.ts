// Everything that operators do on purpose: restart all workers one after the other, move partitions there and back, lose
// patience with a drain. All under load. Played on stage.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../../../lib/cli/numbers.ts";
import type { Watched } from "../../support/processes.ts";
import { isOf } from "../../support/real-cluster.ts";
import { until } from "../../support/until.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { HEAL_MS_MAX, onStage, type Stage } from "./stage.ts";

const EXIT_SECOND_SIGNAL = 130;
/** The second signal comes somewhere within a drain. */
const IMPATIENCE_MS_MAX = 60;

export const rolling: Scenario = {
  name: "rolling",
  about: "orderly restarts of all workers, moves there and back, a second SIGTERM during a drain",
  run: (context) => onStage("rolling", context, play),
};

interface Counts {
  restarts: number;
  moves: number;
  movedPartitions: number;
  impatient: number;
  cutShort: number;
  readonly faults: string[];
}

async function play(stage: Stage): Promise<readonly Observation[]> {
  const counts: Counts = { restarts: 0, moves: 0, movedPartitions: 0, impatient: 0, cutShort: 0, faults: [] };
  do {
    await restartAll(stage, counts);
    await thereAndBack(stage, counts);
    await impatient(stage, counts);
  } while (!stage.overtime);
  const { held, seen } = await stage.judge();
  const orderly = counts.faults.length === 0;
  const ended = orderly ? "every drain ended with exit code 0, every partition released" : counts.faults.join(", ");
  return [
    {
      fault: "a worker restarted in good order",
      times: counts.restarts,
      seen: `${ended}; ${seen}`,
      held: held && orderly,
    },
    {
      fault: "partitions moved there and back",
      times: counts.moves,
      seen: `${counted(counts.movedPartitions, "partition")} went to a worker that came, and back when it left; judged with the row above`,
      held,
    },
    {
      fault: "a second SIGTERM during a drain",
      times: counts.impatient,
      seen: `${counts.cutShort} ended at once with exit code ${EXIT_SECOND_SIGNAL}, ${counts.impatient - counts.cutShort} had drained before it came; judged with the row above`,
      held,
    },
  ];
}

/** One after the other, the way a deployment does it: the new one comes when the old one is gone. */
async function restartAll(stage: Stage, counts: Counts): Promise<void> {
  for (const worker of stage.workers) {
    stage.say(`restart ${counts.restarts + 1}, in good order`);
    await stage.begun(worker);
    await restartOne(stage, worker, counts);
    if (stage.dice.chance(0.5)) await stage.calm();
    await stage.load.flows(stage.dice.int(10, 200));
  }
}

export async function restartOne(
  stage: Stage,
  worker: Watched,
  counts: Pick<Counts, "restarts" | "faults">,
): Promise<void> {
  stage.dismiss(worker);
  worker.kill("SIGTERM");
  const { code, signal } = await worker.exit(HEAL_MS_MAX);
  const released = worker.count(/every partition is released/) === 1;
  if (code !== 0 || !released) counts.faults.push(`${worker.name} ended with ${signal ?? code}`);
  counts.restarts += 1;
  stage.replace(worker);
}

/** A worker more: it takes its share, and gives it back when it is stopped, at once or in the middle of taking. */
async function thereAndBack(stage: Stage, counts: Counts): Promise<void> {
  stage.say(`move ${counts.moves + 1}: one comes, and goes again`);
  await stage.calm();
  const guest = stage.guest();
  const held = async (): Promise<number> => {
    const records = await stage.records();
    return records.filter(({ value }) => isOf(guest, value.owner ?? "")).length;
  };
  await until("the guest has taken some", async () => (await held()) > 0, HEAL_MS_MAX);
  // Sent away with all that it wished for, or while it is still being given to it.
  if (stage.dice.chance(0.5)) await stage.calm();
  await stage.load.flows(stage.dice.int(1, 100));
  const share = await held();
  guest.kill("SIGTERM");
  const { code, signal } = await guest.exit(HEAL_MS_MAX);
  if (code !== 0) counts.faults.push(`${guest.name} ended with ${signal ?? code}`);
  counts.moves += 1;
  counts.movedPartitions += share;
}

async function impatient(stage: Stage, counts: Counts): Promise<void> {
  stage.say(`second SIGTERM ${counts.impatient + 1}`);
  await stage.calm();
  const worker = stage.dice.pick(stage.workers);
  await stage.begun(worker);
  stage.dismiss(worker);
  worker.kill("SIGTERM");
  await sleep(stage.dice.int(1, IMPATIENCE_MS_MAX));
  worker.kill("SIGTERM");
  const { code, signal } = await worker.exit(HEAL_MS_MAX);
  if (code === EXIT_SECOND_SIGNAL) counts.cutShort += 1;
  else if (code !== 0) counts.faults.push(`${worker.name} ended with ${signal ?? code} after two signals`);
  counts.impatient += 1;
  stage.replace(worker);
}
