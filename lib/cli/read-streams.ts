// The streams as sequences to loop over: a partition's log up to a position, the deltas that were ever said.
// Used by replay, tail and doctor; reading goes at the reader's own pace.
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeDelta } from "../core/deltas.ts";
import type { LogRecord, PartitionNo, Seq } from "../core/types.ts";
import { NatsEventLog } from "../nats/event-log.ts";
import type { Names } from "../nats/names.ts";
import { StreamReader } from "../nats/stream-reader.ts";
import { storedMessage } from "../nats/wire.ts";
import type { Fingerprint } from "../ports/event-log.ts";
import type { StoredDelta } from "../verify/verify.ts";

const AHEAD_MAX = 2_000;

/** The log's messages from the first to `upTo`, in order, without a hole. */
export async function* logRecords(
  nc: NatsConnection,
  names: Names,
  partition: PartitionNo,
  upTo: Seq,
): AsyncGenerator<LogRecord> {
  if (upTo > 0) yield* recordsBetween(new NatsEventLog(nc, names, partition), undefined, upTo);
}

/** The log's last messages, at most so many, in order. */
export async function* newestRecords(
  nc: NatsConnection,
  names: Names,
  partition: PartitionNo,
  count: number,
): AsyncGenerator<LogRecord> {
  const log = new NatsEventLog(nc, names, partition);
  const { first, last } = await log.bounds();
  if (last < first) return;
  const before = Math.max(first - 1, last - count);
  const stamp = before === 0 ? undefined : await log.stampAt(before);
  // What lay before may have been trimmed away meanwhile; then there is nothing to begin after.
  if (before > 0 && stamp === undefined) return;
  yield* recordsBetween(log, stamp === undefined ? undefined : { seq: before, stamp }, last);
}

async function* recordsBetween(
  log: NatsEventLog,
  after: Fingerprint | undefined,
  upTo: Seq,
): AsyncGenerator<LogRecord> {
  const arrival = new Arrival();
  const reading = log.read({
    after,
    recordsMax: AHEAD_MAX,
    onReadable: () => arrival.ring(),
    onFault: (error) => arrival.fail(error),
  });
  try {
    for (let last = after?.seq ?? 0; last < upTo; ) {
      const records = reading.take(AHEAD_MAX);
      if (records.length === 0) await arrival.next();
      for (const record of records) {
        if (record.seq > upTo) return;
        last = record.seq;
        yield record;
      }
    }
  } finally {
    reading.stop();
  }
}

/** Every delta that SEGMENTS holds now, in its order. */
export async function* storedDeltas(nc: NatsConnection, names: Names): AsyncGenerator<StoredDelta> {
  for await (const { seq, body } of deltaMessages(nc, names)) yield { seq, delta: decodeDelta(body) };
}

/** The same, as they stand there: whoever may publish on a delta's subject may have written anything. */
export async function* deltaMessages(
  nc: NatsConnection,
  names: Names,
): AsyncGenerator<{ readonly seq: Seq; readonly body: string }> {
  const subject = names.segmentSubject("*", "*");
  const last = await storedMessage(nc, names.segmentsStream, { last_by_subj: subject });
  if (last === undefined) return;
  const arrival = new Arrival();
  let waiting: { readonly seq: Seq; readonly body: string }[] = [];
  let reached = 0;
  const reader = new StreamReader({
    nc,
    stream: names.segmentsStream,
    filters: [subject],
    next: () => reached + 1,
    room: () => AHEAD_MAX - waiting.length,
    onMessage: (message, { seq }) => {
      if (seq <= reached) return;
      reached = seq;
      waiting.push({ seq, body: message.string() });
      arrival.ring();
    },
    onFault: (error) => arrival.fail(error),
  });
  try {
    for (;;) {
      if (waiting.length === 0) await arrival.next();
      const some = waiting;
      waiting = [];
      for (const stored of some) {
        yield stored;
        if (stored.seq >= last.seq) return;
      }
      reader.refill();
    }
  } finally {
    reader.stop();
  }
}

/** A bell that remembers that it was rung while nobody listened. */
class Arrival {
  private rung = false;
  private fault: Error | undefined;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  fail(error: Error): void {
    this.fault = error;
    this.wake?.();
  }

  async next(): Promise<void> {
    if (!this.rung && this.fault === undefined) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
    this.rung = false;
    if (this.fault !== undefined) throw this.fault;
  }
}
