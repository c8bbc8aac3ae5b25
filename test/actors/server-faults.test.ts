// Law 3 on a real server: owners that vanish, a server killed or frozen under load, a consumer deleted. What stands in
// SEGMENTS must be what one machine says about the same logs.
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Shard } from "../../actors/worker/shard.ts";
import type { LogKind, LogRecord } from "../../lib/core/types.ts";
import { PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import { provision } from "../../lib/nats/provision.ts";
import { stampMsOf } from "../../lib/nats/wire.ts";
import { fakeMachinery, replay, roomyFake } from "../support/fake-machine.ts";
import { startTestServer, type TestServer } from "../support/nats.ts";
import { testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
/** The fake machine says something at the third event of an id. */
const EVENTS_PER_USER = 3;

let server: TestServer;
let client: NatsConnection;
const shards: { readonly shard: Shard; readonly nc: NatsConnection }[] = [];
let names = 0;
let loading = true;
let sent = 0;
let load: Promise<void>;

beforeAll(async () => {
  server = await startTestServer({ partitions: PARTITIONS });
  client = await server.connection("client");
  await provision(
    client,
    { name: "", partitions: PARTITIONS, replicas: 1, clock: "log", eventsMaxAgeMs: 0, rejectsMaxAgeMs: 0 },
    { create: true },
  );
  load = sendLoad();
});

afterAll(async () => {
  server.resume();
  for (const { shard } of shards) shard.abort();
  await server.stop();
});

async function newShard(): Promise<void> {
  names += 1;
  const nc = await server.connection(`shard-${names}`);
  const options = { nc, names: server.names, partitions: PARTITIONS, shard: `shard-${names}` };
  const shard = testShard({ ...options, machinery: fakeMachinery({ residentMax: 2 }) });
  shards.push({ shard, nc });
  shard.start();
}

/** Events all the time, each sent again until it is acked: one that is stored twice counts twice for everybody. */
async function sendLoad(): Promise<void> {
  while (loading) {
    const id = `u${Math.floor(sent / EVENTS_PER_USER)}`;
    const acked = client.request(`events.${id}`, JSON.stringify({ id }), { timeout: 500 }).then(
      () => true,
      () => false,
    );
    if (await acked) sent += 1;
  }
}

async function heardMore(events: number): Promise<void> {
  const goal = sent + events;
  await until(`${events} more events`, () => sent >= goal, 40_000);
}

async function recordsOf(partition: number): Promise<LogRecord[]> {
  const stored = await everything(server.names.eventsStream(partition));
  return stored.map(({ seq, stamp, subject, body }) => ({ seq, stamp, kind: subject.split(".")[2] as LogKind, body }));
}

async function saidOf(partition: number): Promise<string[]> {
  const stored = await everything(server.names.segmentsStream);
  return stored
    .filter((message) => message.partition === `${partition}`)
    .map(({ body }) => Buffer.from(body).toString());
}

async function everything(stream: string) {
  const manager = await jetstreamManager(client);
  const { state } = await manager.streams.info(stream);
  const stored: { seq: number; stamp: number; subject: string; body: Uint8Array; partition: string }[] = [];
  for (let from = 1; from <= state.last_seq; from += 500) {
    const seqs = Array.from({ length: Math.min(500, state.last_seq - from + 1) }, (_, index) => from + index);
    const messages = await Promise.all(seqs.map((seq) => manager.streams.getMessage(stream, { seq })));
    for (const message of messages) {
      if (message === null) continue;
      const partition = message.header.get(PARTITION_HEADER);
      stored.push({
        seq: message.seq,
        stamp: stampMsOf(message.timestamp),
        subject: message.subject,
        body: message.data,
        partition,
      });
    }
  }
  return stored;
}

async function untilSaid(): Promise<void> {
  const manager = await jetstreamManager(client);
  await until("everything to be heard and said", async () => {
    const ends = await Promise.all(
      Array.from(
        { length: PARTITIONS },
        async (_, p) => (await manager.streams.info(server.names.eventsStream(p))).state.last_seq,
      ),
    );
    const held = shards.flatMap(({ shard }) => shard.partitions.map((partition) => partition.status()));
    return ends.every((end, p) =>
      held.some(
        ({ partition, phase, position, unsaid }) =>
          partition === p && phase === "running" && position === end && unsaid === 0,
      ),
    );
  });
}

function timeouts(): number {
  const held = shards.flatMap(({ shard }) => shard.partitions.map((partition) => partition.status()));
  return held.reduce((total, { counters }) => total + counters.publishTimeouts, 0);
}

test("owners that vanish and servers that die lose, repeat and disorder nothing", async () => {
  await newShard();
  await newShard();
  await heardMore(300);

  // The connection is cut in the middle: nothing is released, nothing said after.
  const victim = shards.shift()!;
  await victim.nc.close();
  victim.shard.abort();
  await newShard();
  await heardMore(300);

  // A frozen server: publishes time out, and what was sent may still be stored when it wakes.
  server.pause();
  await until("a publish without an answer", () => timeouts() > 0);
  server.resume();
  await heardMore(300);

  await server.kill9();
  await server.restart();
  await heardMore(300);

  // Somebody deletes the consumers under the readers.
  const manager = await jetstreamManager(client);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const stream = server.names.eventsStream(partition);
    for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name);
  }
  await heardMore(300);

  await shards.shift()!.shard.drain();
  await heardMore(100);
  loading = false;
  await load;
  await untilSaid();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    // Silence still moves people: the two are read until nothing came between.
    let [said, expected]: [string[], string[]] = [[], []];
    await until("the log and what was said to be read at one moment", async () => {
      said = await saidOf(partition);
      expected = replay(await recordsOf(partition), roomyFake());
      return said.length >= expected.length;
    });
    expect(expected.length).toBeGreaterThan(10);
    expect(said).toEqual(expected);
  }
}, 120_000);
