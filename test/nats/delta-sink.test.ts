// What a speaker is told when its connection was closed for good, against a real server: an answer, never an exception, which
// would be taken for a fault of the partition. And when a batch is sent. All else about speaking is test/contract's matter.
import { afterAll, beforeAll, expect, test } from "vitest";
import { natsWorld } from "../../lib/nats/world.ts";
import { saying, sayings, watermark } from "../contract/here.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";

const PARTITIONS = 2;
let server: Provisioned;

beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS });
});
afterAll(() => server.stop());

test("a publish, a batch and a watermark on a closed connection end as not stored or unknown", async () => {
  const nc = await server.connection("closed");
  const { sink } = natsWorld(nc, server.names, PARTITIONS).partition(0);
  await nc.close();
  const outcomes = [
    await sink.publish(0, saying("u", 1)),
    await sink.publishBatch(0, sayings("v", 20), watermark("batch")),
    await sink.putWatermark(0, watermark("first")),
  ];
  for (const { kind } of outcomes) expect(kind).toMatch(/unknown|retry/);
});

test("batches of deltas and of links are sent in their turn, one by one", async () => {
  const nc = await server.connection("turns");
  const turns: (() => void)[] = [];
  const { partition } = natsWorld(nc, server.names, PARTITIONS, () => new Promise((resolve) => turns.push(resolve)));
  const sent = (): number => nc.stats().outMsgs;
  const before = sent();
  const batches = [
    partition(0).sink.publishBatch(0, sayings("u", 20), watermark("batch")),
    partition(1).sink.publishBatch(0, sayings("v", 30), watermark("batch")),
    partition(0).links.publish(1, 0, ["1", "2", "3"]),
  ];
  expect(turns.length).toBe(3);
  const counts = [21, 31, 3];
  for (const [index, take] of turns.entries()) {
    expect(sent() - before).toBe(counts.slice(0, index).reduce((sum, count) => sum + count, 0));
    take();
    expect(await batches[index]).toMatchObject({ kind: "stored" });
  }
  expect(sent() - before).toBe(55);
});
