// The keys that a process knows: followed from their store, so that one made or revoked elsewhere counts here at once.
// Asked by guard.ts for every request; changed by the routes and the command line.
import { LRUCache } from "lru-cache";
import type { KeyFollowing, KeyRevision, KeyStore, StoredKey } from "../../ports/keys.ts";
import { hashOf, isSecretOf, keyPartsOf, newKey } from "./keys.ts";
import { ROLES, type Role } from "./rights.ts";

export interface KnownKey extends StoredKey {
  readonly role: Role;
}

export interface KeyWish {
  readonly name: string;
  readonly role: Role;
  readonly personal: boolean;
}

export interface MadeKey {
  readonly key: KnownKey;
  /** What its owner sends. It is kept nowhere. */
  readonly text: string;
}

const ATTEMPTS_MAX = 8;
/** A use is noted so often at most: knowing the day is what tells a forgotten key. */
const USE_NOTED_MS = 60 * 60 * 1_000;
/** Of so many write keys it is remembered that their secret was right. */
const PROVED_MAX = 1_000;
/** Compared with when nobody knows the id, so that an unknown id takes as long as a wrong secret. */
const NO_HASH = hashOf("");

export class Keyring {
  private readonly store: KeyStore;
  private readonly known = new Map<string, KeyRevision & { readonly key: KnownKey }>();
  /**
   * By the text that was sent: the hash that it fits. Hashing it again would cost each event's request as much as reading it.
   * Of write keys alone, which stand in web pages: no other secret stays in memory.
   */
  private readonly proved = new LRUCache<string, string>({ max: PROVED_MAX });
  private following: KeyFollowing | undefined;
  private fault: Error | undefined;

  private constructor(store: KeyStore) {
    this.store = store;
  }

  static async open(store: KeyStore): Promise<Keyring> {
    const ring = new Keyring(store);
    for (const stored of await store.all()) ring.take(stored);
    ring.following = store.follow(
      (stored) => ring.take(stored),
      (error) => {
        ring.fault = error;
      },
    );
    return ring;
  }

  close(): void {
    this.following?.stop();
  }

  /** Once a key was ever made a key is needed, also when all of them are revoked: a door never opens by itself. */
  get isOpen(): boolean {
    return this.known.size === 0 && this.fault === undefined;
  }

  /** Oldest first, revoked ones too. */
  all(): readonly KnownKey[] {
    return Array.from(this.known.values(), ({ key }) => key).sort((a, b) => compare(a.created, b.created));
  }

  /** The key of that text, unless it is unknown, wrong or revoked. */
  verified(text: string): KnownKey | undefined {
    const parts = keyPartsOf(text);
    if (parts === undefined) return undefined;
    const key = this.known.get(parts.id)?.key;
    if (key !== undefined && this.proved.get(text) === key.hash) return key.revoked === undefined ? key : undefined;
    const isRight = isSecretOf(parts.secret, key?.hash ?? NO_HASH);
    if (!isRight || key === undefined || key.revoked !== undefined) return undefined;
    if (key.role === "ingest") this.proved.set(text, key.hash);
    return key;
  }

  async create({ name, role, personal }: KeyWish, createdBy: string): Promise<MadeKey> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { id, secret, text } = newKey();
      const created = new Date().toISOString();
      const key: KnownKey = { id, name, role, personal, hash: hashOf(secret), created, createdBy };
      if (await this.put(key, 0)) return { key, text };
    }
    throw new Error(`the bucket of keys did not take a new key in ${ATTEMPTS_MAX} attempts`);
  }

  /** Undefined: there is no such key. One that is revoked already stays as it was. */
  revoke(id: string): Promise<KnownKey | undefined> {
    return this.change(id, (key) => (key.revoked === undefined ? { ...key, revoked: new Date().toISOString() } : key));
  }

  /** Notes that the key was used, now and then; what goes wrong about it is no matter to who uses it. */
  noteUse({ id, lastUsed }: KnownKey): void {
    const now = Date.now();
    if (lastUsed !== undefined && now - Date.parse(lastUsed) < USE_NOTED_MS) return;
    const noted = new Date(now).toISOString();
    const held = this.known.get(id);
    if (held === undefined) return;
    // Here at once, so that the requests meanwhile do not note the same.
    this.known.set(id, { ...held, key: { ...held.key, lastUsed: noted } });
    void this.store.put({ ...held.key, lastUsed: noted }, held.revision).then(
      (ended) => {
        if (ended.kind === "stored") this.take({ key: { ...held.key, lastUsed: noted }, revision: ended.seq });
      },
      () => undefined,
    );
  }

  private async change(id: string, edit: (key: KnownKey) => KnownKey): Promise<KnownKey | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const held = this.known.get(id);
      if (held === undefined) return undefined;
      const after = edit(held.key);
      if (after === held.key || (await this.put(after, held.revision))) return after;
      // Somebody else was first, or the answer was lost: the store tells.
      for (const stored of await this.store.all()) this.take(stored);
    }
    throw new Error(`the bucket of keys did not take a change of ${id} in ${ATTEMPTS_MAX} attempts`);
  }

  private async put(key: KnownKey, expected: number): Promise<boolean> {
    const ended = await this.store.put(key, expected);
    if (ended.kind === "fenced") return false;
    if (ended.kind === "stored") {
      this.take({ key, revision: ended.seq });
      return true;
    }
    throw new Error(`the bucket of keys did not answer: ${ended.reason}`);
  }

  private take({ key, revision }: KeyRevision): void {
    const held = this.known.get(key.id);
    if (held !== undefined && held.revision > revision) return;
    const role = ROLES.find((one) => one === key.role);
    // A role that this version does not know gives no right, but the door stays closed.
    const known: KnownKey =
      role === undefined
        ? { ...key, role: "ingest", revoked: key.revoked ?? new Date(0).toISOString() }
        : { ...key, role };
    this.known.set(key.id, { key: known, revision });
  }
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
