// Read your writes at length, through whole processes: a page that sends an event and at once asks which segments its visitor is in
// sees the effect, ten thousand times out of ten thousand; by HTTP and by the NATS service, each half.
import { afterEach, expect, test } from "vitest";
import { blindViews, CART_SEGMENT, type Decided, storeByNats } from "../support/page-views.ts";
import { freePorts } from "../support/ports.ts";
import { RealCluster, tell } from "../support/real-cluster.ts";

const VIEWS = 10_000;
const VISITORS = 50;
const WAIT_MS = 10_000;

let cluster: RealCluster | undefined;
afterEach(() => cluster?.close());

test(`${VIEWS} of ${VIEWS} page views see the event that they have just sent`, async () => {
  cluster = await RealCluster.open({ partitions: 8 });
  const { nc, processes, variables } = cluster;
  cluster.worker();
  cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const [port] = await freePorts(1);
  const api = processes.start("api", "rollcall.js", ["api"], { ...variables, ROLLCALL_HTTP_PORT: String(port) });
  await api.says(/api: listening/);
  const began = performance.now();
  const blind = await blindViews({
    count: VIEWS,
    visitors: VISITORS,
    store: (user, event) => storeByNats(nc, user, event),
    decide: async (user, after) => {
      const body = JSON.stringify({ user, segments: [CART_SEGMENT], after, waitMs: WAIT_MS });
      if (after.seq % 2 === 0)
        return (await nc.request("ask.v1.decide", body, { timeout: 2 * WAIT_MS })).json<Decided>();
      const response = await fetch(`http://127.0.0.1:${port}/v1/decide`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      expect(response.status).toBe(200);
      return (await response.json()) as Decided;
    },
  });
  tell("read your writes", {
    views: VIEWS,
    blind: blind.length,
    seconds: ((performance.now() - began) / 1_000).toFixed(1),
  });
  expect(blind).toEqual([]);
});
