// SIGTERM to a process that serves HTTP while a body is arriving: the event is stored and answered, others are refused, it ends well.
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../lib/core/ids.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { RealCluster, urlOf } from "../support/real-cluster.ts";
import { SlowRequest } from "../support/slow-request.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;

let cluster: RealCluster;
beforeAll(async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS });
  cluster.worker();
  await cluster.everyPartitionRuns();
});
afterAll(() => cluster.close());

test("a body that is sent across a SIGTERM is taken", async () => {
  const api = cluster.api();
  const url = await urlOf(api);
  const slow = await SlowRequest.begin(url, "/v1/track", { type: "track", userId: "u1", event: "Product Viewed" });
  // By the time that another one is answered, its head has come, too.
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  api.kill("SIGTERM");
  await until("it refuses others", async () => (await fetch(`${url}/healthz`)).status === 503);
  await slow.end();
  expect(await slow.answer()).toMatchObject({ status: 200, body: { success: true } });
  expect(await api.exit()).toEqual({ code: 0, signal: null });
  const log = cluster.server.names.eventsStream(partitionOf("u1", PARTITIONS));
  expect((await streamState(cluster.nc, log)).last).toBeGreaterThan(0);
});
