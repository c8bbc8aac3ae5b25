// The bits by which a partition's own rooms are chosen, and those that tell apart who has the same.
import { createHash } from "node:crypto";

const MARK_BYTES = 6;

/** Independent of the hash that partition, page and place are made of. */
export function markOf(id: string): number {
  return createHash("sha256").update(id).digest().readUIntBE(0, MARK_BYTES);
}

/** Partition and page must not depend on the same bits, so the hash is mixed once more (MurmurHash3's finalizer). */
export function mix(hash: number): number {
  let mixed = hash;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
