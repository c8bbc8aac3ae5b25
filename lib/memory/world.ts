// Everything a shard asks of the world, answered in memory: the same promises as lib/nats, with faults on request.
// One MemoryServer is shared by all clients of a test or simulation; each shard has a client name of its own.
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import type { LogKind, LogRecord, PartitionNo, Reject } from "../core/types.ts";
import type { Cluster, Hearing, Heartbeat } from "../ports/cluster.ts";
import type { ControlLog, Following } from "../ports/control-log.ts";
import type { DeltaSink, Saying, StoredSaying, StoredWatermark, Watermark } from "../ports/delta-sink.ts";
import { LogHole, Refusal } from "../ports/errors.ts";
import type { EventLog, Fingerprint, LogBounds, LogReading, ReadOptions } from "../ports/event-log.ts";
import { checkPast } from "../ports/log-past.ts";
import type { PageStore, StoredManifest } from "../ports/page-store.ts";
import type { Published } from "../ports/publishing.ts";
import type { Answering, Question, QuestionDesk, Reply } from "../ports/questions.ts";
import type { Rejects } from "../ports/rejects.ts";
import { pause } from "../ports/runtime.ts";
import type { World } from "../ports/world.ts";
import { type MemoryServer, type MemoryStream, type NewMessage, Unavailable } from "./server.ts";

const SEGMENTS = "SEGMENTS";
const REJECTS = "REJECTS";
const DEFINITIONS = "DEFINITIONS";
const CHECKPOINT = "CHECKPOINT";
const RETRY_MS = 20;

export const memoryLogStream = (p: PartitionNo): string => `EVENTS_${p}`;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function memoryWorld(server: MemoryServer, client: string, partitions: number): World {
  return {
    partitions,
    control: new MemoryControlLog(server, client),
    cluster: new MemoryCluster(server, client),
    partition: (p) => ({
      log: new MemoryEventLog(server, client, p),
      sink: new MemoryDeltaSink(server, client, p),
      pages: new MemoryPageStore(server, client, p),
      rejects: new MemoryRejects(server, client, p),
      desk: new MemoryQuestionDesk(server, client, p),
    }),
  };
}

/** A publish whose work returns the stored sequence, or undefined when the compare-and-set refused it. */
async function publish(
  server: MemoryServer,
  client: string,
  name: string,
  work: () => number | undefined,
): Promise<Published> {
  try {
    const seq = await server.call(client, name, work);
    return seq === undefined ? { kind: "fenced" } : { kind: "stored", seq };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof Unavailable ? { kind: "retry", reason } : { kind: "unknown", reason };
  }
}

function boundsOf(stream: MemoryStream): LogBounds {
  return { first: stream.first, last: stream.last };
}

export class MemoryEventLog implements EventLog {
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.partition = partition;
  }

  get stream(): MemoryStream {
    return this.server.stream(memoryLogStream(this.partition));
  }

  bounds(): Promise<LogBounds> {
    return this.server.call(this.client, "bounds", () => boundsOf(this.stream));
  }

  stampAt(seq: number): Promise<number | undefined> {
    return this.server.call(this.client, "stampAt", () => this.stream.at(seq)?.stamp);
  }

  read(options: ReadOptions): LogReading {
    return new MemoryLogReading(this.server, this.client, this.partition, this, options);
  }

  append(kind: Exclude<LogKind, "link">, body: string): Promise<Published> {
    const message: NewMessage = { subject: kind, body: bytesOf(body) };
    return publish(this.server, this.client, `append-${kind}`, () => this.stream.store([message]));
  }
}

class MemoryLogReading implements LogReading {
  knownLast: number;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;
  private readonly log: MemoryEventLog;
  private readonly options: ReadOptions;
  private last: Fingerprint;
  private open = false;
  private stopped = false;
  private forget: (() => void) | undefined;

  constructor(server: MemoryServer, client: string, p: PartitionNo, log: MemoryEventLog, options: ReadOptions) {
    this.server = server;
    this.client = client;
    this.partition = p;
    this.log = log;
    this.options = options;
    this.last = options.after ?? { seq: 0, stamp: 0 };
    this.knownLast = this.last.seq;
    void this.start();
  }

  take(max: number): readonly LogRecord[] {
    const records: LogRecord[] = [];
    if (!this.open || this.stopped || this.server.isIsolated(this.client)) return records;
    for (const message of this.log.stream.from(this.last.seq + 1)) {
      if (message.seq !== this.last.seq + 1) {
        this.fault(
          new LogHole(this.partition, `messages ${this.last.seq + 1} to ${message.seq - 1} of its log are missing`),
        );
        return records;
      }
      if (records.length === max) break;
      records.push({ seq: message.seq, stamp: message.stamp, kind: message.subject as LogKind, body: message.body });
      this.last = { seq: message.seq, stamp: message.stamp };
    }
    this.knownLast = Math.max(this.knownLast, this.log.stream.last);
    if (records.length === max && this.last.seq < this.log.stream.last)
      this.server.runtime.after(0, this.options.onReadable);
    return records;
  }

  stop(): void {
    this.stopped = true;
    this.forget?.();
  }

  private async start(): Promise<void> {
    while (!this.stopped) {
      try {
        this.knownLast = Math.max(this.knownLast, (await checkPast(this.partition, this.log, this.last)).last);
        if (this.stopped) return;
        this.open = true;
        const wake = (): void => {
          this.server.runtime.after(0, () => {
            if (!this.stopped) this.options.onReadable();
          });
        };
        this.forget = this.log.stream.listen(wake);
        wake();
        return;
      } catch (error) {
        if (error instanceof Refusal) {
          this.fault(error);
          return;
        }
        await pause(this.server.runtime, RETRY_MS);
      }
    }
  }

  private fault(error: Refusal): void {
    if (this.stopped) return;
    this.stop();
    this.options.onFault(error);
  }
}

export class MemoryDeltaSink implements DeltaSink {
  batchMax = 1_000;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;
  private readonly subject: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.partition = partition;
    this.subject = `watermark.${partition}`;
  }

  private get stream(): MemoryStream {
    return this.server.stream(SEGMENTS);
  }

  publish(fence: number, saying: Saying): Promise<Published> {
    const message = this.messageOf(saying);
    const expected = { subject: this.subject, seq: fence };
    return publish(this.server, this.client, "publish", () => this.stream.store([message], expected));
  }

  async publishBatch(fence: number, sayings: readonly Saying[], watermark: Watermark): Promise<Published> {
    if (sayings.length + 1 > this.batchMax) throw new RangeError(`a batch holds at most ${this.batchMax} messages`);
    const messages = [...sayings.map((saying) => this.messageOf(saying)), this.recordOf(watermark)];
    const expected = { subject: this.subject, seq: fence };
    return publish(this.server, this.client, "batch", () => this.stream.store(messages, expected));
  }

  putWatermark(fence: number, watermark: Watermark): Promise<Published> {
    const record = this.recordOf(watermark);
    const expected = { subject: this.subject, seq: fence };
    return publish(this.server, this.client, "watermark", () => this.stream.store([record], expected));
  }

  readWatermark(): Promise<StoredWatermark | undefined> {
    return this.server.call(this.client, "readWatermark", () => {
      const message = this.stream.newest(this.subject);
      if (message === undefined) return undefined;
      return { seq: message.seq, stamp: message.stamp, value: JSON.parse(textOf(message.body)) as Watermark };
    });
  }

  scan(from: number, to: number): Promise<readonly StoredSaying[] | undefined> {
    return this.server.call(this.client, "scan", () => {
      if (this.stream.newest(this.subject)?.seq !== to) return undefined;
      const found: StoredSaying[] = [];
      for (const message of this.stream.from(from)) {
        if (message.seq >= to) break;
        if (message.headers.partition !== `${this.partition}`) continue;
        found.push({ seq: message.seq, deltaId: message.headers.deltaId!, body: textOf(message.body) });
      }
      return found;
    });
  }

  bounds(): Promise<LogBounds> {
    return this.server.call(this.client, "bounds", () => boundsOf(this.stream));
  }

  private messageOf(saying: Saying): NewMessage {
    return {
      subject: `segment.${saying.segment}.${saying.change}`,
      body: bytesOf(saying.body),
      headers: { deltaId: saying.deltaId, partition: `${this.partition}` },
    };
  }

  private recordOf(watermark: Watermark): NewMessage {
    return { subject: this.subject, body: bytesOf(JSON.stringify(watermark)), rollup: true };
  }
}

export class MemoryPageStore implements PageStore {
  valueBytesMax = 512 * 1024;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly prefix: string;
  private readonly manifest: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.prefix = `${partition}.`;
    this.manifest = `${partition}.manifest`;
  }

  private get stream(): MemoryStream {
    return this.server.stream(CHECKPOINT);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    await this.server.call(this.client, "put", () => this.stream.store([{ subject: key, body: copy, rollup: true }]));
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.server.call(this.client, "get", () => this.stream.newest(key)?.body);
  }

  list(): Promise<readonly string[]> {
    return this.server.call(this.client, "list", () =>
      this.stream.subjects(this.prefix).filter((key) => key !== this.manifest),
    );
  }

  async remove(key: string): Promise<void> {
    await this.server.call(this.client, "remove", () => this.stream.purgeSubject(key));
  }

  readManifest(): Promise<StoredManifest | undefined> {
    return this.server.call(this.client, "readManifest", () => {
      const message = this.stream.newest(this.manifest);
      return message === undefined ? undefined : { revision: message.seq, bytes: message.body };
    });
  }

  putManifest(expected: number, bytes: Uint8Array): Promise<Published> {
    const message: NewMessage = { subject: this.manifest, body: bytes.slice(), rollup: true };
    return publish(this.server, this.client, "putManifest", () =>
      this.stream.store([message], { subject: this.manifest, seq: expected }),
    );
  }
}

export class MemoryControlLog implements ControlLog {
  private readonly server: MemoryServer;
  private readonly client: string;

  constructor(server: MemoryServer, client: string) {
    this.server = server;
    this.client = client;
  }

  private get stream(): MemoryStream {
    return this.server.stream(DEFINITIONS);
  }

  lastRevision(): Promise<number> {
    return this.server.call(this.client, "lastRevision", () => this.stream.last);
  }

  follow(onEntry: (copy: ControlCopy) => void, onFault: (error: Error) => void): Following {
    let last = 0;
    let stopped = false;
    const pump = (): void => {
      if (stopped) return;
      if (this.server.isIsolated(this.client)) {
        this.server.runtime.after(RETRY_MS, pump);
        return;
      }
      if (this.stream.last < last) {
        stopped = true;
        onFault(new Error(`DEFINITIONS ends at ${this.stream.last}, but entry ${last} was already read`));
        return;
      }
      for (const message of this.stream.from(last + 1)) {
        last = message.seq;
        onEntry({ revision: message.seq, entry: JSON.parse(textOf(message.body)) as ControlEntry });
      }
    };
    const forget = this.stream.listen(() => this.server.runtime.after(0, pump));
    this.server.runtime.after(0, pump);
    return {
      stop: () => {
        stopped = true;
        forget();
      },
    };
  }

  append(entry: ControlEntry, expectedLast: number): Promise<Published> {
    const message: NewMessage = { subject: "definitions", body: bytesOf(JSON.stringify(entry)) };
    return publish(this.server, this.client, "define", () => this.stream.storeIfLast(message, expectedLast));
  }
}

export class MemoryRejects implements Rejects {
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.partition = partition;
  }

  async tell(rejects: readonly Reject[]): Promise<boolean> {
    const messages = rejects.map((reject) => ({
      subject: `rejected.${reject.reason}`,
      body: reject.body,
      headers: { partition: `${this.partition}`, seq: `${reject.seq}`, detail: reject.detail },
    }));
    const outcome = await publish(this.server, this.client, "reject", () =>
      this.server.stream(REJECTS).store(messages),
    );
    return outcome.kind === "stored";
  }
}

export class MemoryCluster implements Cluster {
  private readonly server: MemoryServer;
  private readonly client: string;

  constructor(server: MemoryServer, client: string) {
    this.server = server;
    this.client = client;
  }

  async beat(heartbeat: Heartbeat): Promise<void> {
    this.server.tell(this.client, "beats", heartbeat);
  }

  hear(onBeat: (heartbeat: Heartbeat) => void): Hearing {
    return { stop: this.server.listen(this.client, "beats", onBeat) };
  }

  async leave(shard: string): Promise<void> {
    this.server.tell(this.client, "leaving", shard);
  }

  hearLeaving(onLeave: (shard: string) => void): Hearing {
    return { stop: this.server.listen(this.client, "leaving", onLeave) };
  }
}

interface Ask {
  readonly question: Question;
  resolve(reply: Reply): void;
}

export class MemoryQuestionDesk implements QuestionDesk {
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly channel: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.channel = `ask.${partition}`;
  }

  answer(reply: (question: Question) => Promise<Reply>): Answering {
    const stop = this.server.listen(this.client, this.channel, (ask: Ask) => {
      void reply(ask.question).then(ask.resolve, (error: unknown) => ask.resolve({ ok: false, error: String(error) }));
    });
    return { stop };
  }

  /** As a client would ask whoever owns the partition. */
  ask(question: Question): Promise<Reply> {
    return new Promise((resolve) => {
      this.server.tell(this.client, this.channel, { question, resolve } satisfies Ask);
    });
  }
}
