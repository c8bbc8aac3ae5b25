// What is read of one partition before it is judged: plain values, in the order in which they were read.
// Made by read.ts; watermarks.ts, manifests.ts and gaps.ts judge them.
import type { Millis, PartitionNo, Seq } from "../core/types.ts";
import type { StoredWatermark } from "../ports/delta-sink.ts";
import type { LogBounds } from "../ports/event-log.ts";
import type { PartitionStatus } from "../ports/questions.ts";

export interface StreamFacts extends LogBounds {
  readonly messages: number;
  /** Sequences between the first and the last that hold no message; no more than `numDeleted` of them are listed. */
  readonly deleted: readonly Seq[];
  readonly numDeleted: number;
  /** Messages that the server itself says it could not read any more. */
  readonly lost: number;
  /** 0 where there is no age limit. */
  readonly maxAgeMs: Millis;
}

/** A blob that is not what was written. */
export interface BadBlob {
  readonly key: string;
  readonly what: string;
}

export interface GenerationFacts {
  readonly number: number;
  readonly position: Seq;
  readonly stamp: Millis;
  readonly bad: readonly BadBlob[];
}

export interface ManifestFacts {
  /** False where none was ever written. */
  readonly there: boolean;
  /** Why it cannot be read; then nothing else is known of it. */
  readonly unreadable?: string;
  readonly epoch: number;
  /** Newest first. */
  readonly generations: readonly GenerationFacts[];
  readonly blobs: number;
  readonly blobsLooked: number;
}

/** Read in this order, so that whatever happens meanwhile only makes the later ones larger. */
export interface PartitionFacts {
  readonly partition: PartitionNo;
  readonly manifest: ManifestFacts;
  readonly watermark: StoredWatermark | undefined;
  readonly log: StreamFacts;
  /** Of the messages of the log that somebody remembers: at `done`, at each generation's position, and the ones after. */
  readonly stamps: ReadonlyMap<Seq, Millis>;
  readonly status: PartitionStatus | null;
  /** Whether a heartbeat of the watermark's owner was heard while we looked. */
  readonly ownerHeard: boolean;
}
