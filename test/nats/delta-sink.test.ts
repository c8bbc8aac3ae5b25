// What a speaker is told when its connection was closed for good, against a real server: an answer, never an exception, which
// would be taken for a fault of the partition. All else about speaking is test/contract's matter.
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
