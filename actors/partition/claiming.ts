// First of four phases. After: restoring.ts.
// Take the watermark, then the manifest, each by compare-and-set; from the first on, whatever the old owner says is refused.
// A record that is behind what is known otherwise means that SEGMENTS went back: nobody goes on from there unawares.
import type { StoredWatermark, Watermark } from "../../lib/ports/delta-sink.ts";
import { CheckpointOrphaned, OwnershipLost, Refusal } from "../../lib/ports/errors.ts";
import { pause } from "../../lib/ports/runtime.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { digestText, EMPTY_DIGEST } from "./digest.ts";
import { decodeManifest, encodeManifest, type Manifest } from "./manifest.ts";
import { Backoff } from "./signal.ts";

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

export interface Claim {
  readonly epoch: number;
  /** My own record: what everything from now on is fenced by. */
  readonly record: StoredWatermark;
  /** What the record was before me; null for a partition that nobody has ever owned. */
  readonly before: Watermark | null;
  readonly manifest: Manifest;
  readonly manifestRevision: number;
}

/** Becomes the owner whatever the old one thinks. The caller has decided that it is time to try. */
export async function claim(context: PartitionContext): Promise<Claim> {
  const { record, before } = await takeWatermark(context, await lastRemembered(context));
  await assertNothingUnsaid(context, record, before);
  if (before !== null && record.value.epoch > before.epoch + 1) {
    context.log.error(
      { partition: context.partition, epoch: before.epoch },
      "partition: SEGMENTS is older than the checkpoints, as after a restore from a backup; what it lost is said again",
    );
  }
  const { manifest, revision } = await takeManifest(context, record.value.epoch);
  return { epoch: record.value.epoch, record, before, manifest, manifestRevision: revision };
}

/**
 * What is known otherwise of how far was spoken is not more than stood in the record before mine. Asked only now that mine is
 * stored: a replica that lags may have answered before, but on top of its answer nothing could have been stored.
 */
async function assertNothingUnsaid(
  context: PartitionContext,
  record: StoredWatermark,
  before: Watermark | null,
): Promise<void> {
  const doubt = context.recollection.doubtOf(context.partition, before);
  if (doubt === undefined) return;
  // Whoever was stopped since its claim was stored may have heard of owners that came after it.
  await assertStillOwner(context, record.value.epoch);
  throw doubt;
}

/**
 * The last owner that CHECKPOINT knows of. Its watermark was stored before its manifest, so it never knows of a later one
 * than SEGMENTS, unless SEGMENTS went back; then counting goes on from here, for epochs name the pages.
 */
async function lastRemembered(context: PartitionContext): Promise<number> {
  const found = await insist(context, () => context.world.pages.readManifest());
  return found === undefined ? 0 : readableManifest(context, found.bytes).epoch;
}

async function takeWatermark(
  context: PartitionContext,
  lastEpoch: number,
): Promise<{ record: StoredWatermark; before: Watermark | null }> {
  const { world, runtime, shard } = context;
  const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  const sent = new Map<string, Watermark | null>();
  while (!context.halted()) {
    const found = await insist(context, () => world.sink.readWatermark());
    const before = found?.value ?? null;
    // Nothing is written here: whoever tries next must find the same.
    if (before === null && lastEpoch > 0) throw orphaned(context);
    const mine = claimingRecord(before, lastEpoch, shard, runtime.nonce());
    sent.set(mine.nonce, before);
    const outcome = await world.sink.putWatermark(found?.seq ?? 0, mine);
    // Read back even when the answer was clear: the stamp on it is the server's clock now.
    const stored = await insist(context, () => world.sink.readWatermark());
    // An earlier try of mine that was never answered is mine, too.
    const heldBefore = stored === undefined ? undefined : sent.get(stored.value.nonce);
    if (stored !== undefined && heldBefore !== undefined) return { record: stored, before: heldBefore };
    // Somebody else was quicker; they decide. Anything else is a reason to try again.
    if (outcome.kind === "stored" || outcome.kind === "fenced") {
      throw new OwnershipLost(
        context.partition,
        `${stored?.value.owner ?? "another worker"} claimed it at the same time`,
      );
    }
    await pause(runtime, backoff.next(runtime.random()));
  }
  throw new Halted();
}

/** Only the epoch, the owner and the nonce change: what was said and where to look for it stays as it was. */
function claimingRecord(before: Watermark | null, lastEpoch: number, owner: string, nonce: string): Watermark {
  const epoch = Math.max(before?.epoch ?? 0, lastEpoch) + 1;
  if (before !== null) return { ...before, epoch, owner, nonce };
  return { epoch, owner, nonce, done: 0, from: 1, digest: digestText(EMPTY_DIGEST), fingerprint: null, revision: 0 };
}

/** With my epoch in the manifest, no checkpoint of an older owner can be written any more. */
async function takeManifest(
  context: PartitionContext,
  epoch: number,
): Promise<{ manifest: Manifest; revision: number }> {
  const { world, runtime, partition } = context;
  const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  while (!context.halted()) {
    const found = await insist(context, () => world.pages.readManifest());
    const old = found === undefined ? NO_CHECKPOINTS : readableManifest(context, found.bytes);
    if (old.epoch > epoch) throw new OwnershipLost(partition, `epoch ${old.epoch} took its checkpoints over`);
    const manifest: Manifest = { epoch, generations: old.generations };
    if (old.epoch === epoch) return { manifest, revision: found!.revision };
    const outcome = await world.pages.putManifest(found?.revision ?? 0, encodeManifest(manifest));
    if (outcome.kind === "stored") return { manifest, revision: outcome.seq };
    if (outcome.kind !== "fenced") await pause(runtime, backoff.next(runtime.random()));
  }
  throw new Halted();
}

function orphaned({ partition }: PartitionContext): CheckpointOrphaned {
  return new CheckpointOrphaned(
    partition,
    "there are checkpoints but no watermark: the stream SEGMENTS was lost or replaced; restore it, or start a new data set",
  );
}

const NO_CHECKPOINTS: Manifest = { epoch: 0, generations: [] };

/** A manifest that cannot be read names no checkpoint; the log's start may still serve. */
function readableManifest(context: PartitionContext, bytes: Uint8Array): Manifest {
  try {
    return decodeManifest(context.partition, bytes);
  } catch (error) {
    context.log.error(
      { partition: context.partition, err: error },
      "partition: its manifest is corrupt, checkpoints are ignored",
    );
    return NO_CHECKPOINTS;
  }
}

/**
 * A stored page that is gone was most likely cleaned up by a newer owner, whom this one has not heard of yet: throws
 * OwnershipLost then. Else the page is really lost.
 */
export async function assertStillOwner(context: PartitionContext, epoch: number): Promise<void> {
  const record = await insist(context, () => context.world.sink.readWatermark());
  if (record?.value.epoch !== epoch) {
    throw new OwnershipLost(context.partition, `another owner took over after epoch ${epoch}`);
  }
}

/** A read that fails changes nothing, so it is tried until it answers. */
export async function insist<T>(context: PartitionContext, read: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (context.halted()) throw new Halted();
      context.log.warn({ partition: context.partition, err: error }, "partition: a read failed, trying again");
      await pause(context.runtime, backoff.next(context.runtime.random()));
    }
  }
}
