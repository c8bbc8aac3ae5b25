// Who is alive and who holds what. It only decides when to try; whether it is safe, the watermark decides.
// Answered by lib/nats/cluster.ts and lib/memory/cluster.ts; used by actors/worker.
import type { Millis, PartitionNo, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

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

/** What a process says of itself. Shards of one process share it. */
export interface ProcessFacts {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly uptimeMs: Millis;
}

/** Everything a shard says of itself, in one message, again and again. */
export interface Heartbeat {
  readonly shard: string;
  readonly beat: number;
  readonly host: string;
  readonly pid: number;
  readonly process?: ProcessFacts;
  readonly holds: readonly PartitionReport[];
  /** Partitions whose owner it asks to release them. */
  readonly wants: readonly PartitionNo[];
}

/**
 * Where people want partitions to be, beside what rendezvous hashing says: it changes who asks for a partition, and nothing of
 * how one changes hands. What names a shard that is gone is removed by those that live.
 */
export interface Wishes {
  /** The shard that should hold a partition, by its number. */
  readonly moves: Readonly<Record<string, string>>;
  /** Shards that should hold nothing. */
  readonly drained: readonly string[];
}

export const NO_WISHES: Wishes = { moves: {}, drained: [] };

/** Revision 0: nobody ever wished anything. */
export interface KnownWishes {
  readonly wishes: Wishes;
  readonly revision: Seq;
}

export interface KnownShard {
  readonly beat: Heartbeat;
  /** Since its last heartbeat, by the server's clock. */
  readonly silentMs: Millis;
}

/** The wishes that are kept, for shards and for people. */
export interface WishBook {
  readWishes(): Promise<KnownWishes>;
  /** Refused when another revision is the last. */
  writeWishes(wishes: Wishes, expected: Seq): Promise<Published>;
}

/** What people look at. */
export interface ClusterBook extends WishBook {
  /** Those that were heard of within a minute, by name. */
  shards(): Promise<readonly KnownShard[]>;
}

export interface Hearing {
  stop(): void;
}

export interface Cluster extends WishBook {
  beat(heartbeat: Heartbeat): Promise<void>;
  /** Every heartbeat from now on, one's own among them. */
  hear(onBeat: (heartbeat: Heartbeat) => void): Hearing;
  /** The shard goes on purpose; the others need not wait for its silence. */
  leave(shard: string): Promise<void>;
  /** Told of every shard that leaves on purpose. */
  hearLeaving(onLeave: (shard: string) => void): Hearing;
  /** Told that the wishes have changed, most times; so they are read now and then, too. */
  hearWishes(onChange: () => void): Hearing;
}
