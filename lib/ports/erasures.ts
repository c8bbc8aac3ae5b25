// How far erasures are, over all partitions: which of them have written into the ledger that they are through.
// Answered by lib/nats/erasing.ts; asked by the command line and by the HTTP interface.
import type { ErasurePhase } from "./erasing.ts";

/** By phase, how many partitions have come to it. */
export type PhaseCounts = Readonly<Record<ErasurePhase, number>>;

export interface Erasures {
  /** By the revision of the entry; one of which nobody has written anything is missing. */
  phases(): Promise<ReadonlyMap<number, PhaseCounts>>;
}

/** The logs and the checkpoints of all partitions are without the member. */
export function isCleared(counts: PhaseCounts | undefined, partitions: number): boolean {
  return counts !== undefined && Math.max(counts.cleared, counts.deleted) === partitions;
}
