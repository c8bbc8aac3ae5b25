// The log of changes: who did what to what, and when, in the stream AUDIT. No personal data stands in it.
// Answered by lib/nats/audit.ts; written by routes and commands through lib/api/security/auditing.ts.
import type { JsonObject, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

export interface AuditEntry {
  /** ISO 8601. */
  readonly at: string;
  /** The id of a key, `open` where none is needed, or `cli:` and the name of the one at the command line. */
  readonly who: string;
  /** `area.verb`, both lower case: `segments.apply`. */
  readonly what: string;
  /** The id of what was changed; empty where the whole was. */
  readonly target: string;
  readonly detail: JsonObject;
}

export interface AuditRecord extends AuditEntry {
  readonly seq: Seq;
}

export interface AuditPage {
  /** Newest first. */
  readonly records: readonly AuditRecord[];
  /** Where the next page ends, exclusive; null: nothing is older. */
  readonly before: Seq | null;
}

export interface AuditLog {
  write(entry: AuditEntry): Promise<Published>;
  /** Those older than `before`, or the newest. */
  read(limit: number, before?: Seq): Promise<AuditPage>;
}
