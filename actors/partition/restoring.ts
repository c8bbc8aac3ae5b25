// Second of four phases. Before: claiming.ts. After: running.ts.
// Choose the newest picture that is not ahead of what was said, whose log is still the one it was taken from, and find out
// which later deltas are stored already. In doubt it refuses; it never guesses.
import type { PartitionMachine } from "../../lib/core/partition.ts";
import type { StoredSaying, StoredWatermark } from "../../lib/ports/delta-sink.ts";
import {
  CheckpointAhead,
  CheckpointCorrupt,
  ControlLogLost,
  LogRegressed,
  LogTruncated,
  OutputTrimmed,
  OwnershipLost,
  type Refusal,
} from "../../lib/ports/errors.ts";
import type { Fingerprint, LogBounds } from "../../lib/ports/event-log.ts";
import { checkPast } from "../../lib/ports/log-past.ts";
import { assertStillOwner, type Claim, insist } from "./claiming.ts";
import type { PartitionContext } from "./context.ts";
import { type Digest, EMPTY_DIGEST, parseDigest } from "./digest.ts";
import { type Directory, decodeDirectory, type Generation } from "./manifest.ts";
import { loadBlob } from "./shelf.ts";
import { inputOf } from "./speech.ts";

export interface Restored {
  readonly machine: PartitionMachine;
  /** Where the machine starts, the digest there, and where its pages are. */
  readonly position: Fingerprint;
  readonly digest: Digest;
  readonly directory: Directory;
  /** The checkpoint it came from; 0 when it is the log's start. */
  readonly generation: number;
  /** This partition's deltas stored from the watermark's `from` to my own record. */
  readonly found: readonly StoredSaying[];
  readonly log: LogBounds;
}

/** `spoiled` are generations that turned out to be corrupt earlier. */
export async function restore(
  context: PartitionContext,
  claim: Claim,
  spoiled: ReadonlySet<number>,
): Promise<Restored> {
  const { done, fingerprint, revision } = claim.record.value;
  const said: Fingerprint = { seq: done, stamp: fingerprint ?? 0 };
  const log = await insist(context, () => checkTail(context, said));
  await definitionsUpTo(context, revision);
  const picture = await firstUsable(context, claim, log, spoiled);
  const found = await scanSaid(context, claim);
  assertNothingSaidBeyond(context, log, found);
  context.counters.restores += 1;
  return { ...picture, found, log };
}

/** What was said must stand on a log that is still there. That its start may be trimmed is another question. */
async function checkTail(context: PartitionContext, said: Fingerprint): Promise<LogBounds> {
  const { partition, world } = context;
  try {
    return await checkPast(partition, world.log, said);
  } catch (error) {
    // Trimmed past `done`: the checkpoint decides below, in its own words.
    if (error instanceof LogTruncated) return world.log.bounds();
    throw error;
  }
}

/** What was applied must stand in DEFINITIONS: else new entries would bear old numbers, and be taken for applied. */
export async function definitionsUpTo({ book, partition }: PartitionContext, revision: number): Promise<void> {
  await book.caughtUp(revision).catch((error: Error) => {
    throw new ControlLogLost(partition, error.message, { cause: error });
  });
}

/** A delta tells which input made it; a log that ends before that input has lost it, though no watermark knew of it yet. */
function assertNothingSaidBeyond(
  { partition }: PartitionContext,
  log: LogBounds,
  found: readonly StoredSaying[],
): void {
  const last = found.reduce((highest, saying) => Math.max(highest, inputOf(saying)), 0);
  if (last <= log.last) return;
  throw new LogRegressed(
    partition,
    `its log ends at ${log.last}, but a delta of message ${last} was said: the stream lost its tail or was replaced; restore it from a backup`,
  );
}

async function firstUsable(
  context: PartitionContext,
  claim: Claim,
  log: LogBounds,
  spoiled: ReadonlySet<number>,
): Promise<Omit<Restored, "found" | "log">> {
  const { done } = claim.record.value;
  const problems: Refusal[] = [];
  const erased = (await insist(context, () => context.world.ledger.read())).last;
  for (const generation of claim.manifest.generations) {
    if (spoiled.has(generation.number)) continue;
    if (generation.position > done) {
      problems.push(ahead(context, generation, done));
      continue;
    }
    if (generation.position < erased) {
      problems.push(beforeErasure(context, generation.position, erased));
      continue;
    }
    try {
      return await fromGeneration(context, generation);
    } catch (error) {
      if (!(error instanceof CheckpointCorrupt)) throw error;
      await assertStillOwner(context, claim.epoch);
      context.log.error(
        { partition: context.partition, err: error },
        "partition: a checkpoint is corrupt, trying an older one",
      );
      problems.push(error);
    }
  }
  if (log.first <= 1 && erased === 0) return fromStart(context);
  // Whoever was stopped here and has lost the partition meanwhile reads a ledger that is newer than what it claimed.
  await assertStillOwner(context, claim.epoch);
  if (log.first <= 1) throw problems[0] ?? beforeErasure(context, 0, erased);
  throw problems[0] ?? new LogTruncated(context.partition, trimmedWords(log));
}

async function fromGeneration(
  context: PartitionContext,
  generation: Generation,
): Promise<Omit<Restored, "found" | "log">> {
  const { partition, world, book, machinery } = context;
  const position: Fingerprint = { seq: generation.position, stamp: generation.stamp };
  await insist(context, () => checkPast(partition, world.log, position));
  const meta = await loadBlob(context, generation.number, generation.meta);
  const rows = await loadBlob(context, generation.number, generation.directory);
  const directory = decodeDirectory(partition, generation.number, rows);
  await definitionsUpTo(context, generation.revision);
  const entries = book.entries.slice(0, generation.revision);
  let machine: PartitionMachine;
  try {
    machine = machinery.restore(context.machine, { meta, entries });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CheckpointCorrupt(
      partition,
      generation.number,
      `checkpoint ${generation.number} cannot be used: ${why}`,
      {
        cause: error,
      },
    );
  }
  await preload(context, machine, generation.number, directory);
  return { machine, position, digest: parseDigest(generation.digest), directory, generation: generation.number };
}

/** Reads ahead what fits in memory, so that the replay does not fetch its pages one by one. */
async function preload(
  context: PartitionContext,
  machine: PartitionMachine,
  generation: number,
  directory: Directory,
): Promise<void> {
  let bytesLeft = Math.min(context.settings.preloadBytesMax, context.machine.pageCacheBytesMax / 2);
  const chosen: [number, Promise<Uint8Array>][] = [];
  for (const [page, ref] of directory) {
    bytesLeft -= ref.bytes;
    if (bytesLeft < 0) break;
    chosen.push([page, loadBlob(context, generation, ref)]);
  }
  const bytes = await Promise.all(chosen.map(([, loading]) => loading));
  chosen.forEach(([page], index) => {
    machine.providePage(page, bytes[index]!);
  });
  context.counters.pagesLoaded += chosen.length;
}

function fromStart(context: PartitionContext): Omit<Restored, "found" | "log"> {
  return {
    machine: context.machinery.create(context.machine),
    position: { seq: 0, stamp: 0 },
    digest: EMPTY_DIGEST,
    directory: new Map(),
    generation: 0,
  };
}

/** What the owners before said after their last watermark. It ends on my own record, so nothing can come after it. */
async function scanSaid(context: PartitionContext, claim: Claim): Promise<readonly StoredSaying[]> {
  const { record, before } = claim;
  // Whoever released the partition had said everything up to `done`, and nothing more.
  if (before !== null && before.owner === null) return [];
  const { first } = await insist(context, () => context.world.sink.bounds());
  if (first > record.value.from && before !== null) throw outputTrimmed(context, record, first);
  const found = await insist(context, () => context.world.sink.scan(record.value.from, record.seq));
  if (found === undefined) throw new OwnershipLost(context.partition, "another worker took it over during the restore");
  return found;
}

function outputTrimmed(context: PartitionContext, record: StoredWatermark, first: number): OutputTrimmed {
  return new OutputTrimmed(
    context.partition,
    `SEGMENTS begins at ${first}, but what its last owner said must be read from ${record.value.from} on: ` +
      "the outage was longer than SEGMENTS is kept, so nobody can know which deltas were heard; start a new data set",
  );
}

function ahead(context: PartitionContext, generation: Generation, done: number): CheckpointAhead {
  return new CheckpointAhead(
    context.partition,
    `its checkpoint stands at input ${generation.position}, but SEGMENTS knows deltas up to ${done} only: ` +
      "SEGMENTS lost its tail or was restored from an older backup, and the log's start is gone, so it cannot be rebuilt",
  );
}

/** Whoever was erased from the log is not in what comes of it now, and their accounts are others than they were. */
function beforeErasure({ partition }: PartitionContext, position: number, erased: number): LogTruncated {
  const from = position === 0 ? "no checkpoint can be used" : `its checkpoint stands at ${position}`;
  return new LogTruncated(
    partition,
    `messages up to ${erased} of its log were erased and ${from}, so what was said cannot be made again; restore the bucket CHECKPOINT as it was after that`,
  );
}

function trimmedWords(log: LogBounds): string {
  return (
    `its log begins at ${log.first} and no checkpoint can be used, so it cannot be rebuilt; ` +
    "restore the log or the bucket CHECKPOINT, or start a new data set"
  );
}
