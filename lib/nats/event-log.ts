// A partition's log in JetStream: the stream EVENTS_<p>. Answers lib/ports/event-log.ts.
// Reading checks three things the server does not: no hole, the same past after every reconnect, a bound on what is under way.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { LogKind, LogRecord, PartitionNo } from "../core/types.ts";
import { LogHole, type Refusal } from "../ports/errors.ts";
import type { EventLog, Fingerprint, LogBounds, LogReading, ReadOptions } from "../ports/event-log.ts";
import { checkPast } from "../ports/log-past.ts";
import { logRoom } from "../ports/log-room.ts";
import type { Published } from "../ports/publishing.ts";
import type { Delivery } from "./delivery.ts";
import { NatsLedger } from "./erasing.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { traceIn } from "./trace-headers.ts";
import { publish, storedMessage, streamState } from "./wire.ts";

export class NatsEventLog implements EventLog {
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;
  private readonly stream: string;
  private readonly ledger: NatsLedger;

  constructor(nc: NatsConnection, names: Names, partition: PartitionNo) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
    this.stream = names.eventsStream(partition);
    this.ledger = new NatsLedger(nc, names, partition);
  }

  async bounds(): Promise<LogBounds> {
    const { first, last } = await streamState(this.nc, this.stream);
    return { first: first > 1 ? (await this.ledger.read()).firstBefore(first) : first, last };
  }

  async stampAt(seq: number): Promise<number | undefined> {
    const stored = await storedMessage(this.nc, this.stream, { seq });
    return stored?.stampMs ?? (await this.ledger.read()).stampAt(seq);
  }

  read(options: ReadOptions): LogReading {
    return new NatsLogReading(this.nc, this.names, this.partition, this, this.ledger, options);
  }

  append(kind: Exclude<LogKind, "link">, body: string): Promise<Published> {
    return publish(this.nc, this.names.logSubject(this.partition, kind), body);
  }
}

class NatsLogReading implements LogReading {
  knownLast: number;
  private readonly partition: PartitionNo;
  private readonly names: Names;
  private readonly options: ReadOptions;
  private readonly reader: StreamReader;
  private readonly ledger: NatsLedger;
  /** A partition's log has a handful of subjects, so each is taken apart once. */
  private readonly kinds = new Map<string, LogKind>();
  private waiting: LogRecord[] = [];
  private waitingBytes = 0;
  private taken = 0;
  private last: Fingerprint;
  /** The sequence that was missing when the consumer was made anew for it. */
  private missing = 0;
  /** The sequence that did not come although the log has it. */
  private awaited = 0;

  constructor(
    nc: NatsConnection,
    names: Names,
    partition: PartitionNo,
    log: EventLog,
    ledger: NatsLedger,
    options: ReadOptions,
  ) {
    this.partition = partition;
    this.names = names;
    this.ledger = ledger;
    this.options = options;
    this.last = options.after ?? { seq: 0, stamp: 0 };
    this.knownLast = this.last.seq;
    this.reader = new StreamReader({
      nc,
      stream: names.eventsStream(partition),
      next: () => this.last.seq + 1,
      room: () => logRoom(options, this.queued, this.waitingBytes),
      check: async () => {
        if (this.missing > 0) await ledger.read();
        const bounds = await checkPast(partition, log, this.last);
        this.knownLast = Math.max(this.knownLast, bounds.last);
        if (this.awaited === this.last.seq + 1) await this.assertReadable(log, bounds);
      },
      stalled: () => {
        if (this.knownLast <= this.last.seq) return false;
        this.awaited = this.last.seq + 1;
        return true;
      },
      onMessage: (message, delivery) => this.receive(message, delivery),
      onFault: (error) => this.fault(error),
    });
  }

  take(max: number): readonly LogRecord[] {
    if (this.taken === 0 && this.waiting.length <= max) {
      const all = this.waiting;
      this.waiting = [];
      this.waitingBytes = 0;
      this.reader.refill();
      return all;
    }
    const some = this.waiting.slice(this.taken, this.taken + max);
    this.taken += some.length;
    for (const { body } of some) this.waitingBytes -= body.length;
    if (this.taken === this.waiting.length) {
      this.waiting = [];
      this.taken = 0;
    }
    this.reader.refill();
    return some;
  }

  stop(): void {
    this.reader.stop();
  }

  private get queued(): number {
    return this.waiting.length - this.taken;
  }

  private receive(message: Msg, { seq, stampMs, pending }: Delivery): void {
    const expected = this.last.seq + 1;
    if (seq !== expected && !this.fill(expected, seq)) {
      if (seq > expected) this.suspectHole(expected, seq);
      return;
    }
    if (seq + pending > this.knownLast) this.knownLast = seq + pending;
    this.last = { seq, stamp: stampMs };
    const body = message.data;
    const record = { seq, stamp: stampMs, kind: this.kindOf(message.subject), body };
    const trace = traceIn(message, body);
    this.waiting.push(trace === undefined ? record : { ...record, trace });
    this.waitingBytes += body.length;
    if (this.queued === 1 || seq !== expected) this.options.onReadable();
  }

  /** Stand-ins for what was erased before this message; false where the ledger, as it was read, does not name all of it. */
  private fill(expected: number, found: number): boolean {
    const standIns = found > expected ? this.ledger.book.standInsFor(expected, found - 1) : undefined;
    if (standIns === undefined) return false;
    for (const standIn of standIns) {
      this.waiting.push(standIn);
      this.waitingBytes += standIn.body.length;
    }
    return true;
  }

  /** A consumer passes over nothing, but waits for ever at a message that the server cannot read. */
  private async assertReadable(log: EventLog, { first, last }: LogBounds): Promise<void> {
    const { awaited } = this;
    if (awaited > last || (await log.stampAt(awaited)) !== undefined) return;
    throw new LogHole(
      this.partition,
      `message ${awaited} of its log cannot be read, although the server says that the log reaches from ${first} to ${last}: ` +
        "the file that holds it is damaged, and the server's log says which; restore the stream from a backup",
    );
  }

  /** A gap is the consumer's fault once; when a new consumer shows it too, the log itself has a hole. */
  private suspectHole(expected: number, found: number): void {
    if (this.missing !== expected) {
      this.missing = expected;
      this.reader.reopen();
      return;
    }
    this.reader.stop();
    this.fault(
      new LogHole(
        this.partition,
        `${missingWords(expected, found - 1)} missing and no erasure explains it; restore the stream from a backup`,
      ),
    );
  }

  private kindOf(subject: string): LogKind {
    let kind = this.kinds.get(subject);
    if (kind === undefined) {
      // A subject that is none of ours is an event whose body will be judged: it must not stop the partition.
      kind = this.names.logKindOf(subject) ?? "event";
      if (this.kinds.size < 1_000) this.kinds.set(subject, kind);
    }
    return kind;
  }

  private fault(error: Refusal): void {
    this.options.onFault(error);
  }
}

function missingWords(first: number, last: number): string {
  return first === last ? `message ${first} of its log is` : `messages ${first} to ${last} of its log are`;
}
