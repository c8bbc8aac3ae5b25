// Member ids as NATS subject tokens, and the partition a token hashes to. The same hash as nats-server's
// `{{partition(n,1)}}` mapping (FNV-1a, 32 bits, of the token), so server and workers agree without asking.
import type { MemberId, PartitionNo } from "./types.ts";

const LEGAL = /^[A-Za-z0-9_~-]+$/;

/**
 * The one canonical token of an id: every UTF-8 byte outside `A–Z a–z 0–9 _ ~ -` becomes `%XX`, upper-case hex.
 * Throws URIError on text that is not valid Unicode (a lone surrogate). Bound: three characters a byte.
 */
export function encodeId(id: MemberId): string {
  if (LEGAL.test(id)) return id;
  return encodeURIComponent(id).replace(
    /[.!*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** FNV-1a, 32 bits, over the bytes of an ASCII token. */
export function fnv1a(token: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < token.length; index += 1) {
    hash ^= token.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

export function partitionOf(id: MemberId, partitions: number): PartitionNo {
  return hashOf(id) % partitions;
}

/** The hash that partition and page of an id are made of. */
export function hashOf(id: MemberId): number {
  return fnv1a(encodeId(id));
}

/** Whether an id says by itself whose it is: an address, a telephone number, a name with a blank. */
export function speaks(id: MemberId): boolean {
  return id.includes("@") || /\s/.test(id) || /^(\+|00)[\d ()./-]{6,}$/.test(id);
}

/** By the bytes of UTF-8. Plain texts compare as they are; only beyond the basic plane do code units disagree. */
export function compareIds(left: string, right: string): number {
  if (left === right) return 0;
  if (/[\ud800-\udfff]/.test(left) || /[\ud800-\udfff]/.test(right)) {
    return Buffer.compare(Buffer.from(left, "utf8"), Buffer.from(right, "utf8"));
  }
  return left < right ? -1 : 1;
}

/** What is kept by id, in the order of the ids. */
export function inIdOrder<T>(byId: ReadonlyMap<MemberId, T>): (readonly [MemberId, T])[] {
  return [...byId].sort(([left], [right]) => compareIds(left, right));
}
