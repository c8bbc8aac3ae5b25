// How much of a log is under way at any time, against a real server: bounded in records and in bytes, never stopped by one
// large record. What a reading gives is test/contract's matter.
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsEventLog } from "../../lib/nats/event-log.ts";
import type { LogReading, ReadOptions } from "../../lib/ports/event-log.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";
import { until } from "../support/until.ts";

const KB = 1024;
let server: Provisioned;

beforeAll(async () => {
  server = await provisioned({ partitions: 4 });
});
afterAll(() => server.stop());

async function filled(partition: number, sizes: readonly number[]): Promise<NatsEventLog> {
  const log = new NatsEventLog(server.nc, server.names, partition);
  for (const size of sizes) expect((await log.append("event", "x".repeat(size))).kind).toBe("stored");
  return log;
}

function read(log: NatsEventLog, bounds: Pick<ReadOptions, "recordsMax" | "bytesMax" | "recordBytesMax">): LogReading {
  const onFault = (error: Error): never => {
    throw error;
  };
  return log.read({ after: undefined, onReadable: () => undefined, onFault, ...bounds });
}

/**
 * Messages that the server has sent and pulls that wait for more, once it has sent so many. Whoever pulls again does so when
 * the last of them comes, on the line on which it is looked a second time.
 */
async function delivered(partition: number, count: number): Promise<{ readonly sent: number; readonly pulls: number }> {
  const manager = await jetstreamManager(server.nc);
  const look = async () => {
    const [info] = await manager.consumers.list(server.names.eventsStream(partition)).next();
    return { sent: info?.delivered.consumer_seq ?? 0, pulls: info?.num_waiting ?? 0 };
  };
  await until(`${count} messages to be sent`, async () => (await look()).sent >= count);
  return look();
}

test("so many bytes wait here or are on their way, and the rest comes as room is made", async () => {
  const log = await filled(
    0,
    Array.from({ length: 30 }, () => 10 * KB),
  );
  const reading = read(log, { recordsMax: 100, bytesMax: 64 * KB, recordBytesMax: 16 * KB });
  // 4 × 16 KB fit; once these turn out to be 10 KB each, a fifth does.
  expect(await delivered(0, 5)).toEqual({ sent: 5, pulls: 0 });
  const seen: number[] = [];
  await until("all of them", () => {
    seen.push(...reading.take(3).map(({ seq }) => seq));
    return seen.length === 30;
  });
  expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  reading.stop();
});

test("so many records, where that is less", async () => {
  const log = await filled(
    1,
    Array.from({ length: 30 }, () => 10),
  );
  const reading = read(log, { recordsMax: 7, bytesMax: 64 * KB, recordBytesMax: KB });
  expect(await delivered(1, 7)).toEqual({ sent: 7, pulls: 0 });
  reading.stop();
});

test("a record that is larger than the bound comes by itself", async () => {
  const log = await filled(2, [10, 200 * KB, 200 * KB, 10]);
  const reading = read(log, { recordsMax: 100, bytesMax: 64 * KB, recordBytesMax: 64 * KB });
  const sizes: number[] = [];
  await until("all of them", () => {
    sizes.push(...reading.take(1).map(({ body }) => body.length));
    return sizes.length === 4;
  });
  expect(sizes).toEqual([10, 200 * KB, 200 * KB, 10]);
  reading.stop();
});
