// The live streams, as server-sent events: of each topic a snapshot first, then what differs, at most four times a second.
// One source serves everybody who listens to a topic; with nobody listening nothing is asked.
//
//   source.ts ──▶ channel.ts (a topic: last messages, listeners) ──▶ reader.ts (a stream)
//
// Every message bears an id. Whoever comes back with the last one, for the same topics and soon enough, is told what they
// missed; everybody else begins with snapshots, and is told that they do.
import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { HttpError } from "../http/http-error.ts";
import { Channel, type Listener, type Told } from "./channel.ts";
import { LiveReader } from "./reader.ts";
import { type Asked, sourceOf } from "./sources.ts";
import type { Topic } from "./topics.ts";

const HEARTBEAT_MS = 15_000;
const STREAMS_MAX = 500;
/** A topic is kept alive for those who come back. */
const LINGER_MS = 30_000;
/** Tells this process's ids from those of others. */
const INSTANCE_BYTES = 6;

export interface LiveOptions extends Asked {
  readonly streamsPerKeyMax: number;
}

export interface Listening {
  readonly response: ServerResponse;
  /** Those that the doors have set: for other sites, for browsers. */
  readonly headers: Readonly<Record<string, string | number | string[] | undefined>>;
  readonly topics: readonly Topic[];
  readonly personal: boolean;
  /** The key, or the address where there are none. */
  readonly who: string;
  /** As the header says; "" when there is none. */
  readonly lastEventId: string;
  /** Asked now and then. */
  isWelcome(): boolean;
}

interface Stream extends Listener {
  readonly reader: LiveReader;
  readonly channels: readonly Channel[];
  readonly listening: Listening;
}

export class LiveFeed {
  private readonly options: LiveOptions;
  private readonly instance = randomBytes(INSTANCE_BYTES).toString("base64url");
  private readonly channels = new Map<string, Channel>();
  private readonly lingering = new Map<Channel, NodeJS.Timeout>();
  private readonly streams = new Set<Stream>();
  private readonly openBy = new Map<string, number>();
  private heartbeat: NodeJS.Timeout | undefined;
  private seq = 0;
  private closed = false;

  constructor(options: LiveOptions) {
    this.options = options;
  }

  /** Before anything is written, so that it can be refused as any other request. */
  assertRoom(who: string): void {
    const { streamsPerKeyMax } = this.options;
    if (this.closed || this.streams.size >= STREAMS_MAX) {
      throw new HttpError(503, "not-answered", "This process can open no more live streams now; ask again later.");
    }
    if ((this.openBy.get(who) ?? 0) < streamsPerKeyMax) return;
    throw new HttpError(
      429,
      "too-many-streams",
      `At most ${streamsPerKeyMax} live streams of one key (httpStreamsPerKeyMax); close one, or ask for several topics in one stream.`,
    );
  }

  async connect(listening: Listening): Promise<void> {
    const { response, headers, topics, personal, who } = listening;
    const channels = topics.map((topic) => this.channelOf(topic));
    let stream: Stream | undefined;
    let gone = false;
    const reader = new LiveReader(response, personal, () => {
      gone = true;
      this.count(who, -1);
      if (stream !== undefined) this.forget(stream);
      else for (const channel of channels) this.lingerIfUnheard(channel);
    });
    this.count(who, 1);
    reader.open(headers);
    await Promise.all(channels.map((channel) => channel.ready()));
    if (gone) return;
    if (this.closed) return reader.end("closing");
    const idOf = idsOf(this.instance, listening);
    stream = {
      reader,
      channels,
      listening,
      hear: (told) => reader.write(frameFor(told, listening, idOf)),
    };
    // Nothing is told between the snapshot and the listening: all of this is one turn.
    reader.greet(this.greeting(stream, idOf));
    this.streams.add(stream);
    for (const channel of channels) channel.listeners.add(stream);
    this.heartbeat ??= setInterval(() => this.beat(), HEARTBEAT_MS);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.heartbeat);
    for (const { reader } of [...this.streams]) reader.end("closing");
    for (const timer of this.lingering.values()) clearTimeout(timer);
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
  }

  /** What was missed, if all of it is known, or snapshots; the last message of either bears an id, so that both are whole. */
  private greeting({ channels, listening }: Stream, idOf: IdOf): readonly string[] {
    const { lastEventId, personal } = listening;
    const since = seqOf(lastEventId, idOf);
    // Nobody was given an id that is still to come.
    const missed = since === undefined || since > this.seq ? undefined : missedBy(channels, since);
    if (missed !== undefined) {
      const frames = missed.map((told) => frameFor(told, listening, idOf));
      return [...frames, startFrame({ resumed: true }, idOf(this.seq))];
    }
    const snapshots = channels.map((channel) => channel.snapshot(personal));
    const why = lastEventId === "" ? {} : { reason: "what came after that id is not known here any more" };
    return [...snapshots, startFrame({ resumed: false, ...why }, idOf(this.seq))];
  }

  private channelOf(topic: Topic): Channel {
    const known = this.channels.get(topic.text);
    if (known !== undefined) {
      clearTimeout(this.lingering.get(known));
      this.lingering.delete(known);
      return known;
    }
    // Of what happened while it was closed it knows nothing: no id of before will do.
    this.seq += 1;
    const source = sourceOf(topic, this.options);
    const channel = new Channel(topic.text, source, this.seq, () => {
      this.seq += 1;
      return this.seq;
    });
    this.channels.set(topic.text, channel);
    return channel;
  }

  private forget(stream: Stream): void {
    this.streams.delete(stream);
    for (const channel of stream.channels) {
      channel.listeners.delete(stream);
      this.lingerIfUnheard(channel);
    }
    if (this.streams.size > 0) return;
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  private lingerIfUnheard(channel: Channel): void {
    if (this.closed || channel.listeners.size > 0 || this.lingering.has(channel)) return;
    const timer = setTimeout(() => {
      this.lingering.delete(channel);
      if (channel.listeners.size > 0) return;
      this.channels.delete(channel.topic);
      channel.close();
    }, LINGER_MS);
    timer.unref();
    this.lingering.set(channel, timer);
  }

  /** A comment keeps what stands between us from closing the connection. */
  private beat(): void {
    for (const channel of this.channels.values()) channel.letGo();
    for (const { reader, listening } of [...this.streams]) {
      if (listening.isWelcome()) reader.write(": here\n\n");
      else reader.end("key-revoked");
    }
  }

  private count(who: string, by: number): void {
    const open = (this.openBy.get(who) ?? 0) + by;
    if (open === 0) this.openBy.delete(who);
    else this.openBy.set(who, open);
  }
}

function missedBy(channels: readonly Channel[], seq: number): readonly Told[] | undefined {
  const missed: Told[] = [];
  for (const channel of channels) {
    const told = channel.since(seq);
    if (told === undefined) return undefined;
    missed.push(...told);
  }
  return missed.sort((a, b) => a.seq - b.seq);
}

type IdOf = (seq: number) => string;

/** An id is of one process, of the same topics and the same rights: with others what was missed would be something else. */
function idsOf(instance: string, { topics, personal }: Listening): IdOf {
  const wish = `${personal} ${topics.map(({ text }) => text).join(",")}`;
  const hash = createHash("sha256").update(wish).digest("base64url").slice(0, INSTANCE_BYTES);
  return (seq) => `${instance}.${hash}.${seq}`;
}

function seqOf(id: string, idOf: IdOf): number | undefined {
  const seq = Number(id.slice(id.lastIndexOf(".") + 1));
  return Number.isSafeInteger(seq) && idOf(seq) === id ? seq : undefined;
}

function frameFor(told: Told, { personal }: Listening, idOf: IdOf): string {
  return `id: ${idOf(told.seq)}\n${personal ? told.full : told.masked}`;
}

function startFrame(said: { readonly resumed: boolean; readonly reason?: string }, id: string): string {
  return `id: ${id}\nevent: start\ndata: ${JSON.stringify(said)}\n\n`;
}
