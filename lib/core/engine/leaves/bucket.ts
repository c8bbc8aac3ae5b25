// The stable random position of a member, 0 ≤ position < 100: first four bytes of SHA-256(salt \n id), as rules.md 4.9.
import { createHash } from "node:crypto";
import type { MemberId } from "../../types.ts";
import type { Leaf } from "../plan/shapes.ts";

export function bucketPosition(id: MemberId, salt: string): number {
  const first = createHash("sha256").update(`${salt}\n${id}`, "utf8").digest().readUInt32BE(0);
  return (first * 100) / 2 ** 32;
}

export function bucketHolds(leaf: Extract<Leaf, { kind: "bucket" }>, id: MemberId): boolean {
  const position = bucketPosition(id, leaf.salt);
  return leaf.from <= position && position < leaf.to;
}
