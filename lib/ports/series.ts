// Where the time series of segments are kept, and the stream of deltas that they are counted from. Kept by
// lib/series/keeper.ts, read by lib/series/reading.ts; answered by lib/nats/series.ts.
import type { Delta, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

/** How far SEGMENTS has been counted. */
export interface SeriesPosition {
  /** The last delta that is counted; 0: none. */
  readonly seq: Seq;
  /** ISO 8601: when it was counted. */
  readonly at: string;
}

export interface StoredPosition {
  readonly position: SeriesPosition;
  /** What a write must know of it; 0: there is none yet. */
  readonly revision: number;
}

export interface WrittenChunk {
  readonly key: string;
  readonly body: string;
  /** The store forgets it so long after its last write; 0 keeps it. */
  readonly keepMs: number;
}

export interface CountedDelta extends Pick<Delta, "segment" | "change" | "at"> {
  readonly seq: Seq;
}

export interface DeltaFollowing {
  /** There is room again for so many. */
  refill(): void;
  stop(): void;
}

export interface SeriesStore {
  /** Chunks that may be written at once, beside the position. */
  readonly chunksMax: number;
  /** Throws SeriesMissing where the data set has no bucket for it. */
  position(): Promise<StoredPosition>;
  /** Those that there are. */
  chunks(keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Keys that begin so. */
  keys(prefix: string): Promise<readonly string[]>;
  /** All of it or nothing: stored only while the position's revision is `expected`, else `fenced`. `seq` is the new revision. */
  write(expected: number, position: SeriesPosition, chunks: readonly WrittenChunk[]): Promise<Published>;
  /** The last delta of SEGMENTS; 0: there is none. */
  lastDelta(): Promise<Seq>;
  /** The last message of SEGMENTS, whether it is still there or not. */
  lastMessage(): Promise<Seq>;
  /** Every delta from a position on. */
  follow(
    from: Seq,
    room: () => number,
    onDelta: (delta: CountedDelta) => void,
    onFault: (error: Error) => void,
  ): DeltaFollowing;
}

/** The data set was made by an older version. */
export class SeriesMissing extends Error {
  override readonly name = "SeriesMissing";
}
