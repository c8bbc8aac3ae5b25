// How far erasures are, over all partitions: which of them have written into the ledger that they are through.
// Answered by lib/nats/erasing.ts; asked by the command line and by the HTTP interface.
import type { PartitionNo } from "../core/types.ts";
import { type ErasurePhase, hasComeTo } from "./erasing.ts";

/** The phase to which each partition has come; one that has written nothing is missing. */
export type Phases = ReadonlyMap<PartitionNo, ErasurePhase>;

export interface Erasures {
  /** By the revision of the entry; one of which nobody has written anything is missing. */
  phases(): Promise<ReadonlyMap<number, Phases>>;
  /** The revisions of the erasures after which no entry of the control log names the member any more. */
  outOfControlLog(): Promise<ReadonlySet<number>>;
}

/** How many partitions have come to it, or beyond it. */
export function countAt(phases: Phases, wanted: ErasurePhase): number {
  return [...phases.values()].filter((phase) => hasComeTo(phase, wanted)).length;
}

/** The logs and the checkpoints of all partitions are without the member. */
export function isCleared(phases: Phases | undefined, partitions: number): boolean {
  return phases !== undefined && countAt(phases, "cleared") === partitions;
}
