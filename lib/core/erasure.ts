// Who is to be forgotten, in words that do not say who: the hash by which partition and page are found, and a keyed hash that
// tells one id from all others there. Control entries carry it; whoever holds an id can ask whether it is meant.
import { createHmac } from "node:crypto";
import { hashOf } from "./ids.ts";
import type { MemberId, MemberKind } from "./types.ts";

export interface Erased {
  readonly kind: MemberKind;
  /** Of the id as a subject token, as the server hashes it. */
  readonly hash: number;
  /** Of kind and id, under the key. */
  readonly mark: string;
  /** Random, for this erasure alone. */
  readonly key: string;
}

const MARK_BYTES = 9;

export function markOf(key: string, kind: MemberKind, id: MemberId): string {
  const hash = createHmac("sha256", key).update(`${kind} ${id}`).digest();
  return hash.subarray(0, MARK_BYTES).toString("base64url");
}

export function erasedOf(kind: MemberKind, id: MemberId, key: string): Erased {
  return { kind, hash: hashOf(id), mark: markOf(key, kind, id), key };
}

/** Whether that member is meant. The hash comes first: it is cheap, and rules out nearly everybody. */
export function isMeant({ kind, hash, mark, key }: Erased, id: MemberId): boolean {
  return hashOf(id) === hash && markOf(key, kind, id) === mark;
}
