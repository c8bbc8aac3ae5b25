// Law 7 at the edge of what a message can carry, against a real server: an event as large as the server takes is refused like
// any other, although its reject carries headers beside it. Which events are refused is test/core's matter.
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { natsWorld } from "../../lib/nats/world.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";

const PAYLOAD_BYTES_MAX = 64 * 1024;
const PARTITIONS = 2;

let server: Provisioned;

beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS, extra: `max_payload: ${PAYLOAD_BYTES_MAX}` });
});
afterAll(() => server.stop());

test("an event that fills a whole message can be refused: its reject holds as much of it as fits", async () => {
  const { log, rejects } = natsWorld(server.nc, server.names, PARTITIONS).partition(1);
  const body = new Uint8Array(PAYLOAD_BYTES_MAX).fill(120);
  expect(await log.append("event", new TextDecoder().decode(body))).toEqual({ kind: "stored", seq: 1 });
  const reject = { seq: 1, stamp: 1, reason: "too-large" as const, detail: "too large" };
  expect(await rejects.tell([{ ...reject, body }])).toBe(true);
  expect(await rejects.tell([{ ...reject, seq: 2, body: body.subarray(0, 100) }])).toBe(true);
  const manager = await jetstreamManager(server.nc);
  const cut = await manager.streams.getMessage(server.names.rejectsStream, { seq: 1 });
  expect(cut?.data.length).toBeGreaterThan(PAYLOAD_BYTES_MAX / 2);
  expect(cut?.data.every((byte) => byte === 120)).toBe(true);
  expect(cut?.header.get("Rollcall-Bytes")).toBe(`${PAYLOAD_BYTES_MAX}`);
  const whole = await manager.streams.getMessage(server.names.rejectsStream, { seq: 2 });
  expect(whole?.data.length).toBe(100);
  expect(whole?.header.get("Rollcall-Bytes")).toBe("");
});
