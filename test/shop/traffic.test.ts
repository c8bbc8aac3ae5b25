// The sample shop: seeded, believable, accepted by the engine; and every example segment lives from its traffic.
import { describe, expect, test } from "vitest";
import { decodeEvent } from "../../lib/core/decode.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type Delta, type JsonObject } from "../../lib/core/types.ts";
import { loadDefinitions } from "../../lib/definitions/load.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import type { SceneEvent } from "../../lib/scenes/scene.ts";
import { type ShopOptions, shopTraffic } from "../../lib/shop/traffic.ts";

const START = Date.UTC(2026, 10, 23, 10);
const EVENT_MS = 50;

/** The shop as dev runs it, on a clock that moves with the events: 20 a second. */
function traffic(count: number, options: Partial<ShopOptions> = {}): SceneEvent[] {
  let now = START;
  const all: SceneEvent[] = [];
  const defaults = { seed: 7, run: "test", shoppers: 400, online: 24, now: () => now };
  for (const event of shopTraffic({ ...defaults, ...options })) {
    all.push(event);
    now += EVENT_MS;
    if (all.length === count) return all;
  }
  throw new Error("the shop closed");
}

const nameOf = ({ event }: SceneEvent): string => (event.type === "track" ? String(event.event) : event.type);

describe("the traffic", () => {
  test("is the same for the same seed and run, and another for another", () => {
    expect(traffic(2_000)).toEqual(traffic(2_000));
    expect(traffic(2_000, { run: "other" })).not.toEqual(traffic(2_000));
    expect(traffic(50, { seed: 8 }).map(({ event }) => event.userId)).not.toEqual(
      traffic(50).map(({ event }) => event.userId),
    );
  });

  test("is accepted by the engine, event by event, under the subject of its user", () => {
    for (const { event, subjectToken } of traffic(3_000)) {
      const decoded = decodeEvent(Buffer.from(JSON.stringify(event)), DEFAULT_LIMITS);
      expect(decoded).toMatchObject({ ok: true });
      if (decoded.ok) expect(subjectToken).toBe(encodeId(decoded.value.userId));
    }
  });

  test("has everything that a shop has, from every channel, and message ids of its own", () => {
    const all = traffic(12_000);
    const names = new Set(all.map(nameOf));
    const steps = [
      "Product Viewed",
      "Product Added",
      "Product Removed",
      "Cart Viewed",
      "Checkout Started",
      "Order Completed",
    ];
    for (const name of ["identify", "page", "screen", ...steps]) expect(names).toContain(name);
    for (const name of ["Order Refunded", "Order Cancelled", "Email Opened"]) expect(names).toContain(name);
    expect(new Set(all.map(({ event }) => event.channel))).toEqual(new Set(["web", "ios", "email", "server"]));
    expect(new Set(all.map(({ event }) => event.messageId)).size).toBe(all.length);
    expect(all.some(({ event }) => event.anonymousId !== undefined && event.userId === undefined)).toBe(true);
  });

  test("now and then an event is late, and none is from the future", () => {
    const ages = traffic(12_000).map(({ event }, index) => START + index * EVENT_MS - Date.parse(event.timestamp));
    expect(Math.min(...ages)).toBe(0);
    const late = ages.filter((age) => age > 30_000).length / ages.length;
    expect(late).toBeGreaterThan(0.001);
    expect(late).toBeLessThan(0.02);
  });

  test("refunds and cancellations are for orders that were made, once each", () => {
    const made = new Set<unknown>();
    const undone = new Set<unknown>();
    for (const event of traffic(20_000)) {
      const { order_id: id } = (event.event.properties ?? {}) as JsonObject;
      if (nameOf(event) === "Order Completed") made.add(id);
      if (!["Order Refunded", "Order Cancelled"].includes(nameOf(event))) continue;
      expect(made).toContain(id);
      expect(undone).not.toContain(id);
      undone.add(id);
    }
    expect(undone.size).toBeGreaterThan(5);
  });

  test("ends a small population's day without waiting for somebody who is not there", () => {
    expect(traffic(200, { shoppers: 3, online: 24 })).toHaveLength(200);
  });
});

test("people join and leave every example segment within minutes", async () => {
  const { definitions, problems, warnings } = await loadDefinitions(["config/segments/shop"]);
  expect(problems).toEqual([]);
  expect(warnings).toEqual([]);
  expect(definitions).toHaveLength(8);
  const oracle = new Oracle({
    partition: 0,
    partitions: 1,
    clockMode: "log",
    clockStepMsMax: 86_400_000,
    limits: DEFAULT_LIMITS,
  });
  const said: Delta[] = [];
  let seq = 0;
  const say = (kind: "control" | "event", body: unknown, stamp: number): void => {
    seq += 1;
    said.push(...oracle.apply({ seq, stamp, kind, body: Buffer.from(JSON.stringify(body)) }));
  };
  const define = definitions.map(({ source }) => source);
  say("control", { revision: 1, entry: { op: "apply", define, remove: [] } }, START);
  say("control", { revision: 2, entry: { op: "activate", revision: 1 } }, START);
  for (const [index, { event }] of traffic(7_000).entries()) say("event", event, START + index * EVENT_MS);
  expect(oracle.rejects).toEqual([]);
  const moved = (change: "joined" | "left") =>
    new Set(said.filter((delta) => delta.change === change).map((delta) => delta.segment));
  const ids = new Set(definitions.map(({ definition }) => definition!.id));
  expect(moved("joined")).toEqual(ids);
  expect(moved("left")).toEqual(ids);
  // Some leave by doing nothing, which is what active-now is there to show.
  expect(said.some((delta) => delta.segment === "active-now" && delta.cause.type === "time")).toBe(true);
});
