// What a partition remembers where: one small manifest, written last, that names immutable blobs with their hashes.
// Two generations stand in it. Read by restoring.ts, written by checkpoint.ts, taken over by claiming.ts.
import { createHash, type Hash } from "node:crypto";
import { pack, unpack } from "msgpackr";
import type { Millis, PartitionNo, Seq } from "../../lib/core/types.ts";
import { CheckpointCorrupt } from "../../lib/ports/errors.ts";

/** Where a blob is and what it must hash to. Large ones are cut in parts under `<key>`, `<key>.1`, … */
export interface BlobRef {
  readonly key: string;
  readonly hash: string;
  readonly bytes: number;
  readonly parts: number;
}

export interface Generation {
  /** Counts checkpoints of this partition: 1, 2, 3 … over all owners. */
  readonly number: number;
  readonly position: Seq;
  /** Stamp of the log's message at the position; 0 when the position is 0. */
  readonly stamp: Millis;
  /** Over all deltas up to the position. */
  readonly digest: string;
  readonly clock: Millis;
  readonly revision: number;
  /** The machine's meta. */
  readonly meta: BlobRef;
  /** A Directory: which page is where. */
  readonly directory: BlobRef;
}

export interface Manifest {
  readonly epoch: number;
  /** Newest first, at most two. */
  readonly generations: readonly Generation[];
}

export type Directory = ReadonlyMap<number, BlobRef>;

const FORMAT = 2;
const HASH_BYTES = 20;

/** The body, and before it its hash: blobs are named with theirs, and nobody else could tell that the manifest is whole. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const body = pack({ format: FORMAT, ...manifest });
  return Buffer.concat([sha1(body).digest(), body]);
}

/** Throws CheckpointCorrupt for anything but what encodeManifest gave. */
export function decodeManifest(partition: PartitionNo, bytes: Uint8Array): Manifest {
  const body = bytes.subarray(HASH_BYTES);
  if (Buffer.compare(sha1(body).digest(), bytes.subarray(0, HASH_BYTES)) !== 0) {
    throw new CheckpointCorrupt(
      partition,
      0,
      "its manifest has other bytes than were written, or is of an older version",
    );
  }
  const { format, epoch, generations } = unpackOr(partition, 0, "the manifest", body) as Manifest & { format: number };
  if (format !== FORMAT || typeof epoch !== "number" || !Array.isArray(generations)) {
    throw new CheckpointCorrupt(partition, 0, `its manifest has format ${format}, this program reads ${FORMAT}`);
  }
  return { epoch, generations };
}

export function encodeDirectory(directory: Directory): Uint8Array {
  return pack([...directory].map(([page, { key, hash, bytes, parts }]) => [page, key, hash, bytes, parts]));
}

export function decodeDirectory(partition: PartitionNo, generation: number, bytes: Uint8Array): Map<number, BlobRef> {
  const rows = unpackOr(partition, generation, "the page directory", bytes) as [
    number,
    string,
    string,
    number,
    number,
  ][];
  return new Map(rows.map(([page, key, hash, size, parts]) => [page, { key, hash, bytes: size, parts }]));
}

function unpackOr(partition: PartitionNo, generation: number, what: string, bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch (error) {
    throw new CheckpointCorrupt(partition, generation, `${what} cannot be read`, { cause: error });
  }
}

export function hashOf(bytes: Uint8Array): string {
  return sha1(bytes).digest("base64url");
}

/** Against accidents; nobody who may write the bucket could be kept out by a hash. */
function sha1(bytes: Uint8Array): Hash {
  return createHash("sha1").update(bytes);
}
