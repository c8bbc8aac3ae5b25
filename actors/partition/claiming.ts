// First of four phases. After: restoring.ts.
// Take the watermark, then the manifest, each by compare-and-set; from the first on, whatever the old owner says is refused.
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
  for (let epochMin = 1; ; ) {
    const { record, before } = await takeWatermark(context, epochMin);
    const { epoch } = record.value;
    const taken = await takeManifest(context, epoch);
    if (taken.kind === "mine")
      return { epoch, record, before, manifest: taken.manifest, manifestRevision: taken.revision };
    // A manifest is never written before its watermark. One of a later epoch is a newer owner's, or SEGMENTS is of old.
    await assertStillOwner(context, epoch);
    context.log.error(
      { partition: context.partition, epoch, manifestEpoch: taken.epoch },
      "partition: SEGMENTS is older than the checkpoints, as after a restore from a backup; what it lost is said again",
    );
    epochMin = taken.epoch + 1;
  }
}

async function takeWatermark(
  context: PartitionContext,
  epochMin: number,
): Promise<{ record: StoredWatermark; before: Watermark | null }> {
  const { world, runtime, shard } = context;
  const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  const sent = new Map<string, Watermark | null>();
  while (!context.halted()) {
    const found = await insist(context, () => world.sink.readWatermark());
    // Asked before anything is written: a watermark of ours would make the next who asks believe that all is well.
    if (found === undefined) await assertNotOrphaned(context);
    const before = found?.value ?? null;
    const mine = claimingRecord(before, epochMin, shard, runtime.nonce());
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

async function assertNotOrphaned(context: PartitionContext): Promise<void> {
  const { world, partition } = context;
  const manifest = await insist(context, () => world.pages.readManifest());
  if (manifest === undefined || readableManifest(context, manifest.bytes).generations.length === 0) return;
  // Whoever claimed it meanwhile may have made a checkpoint already.
  if ((await insist(context, () => world.sink.readWatermark())) !== undefined) return;
  throw new CheckpointOrphaned(
    partition,
    "there are checkpoints but no watermark: the stream SEGMENTS was lost or replaced; restore it, or start a new data set",
  );
}

/** Only the epoch, the owner and the nonce change: what was said and where to look for it stays as it was. */
function claimingRecord(before: Watermark | null, epochMin: number, owner: string, nonce: string): Watermark {
  if (before !== null) return { ...before, epoch: Math.max(before.epoch + 1, epochMin), owner, nonce };
  return {
    epoch: epochMin,
    owner,
    nonce,
    done: 0,
    from: 1,
    digest: digestText(EMPTY_DIGEST),
    fingerprint: null,
    revision: 0,
  };
}

type Taken =
  | { readonly kind: "mine"; readonly manifest: Manifest; readonly revision: number }
  /** It bears an epoch that is not below mine. */
  | { readonly kind: "newer"; readonly epoch: number };

/** With my epoch in the manifest, no checkpoint of an older owner can be written any more. */
async function takeManifest(context: PartitionContext, epoch: number): Promise<Taken> {
  const { world, runtime } = context;
  const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  for (let isTried = false; !context.halted(); isTried = true) {
    const found = await insist(context, () => world.pages.readManifest());
    const old = found === undefined ? NO_CHECKPOINTS : readableManifest(context, found.bytes);
    const manifest: Manifest = { epoch, generations: old.generations };
    // An earlier try that was never answered; without one, it was somebody else who had this epoch before me.
    if (old.epoch === epoch && isTried) return { kind: "mine", manifest, revision: found!.revision };
    if (old.epoch >= epoch) return { kind: "newer", epoch: old.epoch };
    const outcome = await world.pages.putManifest(found?.revision ?? 0, encodeManifest(manifest));
    if (outcome.kind === "stored") return { kind: "mine", manifest, revision: outcome.seq };
    if (outcome.kind !== "fenced") await pause(runtime, backoff.next(runtime.random()));
  }
  throw new Halted();
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
