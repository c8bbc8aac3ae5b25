// The main job through a real server: events in, deltas out, silence, restart, take-over, and two shards sharing the work.
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wishedOwner } from "../../actors/worker/rendezvous.ts";
import type { Shard } from "../../actors/worker/shard.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { provision } from "../../lib/nats/provision.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { PATIENTLY, startTestServer, type TestServer, testDataSet } from "../support/nats.ts";
import { testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;

interface Heard {
  readonly segment: string;
  readonly id: string;
  readonly change: string;
  readonly n: number;
  readonly cause: { readonly type: string };
}

let server: TestServer;
let client: NatsConnection;
const heard: Heard[] = [];

beforeAll(async () => {
  server = await startTestServer({ partitions: PARTITIONS });
  client = await server.connection("client");
  await provision(client, testDataSet({ partitions: PARTITIONS }), { create: true });
  client.subscribe("segment.*.*", { callback: (_error, message) => void heard.push(message.json<Heard>()) });
});

afterAll(async () => {
  await server.stop();
});

async function newShard(name: string): Promise<Shard> {
  const shard = testShard({
    nc: await server.connection(name),
    names: server.names,
    partitions: PARTITIONS,
    shard: name,
  });
  shard.start();
  return shard;
}

async function send(user: string, event: string, properties: object): Promise<void> {
  await client.request(`events.${user}`, JSON.stringify({ type: "track", event, userId: user, properties }), PATIENTLY);
}

const of = (id: string): string[] =>
  heard.filter((delta) => delta.id === id).map(({ segment, change, n }) => `${segment} ${change} ${n}`);

test("a cart under $100 is joined and left, and silence moves people too", async () => {
  const control = new NatsControlLog(client, server.names);
  const first = await newShard("a");
  await control.append(
    {
      op: "apply",
      define: [
        { id: "cart-under-100", kind: "user", rule: { cart: { value: { gt: 0, lt: 100 } } } },
        { id: "busy", kind: "user", rule: { event: { name: "Ping", count: { gte: 3 }, window: { last: "2s" } } } },
      ],
      remove: [],
    },
    0,
  );
  const questions = new Questions(client, server.names, PARTITIONS);
  await until("definitions in force", async () => {
    const status = await questions.status();
    return status.every((one) => one?.phase === "running" && one.revision >= 1 && one.folding.length === 0);
  });
  await send("u1", "Product Added", { product_id: "p1", price: 60 });
  await until("joined", () => of("u1").length === 1);
  await send("u1", "Product Added", { product_id: "p2", price: 60 });
  await until("left", () => of("u1").length === 2);
  expect(of("u1")).toEqual(["cart-under-100 joined 1", "cart-under-100 left 2"]);

  // At once: within the window, however slow the machine is.
  await Promise.all([1, 2, 3].map(() => send("u2", "Ping", {})));
  await until("busy", () => of("u2").length === 1);
  await until("silent", () => of("u2").length === 2);
  expect(of("u2")).toEqual(["busy joined 1", "busy left 2"]);
  expect(heard.at(-1)?.cause.type).toBe("time");

  await first.drain();
});

test("what a drained shard knew, the next one knows; an aborted one is taken over", async () => {
  const second = await newShard("b");
  await send("u3", "Product Added", { product_id: "p1", price: 60 });
  await until("joined", () => of("u3").length === 1);
  second.abort();
  const third = await newShard("c");
  await send("u3", "Product Added", { product_id: "p2", price: 60 });
  await until("left by the next owner", () => of("u3").length === 2);
  expect(of("u3")).toEqual(["cart-under-100 joined 1", "cart-under-100 left 2"]);
  expect(of("u1")).toHaveLength(2);

  const fourth = await newShard("d");
  const questions = new Questions(client, server.names, PARTITIONS);
  await until("the work is shared", async () =>
    (await questions.status()).every(
      (status, partition) => status?.phase === "running" && status.owner === wishedOwner(partition, ["c", "d"]),
    ),
  );
  expect(fourth.partitions.length).toBeGreaterThan(0);
  await send("u4", "Product Added", { product_id: "p1", price: 10 });
  await until("joined", () => of("u4").length === 1);
  const members = await questions.members("cart-under-100");
  expect(members.members.map(({ id }) => id)).toEqual(["u4"]);
  expect((await questions.user("u4")).user?.id).toBe("u4");
  await Promise.all([third.drain(), fourth.drain()]);
});
