// Law 7 at the edge of what a message can carry, against a real server: an event as large as the server takes is refused like
// any other, although its reject carries headers beside it. Which events are refused is test/core's matter.
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
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

type Request = NatsConnection["request"];

/** Hears of each request before its answer is given. */
async function heard<T>(hear: (subject: string) => unknown, work: () => Promise<T>): Promise<T> {
  const request = server.nc.request.bind(server.nc);
  const spy = vi.spyOn(server.nc, "request").mockImplementation((async (...asked: Parameters<Request>) => {
    const answer = await request(...asked);
    await hear(asked[0]);
    return answer;
  }) as Request);
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

test("those of somebody are found among many, and not one request for each", async () => {
  const [ours, theirs] = [0, 1].map((partition) => natsWorld(server.nc, server.names, PARTITIONS).partition(partition));
  const body = new Uint8Array(100).fill(120);
  const of = (seq: number) => ({ seq, stamp: 1, reason: "too-large" as const, detail: "too large", body });
  const seqs = Array.from({ length: 200 }, (_, index) => 10 + index);
  expect(await theirs!.rejects.tell(seqs.map(of))).toBe(true);
  expect(await ours!.rejects.tell(seqs.map(of))).toBe(true);
  const asked: string[] = [];
  const hear = (subject: string) => asked.push(subject);
  const isOne = (seq: number) => seq === 150 || seq === 209;
  expect(await heard(hear, () => ours!.eraser.rejects(isOne))).toBe(2);
  expect(asked.length).toBeLessThan(10);
  expect(await ours!.eraser.rejects(isOne)).toBe(0);
  expect(await theirs!.eraser.rejects(isOne)).toBe(2);
});

test("the last one may go before it was read", async () => {
  const { rejects, eraser } = natsWorld(server.nc, server.names, PARTITIONS).partition(0);
  const manager = await jetstreamManager(server.nc);
  const { rejectsStream } = server.names;
  const of = (seq: number) => ({ seq, stamp: 1, reason: "not-json" as const, detail: "", body: new Uint8Array(1) });
  for (const seq of [1_001, 1_002]) expect(await rejects.tell([of(seq)])).toBe(true);
  const { last_seq: last } = (await manager.streams.info(rejectsStream)).state;
  let isThere = true;
  const remove = async (subject: string): Promise<void> => {
    if (!isThere || !subject.startsWith("$JS.API.STREAM.MSG.GET.")) return;
    isThere = false;
    await manager.streams.deleteMessage(rejectsStream, last);
  };
  expect(await heard(remove, () => eraser.rejects((seq) => seq > 1_000))).toBe(1);
  expect(isThere).toBe(false);
});
