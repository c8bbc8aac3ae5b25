// Production shards over real servers, in this process, with events coming all the time; and the comparison of all that was said
// with what one machine says about the same logs. Used where servers are killed: test/actors and test/containers.
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { expect } from "vitest";
import type { Shard } from "../../actors/worker/shard.ts";
import type { LinkMessage } from "../../lib/core/links.ts";
import type { LogKind, LogRecord } from "../../lib/core/types.ts";
import { PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import type { Names } from "../../lib/nats/names.ts";
import { stampMsOf } from "../../lib/nats/wire.ts";
import { fakeMachinery, retell, roomyFake, type Told } from "./fake-machine.ts";
import { testShard } from "./shards.ts";
import { until } from "./until.ts";

/** The fake machine says something at the third event of an id. */
const EVENTS_PER_USER = 3;
const READ_AT_ONCE = 500;

export interface ShardsOptions {
  readonly names: Names;
  readonly partitions: number;
  /** A connection of its own for every call. */
  connect(role: string): Promise<NatsConnection>;
}

/** A server that can be there without answering. */
export interface Freezable {
  freeze(): unknown;
  thaw(): unknown;
}

interface RunningShard {
  readonly shard: Shard;
  readonly nc: NatsConnection;
}

export interface Figures {
  readonly events: number;
  readonly expected: number;
  readonly said: number;
  readonly lost: number;
  readonly repeated: number;
}

export class ShardsUnderLoad {
  readonly client: NatsConnection;
  /** Events that a log has acknowledged. */
  sent = 0;
  private readonly options: ShardsOptions;
  private readonly shards: RunningShard[] = [];
  private readonly load: Promise<void>;
  private loading = true;
  private started = 0;

  private constructor(options: ShardsOptions, client: NatsConnection) {
    this.options = options;
    this.client = client;
    this.load = this.sendLoad();
  }

  static async open(options: ShardsOptions): Promise<ShardsUnderLoad> {
    return new ShardsUnderLoad(options, await options.connect("client"));
  }

  async startShard(): Promise<void> {
    this.started += 1;
    const { names, partitions, connect } = this.options;
    const nc = await connect(`shard-${this.started}`);
    const shard = testShard({
      nc,
      names,
      partitions,
      shard: `shard-${this.started}`,
      machinery: fakeMachinery({ residentMax: 2 }),
    });
    this.shards.push({ shard, nc });
    shard.start();
  }

  /** The oldest shard's connection is cut in the middle: nothing is released, nothing said after. */
  async abortShard(): Promise<void> {
    const { shard, nc } = this.shards.shift()!;
    await nc.close();
    shard.abort();
  }

  /** The oldest shard hands over. */
  async drainShard(): Promise<void> {
    await this.shards.shift()!.shard.drain();
  }

  async heardMore(events: number, timeoutMs?: number): Promise<void> {
    const goal = this.sent + events;
    await until(`${events} more events`, () => this.sent >= goal, timeoutMs);
  }

  /** Until somebody owns every partition and says what follows from its log. */
  async everythingOwned(timeoutMs?: number): Promise<void> {
    const { partitions } = this.options;
    const isRunning = (p: number): boolean =>
      this.statuses().some(({ partition, phase, counters }) => {
        return partition === p && phase === "running" && counters.deltas > 0;
      });
    const all = Array.from({ length: partitions }, (_, p) => p);
    await until("an owner who speaks for every partition", () => all.every(isRunning), timeoutMs);
  }

  /** Publishes that were never answered. */
  get timeouts(): number {
    return this.statuses().reduce((total, { counters }) => total + counters.publishTimeouts, 0);
  }

  /**
   * Freezes a server until a publish has waited in vain for its answer. Whether a freeze falls on a publish under way is
   * chance, so it is thawed and frozen again until one did.
   */
  async leaveUnanswered(server: Freezable, timeoutMs?: number): Promise<void> {
    const before = this.timeouts;
    const isUnderWay = (): boolean => this.statuses().some(({ unsaid, unsaidLinks }) => unsaid + unsaidLinks > 0);
    const isUnanswered = (): boolean => this.timeouts > before;
    await until(
      "a publish without an answer",
      async () => {
        await until("something to be said", isUnderWay);
        await server.freeze();
        await until("the answer or none", () => isUnanswered() || !isUnderWay());
        await server.thaw();
        return isUnanswered();
      },
      timeoutMs,
    );
  }

  /** Ends the load, waits for the last word, and compares, delta by delta, in order. */
  async expectNothingLost(timeoutMs?: number): Promise<Figures> {
    this.loading = false;
    await this.load;
    await this.untilSaid(timeoutMs);
    let figures: Figures = { events: 0, expected: 0, said: 0, lost: 0, repeated: 0 };
    const made: (readonly LinkMessage[])[] = [];
    for (let partition = 0; partition < this.options.partitions; partition += 1) {
      // Silence still moves people: the two are read until nothing came between.
      let [records, said, told]: [LogRecord[], string[], Told] = [[], [], { said: [], links: [] }];
      await until("the log and what was said to be read at one moment", async () => {
        said = await this.saidOf(partition);
        records = await this.recordsOf(partition);
        told = retell(records, roomyFake(partition, this.options.partitions));
        return said.length >= told.said.length;
      });
      figures = added(figures, records, said, told.said);
      expect(told.said.length).toBeGreaterThan(10);
      expect(said).toEqual(told.said);
      made.push(told.links);
    }
    await this.expectLinked(made);
    expect(figures.events, "every acknowledged event stands in a log").toBeGreaterThanOrEqual(this.sent);
    return figures;
  }

  /** What partitions say to each other stands in their logs as the logs of the senders say, in order, each once. */
  private async expectLinked(made: readonly (readonly LinkMessage[])[]): Promise<void> {
    for (let to = 0; to < this.options.partitions; to += 1) {
      const heard = (await this.recordsOf(to)).filter(({ kind }) => kind === "link");
      const bodies = heard.map(({ body }) => Buffer.from(body).toString());
      for (const [from, links] of made.entries()) {
        const wanted = links.filter((link) => link.to === to).map(({ body }) => body);
        expect(wanted.length).toBeGreaterThan(10);
        expect(bodies.filter((body) => JSON.parse(body).from === from)).toEqual(wanted);
      }
    }
  }

  /** Also after a failure: nothing goes on. */
  async close(): Promise<void> {
    this.loading = false;
    for (const { shard } of this.shards) shard.abort();
    await this.load;
  }

  /** Events all the time, each sent again until it is acked: one that is stored twice counts twice for everybody. */
  private async sendLoad(): Promise<void> {
    while (this.loading) {
      const user = Math.floor(this.sent / EVENTS_PER_USER);
      // Every other one is told to the neighbours, too.
      const id = `${user % 2 === 0 ? "u" : "@"}${user}`;
      const acked = this.client.request(`events.${id}`, JSON.stringify({ id }), { timeout: 500 }).then(
        (reply) => reply.json<{ error?: unknown }>().error === undefined,
        () => false,
      );
      if (await acked) this.sent += 1;
      // What is refused at once, as by a stream without a leader, is not sent again at full speed.
      else if (this.loading) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private statuses() {
    return this.shards.flatMap(({ shard }) => shard.partitions.map((partition) => partition.status()));
  }

  private async untilSaid(timeoutMs: number | undefined): Promise<void> {
    const { names, partitions } = this.options;
    const { streams } = await jetstreamManager(this.client);
    const caughtUp = async (): Promise<boolean> => {
      const numbers = Array.from({ length: partitions }, (_, p) => p);
      const ends = await Promise.all(
        numbers.map(async (p) => (await streams.info(names.eventsStream(p))).state.last_seq),
      );
      const held = this.statuses();
      return ends.every((end, p) =>
        held.some(
          ({ partition, phase, position, unsaid, unsaidLinks }) =>
            partition === p && phase === "running" && position === end && unsaid + unsaidLinks === 0,
        ),
      );
    };
    await until("everything to be heard and said", caughtUp, timeoutMs).catch((error: Error) => {
      const lines = this.statuses().map(({ counters: _, ...status }) => JSON.stringify(status));
      throw new Error(`${error.message}\n${lines.join("\n")}`, { cause: error });
    });
  }

  private async recordsOf(partition: number): Promise<LogRecord[]> {
    const stored = await this.everything(this.options.names.eventsStream(partition));
    return stored.map(({ seq, stamp, subject, body }) => ({
      seq,
      stamp,
      kind: subject.split(".")[2] as LogKind,
      body,
    }));
  }

  private async saidOf(partition: number): Promise<string[]> {
    const stored = await this.everything(this.options.names.segmentsStream);
    return stored
      .filter((message) => message.partition === `${partition}`)
      .map(({ body }) => Buffer.from(body).toString());
  }

  private async everything(stream: string) {
    const { streams } = await jetstreamManager(this.client);
    const { state } = await streams.info(stream);
    const stored: { seq: number; stamp: number; subject: string; body: Uint8Array; partition: string }[] = [];
    for (let from = 1; from <= state.last_seq; from += READ_AT_ONCE) {
      const count = Math.min(READ_AT_ONCE, state.last_seq - from + 1);
      const seqs = Array.from({ length: count }, (_, index) => from + index);
      for (const message of await Promise.all(seqs.map((seq) => streams.getMessage(stream, { seq })))) {
        if (message === null) continue;
        const { seq, timestamp, subject, data, header } = message;
        stored.push({ seq, stamp: stampMsOf(timestamp), subject, body: data, partition: header.get(PARTITION_HEADER) });
      }
    }
    return stored;
  }
}

function added(
  figures: Figures,
  records: readonly LogRecord[],
  said: readonly string[],
  expected: readonly string[],
): Figures {
  const [stored, wanted] = [new Set(said), new Set(expected)];
  return {
    events: figures.events + records.filter(({ kind }) => kind === "event").length,
    expected: figures.expected + expected.length,
    said: figures.said + said.length,
    lost: figures.lost + [...wanted].filter((one) => !stored.has(one)).length,
    repeated: figures.repeated + said.length - stored.size,
  };
}
