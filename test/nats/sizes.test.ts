// Sizes put together from what the owners of partitions answer: those of segments whose ids an object has words for, too.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Questions } from "../../lib/nats/questions.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";
import { testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
let server: Provisioned;
beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS });
});
afterAll(() => server.stop());

test('a segment that may be called "constructor" has a number of members', async () => {
  const { names } = server;
  const nc = await server.connection("shard");
  const shard = testShard({ nc, names, partitions: PARTITIONS, shard: "a" });
  shard.start();
  const questions = new Questions(await server.connection("asker"), names, PARTITIONS);
  await until("everything runs", async () => (await questions.status()).every((one) => one?.phase === "running"));
  expect((await questions.sizes()).sizes.constructor).toBeUndefined();
  expect(await questions.sizesOf("constructor")).toEqual([0, 0]);
  await shard.drain();
});
