// What every phase of a partition's life is given: who we are, the world, the rules of the house.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { PartitionOptions as MachineOptions, PartitionMachine, RestoreSource } from "../../lib/core/partition.ts";
import type { Delta, PartitionNo } from "../../lib/core/types.ts";
import type { Counters } from "../../lib/ports/questions.ts";
import type { Runtime } from "../../lib/ports/runtime.ts";
import type { PartitionWorld } from "../../lib/ports/world.ts";
import type { BackgroundTurns } from "./background-turns.ts";
import type { CheckpointBudget } from "./checkpoint-budget.ts";
import type { Recollection } from "./recollection.ts";
import type { PartitionSettings } from "./settings.ts";

/** How machines are made; tests put a small one in its place. */
export interface Machinery {
  create(options: MachineOptions): PartitionMachine;
  restore(options: MachineOptions, source: RestoreSource): PartitionMachine;
  /** A delta's JSON body: the same delta always gives the same text. */
  encodeDelta(delta: Delta): string;
}

/** The entries of DEFINITIONS as this shard knows them. */
export interface ControlBook {
  /** Newest revision heard of; entries[revision − 1] is its entry. */
  readonly revision: number;
  readonly entries: readonly ControlEntry[];
  /** Why DEFINITIONS cannot be followed any more: it is not what it was. */
  readonly fault: Error | undefined;
  /** Resolves when all entries up to `revision` are here. Throws when DEFINITIONS does not hold that many. */
  caughtUp(revision: number): Promise<void>;
  /** Called after every new entry, and when there is a fault. Returns how to stop. */
  listen(run: () => void): () => void;
}

/** The part of a pino logger that is used here. */
export interface PartitionLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface PartitionContext {
  readonly partition: PartitionNo;
  /** This shard's name: the owner that watermarks record. */
  readonly shard: string;
  readonly world: PartitionWorld;
  readonly book: ControlBook;
  readonly machinery: Machinery;
  readonly machine: MachineOptions;
  readonly settings: PartitionSettings;
  /** Shared by the partitions of this shard, as are the next two. */
  readonly checkpointBudget: CheckpointBudget;
  readonly background: BackgroundTurns;
  readonly recollection: Recollection;
  readonly runtime: Runtime;
  readonly counters: Counters;
  readonly log: PartitionLog;
  /** True once the process wants out: nothing is tried again. */
  halted(): boolean;
}

/** Thrown out of whatever waits when the partition is told to stop at once. */
export class Halted extends Error {
  override readonly name = "Halted";
}
