// One side of the end-to-end bench: reads all logs from their start to their end, as a bare consumer or as the worker does.
// Started in a process of its own for every round, so that no side runs on code that another has warmed or spoilt.
import { AckPolicy, type Consumer, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { PartitionSettings } from "../../actors/partition/settings.ts";
import type { Shard } from "../../actors/worker/shard.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { type Delivery, headLength, readDelivery } from "../../lib/nats/delivery.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { StreamReader } from "../../lib/nats/stream-reader.ts";
import { cpuOf, ownCpu } from "../support/measure.ts";
import { forgetAll } from "../support/server.ts";
import { assertWell, benchShard } from "../support/shard.ts";

/**
 * B0     the official client's consume() with a callback that counts
 * B0own  our own reader with a callback that counts
 * B1     as B0, with the position read from the reply subject by hand and the body parsed
 * E      the worker
 */
export type SideName = "B0" | "B0own" | "B1" | "E";

export interface SideSpec {
  readonly side: SideName;
  readonly url: string;
  readonly serverPid: number;
  readonly partitions: number;
  /** Last sequence of every log. */
  readonly ends: readonly number[];
  readonly clock: "log" | "event";
  readonly settings?: Partial<PartitionSettings>;
}

export interface SideResult {
  readonly messages: number;
  /** From the first consumer to the last message, and all that it made stored. */
  readonly wholeMs: number;
  /** From the moment a fifth was through. */
  readonly steadyMessages: number;
  readonly steadyMs: number;
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
  readonly deltas: number;
  readonly checkpoints: number;
  readonly checkpointPages: number;
}

const STEADY_FROM = 0.2;
const INACTIVE_NS = 60_000_000_000;
/** A bare consumer that hears nothing for so long will not come to the end any more. */
const SILENCE_MS_MAX = 20_000;
/** More is no faster, and 32 × 5,000 messages under way have the server cut a reader off that is late for a moment. */
const CONSUME = { max_messages: 2_000, threshold_messages: 1_000 };

interface Mark {
  readonly ms: number;
  readonly count: number;
  readonly clientUs: number;
  readonly serverUs: number;
}

/** Time and processors between "a fifth is through" and the end. */
class Stopwatch {
  readonly total: number;
  private readonly serverPid: number;
  private readonly start: Mark;
  private mark: Mark | undefined;

  constructor(total: number, serverPid: number) {
    this.total = total;
    this.serverPid = serverPid;
    this.start = this.markAt(0);
  }

  passed(count: number): void {
    // A run so short that the first look finds it done has no steady part: it counts whole.
    if (this.mark !== undefined || count < this.total * STEADY_FROM || count === this.total) return;
    this.mark = this.markAt(count);
  }

  private markAt(count: number): Mark {
    return { ms: performance.now(), count, clientUs: ownCpu(), serverUs: cpuOf(this.serverPid) };
  }

  finish(more: Partial<SideResult> = {}): SideResult {
    const nowMs = performance.now();
    const mark = this.mark ?? this.start;
    return {
      messages: this.total,
      wholeMs: nowMs - this.start.ms,
      steadyMessages: this.total - mark.count,
      steadyMs: nowMs - mark.ms,
      clientCpuUs: ownCpu() - mark.clientUs,
      serverCpuUs: cpuOf(this.serverPid) - mark.serverUs,
      deltas: 0,
      checkpoints: 0,
      checkpointPages: 0,
      ...more,
    };
  }
}

export async function consumeSide(spec: SideSpec): Promise<SideResult> {
  const nc = await connectNats({ url: spec.url }, { role: "bench", instance: spec.side });
  const names = namesOf();
  try {
    switch (spec.side) {
      case "B0":
      case "B1":
        return await officialClient(nc, names, spec);
      case "B0own":
        return await ownReader(nc, names, spec);
      case "E":
        return await worker(nc, names, spec);
    }
  } finally {
    await nc.close();
  }
}

function totalOf({ ends }: SideSpec): number {
  return ends.reduce((sum, end) => sum + end, 0);
}

async function officialClient(nc: NatsConnection, names: Names, spec: SideSpec): Promise<SideResult> {
  // All are made before any starts, else the first ones' messages keep the others' answers waiting.
  const consumers = await Promise.all(spec.ends.map((_, p) => bareConsumer(nc, names.eventsStream(p))));
  const watch = new Stopwatch(totalOf(spec), spec.serverPid);
  let count = 0;
  let parsed = 0;
  return new Promise((resolve, reject) => {
    let seen = 0;
    const watchdog = setInterval(() => {
      if (count === seen) reject(new Error(`${spec.side} got ${count} of ${watch.total} messages and no more`));
      seen = count;
    }, SILENCE_MS_MAX);
    watchdog.unref();
    const running = consumers.map((consumer) => {
      const delivery: Delivery = { seq: 0, stampMs: 0, pending: 0 };
      let head = -1;
      const read = (message: { readonly json: () => unknown; readonly reply: string }): void => {
        if (head < 0) head = headLength(message.reply);
        readDelivery(message.reply, head, delivery);
        if (typeof message.json() === "object") parsed += 1;
      };
      return consumer.consume({
        ...CONSUME,
        callback: (message) => {
          if (spec.side === "B1") read(message as unknown as { json: () => unknown; reply: string });
          count += 1;
          watch.passed(count);
          if (count !== watch.total) return;
          if (spec.side === "B1" && parsed !== count) reject(new Error(`parsed ${parsed} of ${count} messages`));
          clearInterval(watchdog);
          resolve(watch.finish());
          for (const one of running) void one.then((messages) => messages.stop());
        },
      });
    });
    Promise.all(running).catch(reject);
  });
}

/** No acks, forgotten by the server when we go; an ordered consumer would start again whenever the loop is late. */
async function bareConsumer(nc: NatsConnection, stream: string): Promise<Consumer> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const made = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    mem_storage: true,
    inactive_threshold: INACTIVE_NS,
  });
  return jetstream(nc).consumers.get(stream, made.name);
}

async function ownReader(nc: NatsConnection, names: Names, spec: SideSpec): Promise<SideResult> {
  const watch = new Stopwatch(totalOf(spec), spec.serverPid);
  const { recordsInFlightMax = 1_000 } = spec.settings ?? {};
  const readers: StreamReader[] = [];
  let count = 0;
  const result = await new Promise<SideResult>((resolve, reject) => {
    for (const p of spec.ends.keys()) {
      let next = 1;
      const reader = new StreamReader({
        nc,
        stream: names.eventsStream(p),
        next: () => next,
        room: () => recordsInFlightMax,
        onMessage: (_message, { seq }) => {
          next = seq + 1;
          count += 1;
          watch.passed(count);
          if (count === watch.total) resolve(watch.finish());
        },
        onFault: reject,
      });
      readers.push(reader);
    }
  });
  for (const reader of readers) reader.stop();
  return result;
}

const LOOK_MS = 20;

async function worker(nc: NatsConnection, names: Names, spec: SideSpec): Promise<SideResult> {
  const { partitions, clock, settings, ends, serverPid } = spec;
  await forgetAll({ nc, names });
  const shard = benchShard({ nc, names, partitions, clock, ...(settings === undefined ? {} : { settings }) });
  const watch = new Stopwatch(totalOf(spec), serverPid);
  for (;;) {
    assertWell(shard);
    const { count, isDone } = progressOf(shard, ends);
    watch.passed(count);
    if (isDone) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const counters = shard.partitions.map((one) => one.status().counters);
  const sum = (of: "deltas" | "checkpoints" | "checkpointPages"): number =>
    counters.reduce((total, one) => total + one[of], 0);
  const result = watch.finish({
    deltas: sum("deltas"),
    checkpoints: sum("checkpoints"),
    checkpointPages: sum("checkpointPages"),
  });
  await shard.drain();
  return result;
}

/** Done is: everything heard, and everything it made stored. */
function progressOf(shard: Shard, ends: readonly number[]): { readonly count: number; readonly isDone: boolean } {
  let count = 0;
  let heard = 0;
  for (const partition of shard.partitions) {
    const { position, phase } = partition.report();
    const end = ends[partition.partition]!;
    // A replay may say `ready` once more, beyond the end.
    count += Math.min(position, end);
    if (phase === "running" && position >= end) heard += 1;
  }
  const isDone = heard === ends.length && shard.partitions.every((partition) => partition.status().unsaid === 0);
  return { count, isDone };
}
