// Where in the log the newest messages of somebody stand: their timeline is read there, without a search through what others
// did. Bounded, so that who does much costs no more than who does some; what is older is found by reading the log backwards.
import type { Seq } from "../../types.ts";

/** Some two bytes a message in a page. */
export const TRAIL_MAX = 50;

interface Walker {
  /** Oldest first. */
  readonly trail: Seq[];
}

/** One message may say several things of an account: it stands there once. */
export function leaveTrail({ trail }: Walker, seq: Seq): void {
  if (trail.at(-1) === seq) return;
  if (trail.push(seq) > TRAIL_MAX) trail.shift();
}

/** As page-codec.ts writes it down: each as its distance from the one before, which is a small number. */
export function trailAsSteps(trail: readonly Seq[]): number[] {
  return trail.map((seq, index) => seq - (trail[index - 1] ?? 0));
}

export function trailFromSteps(steps: readonly number[]): Seq[] {
  let seq = 0;
  return steps.map((step) => {
    seq += step;
    return seq;
  });
}
