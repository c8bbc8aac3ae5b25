// Whose trace stands beside what is said: that of the event that caused it, through crashes, take-overs and replays; and what is
// said is the same without it. Virtual time and the smallest machine; a real server: test/api/traces-nats.test.ts.
import { expect, test } from "vitest";
import { decodeDelta } from "../../lib/core/deltas.ts";
import { type Trace, traceOf } from "../../lib/core/trace.ts";
import type { MemoryMessage } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const PARTITIONS = 3;
const text = new TextDecoder();

const besides = ({ headers }: MemoryMessage): Trace | undefined => traceOf(headers.traceparent, headers.tracestate);

const traceOfNo = (n: number): Trace => ({
  traceparent: `00-${n.toString(16).padStart(32, "c")}-b7ad6b7169203331-01`,
  tracestate: `n=${n}`,
});

/** Each delta with what stands beside it, and what should. */
function deltas(cluster: MemoryCluster): { type: string; beside: Trace | undefined; due: Trace | undefined }[] {
  const stored = [...cluster.server.stream("SEGMENTS").from(1)].filter(({ headers }) => headers.deltaId !== undefined);
  return stored.map((message) => {
    const { cause } = decodeDelta(text.decode(message.body));
    const log = cluster.server.stream(memoryLogStream(Number(message.headers.partition)));
    const due = cause.type === "event" ? besides(log.at(cause.seq)!) : undefined;
    return { type: cause.type, beside: besides(message), due };
  });
}

/** The same of what partitions say to each other: whichever input of the sender's made it. */
function links(cluster: MemoryCluster): { beside: Trace | undefined; due: Trace | undefined }[] {
  const found = [];
  for (let from = 0; from < PARTITIONS; from += 1) {
    const made = cluster.told(from).links;
    for (let to = 0; to < PARTITIONS; to += 1) {
      const seqs = made.filter((link) => link.to === to).map(({ seq }) => seq);
      const stored = [...cluster.server.stream(memoryLogStream(to)).from(1)].filter(
        ({ subject }) => subject === `link.${from}`,
      );
      const log = cluster.server.stream(memoryLogStream(from));
      for (const [index, message] of stored.entries())
        found.push({ beside: besides(message), due: besides(log.at(seqs[index]!)!) });
    }
  }
  return found;
}

test.each([1, 2, 3, 4, 5, 6])("whatever happens to the owners, seed %i", async (seed) => {
  const cluster = new MemoryCluster({ seed, partitions: PARTITIONS, settings: { watermarkDelayMs: 400 } });
  const { runtime } = cluster;
  for (let count = 0; count < 2; count += 1) cluster.startShard();
  cluster.faults(0.04);
  let sent = 0;
  for (let round = 0; round < 60; round += 1) {
    for (let count = Math.floor(runtime.random() * 8); count > 0; count -= 1) {
      const id = `${runtime.random() < 0.4 ? "@" : "u"}${Math.floor(runtime.random() * 9)}`;
      sent += 1;
      cluster.event(Math.floor(runtime.random() * PARTITIONS), id, sent % 4 === 0 ? undefined : traceOfNo(sent));
    }
    await runtime.advance(Math.floor(runtime.random() * 400));
    for (const shard of cluster.live) cluster.disturb(shard, runtime.random() * 2);
    if (cluster.live.length < 2) cluster.startShard();
  }
  cluster.calm();
  await cluster.untilQuiet();
  const said = deltas(cluster);
  for (const { beside, due } of said) expect(beside).toEqual(due);
  for (const { beside, due } of links(cluster)) expect(beside).toEqual(due);
  expect(said.filter(({ beside }) => beside !== undefined).length).toBeGreaterThan(50);
  expect(links(cluster).filter(({ beside }) => beside !== undefined).length).toBeGreaterThan(20);
  expect(said.filter(({ type }) => type === "time").length).toBeGreaterThan(5);
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    expect(cluster.said(partition)).toEqual(cluster.expected(partition));
  expect(cluster.errors).toEqual([]);
});

test("a delta that the owner could not say any more bears its event's trace when the next one makes it again", async () => {
  const cluster = new MemoryCluster({ seed: 7, partitions: 1 });
  const first = cluster.startShard();
  await cluster.untilQuiet();
  const heard = ["publish", "batch"];
  cluster.server.fate = (_client, call) => (heard.includes(call) ? "request-lost" : "ok");
  for (let n = 1; n <= 3; n += 1) cluster.event(0, "u1", traceOfNo(n));
  await cluster.runtime.advance(1_000);
  expect(cluster.said(0)).toEqual([]);
  cluster.kill(first);
  cluster.server.fate = () => "ok";
  cluster.startShard();
  await cluster.runtime.until("the deltas", () => cluster.said(0).length === 5);
  expect(deltas(cluster).map(({ beside }) => beside)).toEqual(Array.from({ length: 5 }, () => traceOfNo(3)));
});

test("what silence does bears no trace, also where an event moves the clock past it", async () => {
  const cluster = new MemoryCluster({ seed: 8, partitions: 1 });
  const first = cluster.startShard();
  for (let n = 1; n <= 3; n += 1) cluster.event(0, "u1", traceOfNo(n));
  await cluster.runtime.until("joined", () => cluster.said(0).length === 5);
  cluster.kill(first);
  await cluster.runtime.advance(20_000);
  for (let n = 4; n <= 6; n += 1) cluster.event(0, "u2", traceOfNo(n));
  cluster.startShard();
  await cluster.runtime.until("left, and joined", () => cluster.said(0).length === 15);
  const log = cluster.server.stream(memoryLogStream(0));
  const inputs = cluster.said(0).map((body) => log.at(decodeDelta(body).cause.seq)!);
  expect(inputs.map((input) => besides(input)?.tracestate)).toEqual(
    ["n=3", "n=4", "n=6"].flatMap((state) => Array.from({ length: 5 }, () => state)),
  );
  expect(deltas(cluster).map(({ type, beside }) => [type, beside?.tracestate])).toEqual(
    [
      ["event", "n=3"],
      ["time", undefined],
      ["event", "n=6"],
    ].flatMap((one) => Array.from({ length: 5 }, () => one)),
  );
});
