// Everything a shard asks of the world, answered in memory: the same promises as lib/nats, with faults on request.
// One MemoryServer is shared by all clients of a test or simulation; each shard has a client name of its own.
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import type { Trace } from "../core/trace.ts";
import type { LogKind, Millis, PartitionNo, Reject } from "../core/types.ts";
import {
  type Cluster,
  type Hearing,
  type Heartbeat,
  type KnownWishes,
  NO_WISHES,
  type Wishes,
} from "../ports/cluster.ts";
import type { ControlLog, Following } from "../ports/control-log.ts";
import type { DeltaSink, Saying, StoredSaying, StoredWatermark, Watermark } from "../ports/delta-sink.ts";
import type { LogBounds, LogReading, ReadOptions } from "../ports/event-log.ts";
import type { LinkSink, StoredLink } from "../ports/link-sink.ts";
import { assertValueFits, type PageStore, type StoredManifest } from "../ports/page-store.ts";
import type { Published } from "../ports/publishing.ts";
import { type Answering, type Question, type QuestionDesk, type Reply, replyText } from "../ports/questions.ts";
import type { Rejects } from "../ports/rejects.ts";
import type { World } from "../ports/world.ts";
import { controlStandIn, MemoryControlEraser } from "./control-erasing.ts";
import { MemoryEraser, MemoryLedger } from "./erasing.ts";
import { type MemoryLog, MemoryLogReading } from "./log-reading.ts";
import { publish } from "./publish.ts";
import { type MemoryMessage, type MemoryServer, type MemoryStream, type NewMessage, Unavailable } from "./server.ts";

const SEGMENTS = "SEGMENTS";
const REJECTS = "REJECTS";
const DEFINITIONS = "DEFINITIONS";
const CHECKPOINT = "CHECKPOINT";
const CLUSTER = "CLUSTER";
const WISHES = "wishes";
const VALUE_BYTES_MAX = 512 * 1024;
/** As much as lib/nats keeps free for headers, and for the revision that copies of an entry carry beside it. */
const BYTES_SPARE = 1_024;
const REPLY_BYTES_SPARE = 64 * 1024;
const ANSWER_MS_MAX = 5_000;

export const memoryLogStream = (p: PartitionNo): string => `EVENTS_${p}`;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function memoryWorld(server: MemoryServer, client: string, partitions: number): World {
  return {
    partitions,
    control: new MemoryControlLog(server, client),
    controlEraser: new MemoryControlEraser(server, client),
    cluster: new MemoryCluster(server, client),
    partition: (p) => ({
      log: new MemoryEventLog(server, client, p),
      sink: new MemoryDeltaSink(server, client, p),
      links: new MemoryLinkSink(server, client, p),
      pages: new MemoryPageStore(server, client, p),
      rejects: new MemoryRejects(server, client, p),
      desk: new MemoryQuestionDesk(server, client, p),
      ledger: new MemoryLedger(server, client, p),
      eraser: new MemoryEraser(server, client, p),
    }),
  };
}

function boundsOf(stream: MemoryStream): LogBounds {
  return { first: stream.first, last: stream.last };
}

export class MemoryEventLog implements MemoryLog {
  readonly ledger: MemoryLedger;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: PartitionNo;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.partition = partition;
    this.ledger = new MemoryLedger(server, client, partition);
  }

  get stream(): MemoryStream {
    return this.server.stream(memoryLogStream(this.partition));
  }

  async bounds(): Promise<LogBounds> {
    const { first, last } = await this.server.call(this.client, "bounds", () => boundsOf(this.stream));
    return { first: first > 1 ? (await this.ledger.read()).firstBefore(first) : first, last };
  }

  async stampAt(seq: number): Promise<number | undefined> {
    const stamp = await this.server.call(this.client, "stampAt", () => this.stream.at(seq)?.stamp);
    return stamp ?? (await this.ledger.read()).stampAt(seq);
  }

  read(options: ReadOptions): LogReading {
    return new MemoryLogReading(this.server, this.client, this.partition, this, options);
  }

  append(kind: Exclude<LogKind, "link">, body: string): Promise<Published> {
    const message: NewMessage = { subject: kind, body: bytesOf(body) };
    return publish(this.server, this.client, `append-${kind}`, [message], () => this.stream.store([message]));
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
    return this.say("publish", fence, [this.messageOf(saying)]);
  }

  async publishBatch(fence: number, sayings: readonly Saying[], watermark: Watermark): Promise<Published> {
    if (sayings.length + 1 > this.batchMax) throw new RangeError(`a batch holds at most ${this.batchMax} messages`);
    const messages = [...sayings.map((saying) => this.messageOf(saying)), this.recordOf(watermark)];
    return this.say("batch", fence, messages);
  }

  putWatermark(fence: number, watermark: Watermark): Promise<Published> {
    return this.say("watermark", fence, [this.recordOf(watermark)]);
  }

  private say(name: string, fence: number, messages: readonly NewMessage[]): Promise<Published> {
    const expected = { subject: this.subject, seq: fence };
    return publish(this.server, this.client, name, messages, () => this.stream.store(messages, expected));
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
      headers: { deltaId: saying.deltaId, partition: `${this.partition}`, ...saying.trace },
    };
  }

  private recordOf(watermark: Watermark): NewMessage {
    return { subject: this.subject, body: bytesOf(JSON.stringify(watermark)), rollup: true, neverExpires: true };
  }
}

export class MemoryLinkSink implements LinkSink {
  batchMax = 500;
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly subject: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.subject = `link.${partition}`;
  }

  last(to: PartitionNo): Promise<StoredLink | undefined> {
    return this.server.call(this.client, "readLink", () => {
      const message = this.logOf(to).newest(this.subject);
      return message === undefined ? undefined : { seq: message.seq, body: textOf(message.body) };
    });
  }

  async publish(
    to: PartitionNo,
    expected: number,
    bodies: readonly string[],
    traces: readonly (Trace | undefined)[] = [],
  ): Promise<Published> {
    if (bodies.length === 0 || bodies.length > this.batchMax)
      throw new RangeError(`a batch of links holds 1 to ${this.batchMax} messages, not ${bodies.length}`);
    const messages = bodies.map((body, index) => ({
      subject: this.subject,
      body: bytesOf(body),
      headers: { ...traces[index] },
    }));
    const seen = { subject: this.subject, seq: expected };
    return publish(this.server, this.client, "link", messages, () => this.logOf(to).store(messages, seen));
  }

  bounds(to: PartitionNo): Promise<LogBounds> {
    return this.server.call(this.client, "bounds", () => boundsOf(this.logOf(to)));
  }

  private logOf(to: PartitionNo): MemoryStream {
    return this.server.stream(memoryLogStream(to));
  }
}

export class MemoryPageStore implements PageStore {
  valueBytesMax = VALUE_BYTES_MAX;
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
    assertValueFits(key, bytes, this.valueBytesMax);
    const copy = new Uint8Array(bytes);
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
    const message: NewMessage = { subject: this.manifest, body: new Uint8Array(bytes), rollup: true };
    const seen = { subject: this.manifest, seq: expected };
    return publish(this.server, this.client, "putManifest", [message], () => this.stream.store([message], seen));
  }
}

export class MemoryControlLog implements ControlLog {
  readonly entryBytesMax: number;
  private readonly server: MemoryServer;
  private readonly client: string;

  constructor(server: MemoryServer, client: string) {
    this.server = server;
    this.client = client;
    this.entryBytesMax = server.payloadBytesMax - BYTES_SPARE;
  }

  private get stream(): MemoryStream {
    return this.server.stream(DEFINITIONS);
  }

  lastRevision(): Promise<number> {
    return this.server.call(this.client, "lastRevision", () => this.stream.last);
  }

  follow(onEntry: (copy: ControlCopy, storedAt: Millis) => void, onFault: (error: Error) => void): Following {
    return new MemoryFollowing(this.server, this.client, onEntry, onFault);
  }

  append(entry: ControlEntry, expectedLast: number): Promise<Published> {
    const message: NewMessage = { subject: "definitions", body: bytesOf(JSON.stringify(entry)) };
    return publish(this.server, this.client, "define", [message], () => this.stream.storeIfLast(message, expectedLast));
  }
}

class MemoryFollowing implements Following {
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly onEntry: (copy: ControlCopy, storedAt: Millis) => void;
  private readonly onFault: (error: Error) => void;
  private readonly forgetReturns: () => void;
  private forgetSource: () => void = () => undefined;
  private last = 0;
  private stopped = false;

  constructor(
    server: MemoryServer,
    client: string,
    onEntry: (copy: ControlCopy, storedAt: Millis) => void,
    onFault: (error: Error) => void,
  ) {
    this.server = server;
    this.client = client;
    this.onEntry = onEntry;
    this.onFault = onFault;
    this.forgetReturns = server.onReturn(client, () => this.pumpSoon());
    this.begin();
  }

  stop(): void {
    this.stopped = true;
    this.forgetSource();
    this.forgetReturns();
  }

  /** At the stream that bears the name now. */
  private begin(): void {
    this.forgetSource();
    const stream = this.server.stream(DEFINITIONS);
    const forget = [stream.listen(() => this.pumpSoon()), stream.listenAsReader(() => this.begin())];
    this.forgetSource = () => {
      for (const one of forget) one();
    };
    this.pumpSoon();
  }

  private pumpSoon(): void {
    this.server.runtime.after(0, () => this.pump());
  }

  private pump(): void {
    if (!this.server.reaches(this.client)) return;
    const stream = this.server.stream(DEFINITIONS);
    if (stream.last < this.last) this.fault(`ends at ${stream.last}, but entry ${this.last} was already read`);
    while (this.last < stream.last && !this.stopped) {
      const revision = this.last + 1;
      const stored = stream.at(revision);
      const held = stored === undefined ? controlStandIn(this.server, revision) : heldIn(stored);
      if (held === undefined) {
        this.fault(`entry ${revision} is missing`);
        return;
      }
      this.last = revision;
      this.onEntry({ revision, entry: held.entry }, held.stamp);
    }
  }

  private fault(what: string): void {
    if (this.stopped) return;
    this.stop();
    this.onFault(
      new Error(`${DEFINITIONS}: ${what}; definitions are never removed, so restore the stream from a backup`),
    );
  }
}

function heldIn({ body, stamp }: MemoryMessage): { readonly entry: ControlEntry; readonly stamp: Millis } {
  return { entry: entryOf(body), stamp };
}

/** What is no JSON is no known entry either: the fold says so, and every partition goes on. */
function entryOf(body: Uint8Array): ControlEntry {
  try {
    return JSON.parse(textOf(body)) as ControlEntry;
  } catch {
    return null as unknown as ControlEntry;
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
      id: `${this.partition}:${reject.seq}`,
    }));
    const outcome = await publish(this.server, this.client, "reject", messages, () =>
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
    this.send("beat", "beats", heartbeat);
  }

  hear(onBeat: (heartbeat: Heartbeat) => void): Hearing {
    return { stop: this.server.listen(this.client, "beats", onBeat) };
  }

  async leave(shard: string): Promise<void> {
    this.send("leave", "leaving", shard);
  }

  hearLeaving(onLeave: (shard: string) => void): Hearing {
    return { stop: this.server.listen(this.client, "leaving", onLeave) };
  }

  /** People wish seldom, so no fate is drawn for it: a story is the same whether anybody might have wished or not. */
  async readWishes(): Promise<KnownWishes> {
    if (!this.server.reaches(this.client)) throw new Unavailable("wishes");
    const message = this.server.stream(CLUSTER).newest(WISHES);
    if (message === undefined) return { wishes: NO_WISHES, revision: 0 };
    return { wishes: JSON.parse(textOf(message.body)) as Wishes, revision: message.seq };
  }

  async writeWishes(wishes: Wishes, expected: number): Promise<Published> {
    const message: NewMessage = { subject: WISHES, body: bytesOf(JSON.stringify(wishes)), rollup: true };
    const stored = await publish(this.server, this.client, "wish", [message], () =>
      this.server.stream(CLUSTER).store([message], { subject: WISHES, seq: expected }),
    );
    if (stored.kind === "stored") this.server.tell(this.client, WISHES, null);
    return stored;
  }

  hearWishes(onChange: () => void): Hearing {
    return { stop: this.server.listen(this.client, WISHES, onChange) };
  }

  /** A late one is a lost one: on one connection an older beat never comes after a newer. */
  private send(name: string, channel: string, payload: unknown): void {
    const fate = this.server.fate(this.client, name);
    if (fate === "ok" || fate === "reply-lost") this.server.tell(this.client, channel, payload);
  }
}

interface Ask {
  readonly question: string;
  resolve(reply: string): void;
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
    const answer = async ({ question, resolve }: Ask): Promise<void> => {
      const answered = await replyText(question, reply, this.server.payloadBytesMax - REPLY_BYTES_SPARE);
      // The way back is the answerer's own line.
      if (this.server.reaches(this.client)) resolve(answered);
    };
    return { stop: this.server.listen(this.client, this.channel, (ask: Ask) => void answer(ask)) };
  }

  /** As a client would ask whoever owns the partition. Undefined when nobody answers. */
  ask(question: Question): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const patience = this.server.runtime.after(ANSWER_MS_MAX, () => resolve(undefined));
      const ask: Ask = {
        question: JSON.stringify(question),
        resolve: (reply) => {
          patience.cancel();
          resolve(JSON.parse(reply) as Reply);
        },
      };
      if (this.server.hasListener(this.channel)) this.server.tell(this.client, this.channel, ask);
      else resolve(undefined);
    });
  }
}

/** As a service would listen to `segment.*.*`: hears what is stored while it is connected, and nothing of what it missed. */
export function memoryEar(server: MemoryServer, client: string, onSaid: (said: StoredSaying) => void): Hearing {
  let forget: () => void = () => undefined;
  const begin = (): void => {
    forget();
    const stream = server.stream(SEGMENTS);
    let next = stream.last + 1;
    const forgetStores = stream.listen(() => {
      for (const { seq, body, headers } of stream.from(next)) {
        const { deltaId } = headers;
        if (deltaId === undefined || !server.reaches(client)) continue;
        server.runtime.after(0, () => onSaid({ seq, deltaId, body: textOf(body) }));
      }
      next = stream.last + 1;
    });
    const forgetBreaks = stream.listenAsReader(begin);
    forget = () => {
      forgetStores();
      forgetBreaks();
    };
  };
  begin();
  return { stop: () => forget() };
}
