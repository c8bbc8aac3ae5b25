// Where a partition speaks: fenced publishes into the stream SEGMENTS. Answers lib/ports/delta-sink.ts.
// The client's batch API silently drops `expect`, `msgID` and `ttl`, so every header that a fence rests on is set here by hand.
import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo } from "../core/types.ts";
import type { DeltaSink, Saying, StoredSaying, StoredWatermark, Watermark } from "../ports/delta-sink.ts";
import type { LogBounds } from "../ports/event-log.ts";
import type { Published } from "../ports/publishing.ts";
import type { Gate } from "./gate.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { addTrace } from "./trace-headers.ts";
import { expectLast, publish, publishBatch, storedMessage, streamState, tooLargeFor } from "./wire.ts";

export const DELTA_ID_HEADER = "Rollcall-Delta-Id";
export const PARTITION_HEADER = "Rollcall-Partition";

/** The server's limit, the watermark included. */
const BATCH_MESSAGES_MAX = 1_000;
const SCAN_IN_FLIGHT_MAX = 2_000;

export class NatsDeltaSink implements DeltaSink {
  readonly batchMax = BATCH_MESSAGES_MAX;
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;
  private readonly batches: Gate;
  private readonly watermarkSubject: string;

  /** `batches` bounds how many batches this process has open: the server allows 50 a stream. */
  constructor(nc: NatsConnection, names: Names, partition: PartitionNo, batches: Gate) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
    this.batches = batches;
    this.watermarkSubject = names.watermarkSubject(partition);
  }

  publish(fence: number, saying: Saying): Promise<Published> {
    return publish(this.nc, this.subjectOf(saying), saying.body, this.fenced(fence, this.deltaHeaders(saying)));
  }

  async publishBatch(fence: number, sayings: readonly Saying[], watermark: Watermark): Promise<Published> {
    if (sayings.length + 1 > BATCH_MESSAGES_MAX) {
      throw new RangeError(`a batch holds at most ${BATCH_MESSAGES_MAX} messages, its watermark included`);
    }
    const tooLarge = tooLargeFor(
      this.nc,
      sayings.map(({ body }) => body),
    );
    return tooLarge ?? this.batches.run(() => this.sendBatch(fence, sayings, watermark));
  }

  private sendBatch(fence: number, sayings: readonly Saying[], watermark: Watermark): Promise<Published> {
    const messages = sayings.map((saying) => ({
      subject: this.subjectOf(saying),
      payload: saying.body,
      headers: this.deltaHeaders(saying),
    }));
    const record = {
      subject: this.watermarkSubject,
      payload: JSON.stringify(watermark),
      headers: this.watermarkHeaders(fence),
    };
    return publishBatch(this.nc, [...messages, record]);
  }

  putWatermark(fence: number, watermark: Watermark): Promise<Published> {
    return publish(this.nc, this.watermarkSubject, JSON.stringify(watermark), this.watermarkHeaders(fence));
  }

  async readWatermark(): Promise<StoredWatermark | undefined> {
    const stored = await storedMessage(this.nc, this.names.segmentsStream, { last_by_subj: this.watermarkSubject });
    if (stored === undefined) return undefined;
    const value = JSON.parse(Buffer.from(stored.data).toString("utf8")) as Watermark;
    return { seq: stored.seq, stamp: stored.stampMs, value };
  }

  async scan(from: number, to: number): Promise<readonly StoredSaying[] | undefined> {
    const record = await this.readWatermark();
    if (record?.seq !== to) return undefined;
    const { first } = await this.bounds();
    return this.collect(Math.max(from, first, 1), to);
  }

  bounds(): Promise<LogBounds> {
    return streamState(this.nc, this.names.segmentsStream);
  }

  /** Ends on our own record, never on "nothing pending": a delta may be stored between the question and the answer. */
  private collect(from: number, to: number): Promise<readonly StoredSaying[] | undefined> {
    return new Promise((resolve, reject) => {
      const found: StoredSaying[] = [];
      let next = from;
      const done = (result: readonly StoredSaying[] | undefined): void => {
        reader.stop();
        resolve(result);
      };
      const reader = new StreamReader({
        nc: this.nc,
        stream: this.names.segmentsStream,
        filters: [this.names.segmentSubject("*", "*"), this.watermarkSubject],
        next: () => next,
        room: () => SCAN_IN_FLIGHT_MAX,
        onMessage: (message, { seq }) => {
          next = seq + 1;
          if (seq > to) done(undefined);
          else if (message.subject === this.watermarkSubject) {
            if (seq === to) done(found);
          } else this.keepOwn(message, seq, found);
        },
        onFault: reject,
      });
    });
  }

  private keepOwn(message: Msg, seq: number, found: StoredSaying[]): void {
    if (message.headers?.get(PARTITION_HEADER) !== `${this.partition}`) return;
    found.push({ seq, deltaId: message.headers.get(DELTA_ID_HEADER), body: message.string() });
  }

  private subjectOf(saying: Saying): string {
    return this.names.deltaSubject(saying.segment, saying.change);
  }

  private deltaHeaders(saying: Saying): MsgHdrs {
    const mh = headers();
    mh.append(DELTA_ID_HEADER, saying.deltaId);
    mh.append(PARTITION_HEADER, `${this.partition}`);
    return addTrace(mh, saying.trace);
  }

  /** Without `never` a stream's age limit removes the watermark, and a writer that expects none is taken for new. */
  private watermarkHeaders(fence: number): MsgHdrs {
    const mh = this.fenced(fence, headers());
    mh.append("Nats-TTL", "never");
    mh.append("Nats-Rollup", "sub");
    return mh;
  }

  private fenced(fence: number, mh: MsgHdrs): MsgHdrs {
    return expectLast(mh, this.watermarkSubject, fence);
  }
}
