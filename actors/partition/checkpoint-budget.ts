// What the checkpoints of one thread may cost together. checkpoint.ts asks it how long to pause after each of them.
//
// A round of everybody's checkpoints takes as long as all their work divided by the share, so a partition that pauses for a
// round keeps the thread within it: one busy partition may use all of the share, 32 of them use a 32nd each.
import type { PartitionNo } from "../../lib/core/types.ts";

/** Who has not stored anything for two rounds is idle, and leaves the share to the others. */
const ROUNDS_KEPT = 2;

interface Cost {
  readonly workedMs: number;
  readonly untilMs: number;
}

export class CheckpointBudget {
  private readonly timeShareMax: number;
  private readonly intervalMs: number;
  private readonly costs = new Map<PartitionNo, Cost>();

  constructor(timeShareMax: number, intervalMs: number) {
    this.timeShareMax = timeShareMax;
    this.intervalMs = intervalMs;
  }

  /** A checkpoint took so much work: how long after its beginning the next of this partition may begin. */
  pauseMs(partition: PartitionNo, workedMs: number, nowMs: number): number {
    let togetherMs = workedMs;
    for (const [other, cost] of this.costs) {
      if (cost.untilMs < nowMs) this.costs.delete(other);
      else if (other !== partition) togetherMs += cost.workedMs;
    }
    const roundMs = Math.max(this.intervalMs, togetherMs / this.timeShareMax);
    this.costs.set(partition, { workedMs, untilMs: nowMs + ROUNDS_KEPT * roundMs });
    return roundMs;
  }

  /** The partition has left this thread. */
  forget(partition: PartitionNo): void {
    this.costs.delete(partition);
  }
}
