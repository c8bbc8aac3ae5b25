// Makes a failing plan small: leaves out steps, events, the last act and workers for as long as the same rule is still broken.
// Delta debugging: halves first, then ever smaller pieces.
import type { Rule } from "./auditor.ts";
import type { Plan, Step } from "./plan.ts";
import { Simulation } from "./simulation.ts";

export interface Shrunken {
  readonly plan: Plan;
  readonly tries: number;
}

/** Ends when nothing more can be left out, or after `triesMax` runs. */
export async function shrink(
  plan: Plan,
  rule: Rule,
  triesMax: number,
  onTry: (tries: number) => void,
): Promise<Shrunken> {
  let smallest = plan;
  let tries = 0;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    if (tries >= triesMax) return false;
    tries += 1;
    onTry(tries);
    const { violation } = await new Simulation(candidate).run();
    if (violation?.rule !== rule) return false;
    smallest = candidate;
    return true;
  };
  if (plan.lastAct !== undefined) await stillFails({ ...plan, lastAct: undefined });
  await leaveOut(smallest.steps, (steps) => stillFails({ ...smallest, steps }));
  for (let index = 0; index < smallest.steps.length; index += 1) {
    const step = smallest.steps[index]!;
    if (step.do !== "send" || step.events.length < 2) continue;
    await leaveOut(step.events, (events) => stillFails(withStep(smallest, index, { ...step, events })));
  }
  for (let workers = 1; workers < smallest.world.workers; workers += 1)
    if (await stillFails({ ...smallest, world: { ...smallest.world, workers } })) break;
  return { plan: smallest, tries };
}

function withStep(plan: Plan, index: number, step: Step): Plan {
  return { ...plan, steps: plan.steps.map((old, at) => (at === index ? step : old)) };
}

/** Keeps whatever `fails` needs; pieces of half the length, then a quarter, down to one. */
async function leaveOut<T>(all: readonly T[], fails: (rest: readonly T[]) => Promise<boolean>): Promise<void> {
  let kept = all;
  for (let piece = Math.ceil(all.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let from = 0; from < kept.length; ) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + piece)];
      if (await fails(rest)) kept = rest;
      else from += piece;
    }
  }
}
