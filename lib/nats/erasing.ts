// The ledger of erasures: the stream ERASED; and deletes that overwrite what they delete. Answers lib/ports/erasing.ts.
// The server overwrites a message that is deleted so, in a compressed block, too; what a purge or an age limit removes it does not.
import type { NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo, Seq } from "../core/types.ts";
import {
  type Chunk,
  type ErasureLedger,
  type ErasureNote,
  type ErasurePhase,
  entryName,
  entryText,
  hasComeTo,
  LedgerBook,
  phaseName,
  type StandIn,
  type StreamEraser,
} from "../ports/erasing.ts";
import type { Erasures, Phases } from "../ports/erasures.ts";
import type { Published } from "../ports/publishing.ts";
import { outOfControlLog } from "./control-erasing.ts";
import { PARTITION_HEADER } from "./delta-sink.ts";
import { ledgerSubjects, noLedger, putInLedger } from "./ledger-stream.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { eraseMessage, storedMessage } from "./wire.ts";

const IN_FLIGHT_MAX = 1_000;
/** Each may fill a whole message. */
const REJECTS_IN_FLIGHT_MAX = 50;
const DELETES_UNDER_WAY_MAX = 16;

export class NatsLedger implements ErasureLedger {
  readonly book = new LedgerBook();
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;
  private next = 1;
  private reading: Promise<void> | undefined;

  constructor(nc: NatsConnection, names: Names, partition: PartitionNo) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
  }

  /** What is written anew comes after what it was, so only what is new is asked for. */
  async read(): Promise<LedgerBook> {
    this.reading ??= this.readOn().finally(() => {
      this.reading = undefined;
    });
    await this.reading;
    return this.book;
  }

  private async readOn(): Promise<void> {
    const all = this.names.erasedSubject(this.partition, ">");
    for (;;) {
      const stored = await storedMessage(this.nc, this.names.erasedStream, { seq: this.next, next_by_subj: all }).catch(
        noLedger,
      );
      if (stored === undefined) return;
      const name = stored.subject.slice(all.length - 1);
      this.book.take(name, Buffer.from(stored.data).toString("utf8"), stored.seq);
      this.next = stored.seq + 1;
    }
  }

  list(revision: number, chunk: number, standIns: readonly StandIn[]): Promise<Published> {
    return this.put(entryName(revision, chunk), entryText(standIns));
  }

  mark(revision: number, phase: ErasurePhase, note: ErasureNote): Promise<Published> {
    return this.put(phaseName(revision, phase), JSON.stringify(note));
  }

  rewrite({ name, standIns, at }: Chunk): Promise<Published> {
    return this.put(name, entryText(standIns), at);
  }

  private put(name: string, body: string, expected = 0): Promise<Published> {
    const subject = this.names.erasedSubject(this.partition, name);
    return putInLedger(this.nc, subject, body, expected);
  }
}

/** Of all partitions, from the names of what they have written. */
export class NatsErasures implements Erasures {
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  async phases(): Promise<ReadonlyMap<number, Phases>> {
    const found = new Map<number, Map<PartitionNo, ErasurePhase>>();
    for (const subject of await this.subjects()) {
      const [partition, , revision, phase] = subject.split(".").slice(-4) as [string, string, string, ErasurePhase];
      const phases = found.get(Number(revision)) ?? new Map<PartitionNo, ErasurePhase>();
      found.set(Number(revision), phases);
      // They come in no order, and each phase has a name of its own.
      if (!hasComeTo(phases.get(Number(partition)), phase)) phases.set(Number(partition), phase);
    }
    return found;
  }

  outOfControlLog(): Promise<ReadonlySet<number>> {
    return outOfControlLog(this.nc, this.names);
  }

  private subjects(): Promise<readonly string[]> {
    return ledgerSubjects(this.nc, this.names, this.names.erasedSubject("*", "phase.>"));
  }
}

export class NatsEraser implements StreamEraser {
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;

  constructor(nc: NatsConnection, names: Names, partition: PartitionNo) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
  }

  fromLog(seq: Seq): Promise<void> {
    return eraseMessage(this.nc, this.names.eventsStream(this.partition), seq);
  }

  fromLedger(at: Seq): Promise<void> {
    return eraseMessage(this.nc, this.names.erasedStream, at);
  }

  async deltas(isTheirs: (body: string) => boolean): Promise<number> {
    const seqs = await this.findDeltas(isTheirs);
    await this.eraseAll(this.names.segmentsStream, seqs);
    return seqs.length;
  }

  /** Up to our own watermark as it is now, or to the one that has taken its place. */
  private async findDeltas(isTheirs: (body: string) => boolean): Promise<readonly Seq[]> {
    const { segmentsStream: stream } = this.names;
    const watermark = this.names.watermarkSubject(this.partition);
    const record = await storedMessage(this.nc, stream, { last_by_subj: watermark });
    if (record === undefined) return [];
    return new Promise((resolve, reject) => {
      const found: Seq[] = [];
      let next = 1;
      const reader = new StreamReader({
        nc: this.nc,
        stream,
        filters: [this.names.segmentSubject("*", "*"), watermark],
        next: () => next,
        room: () => IN_FLIGHT_MAX,
        onMessage: (message, { seq }) => {
          next = seq + 1;
          const isEnd = seq >= record.seq;
          if (message.subject !== watermark) {
            const isOurs = message.headers?.get(PARTITION_HEADER) === `${this.partition}`;
            if (isOurs && isTheirs(message.string())) found.push(seq);
          } else if (isEnd) {
            reader.stop();
            resolve(found);
          }
        },
        onFault: reject,
      });
    });
  }

  async rejects(isTheirs: (seq: Seq, body: Uint8Array) => boolean): Promise<number> {
    const seqs = await this.findRejects(isTheirs);
    await this.eraseAll(this.names.rejectsStream, seqs);
    return seqs.length;
  }

  /** Up to the last one. That may go before it comes: where nothing is left to come, it is looked again which is. */
  private findRejects(isTheirs: (seq: Seq, body: Uint8Array) => boolean): Promise<readonly Seq[]> {
    const { rejectsStream: stream } = this.names;
    const all = this.names.rejectedSubject("*");
    return new Promise((resolve, reject) => {
      const found: Seq[] = [];
      let next = 1;
      let last = 0;
      const endWithLast = (): void => {
        if (next <= last) return;
        reader.stop();
        resolve(found);
      };
      const check = async (): Promise<void> => {
        last = (await storedMessage(this.nc, stream, { last_by_subj: all }))?.seq ?? 0;
        endWithLast();
      };
      // A replica that lags says so, too; what it lacks is still to come. A look that fails is made again after silence.
      const lookAgain = (pending: number): void => {
        if (pending === 0 && next <= last) void check().catch(() => undefined);
      };
      const reader = new StreamReader({
        nc: this.nc,
        stream,
        filters: [all],
        next: () => next,
        room: () => REJECTS_IN_FLIGHT_MAX,
        check,
        opened: lookAgain,
        stalled: () => true,
        onMessage: ({ headers: told, data }, { seq, pending }) => {
          next = seq + 1;
          const isOurs = told?.get(PARTITION_HEADER) === `${this.partition}`;
          if (isOurs && isTheirs(Number(told?.get("Rollcall-Seq")), data)) found.push(seq);
          endWithLast();
          lookAgain(pending);
        },
        onFault: reject,
      });
    });
  }

  private async eraseAll(stream: string, seqs: readonly Seq[]): Promise<void> {
    for (let at = 0; at < seqs.length; at += DELETES_UNDER_WAY_MAX) {
      const some = seqs.slice(at, at + DELETES_UNDER_WAY_MAX);
      await Promise.all(some.map((seq) => eraseMessage(this.nc, stream, seq)));
    }
  }
}
