// Who is alive and who holds what. It only decides when to try; whether it is safe, the watermark decides.
// Answered by lib/nats/cluster.ts and lib/memory/cluster.ts; used by actors/worker.
import type { PartitionNo, Seq } from "../core/types.ts";

/** What a shard says of one partition that it holds. */
export interface PartitionReport {
  readonly partition: PartitionNo;
  readonly epoch: number;
  readonly phase: string;
  readonly position: Seq;
  readonly done: Seq;
  /** Last control revision applied. */
  readonly revision: number;
  /** Revisions that wait for this partition: their history is not folded here yet, or their flags are not known everywhere. */
  readonly folding: readonly number[];
}

/** Everything a shard says of itself, in one message, again and again. */
export interface Heartbeat {
  readonly shard: string;
  readonly beat: number;
  readonly host: string;
  readonly pid: number;
  readonly holds: readonly PartitionReport[];
  /** Partitions whose owner it asks to release them. */
  readonly wants: readonly PartitionNo[];
}

export interface Hearing {
  stop(): void;
}

export interface Cluster {
  beat(heartbeat: Heartbeat): Promise<void>;
  /** Every heartbeat from now on, one's own among them. */
  hear(onBeat: (heartbeat: Heartbeat) => void): Hearing;
  /** The shard goes on purpose; the others need not wait for its silence. */
  leave(shard: string): Promise<void>;
  /** Told of every shard that leaves on purpose. */
  hearLeaving(onLeave: (shard: string) => void): Hearing;
}
