// Plays one seed and sums it up in what can be sent from one process to another. Used by pool.ts on both of its sides.
import type { Rule } from "./auditor.ts";
import { planOf } from "./plan.ts";
import { Simulation } from "./simulation.ts";

export interface Summary {
  readonly seed: number;
  readonly hash: string;
  readonly violation: { readonly rule: Rule; readonly message: string } | undefined;
  readonly virtualMs: number;
  readonly alarms: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly struck: readonly (readonly [string, number])[];
  readonly harm: string | undefined;
  /** Verdicts of the last act: a code, or `heals`. */
  readonly verdicts: readonly string[];
}

export async function playSeed(seed: number): Promise<Summary> {
  const plan = planOf(seed);
  const { hash, violation, virtualMs, alarms, counts, struck, verdicts } = await new Simulation(plan).run();
  return {
    seed,
    hash,
    violation: violation === undefined ? undefined : { rule: violation.rule, message: violation.message },
    virtualMs,
    alarms,
    counts,
    struck: [...struck],
    harm: plan.lastAct?.harm,
    verdicts,
  };
}
