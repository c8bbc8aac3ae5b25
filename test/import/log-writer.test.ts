// Rows into a real server's logs: all of them, in order per log, stopping at the first failure, resumable exactly.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importInto } from "../../lib/api/jobs/importing.ts";
import type { RunningJob } from "../../lib/api/jobs/runner.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { openTables } from "../../lib/enrich/enrich.ts";
import { openLines } from "../../lib/import/lines.ts";
import { LogWriter, laneOf, NatsImportLogs } from "../../lib/import/log-writer.ts";
import { importFile } from "../../lib/import/run.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { provision } from "../../lib/nats/provision.ts";
import { api, batchHeaders, streamState } from "../../lib/nats/wire.ts";
import { startTestServer, type TestServer, testDataSet } from "../support/nats.ts";

const PARTITIONS = 4;
let server: TestServer;
let nc: NatsConnection;
beforeAll(async () => {
  server = await startTestServer({ partitions: PARTITIONS });
  nc = await server.connection();
  await provision(nc, testDataSet({ partitions: PARTITIONS, clock: "event" }), { create: true });
});
afterAll(() => server.stop());

const writer = (mark: string): LogWriter => new LogWriter({ nc, names: namesOf(), partitions: PARTITIONS, mark });
const bodyOf = (line: number): Uint8Array => Buffer.from(JSON.stringify({ line }));

async function linesIn(partition: number): Promise<number[]> {
  const { last } = await streamState(nc, server.names.eventsStream(partition));
  const lines: number[] = [];
  for await (const { kind, body } of logRecords(nc, server.names, partition, last)) {
    if (kind === "event") lines.push(JSON.parse(Buffer.from(body).toString()).line);
  }
  return lines;
}

test("every row is stored, once, in the order of the file, in its own log", async () => {
  const rows = writer("a");
  const expected: number[][] = [[], [], []];
  for (let line = 1; line <= 5_000; line += 1) {
    // Most rows go to one log: it must not run away from the others, nor be overtaken.
    const partition = line % 10 === 0 ? 1 : line % 7 === 0 ? 2 : 0;
    expected[partition]!.push(line);
    await rows.add(partition, line, bodyOf(line));
  }
  await rows.flush();
  expect(rows.stored).toBe(5_000);
  for (const [partition, lines] of expected.entries()) expect(await linesIn(partition)).toEqual(lines);
});

test("the first failure of a log stops the import; what is in is a prefix", async () => {
  const rows = writer("b");
  for (let line = 1; line <= 1_200; line += 1) await rows.add(3, line, bodyOf(line));
  await rows.flush();
  // From now on the log takes nothing, as when its disk is full.
  const { config } = await api<{ config: object }>(nc, "STREAM.INFO.EVENTS_3");
  await api(nc, "STREAM.UPDATE.EVENTS_3", { ...config, max_msgs: 1_200 });
  const adding = async (): Promise<void> => {
    for (let line = 1_201; line <= 9_000; line += 1) await rows.add(3, line, bodyOf(line));
    await rows.flush();
  };
  await expect(adding()).rejects.toMatchObject({ name: "ImportStopped", partition: 3, firstLine: 1_201 });
  expect(await linesIn(3)).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
  await api(nc, "STREAM.UPDATE.EVENTS_3", { ...config, max_msgs: -1 });
});

test("rows go in one by one, in order, where the log takes no batch", async () => {
  const before = await linesIn(2);
  // As many open batches as the server allows a stream; anybody who may publish there can do that.
  const subject = server.names.logSubject(2, "event");
  for (let batch = 0; batch < 50; batch += 1) {
    nc.publish(subject, bodyOf(0), { headers: batchHeaders(headers(), `open-${batch}`, 1) });
  }
  const rows = writer("d");
  for (let line = 1; line <= 700; line += 1) await rows.add(2, line, bodyOf(line));
  await rows.flush();
  expect(rows.stored).toBe(700);
  expect((await linesIn(2)).slice(before.length)).toEqual(Array.from({ length: 700 }, (_, index) => index + 1));
  expect(await new NatsImportLogs(nc, server.names, PARTITIONS).storedUpTo("d")).toEqual(
    new Map([[laneOf(2, "event"), 700]]),
  );
});

test("what a log holds of a file is found, whatever came after it", async () => {
  const logs = new NatsImportLogs(nc, server.names, PARTITIONS);
  const stopped = writer("e");
  for (let line = 1; line <= 700; line += 1) await stopped.add(1, line, bodyOf(line));
  await stopped.flush();
  await stopped.add(0, 701, bodyOf(701));
  await stopped.flush();
  // More than one piece of another file into one log, a live event into the other.
  const other = writer("f");
  for (let line = 1; line <= 21_000; line += 1) await other.add(1, line, bodyOf(line));
  await other.flush();
  nc.publish(server.names.logSubject(0, "event"), bodyOf(0));
  await nc.flush();
  const lines = await logs.storedUpTo("e");
  expect(lines).toEqual(
    new Map([
      ["0.event", 701],
      ["1.event", 700],
    ]),
  );
  expect([await logs.endWith("e"), await logs.endWith("f")]).toEqual([false, true]);
  expect(await logs.storedUpTo("nobody's")).toEqual(new Map());
  const reason = new Error("cancelled");
  await expect(logs.storedUpTo("e", AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("an import that is ended is told once nothing of it is under way: what it says is stored is all there is", async () => {
  const path = join(server.dataDir, "ended.ndjson");
  const row = JSON.stringify({ type: "track", event: "Ping", userId: "u1", timestamp: "2026-11-23T10:00:00Z" });
  await writeFile(path, [...Array.from({ length: 600 }, () => row), "no json", row].join("\n"));
  const partition = partitionOf("u1", PARTITIONS);
  const before = (await linesIn(partition)).length;
  const controller = new AbortController();
  const reason = new Error("cancelled");
  let told = 0;
  const importing = importInto(
    {
      logs: new NatsImportLogs(nc, server.names, PARTITIONS),
      door: { tables: openTables(), trustedSources: [], keepIp: false },
      limits: DEFAULT_LIMITS,
      clock: "log",
    },
    {
      source: await openLines(path),
      name: path,
      mapping: undefined,
      mark: "ended",
      resume: false,
      onRepeat: () => {},
      // A batch waits for its answer here, which comes after the end is asked for.
      onReject: () => {
        server.pause();
        controller.abort(reason);
        setImmediate(() => server.resume());
      },
      onProgress: (_bytes, stored) => {
        told = stored;
      },
    },
    { signal: controller.signal, progress: () => {} } as unknown as RunningJob,
  );
  await expect(importing).rejects.toBe(reason);
  expect(told).toBe(500);
  expect((await linesIn(partition)).length - before).toBe(500);
});

test("a data set that is not there is said at the first row", async () => {
  const lost = new LogWriter({ nc, names: namesOf("elsewhere"), partitions: PARTITIONS, mark: "c" });
  await lost.add(0, 1, bodyOf(1));
  await expect(lost.flush()).rejects.toMatchObject({ name: "ImportStopped", firstLine: 1 });
});

test("a resumed import leaves out what each log holds already, and refuses what the engine would refuse", async () => {
  const path = join(server.dataDir, "rows.ndjson");
  const users = Array.from({ length: 40 }, (_, index) => `u${index}`);
  const line = (userId: string, index: number): string =>
    JSON.stringify({
      type: "track",
      event: "Ping",
      userId,
      timestamp: `2026-11-23T10:00:${String(index).padStart(2, "0")}Z`,
    });
  await writeFile(
    path,
    [...users.map(line), '{"type":"track","event":"Ping","userId":"u1"}', '{"userId":"u1"}'].join("\n"),
  );
  const written: string[] = [];
  const rejected: string[] = [];
  const storedUpTo = new Map([[laneOf(partitionOf("u0", PARTITIONS), "event"), 20]]);
  const result = await importFile({
    path,
    mapping: undefined,
    partitions: PARTITIONS,
    clock: "event",
    storedUpTo,
    enrich: (message) => message,
    write: async (_partition, _line, body) => void written.push(JSON.parse(Buffer.from(body).toString()).userId),
    refusal: (body) => (JSON.parse(Buffer.from(body).toString()).event === undefined ? "no event" : undefined),
    onReject: ({ line: at, reason }) => rejected.push(`${at} ${reason}`),
    onProgress: () => {},
  });
  const skipped = users.slice(0, 20).filter((user) => partitionOf(user, PARTITIONS) === partitionOf("u0", PARTITIONS));
  expect(written).toEqual(users.filter((user) => !skipped.includes(user)));
  expect(result).toMatchObject({ skipped: skipped.length, rejected: 2, lastTime: Date.UTC(2026, 10, 23, 10, 0, 39) });
  expect(rejected).toEqual([
    "41 no time, and this data set's clock is the events' own",
    "42 no time, and this data set's clock is the events' own",
  ]);
});

test("at the end every partition's clock is moved", async () => {
  const at = Date.UTC(2026, 10, 23, 12);
  await new NatsImportLogs(nc, server.names, PARTITIONS).moveClocks(at);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const { last } = await streamState(nc, server.names.eventsStream(partition));
    const bodies: string[] = [];
    for await (const { kind, body } of logRecords(nc, server.names, partition, last)) {
      if (kind === "clock") bodies.push(Buffer.from(body).toString());
    }
    expect(bodies).toEqual([JSON.stringify({ to: at })]);
  }
});
