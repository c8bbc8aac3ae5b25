// The dials of a shard: how it shows that it lives, and how it takes and gives partitions. config/options.ts overrides them.

export interface ShardSettings {
  readonly heartbeatMs: number;
  /** A shard that was silent for so long counts as gone. At least three heartbeats, or a busy moment looks like death. */
  readonly expiryMs: number;
  /** How often it looks whether a partition should be claimed, released or activated, when nothing changes. */
  readonly reviewMs: number;
  /** After being fenced out: the first pause before the same partition may be claimed again; it doubles. */
  readonly claimPauseMsMin: number;
  readonly claimPauseMsMax: number;
  /** How often the end of SEGMENTS is looked up, to keep watermarks close to it. */
  readonly outputPollMs: number;
}

export const DEFAULT_SHARD_SETTINGS: ShardSettings = {
  heartbeatMs: 500,
  expiryMs: 2_500,
  reviewMs: 500,
  claimPauseMsMin: 250,
  claimPauseMsMax: 10_000,
  outputPollMs: 5_000,
};
