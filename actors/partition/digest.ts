// A running digest over everything a partition has said, in order: two machines that said the same end with the same digest.
// It tells a changed program or table from a faithful replay; it guards against accident, not against an attacker.

export interface Digest {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_DIGEST: Digest = { high: 0x6a09e667, low: 0xbb67ae85 };

const PRIME_HIGH = 0x01000193;
const PRIME_LOW = 0x85ebca6b;

/** The digest after `text` has been said, too. Its length goes in, so that neighbours cannot trade characters. */
export function extendDigest(digest: Digest, text: string): Digest {
  let high = digest.high ^ text.length;
  let low = digest.low ^ text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, PRIME_HIGH);
    low = Math.imul(low ^ code, PRIME_LOW);
    low ^= low >>> 15;
  }
  return { high: (high ^ (low >>> 7)) >>> 0, low: (low ^ (high >>> 11)) >>> 0 };
}

export function digestText({ high, low }: Digest): string {
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

export function parseDigest(text: string): Digest {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new RangeError(`not a digest: ${text}`);
  return { high: Number.parseInt(text.slice(0, 8), 16), low: Number.parseInt(text.slice(8), 16) };
}
