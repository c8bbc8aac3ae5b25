// Where one partition speaks: fenced deltas and the watermark that says how far it has spoken.
// Answered by lib/nats/delta-sink.ts and lib/memory/delta-sink.ts; used by actors/partition/speaker.ts and claiming.ts.
import type { Trace } from "../core/trace.ts";
import type { Millis, SegmentId, Seq } from "../core/types.ts";
import type { LogBounds } from "./event-log.ts";
import type { Published } from "./publishing.ts";

export interface Watermark {
  readonly epoch: number;
  /** The shard that speaks for the partition; null when it was released. */
  readonly owner: string | null;
  /** Tells this record from any other of the same epoch. */
  readonly nonce: string;
  /** Every delta of inputs up to here is stored. */
  readonly done: Seq;
  /** Deltas of later inputs may be stored at stream sequences from here on, and nowhere else. */
  readonly from: Seq;
  /** Over all deltas of inputs up to `done`. */
  readonly digest: string;
  /** Stamp of the log's message at `done`; null when done is 0. */
  readonly fingerprint: Millis | null;
  /** Last control revision applied at `done` or later. */
  readonly revision: number;
}

export interface StoredWatermark {
  readonly seq: Seq;
  /** When the server stored it: the server's clock. */
  readonly stamp: Millis;
  readonly value: Watermark;
}

/** One delta, ready to be sent. */
export interface Saying {
  /** Segment, kind, id and n as one text: the delta's identity. */
  readonly deltaId: string;
  readonly segment: SegmentId;
  readonly change: "joined" | "left";
  readonly body: string;
  /** Of the event that caused it. Beside the delta, not of it: no scan gives it, and nothing is compared by it. */
  readonly trace?: Trace;
}

export interface StoredSaying {
  readonly seq: Seq;
  readonly deltaId: string;
  readonly body: string;
}

export interface DeltaSink {
  /** `fence` is the sequence of this owner's last watermark; another one there refuses the publish. */
  publish(fence: Seq, saying: Saying): Promise<Published>;
  /** All or nothing, in order, the watermark last; at most `batchMax` with it. */
  publishBatch(fence: Seq, sayings: readonly Saying[], watermark: Watermark): Promise<Published>;
  putWatermark(fence: Seq, watermark: Watermark): Promise<Published>;
  /** Through the leader. */
  readWatermark(): Promise<StoredWatermark | undefined>;
  /**
   * This partition's deltas at stream sequences from `from` up to the watermark stored at `to`, in order. Undefined when
   * the watermark at `to` is no longer there: somebody wrote a newer one.
   */
  scan(from: Seq, to: Seq): Promise<readonly StoredSaying[] | undefined>;
  bounds(): Promise<LogBounds>;
  readonly batchMax: number;
}
