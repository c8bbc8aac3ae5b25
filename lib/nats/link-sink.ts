// Where a partition speaks to others: fenced publishes into their logs, the streams EVENTS_<q>. Answers lib/ports/link-sink.ts.
// The fence is the subject that is written: whoever stores a message there moves it, so the same may be sent again at any time.
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import type { Trace } from "../core/trace.ts";
import type { PartitionNo, Seq } from "../core/types.ts";
import type { LogBounds } from "../ports/event-log.ts";
import type { LinkSink, StoredLink } from "../ports/link-sink.ts";
import type { Published } from "../ports/publishing.ts";
import type { Gate } from "./gate.ts";
import type { Names } from "./names.ts";
import { addTrace } from "./trace-headers.ts";
import { expectLast, publish, publishBatch, storedMessage, streamState, tooLargeFor } from "./wire.ts";

/** The server takes 1,000; a batch lies in its memory until it is whole. */
const BATCH_MESSAGES_MAX = 500;

export class NatsLinkSink implements LinkSink {
  readonly batchMax = BATCH_MESSAGES_MAX;
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;
  private readonly batches: Gate;

  /** `batches` bounds how many batches this process has open: the server allows 50 a stream. */
  constructor(nc: NatsConnection, names: Names, partition: PartitionNo, batches: Gate) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
    this.batches = batches;
  }

  async last(to: PartitionNo): Promise<StoredLink | undefined> {
    const stored = await storedMessage(this.nc, this.names.eventsStream(to), { last_by_subj: this.subjectTo(to) });
    return stored === undefined ? undefined : { seq: stored.seq, body: Buffer.from(stored.data).toString("utf8") };
  }

  async publish(
    to: PartitionNo,
    expected: Seq,
    bodies: readonly string[],
    traces: readonly (Trace | undefined)[] = [],
  ): Promise<Published> {
    if (bodies.length === 0 || bodies.length > BATCH_MESSAGES_MAX)
      throw new RangeError(`a batch of links holds 1 to ${BATCH_MESSAGES_MAX} messages, not ${bodies.length}`);
    const tooLarge = tooLargeFor(this.nc, bodies);
    if (tooLarge !== undefined) return tooLarge;
    if (bodies.length > 1) return this.batches.run(() => this.sendBatch(to, expected, bodies, traces));
    return publish(this.nc, this.subjectTo(to), bodies[0]!, addTrace(this.fenced(to, expected), traces[0]));
  }

  /** The fence stands on the first message: within a batch, what comes after would have to expect the one before it. */
  private sendBatch(
    to: PartitionNo,
    expected: Seq,
    bodies: readonly string[],
    traces: readonly (Trace | undefined)[],
  ): Promise<Published> {
    const subject = this.subjectTo(to);
    const messages = bodies.map((payload, index) => ({
      subject,
      payload,
      headers: addTrace(index === 0 ? this.fenced(to, expected) : headers(), traces[index]),
    }));
    return publishBatch(this.nc, messages);
  }

  bounds(to: PartitionNo): Promise<LogBounds> {
    return streamState(this.nc, this.names.eventsStream(to));
  }

  private subjectTo(to: PartitionNo): string {
    return this.names.linkSubject(to, this.partition);
  }

  private fenced(to: PartitionNo, expected: Seq): MsgHdrs {
    return expectLast(headers(), this.subjectTo(to), expected);
  }
}
