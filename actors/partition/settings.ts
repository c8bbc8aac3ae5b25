// The dials of a partition's shell: sizes and times, each with its unit and its reason. config/options.ts overrides them.

export interface PartitionSettings {
  /** Records that wait here or are on their way: bounds memory, and how long a step waits behind the network. */
  readonly recordsInFlightMax: number;
  /** The same in bytes, where that is less. */
  readonly bytesInFlightMax: number;
  /** Deltas and rejects made but not stored; above it no record is taken. */
  readonly unsaidMax: number;
  /** Messages to other partitions made but not stored; above it no record is taken. */
  readonly linksUnsentMax: number;
  /** A single delta is followed by a watermark no later than this: bounds what a restore must scan. */
  readonly watermarkDelayMs: number;
  /** Deltas in one atomic batch; the server takes 1,000 messages, the watermark included. */
  readonly batchMax: number;
  /** A turn of the loop lasts no longer than this before others get theirs. */
  readonly sliceMsMax: number;
  /** Checkpoints are at least so far apart … */
  readonly checkpointIntervalMs: number;
  /** … and those of all partitions of a shard take at most this share of its time (0.03 is three percent). */
  readonly checkpointTimeShareMax: number;
  /** One slice of encoding pages. */
  readonly checkpointSliceMsMax: number;
  /** Evicted pages that are not stored yet; above it no record is taken. */
  readonly spillBytesMax: number;
  /** Pages read ahead at restore, so that a replay does not fetch them one by one. */
  readonly preloadBytesMax: number;
  /** Ticks are at least so far apart: a fast wall clock must not tick at full rate. */
  readonly tickIntervalMsMin: number;
  /** A backfill that is so close to the live end says `ready`. */
  readonly readyWithinMessages: number;
  /** Records a backfill folds before others get their turn … */
  readonly backfillSliceRecords: number;
  /** … and how long it, or an audit, works at a time: an event that comes meanwhile waits for it. */
  readonly backgroundSliceMsMax: number;
  /** How often somebody is recomputed from the log and compared, about; 0 is never. */
  readonly auditIntervalMs: number;
  /** Services that were away for no longer still hear that somebody who was erased has left; then that goes, too. */
  readonly erasureHoldMs: number;
}

export const DEFAULT_PARTITION_SETTINGS: PartitionSettings = {
  recordsInFlightMax: 1_000,
  bytesInFlightMax: 16 * 1024 * 1024,
  unsaidMax: 20_000,
  linksUnsentMax: 10_000,
  watermarkDelayMs: 250,
  batchMax: 900,
  sliceMsMax: 4,
  checkpointIntervalMs: 10_000,
  checkpointTimeShareMax: 0.03,
  checkpointSliceMsMax: 2,
  spillBytesMax: 8 * 1024 * 1024,
  preloadBytesMax: 32 * 1024 * 1024,
  tickIntervalMsMin: 100,
  readyWithinMessages: 1_000,
  backfillSliceRecords: 4_096,
  backgroundSliceMsMax: 2,
  auditIntervalMs: 0,
  erasureHoldMs: 24 * 3_600_000,
};
