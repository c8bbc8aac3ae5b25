// Logs full of the shared load, and rounds of sides over them: what the benches against a real server have in common.
import type { PartitionSettings } from "../../actors/partition/settings.ts";
import { decodeDelta } from "../../lib/core/deltas.ts";
import type { Delta, Json } from "../../lib/core/types.ts";
import { StreamReader } from "../../lib/nats/stream-reader.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { consumeSide, type SideName, type SideResult, type SideSpec } from "../sides/consume.ts";
import type { Progress } from "./bench.ts";
import { beside, inChild } from "./child.ts";
import type { LoadEvent } from "./load.ts";
import { hashOf } from "./measure.ts";
import { type BenchServer, fill, logEnds, startBenchServer } from "./server.ts";
import { putInForce } from "./shard.ts";

export interface Filled {
  readonly server: BenchServer;
  readonly ends: readonly number[];
  readonly partitions: number;
}

/** A server whose logs hold the definitions, in force, and then the events. */
export async function filledServer(
  partitions: number,
  definitions: readonly Json[],
  events: Iterable<LoadEvent>,
  progress: Progress,
): Promise<Filled> {
  progress("a server starts");
  const server = await startBenchServer({ partitions, clock: "event" });
  try {
    const { nc, names } = server;
    progress(`${definitions.length} segments are put in force`);
    await putInForce({ nc, names, partitions, clock: "event" }, definitions);
    const stored = await fill(server, events, (count) => progress(`${count.toLocaleString("en-US")} events stored`));
    const ends = await logEnds(server);
    const held = ends.reduce((sum, end) => sum + end, 0);
    if (held < stored) throw new Error(`${stored} events were stored, and the logs hold ${held}`);
    return { server, ends, partitions };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const SIDES = beside(import.meta.url, "../sides/consume");

export function runSide(filled: Filled, side: SideName, settings?: Partial<PartitionSettings>): Promise<SideResult> {
  const { server, ends, partitions } = filled;
  const spec: SideSpec = {
    side,
    url: server.url,
    serverPid: server.pid,
    partitions,
    ends,
    clock: "event",
    ...(settings === undefined ? {} : { settings }),
  };
  return inChild(SIDES, consumeSide, spec);
}

export function steadyPerSecond({ steadyMessages, steadyMs }: SideResult): number {
  return (steadyMessages / steadyMs) * 1_000;
}

export function wholePerSecond({ messages, wholeMs }: SideResult): number {
  return (messages / wholeMs) * 1_000;
}

export function cpuText({ clientCpuUs, serverCpuUs, steadyMessages }: SideResult): string {
  const per = (us: number): string => (us / steadyMessages).toFixed(2);
  return `${per(clientCpuUs)} µs client + ${per(serverCpuUs)} µs server an event`;
}

/** Everything that SEGMENTS holds, as it was said. */
export async function storedDeltas({ nc, names }: BenchServer): Promise<string[]> {
  const { first, last } = await streamState(nc, names.segmentsStream);
  const bodies: string[] = [];
  if (last < first) return bodies;
  let next = first;
  await new Promise<void>((resolve, reject) => {
    const reader = new StreamReader({
      nc,
      stream: names.segmentsStream,
      next: () => next,
      room: () => 5_000,
      onMessage: (message, { seq }) => {
        next = seq + 1;
        if (message.subject.startsWith("segment.")) bodies.push(message.string());
        if (seq < last) return;
        reader.stop();
        resolve();
      },
      onFault: reject,
    });
  });
  return bodies;
}

/** The same for the same load, whatever the partitions' turns were: per person in order, people sorted. */
export function hashOfDeltas(bodies: readonly string[]): string {
  return hashOf([...bodies].sort());
}

export function readDeltas(bodies: readonly string[]): Delta[] {
  return bodies.map(decodeDelta);
}
