// What was refused, read back from the stream REJECTS, and published again. Answers lib/ports/reject-log.ts.
// Marks of what was published again are keys of the bucket CLUSTER, which go by themselves after the rejects have gone.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { encodeId, partitionOf } from "../core/ids.ts";
import { traceOf } from "../core/trace.ts";
import type { Seq } from "../core/types.ts";
import type { Taken } from "../ports/intake.ts";
import type { Published } from "../ports/publishing.ts";
import type {
  KnownMark,
  RejectFilter,
  RejectLog,
  RejectPage,
  Replayed,
  ReplayMark,
  StoredReject,
} from "../ports/reject-log.ts";
import type { Names } from "./names.ts";
import { addTrace } from "./trace-headers.ts";
import { expectLast, headerOf, publish, type StoredMessage, storedMessage, streamState } from "./wire.ts";

export const REPLAY_HEADER = "Rollcall-Replay";
const ASKED_AT_ONCE_MAX = 50;
/** Looked at for one page, whatever the filter. */
const LOOKED_AT_MAX = 2_000;
/** Longer than rejects are kept by default. */
const MARK_KEPT = "1440h";

export class NatsRejectLog implements RejectLog {
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partitions: number;
  private readonly bucket: string;

  constructor(nc: NatsConnection, names: Names, partitions: number) {
    this.nc = nc;
    this.names = names;
    this.partitions = partitions;
    this.bucket = `KV_${names.clusterBucket}`;
  }

  async page(filter: RejectFilter, limit: number, before?: Seq): Promise<RejectPage> {
    const { first, last } = await streamState(this.nc, this.names.rejectsStream);
    const from = Math.min(last, before === undefined ? last : before - 1);
    const lowest = Math.max(first, from - LOOKED_AT_MAX + 1);
    const items: StoredReject[] = [];
    for (let high = from; high >= lowest; high -= ASKED_AT_ONCE_MAX) {
      const low = Math.max(lowest, high - ASKED_AT_ONCE_MAX + 1);
      const seqs = Array.from({ length: high - low + 1 }, (_, index) => high - index);
      for (const reject of await Promise.all(seqs.map((seq) => this.get(seq)))) {
        if (reject === undefined) continue;
        // They stand in the order of time, so whatever is before is older.
        if (filter.since !== undefined && reject.at < filter.since) return { items, before: null };
        if (!matches(reject, filter)) continue;
        items.push(reject);
        if (items.length === limit) return { items, before: reject.seq > first ? reject.seq : null };
      }
    }
    return { items, before: lowest > first ? lowest : null };
  }

  async get(seq: Seq): Promise<StoredReject | undefined> {
    const stored = await storedMessage(this.nc, this.names.rejectsStream, { seq });
    return stored === undefined ? undefined : rejectOf(stored);
  }

  async mark(seq: Seq): Promise<KnownMark | undefined> {
    const stored = await storedMessage(this.nc, this.bucket, { last_by_subj: this.markSubject(seq) });
    if (stored === undefined || stored.data.length === 0) return undefined;
    const mark = JSON.parse(Buffer.from(stored.data).toString()) as ReplayMark;
    return { mark, revision: stored.seq, at: stored.stampMs };
  }

  putMark(seq: Seq, mark: ReplayMark, expected: Seq): Promise<Published> {
    const subject = this.markSubject(seq);
    const mh = expectLast(headers(), subject, expected);
    mh.set("Nats-TTL", MARK_KEPT);
    return publish(this.nc, subject, JSON.stringify(mark), mh);
  }

  async publishAgain({ seq, kind, id, body, trace }: Replayed): Promise<Taken> {
    const mh = addTrace(headers(), trace);
    mh.set("Nats-Msg-Id", `replay:${seq}`);
    mh.set(REPLAY_HEADER, `${seq}`);
    const token = encodeId(id);
    const subject = kind === "event" ? this.names.eventSubject(token) : this.names.accountSubject(token);
    const ended = await publish(this.nc, subject, body, mh);
    return ended.kind === "stored"
      ? { kind: "stored", partition: partitionOf(id, this.partitions), seq: ended.seq }
      : ended;
  }

  private markSubject(seq: Seq): string {
    return `$KV.${this.names.clusterBucket}.replayed.${seq}`;
  }
}

function matches({ reason, partition, at }: StoredReject, filter: RejectFilter): boolean {
  if (filter.reason !== undefined && filter.reason !== reason) return false;
  if (filter.partition !== undefined && filter.partition !== partition) return false;
  return filter.until === undefined || at < filter.until;
}

function rejectOf(stored: StoredMessage): StoredReject {
  const { seq, stampMs, subject, data } = stored;
  const number = (name: string): number | null => {
    const text = headerOf(stored, name);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
  };
  const trace = traceOf(headerOf(stored, "traceparent"), headerOf(stored, "tracestate"));
  return {
    seq,
    at: stampMs,
    reason: subject.slice(subject.lastIndexOf(".") + 1),
    detail: headerOf(stored, "Rollcall-Detail") ?? "",
    partition: number("Rollcall-Partition"),
    logSeq: number("Rollcall-Seq"),
    stamp: headerOf(stored, "Rollcall-Stamp") ?? null,
    body: data,
    bytes: number("Rollcall-Bytes") ?? data.length,
    ...(trace === undefined ? {} : { trace }),
  };
}
