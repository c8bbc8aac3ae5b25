// The bucket of time series on a real server: a batch is all or nothing, fenced by the position; what is fine ends by itself.
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsSeriesStore } from "../../lib/nats/series.ts";
import { api } from "../../lib/nats/wire.ts";
import { SeriesMissing } from "../../lib/ports/series.ts";
import { PATIENTLY, type Provisioned, provisioned } from "../support/nats.ts";
import { until } from "../support/until.ts";

let server: Provisioned;
let store: NatsSeriesStore;
beforeAll(async () => {
  server = await provisioned({ partitions: 2 });
  store = new NatsSeriesStore(server.nc, server.names);
});
afterAll(() => server.stop());

const at = "2026-11-23T10:00:00.000Z";

test("chunks and position are stored together, or not at all", async () => {
  expect(await store.position()).toEqual({ position: { seq: 0, at: "" }, revision: 0 });
  const chunks = Array.from({ length: store.chunksMax }, (_, index) => ({
    key: `s${index}.d.1`,
    body: "[1,1,0]",
    keepMs: 0,
  }));
  const first = await store.write(0, { seq: 7, at }, chunks);
  expect(first).toEqual({ kind: "stored", seq: (await store.position()).revision });
  expect(await store.chunks(["s0.d.1", "none.d.1", "s899.d.1"])).toEqual(
    new Map([
      ["s0.d.1", "[1,1,0]"],
      ["s899.d.1", "[1,1,0]"],
    ]),
  );
  const stale = await store.write(0, { seq: 9, at }, [{ key: "s0.d.1", body: "[1,9,9]", keepMs: 0 }]);
  expect(stale).toEqual({ kind: "fenced" });
  expect((await store.chunks(["s0.d.1"])).get("s0.d.1")).toBe("[1,1,0]");
  expect((await store.position()).position).toEqual({ seq: 7, at });
  expect(await store.keys("s12.d.")).toEqual(["s12.d.1"]);
});

test("a chunk that is kept for a while is gone after it; the position stays", async () => {
  const { revision } = await store.position();
  const written = await store.write(revision, { seq: 8, at }, [{ key: "short.m.1", body: "[60,1,0]", keepMs: 1_000 }]);
  expect(written.kind).toBe("stored");
  await until("it is gone", async () => !(await store.chunks(["short.m.1"])).has("short.m.1"));
  expect((await store.position()).position.seq).toBe(8);
  expect((await store.chunks(["s0.d.1"])).size).toBe(1);
});

test("deltas are followed from a position on, and the last one is known among watermarks", async () => {
  expect(await store.lastDelta()).toBe(0);
  const delta = {
    segment: "s",
    version: 1,
    kind: "user",
    id: "u1",
    change: "joined",
    n: 1,
    at,
    cause: { type: "event", seq: 1 },
  };
  for (const [subject, body] of [
    ["delta.s.joined", JSON.stringify(delta)],
    ["delta.s.left", "no delta"],
    ["delta.s.left", JSON.stringify({ ...delta, change: "left", n: 2 })],
    ["watermark.0", "{}"],
  ] as const) {
    await server.nc.request(subject, body, PATIENTLY);
  }
  const last = await store.lastDelta();
  expect(await store.lastMessage()).toBe(last + 1);
  const heard: object[] = [];
  const following = store.follow(
    1,
    () => 100,
    (one) => heard.push(one),
    () => {},
  );
  await until("both have come", () => heard.length === 2);
  following.stop();
  expect(heard).toEqual([
    { seq: last - 2, segment: "s", change: "joined", at: Date.parse(at) },
    { seq: last, segment: "s", change: "left", at: Date.parse(at) },
  ]);
});

test("without the bucket it says who makes it", async () => {
  await api(server.nc, `STREAM.DELETE.KV_${server.names.seriesBucket}`);
  await expect(store.position()).rejects.toThrow(SeriesMissing);
  await expect(store.keys("s.d.")).rejects.toThrow(/ROLLCALL_PROVISION/);
});
