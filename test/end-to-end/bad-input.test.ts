// Law 7 through the real system: bad input goes to the rejects stream with its reason and its bytes, and the neighbours in
// the same partition go on. Definitions that cannot be are refused with place and remedy, servers that cannot serve, too,
// and a log that was purged past its checkpoint stops its own partition alone.

import { createServer } from "node:net";
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeId, partitionOf } from "../../lib/core/ids.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { Listener, track } from "../support/listener.ts";
import { PATIENTLY } from "../support/nats.ts";
import { RealCluster } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const KB = 1_024;
const SEGMENT = `
segments:
  - { id: bought, rule: { order: { count: { gte: 1 } } } }
  - { id: in-cart, rule: { cart: { value: { gt: 0 } } } }
`;

let cluster: RealCluster;
let client: Listener;

beforeAll(async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS });
  cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply([await cluster.processes.fileOf("segments.yaml", SEGMENT)]);
  client = await Listener.open(cluster.server.url);
});

afterAll(async () => {
  await client.close();
  await cluster.close();
});

/** Ids that all live where `like` does. */
function neighbours(like: string, count: number): string[] {
  const found: string[] = [];
  for (let index = 0; found.length < count; index += 1) {
    const id = `${like}-neighbour-${index}`;
    if (partitionOf(id, PARTITIONS) === partitionOf(like, PARTITIONS)) found.push(id);
  }
  return found;
}

interface StoredReject {
  readonly reason: string;
  readonly detail: string;
  readonly partition: number;
  readonly seq: number;
  readonly body: Buffer;
}

/** The reject that stands for one message of one log, when it comes. */
async function rejected(partition: number, seq: number): Promise<StoredReject> {
  const { rejectsStream } = cluster.server.names;
  let found: StoredReject | undefined;
  await until(`message ${seq} of partition ${partition} among the rejects`, async () => {
    const consumer = await jetstream(cluster.nc).consumers.get(rejectsStream, {});
    const messages = await consumer.fetch({ max_messages: 1_000, expires: 1_000 });
    for await (const message of messages) {
      const header = (name: string): string => message.headers?.get(name) ?? "";
      if (Number(header("Rollcall-Partition")) === partition && Number(header("Rollcall-Seq")) === seq) {
        found = {
          reason: header("Rollcall-Reason"),
          detail: header("Rollcall-Detail"),
          partition,
          seq,
          body: Buffer.from(message.data),
        };
      }
      if (message.info.pending === 0) break;
    }
    return found !== undefined;
  });
  return found!;
}

const added = (id: string): object => track(id, "Product Added", { product_id: "p", price: 10 });
const raw = (text: string): Buffer => Buffer.from(text);
const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
/** An event of so many levels in all: the body is the first, its properties the second. */
const deep = (id: string, levels: number): object => track(id, "Ping", nested(levels - 1) as object);

const BAD: readonly [string, string, (id: string) => Buffer][] = [
  ["not JSON", "not-json", () => raw('{"type": "track", ')],
  ["binary rubbish", "not-json", () => Buffer.from([0xff, 0x00, 0xfe])],
  ["nothing at all", "not-json", () => raw("")],
  ["a list", "not-an-object", () => raw("[1, 2]")],
  ["no type", "no-type", (id) => raw(JSON.stringify({ userId: id, event: "Ping" }))],
  ["a type that is not known", "unsupported-type", (id) => raw(JSON.stringify({ type: "shout", userId: id }))],
  ["a track without a name", "no-event-name", (id) => raw(JSON.stringify({ type: "track", userId: id }))],
  ["no user id", "no-user-id", () => raw(JSON.stringify({ type: "track", event: "Ping" }))],
  ["a user id that is none", "bad-id", () => raw(JSON.stringify({ type: "track", event: "Ping", userId: "" }))],
  ["an id longer than 256 bytes", "bad-id", () => raw(JSON.stringify(track("x".repeat(257), "Ping")))],
  [
    "a timestamp that is no date",
    "bad-timestamp",
    (id) => raw(JSON.stringify(track(id, "Ping", {}, { timestamp: "yesterday" }))),
  ],
  [
    "a timestamp before 1970",
    "bad-timestamp",
    (id) => raw(JSON.stringify(track(id, "Ping", {}, { timestamp: "1969-12-31T23:59:59Z" }))),
  ],
  [
    "a thirteenth month",
    "bad-timestamp",
    (id) => raw(JSON.stringify(track(id, "Ping", {}, { timestamp: "2026-13-01T00:00:00Z" }))),
  ],
  ["32 KB and one byte", "too-large", (id) => sized(id, 32 * KB + 1)],
  ["33 levels", "too-deep", (id) => raw(JSON.stringify(deep(id, 33)))],
  [
    "__proto__",
    "forbidden-key",
    (id) => raw(`{"type":"track","event":"Ping","userId":"${id}","properties":{"__proto__":{"admin":true}}}`),
  ],
  ["1e999", "not-finite", (id) => raw(`{"type":"track","event":"Ping","userId":"${id}","properties":{"price":1e999}}`)],
  ["NaN", "not-json", (id) => raw(`{"type":"track","event":"Ping","userId":"${id}","properties":{"price":NaN}}`)],
  ["somebody else's partition", "wrong-partition", (id) => raw(JSON.stringify(track(stranger(id), "Ping")))],
  [
    "a refund of an order that nobody knows",
    "unknown-order",
    (id) => raw(JSON.stringify(track(id, "Order Refunded", { order_id: "never" }))),
  ],
];

function sized(id: string, bytes: number): Buffer {
  const empty = JSON.stringify(track(id, "Ping", { filler: "" })).length;
  return raw(JSON.stringify(track(id, "Ping", { filler: "x".repeat(bytes - empty) })));
}

/** Lives in another partition. */
function stranger(id: string): string {
  for (let index = 0; ; index += 1) {
    const other = `stranger-${index}`;
    if (partitionOf(other, PARTITIONS) !== partitionOf(id, PARTITIONS)) return other;
  }
}

describe("what a channel may get wrong", () => {
  test.each(BAD)("%s is rejected as %s, and the neighbours go on", async (what, reason, bodyOf) => {
    const id = `bad-${what.replaceAll(/[^a-z0-9]/gi, "-")}`;
    const partition = partitionOf(id, PARTITIONS);
    const [before, after] = neighbours(id, 2);
    await client.send(before!, added(before!));
    const body = bodyOf(id);
    const seq = await client.send(encodeId(id), body);
    await client.send(after!, added(after!));
    await client.delta("in-cart", before!, 1);
    await client.delta("in-cart", after!, 1);
    const reject = await rejected(partition, seq);
    expect(reject.reason).toBe(reason);
    expect(reject.detail).not.toBe("");
    expect(reject.body.equals(body), "the original bytes").toBe(true);
    expect(client.of(id)).toEqual([]);
  });

  test("what is just within the limits is taken", async () => {
    const id = "just-fits";
    await client.send(id, sized(id, 32 * KB));
    await client.send(id, deep(id, 32));
    await client.send(id, track(id, "Ping", {}, { timestamp: "1970-01-01T00:00:00Z" }));
    await client.send(id, track(id, "Ping", {}, { timestamp: "2999-01-01T00:00:00Z" }));
    await client.send(id, added(id));
    await client.delta("in-cart", id, 1);
    const { user } = await cluster.questions.user(id);
    expect(user?.id).toBe(id);
    expect((await cluster.everyPartitionRuns())[partitionOf(id, PARTITIONS)]!.error).toBeNull();
  });

  test.each(["a.b c*d>e", "größe/1", "100%", "*", "user@example.com", "日本"])(
    "the id %s is an id like any other",
    async (id) => {
      await client.send(encodeId(id), added(id));
      const joined = await client.delta("in-cart", id, 1);
      expect(joined.id).toBe(id);
      expect((await cluster.questions.user(id)).user?.id).toBe(id);
      const shown = await cluster.processes.did(["user", id], cluster.variables);
      expect(shown.stdout).toContain(id);
    },
  );

  test("a message sent twice within the window of its id is stored once", async () => {
    const mh = headers();
    mh.set("Nats-Msg-Id", "twice-1");
    const body = JSON.stringify(added("twice"));
    const first = (await client.nc.request("events.twice", body, { headers: mh, timeout: 10_000 })).json<{
      seq: number;
    }>();
    const second = (await client.nc.request("events.twice", body, { headers: mh, timeout: 10_000 })).json<{
      seq: number;
      duplicate: boolean;
    }>();
    expect(second).toMatchObject({ seq: first.seq, duplicate: true });
  });
});

const CART_RULE = "rule: { cart: { value: { gt: 0 } } }";
const WRONG: readonly [string, string, RegExp][] = [
  [
    "an operator that is misspelt",
    "id: a\nrule:\n  cart:\n    value: { gtt: 0 }\n",
    /wrong\.yaml:4:\d+: error: .*gtt.*did you mean gt\b/,
  ],
  [
    "a family that is misspelt",
    "id: a\nrule:\n  evnt: { name: Ping }\n",
    /wrong\.yaml:3:\d+: error: .*evnt.*did you mean event\b/,
  ],
  [
    "a window that is none",
    "id: a\nrule:\n  event: { name: Ping, window: { last: 10 parsecs } }\n",
    /wrong\.yaml:3:\d+: error: .*last.*30s 5m 2h 7d 4w|wrong\.yaml:3:\d+: error: .*parsecs/,
  ],
  [
    "two measures",
    "id: a\nrule:\n  event: { name: Ping, count: { gte: 1 }, days: { gte: 2 } }\n",
    /wrong\.yaml:3:\d+: error: .*(count|days|measure)/,
  ],
  ["an id that is none", `id: Not An Id\n${CART_RULE}\n`, /wrong\.yaml:1:\d+: error: .*id/],
  ["no rule", "id: a\n", /wrong\.yaml:1:\d+: error: .*rule/],
  ["no YAML", "id: a\n  rule: [\n", /wrong\.yaml:\d+:\d+: error: /],
  ["one id twice", `id: a\n${CART_RULE}\n---\nid: a\n${CART_RULE}\n`, /wrong\.yaml:4:\d+: error: .*\ba\b/],
  [
    "a segment that is not there",
    "id: a\nrule:\n  segment: { in: [in-crt] }\n",
    /wrong\.yaml:3:\d+: error: .*in-crt.*did you mean in-cart/,
  ],
  [
    "a cycle",
    "id: a\nrule: { segment: { in: [b] } }\n---\nid: b\nrule: { segment: { in: [c] } }\n---\nid: c\nrule: { segment: { notIn: [a] } }\n",
    /a.*→.*b.*→.*c.*→.*a|b.*→.*c.*→.*a.*→.*b|c.*→.*a.*→.*b.*→.*c/,
  ],
  ["a segment that names itself", "id: a\nrule: { segment: { in: [a] } }\n", /wrong\.yaml:\d+:\d+: error: .*\ba\b/],
];

async function definitionsWritten(): Promise<number> {
  return (await streamState(cluster.nc, cluster.server.names.definitionsStream)).last;
}

describe("what an operator may get wrong", () => {
  test.each(WRONG)("%s: place and remedy, exit code 2, and nothing is applied", async (_, text, expected) => {
    const path = await cluster.processes.fileOf("wrong.yaml", text);
    const before = await definitionsWritten();
    const ran = await cluster.processes.cli(["segments", "apply", path], cluster.variables);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(expected);
    expect(ran.stderr).toMatch(/nothing was applied/);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
    expect(await definitionsWritten()).toBe(before);
  });

  test("deleting what another segment stands on is refused, and names it", async () => {
    await cluster.apply([
      await cluster.processes.fileOf("nested.yaml", "id: nested\nrule: { segment: { in: [in-cart] } }\n"),
    ]);
    const ran = await cluster.processes.cli(["segments", "rm", "in-cart"], cluster.variables);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/nested/);
    await cluster.processes.did(["segments", "rm", "nested"], cluster.variables);
  });

  test("a segment that nobody knows is answered with the one that was probably meant", async () => {
    const ran = await cluster.processes.cli(["members", "in-crt"], cluster.variables);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("Did you mean in-cart?");
  });

  test.each(["worker", "dev", "doctor"])(
    "%s with a server that is too old says so, with the version that is needed",
    async (command) => {
      const old = await oldServer("2.10.0");
      try {
        const ran = await cluster.processes.cli([command], { NATS_URL: old.url, ROLLCALL_HTTP_PORT: "0" });
        expect(ran.code).not.toBe(0);
        expect(`${ran.stdout}${ran.stderr}`).toMatch(/is version 2\.10\.0; Rollcall needs 2\.12\.0 or newer/);
        expect(ran.stderr).not.toMatch(/\n\s+at /);
      } finally {
        await old.close();
      }
    },
  );

  test("no server at all is said with a remedy, and has an exit code of its own", async () => {
    const ran = await cluster.processes.cli(["segments", "ls"], { NATS_URL: "nats://127.0.0.1:1" });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/127\.0\.0\.1:1.*npm start/s);
  });
});

test("a log that was purged past its checkpoint is refused in words, and the other partitions go on", async () => {
  const own = await RealCluster.open({ partitions: PARTITIONS });
  const { names } = own.server;
  const events = await Listener.open(own.server.url);
  try {
    const first = own.worker();
    await own.everyPartitionRuns();
    await own.apply([await cluster.processes.fileOf("segments.yaml", SEGMENT)]);
    await events.send("u1", added("u1"));
    await events.delta("in-cart", "u1", 1);
    first.kill("SIGTERM");
    await first.exit();
    const damaged = partitionOf("u1", PARTITIONS);
    for (let count = 0; count < 3; count += 1) await events.send("u1", added("u1"));
    const { last } = await streamState(own.nc, names.eventsStream(damaged));
    await own.nc.request(
      `$JS.API.STREAM.PURGE.${names.eventsStream(damaged)}`,
      JSON.stringify({ seq: last }),
      PATIENTLY,
    );
    const second = own.worker();
    await until("the others run", async () => {
      const phases = (await own.status()).map((status) => status?.phase);
      return phases.every((phase, p) => phase === (p === damaged ? "refused" : "running"));
    });
    const error = (await own.status())[damaged]!.error!;
    expect(error.code).toBe("LOG-001");
    expect(error.message).toMatch(new RegExp(`partition ${damaged}: .*begins at ${last}`));
    await second.says(/"code":"LOG-001".*partition: stopped; the others go on/);
    const healthy = [1, 2, 3, 4, 5, 6, 7, 8, 9]
      .map((n) => `healthy-${n}`)
      .find((id) => partitionOf(id, PARTITIONS) !== damaged)!;
    await events.send(healthy, added(healthy));
    await events.delta("in-cart", healthy, 1);
    const doctor = await own.processes.cli(["doctor"], own.variables);
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(new RegExp(`fail .*LOG-001: partition ${damaged}: .*docs/errors/LOG-001\\.md`, "s"));
    const asked = await own.processes.cli(["user", "u1"], own.variables);
    expect(asked.code).toBe(3);
    expect(asked.stderr).toMatch(new RegExp(`partition ${damaged}: .*begins at ${last}`));
    second.kill("SIGTERM");
    expect(await second.exit()).toEqual({ code: 0, signal: null });
  } finally {
    await events.close();
    await own.close();
  }
});

/** Enough of a nats-server to be asked for its version. */
async function oldServer(version: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((socket) => {
    const info = { server_id: "OLD", version, proto: 1, headers: true, jetstream: true, max_payload: 1_048_576 };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      if (data.toString("latin1").includes("PING")) socket.write("PONG\r\n");
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  return {
    url: `nats://127.0.0.1:${port}`,
    close: () => new Promise((closed) => server.close(() => closed())),
  };
}
