// Reading a log in memory: delivered ahead into a bounded queue, checked against the remembered past whenever it begins again.
// Beside world.ts, whose event log opens it; does what lib/nats/event-log.ts and its stream reader do with a real server.
import { traceOf } from "../core/trace.ts";
import type { LogKind, LogRecord, PartitionNo } from "../core/types.ts";
import type { ErasureLedger } from "../ports/erasing.ts";
import { LogHole, Refusal } from "../ports/errors.ts";
import type { EventLog, Fingerprint, LogReading, ReadOptions } from "../ports/event-log.ts";
import { checkPast } from "../ports/log-past.ts";
import { logRoom } from "../ports/log-room.ts";
import { pause } from "../ports/runtime.ts";
import type { MemoryMessage, MemoryServer, MemoryStream } from "./server.ts";

const RETRY_MS = 20;

export interface MemoryLog extends EventLog {
  /** Which of its messages were erased. */
  readonly ledger: ErasureLedger;
  /** The stream that bears the log's name now. */
  readonly stream: MemoryStream;
}

/** A log's subjects are the kinds of its messages; links say also whose they are: `link.<from>`. */
export function memoryKindOf(subject: string): LogKind {
  return subject.split(".", 1)[0] as LogKind;
}

export class MemoryLogReading implements LogReading {
  knownLast: number;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;
  private readonly log: MemoryLog;
  private readonly options: ReadOptions;
  private readonly waiting: LogRecord[] = [];
  private waitingBytes = 0;
  /** The record received last. */
  private last: Fingerprint;
  /** The sequence that was missing when reading began anew for it. */
  private missing = 0;
  /** Counts beginnings: what belongs to an older one is ignored. */
  private turn = 0;
  private source: MemoryStream | undefined;
  private stopped = false;
  private pumping = false;
  private forgetSource: () => void = () => undefined;
  private readonly forgetReturns: () => void;

  constructor(server: MemoryServer, client: string, p: PartitionNo, log: MemoryLog, options: ReadOptions) {
    this.server = server;
    this.client = client;
    this.partition = p;
    this.log = log;
    this.options = options;
    this.last = options.after ?? { seq: 0, stamp: 0 };
    this.knownLast = this.last.seq;
    this.forgetReturns = server.onReturn(client, () => void this.begin());
    void this.begin();
  }

  /** What has been delivered can be taken whatever has become of the server since. */
  take(max: number): readonly LogRecord[] {
    const records = this.waiting.splice(0, max);
    for (const { body } of records) this.waitingBytes -= body.length;
    this.pumpSoon();
    return records;
  }

  stop(): void {
    this.stopped = true;
    this.forgetSource();
    this.forgetReturns();
  }

  /** From the own position, once the past is known to be the one remembered. */
  private async begin(): Promise<void> {
    this.turn += 1;
    const { turn } = this;
    this.source = undefined;
    this.forgetSource();
    while (!this.stopped && turn === this.turn) {
      try {
        if (this.missing > 0) await this.log.ledger.read();
        const { last } = await checkPast(this.partition, this.log, this.last);
        if (this.stopped || turn !== this.turn) return;
        this.knownLast = Math.max(this.knownLast, last);
        this.open(this.log.stream);
        return;
      } catch (error) {
        if (this.stopped || turn !== this.turn) return;
        if (error instanceof Refusal) {
          this.fault(error);
          return;
        }
        await pause(this.server.runtime, RETRY_MS);
      }
    }
  }

  private open(source: MemoryStream): void {
    this.source = source;
    const forgetStores = source.listen(() => this.pumpSoon());
    const forgetBreaks = source.listenAsReader(() => void this.begin());
    this.forgetSource = () => {
      forgetStores();
      forgetBreaks();
    };
    this.pumpSoon();
  }

  private pumpSoon(): void {
    if (this.pumping || this.stopped) return;
    this.pumping = true;
    this.server.runtime.after(0, () => {
      this.pumping = false;
      if (!this.stopped) this.pump();
    });
  }

  private pump(): void {
    const { source, waiting } = this;
    if (source === undefined || !this.server.reaches(this.client)) return;
    const wasEmpty = waiting.length === 0;
    for (const message of source.from(this.last.seq + 1)) {
      if (logRoom(this.options, waiting.length, this.waitingBytes) <= 0) break;
      if (message.seq !== this.last.seq + 1 && !this.fill(message.seq)) {
        this.suspectHole(message.seq);
        break;
      }
      this.receive(message);
    }
    this.knownLast = Math.max(this.knownLast, source.last);
    if (wasEmpty && waiting.length > 0) this.options.onReadable();
  }

  /** Stand-ins for what was erased before this message; false where the ledger, as it was read, does not name all of it. */
  private fill(found: number): boolean {
    const standIns = this.log.ledger.book.standInsFor(this.last.seq + 1, found - 1);
    if (standIns === undefined) return false;
    for (const { seq, stamp, kind, body } of standIns) {
      this.last = { seq, stamp };
      this.waiting.push({ seq, stamp, kind, body });
      this.waitingBytes += body.length;
    }
    return true;
  }

  private receive({ seq, stamp, subject, body, headers }: MemoryMessage): void {
    this.last = { seq, stamp };
    const record = { seq, stamp, kind: memoryKindOf(subject), body };
    const trace = traceOf(headers.traceparent, headers.tracestate);
    this.waiting.push(trace === undefined ? record : { ...record, trace });
    this.waitingBytes += body.length;
  }

  /** A gap is the delivery's fault once; when it shows again, the log itself has a hole. */
  private suspectHole(found: number): void {
    const expected = this.last.seq + 1;
    if (this.missing !== expected) {
      this.missing = expected;
      void this.begin();
      return;
    }
    this.fault(new LogHole(this.partition, `messages ${expected} to ${found - 1} of its log are missing`));
  }

  private fault(error: Refusal): void {
    this.stop();
    this.options.onFault(error);
  }
}
