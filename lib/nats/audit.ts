// The log of changes: the stream AUDIT, subjects audit.<area>.<verb>. Answers lib/ports/audit.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Seq } from "../core/types.ts";
import type { AuditEntry, AuditLog, AuditPage, AuditRecord } from "../ports/audit.ts";
import type { Published } from "../ports/publishing.ts";
import type { Names } from "./names.ts";
import { publish, type StoredMessage, storedMessage, streamState } from "./wire.ts";

/** Messages asked for at the same time. */
const ASKED_AT_ONCE_MAX = 50;

export class NatsAuditLog implements AuditLog {
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  write(entry: AuditEntry): Promise<Published> {
    return publish(this.nc, this.names.auditSubject(entry.what), JSON.stringify(entry));
  }

  /** Nothing is removed from the stream, so what stands before a sequence is the sequence before it. */
  async read(limit: number, before?: Seq): Promise<AuditPage> {
    const { first, last } = await streamState(this.nc, this.names.auditStream);
    const to = Math.min(last, before === undefined ? last : before - 1);
    const from = Math.max(first, to - limit + 1);
    const records: AuditRecord[] = [];
    for (let high = to; high >= from; high -= ASKED_AT_ONCE_MAX) {
      const low = Math.max(from, high - ASKED_AT_ONCE_MAX + 1);
      const seqs = Array.from({ length: high - low + 1 }, (_, index) => high - index);
      const found = await Promise.all(seqs.map((seq) => storedMessage(this.nc, this.names.auditStream, { seq })));
      records.push(...found.flatMap((message) => (message === undefined ? [] : [recordOf(message)])));
    }
    return { records, before: from > first ? from : null };
  }
}

/** What somebody wrote there by hand is shown as far as it can be read: an auditor wants to see that it is there. */
function recordOf({ seq, stampMs, subject, data }: StoredMessage): AuditRecord {
  const what = subject.split(".").slice(-2).join(".");
  const unreadable = { seq, at: new Date(stampMs).toISOString(), who: "unknown", what, target: "", detail: {} };
  try {
    const read = JSON.parse(Buffer.from(data).toString()) as Partial<AuditEntry> | null;
    const { at, who, what: said, target, detail } = read ?? {};
    const isRecord =
      [at, who, said, target].every((part) => typeof part === "string") && !Number.isNaN(Date.parse(at!));
    if (!isRecord || typeof detail !== "object" || detail === null) return unreadable;
    return { seq, at: at!, who: who!, what: said!, target: target!, detail };
  } catch {
    return unreadable;
  }
}
