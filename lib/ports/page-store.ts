// Where one partition remembers: immutable blobs under keys of its own, and one manifest that names them.
// Answered by lib/nats/page-store.ts and lib/memory/page-store.ts; used by actors/partition/shelf.ts and checkpoint.ts.
import type { Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

export interface StoredManifest {
  readonly revision: Seq;
  readonly bytes: Uint8Array;
}

export interface PageStore {
  /** Largest value that one key takes. */
  readonly valueBytesMax: number;
  /** Resolves when stored; rejects when that is not certain, and where the value is too large. The same key always gets the same bytes, so trying again is safe. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Through the leader. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Every key of this partition but the manifest's. */
  list(): Promise<readonly string[]>;
  remove(key: string): Promise<void>;
  /** Through the leader. */
  readManifest(): Promise<StoredManifest | undefined>;
  /** `expected` is the revision read or written last, 0 when there is none. */
  putManifest(expected: Seq, bytes: Uint8Array): Promise<Published>;
}

/** Throws where a value would have to be split: whoever puts pages splits them (actors/partition/shelf.ts). */
export function assertValueFits(key: string, bytes: Uint8Array, valueBytesMax: number): void {
  if (bytes.length <= valueBytesMax) return;
  throw new RangeError(`page ${key} has ${bytes.length} bytes; one key takes ${valueBytesMax}, so split it`);
}
