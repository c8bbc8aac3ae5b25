// Looks messages up in the streams EVENTS_<p>: by sequence through the stream's leader, many through a consumer that lives as
// long as the answer takes. Answers lib/ports/log-lookup.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import type { LogKind, LogRecord, PartitionNo, Seq } from "../core/types.ts";
import type { LogLookup } from "../ports/log-lookup.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { storedMessage, streamState } from "./wire.ts";

/** Requests under way at once for one answer. */
const REQUESTS_MAX = 16;
const READ_TIMEOUT_MS = 10_000;

export class NatsLogLookup implements LogLookup {
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  async at(partition: PartitionNo, seqs: readonly Seq[]): Promise<readonly (LogRecord | undefined)[]> {
    const stream = this.names.eventsStream(partition);
    const found: (LogRecord | undefined)[] = [];
    for (let from = 0; from < seqs.length; from += REQUESTS_MAX) {
      const some = seqs.slice(from, from + REQUESTS_MAX).map((seq) => storedMessage(this.nc, stream, { seq }));
      for (const message of await Promise.all(some)) {
        if (message === undefined) found.push(undefined);
        else {
          const { seq, stampMs: stamp, subject, data: body } = message;
          found.push({ seq, stamp, kind: this.kindOf(subject), body });
        }
      }
    }
    return found;
  }

  /** Where all are gone, as after an erasure, no message would come, or none before others: so the first is asked for. */
  async between(partition: PartitionNo, from: Seq, to: Seq): Promise<readonly LogRecord[]> {
    if (to < from) return [];
    const first = await storedMessage(this.nc, this.names.eventsStream(partition), { seq: from, next_by_subj: ">" });
    return first === undefined || first.seq > to ? [] : this.read(partition, first.seq, to);
  }

  bounds(partition: PartitionNo): Promise<{ readonly first: Seq; readonly last: Seq }> {
    return streamState(this.nc, this.names.eventsStream(partition));
  }

  private read(partition: PartitionNo, from: Seq, to: Seq): Promise<readonly LogRecord[]> {
    return new Promise((resolve, reject) => {
      const records: LogRecord[] = [];
      let reached = from - 1;
      const end = (run: () => void): void => {
        clearTimeout(timer);
        reader.stop();
        run();
      };
      const timer = setTimeout(() => {
        end(() => reject(new Error(`the log of partition ${partition} could not be read in time; ask again`)));
      }, READ_TIMEOUT_MS);
      const reader = new StreamReader({
        nc: this.nc,
        stream: this.names.eventsStream(partition),
        next: () => reached + 1,
        room: () => to - reached,
        onMessage: (message, { seq, stampMs: stamp, pending }) => {
          if (seq <= reached) return;
          reached = seq;
          if (seq <= to) records.push({ seq, stamp, kind: this.kindOf(message.subject), body: message.data });
          if (seq >= to || pending === 0) end(() => resolve(records));
        },
        onFault: (error) => end(() => reject(error)),
      });
    });
  }

  private kindOf(subject: string): LogKind {
    return this.names.logKindOf(subject) ?? "event";
  }
}
