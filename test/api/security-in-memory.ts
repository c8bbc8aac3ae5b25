// Keys and the log of changes in memory, for tests of the HTTP interface; both can be made to fail.
import type { AuditEntry, AuditLog, AuditPage } from "../../lib/ports/audit.ts";
import type { KeyRevision, KeyStore, StoredKey } from "../../lib/ports/keys.ts";
import type { Published } from "../../lib/ports/publishing.ts";

/** One for all, as the processes of a data set have it. */
const SECRET = new Uint8Array(32).fill(7);

export class KeysInMemory implements KeyStore {
  readonly kept = new Map<string, KeyRevision>();
  private readonly listeners = new Set<(stored: KeyRevision) => void>();
  private last = 0;

  async secret(): Promise<Uint8Array> {
    return SECRET;
  }

  async all(): Promise<readonly KeyRevision[]> {
    return [...this.kept.values()];
  }

  async put(key: StoredKey, expected: number): Promise<Published> {
    if ((this.kept.get(key.id)?.revision ?? 0) !== expected) return { kind: "fenced" };
    this.last += 1;
    const stored = { key, revision: this.last };
    this.kept.set(key.id, stored);
    for (const listener of this.listeners) listener(stored);
    return { kind: "stored", seq: this.last };
  }

  follow(onKey: (stored: KeyRevision) => void) {
    for (const stored of this.kept.values()) onKey(stored);
    this.listeners.add(onKey);
    return { stop: () => void this.listeners.delete(onKey) };
  }
}

export class AuditInMemory implements AuditLog {
  readonly entries: AuditEntry[] = [];
  /** Of how many writes to come none is stored. */
  failures = 0;

  async write(entry: AuditEntry): Promise<Published> {
    if (this.failures > 0) {
      this.failures -= 1;
      return { kind: "retry", reason: "no stream listens on this subject just now" };
    }
    this.entries.push(entry);
    return { kind: "stored", seq: this.entries.length };
  }

  async read(limit: number, before = this.entries.length + 1): Promise<AuditPage> {
    const from = Math.max(1, before - limit);
    const records = this.entries.slice(from - 1, before - 1).map((entry, index) => ({ ...entry, seq: from + index }));
    return { records: records.toReversed(), before: from > 1 ? from : null };
  }
}
