// Law 3 on a real server: owners that vanish, a server killed or frozen under load, a consumer deleted. What stands in
// SEGMENTS must be what one machine says about the same logs.
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Provisioned, provisioned } from "../support/nats.ts";
import { ShardsUnderLoad } from "../support/shards-under-load.ts";

const PARTITIONS = 2;

let server: Provisioned;
let shards: ShardsUnderLoad;

beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS });
  const { names } = server;
  shards = await ShardsUnderLoad.open({ names, partitions: PARTITIONS, connect: (role) => server.connection(role) });
});

afterAll(async () => {
  server.resume();
  await shards.close();
  await server.stop();
});

test("owners that vanish and servers that die lose, repeat and disorder nothing", async () => {
  await shards.startShard();
  await shards.startShard();
  await shards.heardMore(300);

  await shards.abortShard();
  await shards.startShard();
  await shards.heardMore(300);

  // A frozen server: publishes time out, and what was sent may still be stored when it wakes. Nobody publishes while it takes
  // a partition over, so that comes first.
  await shards.everythingOwned();
  await shards.leaveUnanswered({ freeze: server.pause, thaw: server.resume });
  await shards.heardMore(300);

  await server.kill9();
  await server.restart();
  await shards.heardMore(300);

  // Somebody deletes the consumers under the readers.
  const manager = await jetstreamManager(shards.client);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const stream = server.names.eventsStream(partition);
    for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name);
  }
  await shards.heardMore(300);

  await shards.drainShard();
  await shards.heardMore(100);
  const { lost, repeated } = await shards.expectNothingLost();
  expect({ lost, repeated }).toEqual({ lost: 0, repeated: 0 });
});
