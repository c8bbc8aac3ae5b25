// Where API keys are kept: the bucket KEYS. A key itself is nowhere, only the hash of its secret. Beside them stands the one
// secret of the data set. Answered by lib/nats/keys.ts; used by lib/api/security: keyring.ts, sealed-cursors.ts.
import type { Published } from "./publishing.ts";

export interface StoredKey {
  /** Ten characters of base32; stands in the key in the clear. */
  readonly id: string;
  readonly name: string;
  readonly role: string;
  /** Whether personal data is shown to who has it. */
  readonly personal: boolean;
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
  /** Moments are ISO 8601. */
  readonly created: string;
  readonly createdBy: string;
  readonly lastUsed?: string;
  readonly revoked?: string;
}

export interface KeyRevision {
  readonly key: StoredKey;
  readonly revision: number;
}

export interface KeyFollowing {
  stop(): void;
}

export interface KeyStore {
  /** All there are, revoked ones too. */
  all(): Promise<readonly KeyRevision[]>;
  /** Of the data set, 32 bytes: made by whoever asks first, and the same for all from then on. It is none of `all`. */
  secret(): Promise<Uint8Array>;
  /** Stored only when the key's newest revision still is `expected` (0: there is none); else `fenced`. */
  put(key: StoredKey, expected: number): Promise<Published>;
  /** Every key there is and each change from then on; after an interruption all of them again. `onFault` once, at the end. */
  follow(onKey: (stored: KeyRevision) => void, onFault: (error: Error) => void): KeyFollowing;
}
