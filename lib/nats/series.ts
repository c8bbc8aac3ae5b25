// Where the time series of segments are kept: the KV bucket SERIES, through its stream. Answers lib/ports/series.ts.
// Chunks and position go in as one atomic batch, fenced by the position: what is counted and how far is one thing.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { decodeDelta } from "../core/deltas.ts";
import type { Seq } from "../core/types.ts";
import type { Published } from "../ports/publishing.ts";
import {
  type CountedDelta,
  type DeltaFollowing,
  SeriesMissing,
  type SeriesPosition,
  type SeriesStore,
  type StoredPosition,
  type WrittenChunk,
} from "../ports/series.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { expectLast, isNoStream, publishBatch, storedMessage, streamState, subjectsOf } from "./wire.ts";

/** The server takes 1,000 messages in a batch. */
const CHUNKS_MAX = 900;
const ASKED_AT_ONCE_MAX = 50;
const POSITION = "position";

export class NatsSeriesStore implements SeriesStore {
  readonly chunksMax = CHUNKS_MAX;
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly stream: string;
  private readonly prefix: string;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
    this.stream = `KV_${names.seriesBucket}`;
    this.prefix = `$KV.${names.seriesBucket}.`;
  }

  async position(): Promise<StoredPosition> {
    const stored = await this.stored(POSITION);
    if (stored === undefined) return { position: { seq: 0, at: "" }, revision: 0 };
    return { position: JSON.parse(Buffer.from(stored.data).toString()) as SeriesPosition, revision: stored.seq };
  }

  async chunks(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (let at = 0; at < keys.length; at += ASKED_AT_ONCE_MAX) {
      const some = keys.slice(at, at + ASKED_AT_ONCE_MAX);
      const stored = await Promise.all(some.map((key) => this.stored(key)));
      stored.forEach((message, index) => {
        if (message !== undefined && message.data.length > 0) {
          found.set(some[index]!, Buffer.from(message.data).toString());
        }
      });
    }
    return found;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const filter = `${this.prefix}${prefix}>`;
    const subjects = await subjectsOf(this.nc, this.stream, filter).catch((error: unknown) => {
      throw this.missingOr(error);
    });
    return subjects.map((subject) => subject.slice(this.prefix.length));
  }

  async write(expected: number, position: SeriesPosition, chunks: readonly WrittenChunk[]): Promise<Published> {
    if (chunks.length > CHUNKS_MAX) throw new RangeError(`a batch holds at most ${CHUNKS_MAX} chunks`);
    const messages = chunks.map(({ key, body, keepMs }) => {
      const mh = headers();
      if (keepMs > 0) mh.append("Nats-TTL", `${Math.ceil(keepMs / 1_000)}s`);
      return { subject: this.prefix + key, payload: body, headers: mh };
    });
    const subject = this.prefix + POSITION;
    const fence = expectLast(headers(), subject, expected);
    return publishBatch(this.nc, [...messages, { subject, payload: JSON.stringify(position), headers: fence }]);
  }

  async lastDelta(): Promise<Seq> {
    const last_by_subj = this.names.segmentSubject("*", "*");
    return (await storedMessage(this.nc, this.names.segmentsStream, { last_by_subj }))?.seq ?? 0;
  }

  async lastMessage(): Promise<Seq> {
    return (await streamState(this.nc, this.names.segmentsStream)).last;
  }

  follow(
    from: Seq,
    room: () => number,
    onDelta: (delta: CountedDelta) => void,
    onFault: (error: Error) => void,
  ): DeltaFollowing {
    let last = from - 1;
    const reader = new StreamReader({
      nc: this.nc,
      stream: this.names.segmentsStream,
      filters: [this.names.segmentSubject("*", "*")],
      next: () => last + 1,
      room,
      onMessage: (message, { seq }) => {
        if (seq <= last) return;
        last = seq;
        const delta = deltaOf(message.string());
        if (delta !== undefined) onDelta({ seq, segment: delta.segment, change: delta.change, at: delta.at });
      },
      onFault,
    });
    return { refill: () => reader.refill(), stop: () => reader.stop() };
  }

  private async stored(key: string) {
    try {
      return await storedMessage(this.nc, this.stream, { last_by_subj: this.prefix + key });
    } catch (error) {
      throw this.missingOr(error);
    }
  }

  private missingOr(error: unknown): unknown {
    if (!isNoStream(error)) return error;
    return new SeriesMissing(
      `The data set has no bucket of time series (${this.stream}): it was made by an older version. ` +
        "A worker of this version makes it at its start, where it may make streams (ROLLCALL_PROVISION=true).",
    );
  }
}

/** Undefined for what only somebody without the right could have put there. */
function deltaOf(text: string): ReturnType<typeof decodeDelta> | undefined {
  try {
    const delta = decodeDelta(text);
    return Number.isFinite(delta.at) ? delta : undefined;
  } catch {
    return undefined;
  }
}
