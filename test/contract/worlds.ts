// The worlds that the contract suite runs against, and the levers by which a test spoils one. Here: memory, and a nats-server
// on this machine; test/containers adds servers in containers. What a lever does to any nats-server stands in nats-world.ts.
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import { type Trace, traceOf } from "../../lib/core/trace.ts";
import type { PartitionNo, RejectReason } from "../../lib/core/types.ts";
import { MemoryServer } from "../../lib/memory/server.ts";
import { type MemoryQuestionDesk, memoryEar, memoryLogStream, memoryWorld } from "../../lib/memory/world.ts";
import type { Question, Reply } from "../../lib/ports/questions.ts";
import type { World } from "../../lib/ports/world.ts";
import { startTestServer } from "../support/nats.ts";
import { openNatsWorld } from "./nats-world.ts";

/** Logs that tests may use up. */
export const PARTITIONS = 28;
export const PAYLOAD_BYTES_MAX = 1024 * 1024;

export interface ToldReject {
  readonly partition: PartitionNo;
  readonly seq: number;
  readonly reason: RejectReason;
  readonly body: Uint8Array;
}

export interface OpenWorld {
  /** The ports as one client sees them; the name is what the levers below call it. */
  client(name: string): Promise<World>;
  /** Nothing passes between this client and the server. */
  cut(client: string): void;
  /** What this client sends arrives, and it hears nothing. */
  deafen(client: string): void;
  /** What this client sends is on its way until it is healed, and arrives then. */
  hold(client: string): void;
  heal(client: string): void;
  /** The line of this client breaks for a moment once it has sent so many bytes more. */
  breakAfter(client: string, bytes: number): void;

  /** As somebody would ask the owner of a partition; undefined when nobody answers. */
  ask(partition: PartitionNo, question: Question): Promise<Reply | undefined>;
  /** Ids of the deltas that a plain subscriber hears from now on. */
  ear(): Promise<readonly string[]>;
  /** A plain subscriber that never reads what it is sent. */
  slowEar(): Promise<void>;

  /** `kill -9`. */
  kill(): Promise<void>;
  /** On the same store. */
  restart(): Promise<void>;
  /** There, but silent, as after SIGSTOP. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Up, awake, every line whole, whatever a test has left behind. */
  calm(): Promise<void>;

  /** Everything before `seq` is purged. */
  trimLog(partition: PartitionNo, seq: number): Promise<void>;
  /** One message is gone. */
  dropFromLog(partition: PartitionNo, seq: number): Promise<void>;
  /** Deleted, and made anew. */
  replaceLog(partition: PartitionNo): Promise<void>;
  /** The server forgets everybody who reads it. */
  deleteConsumers(partition: PartitionNo): Promise<void>;
  /** A power cut: what was stored after this call is never written. Gives what cuts the power, and starts the server again. */
  powerCut(partition: PartitionNo): Promise<() => Promise<void>>;
  dropDefinition(seq: number): Promise<void>;
  replaceDefinitions(): Promise<void>;
  /** What stands in SEGMENTS now gets too old, and what comes later does not. */
  ageSegments(): Promise<void>;

  /** What stands beside the deltas in SEGMENTS, by their ids; undefined: nothing. */
  traces(): Promise<ReadonlyMap<string, Trace | undefined>>;
  /** Subjects of everything in SEGMENTS, in order. */
  segments(): Promise<readonly string[]>;
  rejects(): Promise<readonly ToldReject[]>;
  close(): Promise<void>;
}

export interface ContractWorld {
  readonly name: string;
  open(): Promise<OpenWorld>;
  /** Why this world cannot lose the tail of one log; it can where this is not said. */
  readonly losesNoTail?: string;
}

async function openMemory(): Promise<OpenWorld> {
  const options = { latencyMs: 1, timeoutMs: 250, payloadBytesMax: PAYLOAD_BYTES_MAX };
  const server = new MemoryServer({ runtime: systemRuntime, ...options });
  const log = (partition: PartitionNo) => server.stream(memoryLogStream(partition));
  const asker = memoryWorld(server, "asker", PARTITIONS);
  return {
    client: async (name) => memoryWorld(server, name, PARTITIONS),
    cut: (client) => server.isolate(client),
    deafen: (client) => server.deafen(client),
    hold: (client) => server.hold(client),
    heal: (client) => server.heal(client),
    breakAfter: (client) => {
      server.fate = (who) => {
        if (who !== client) return "ok";
        server.fate = () => "ok";
        return "request-lost";
      };
    },
    ask: (partition, question) => (asker.partition(partition).desk as MemoryQuestionDesk).ask(question),
    ear: async () => {
      const heard: string[] = [];
      memoryEar(server, "ear", ({ deltaId }) => heard.push(deltaId));
      return heard;
    },
    slowEar: async () => {
      server.deafen("slow ear");
      memoryEar(server, "slow ear", () => undefined);
    },
    kill: async () => server.kill(),
    restart: async () => server.restart(),
    freeze: async () => server.freeze(),
    thaw: async () => server.thaw(),
    calm: async () => {
      server.fate = () => "ok";
      server.heal("far");
      server.thaw();
      server.restart();
    },
    trimLog: async (partition, seq) => log(partition).trim(seq),
    dropFromLog: async (partition, seq) => log(partition).drop(seq),
    replaceLog: async (partition) => void server.replaceStream(memoryLogStream(partition)),
    deleteConsumers: async (partition) => log(partition).deleteConsumers(),
    powerCut: async (partition) => {
      const { last } = log(partition);
      return async () => {
        server.kill();
        log(partition).loseTail(last);
        server.restart();
      };
    },
    dropDefinition: async (seq) => server.stream("DEFINITIONS").drop(seq),
    replaceDefinitions: async () => void server.replaceStream("DEFINITIONS"),
    ageSegments: async () => server.stream("SEGMENTS").expire(server.stream("SEGMENTS").last + 1),
    traces: async () =>
      new Map(
        [...server.stream("SEGMENTS").from(1)].flatMap(({ headers: { deltaId, traceparent, tracestate } }) =>
          deltaId === undefined ? [] : [[deltaId, traceOf(traceparent, tracestate)]],
        ),
      ),
    segments: async () => [...server.stream("SEGMENTS").from(1)].map(({ subject }) => subject),
    rejects: async () =>
      [...server.stream("REJECTS").from(1)].map(({ subject, headers, body }) => ({
        partition: Number(headers.partition),
        seq: Number(headers.seq),
        reason: subject.split(".")[1] as RejectReason,
        body,
      })),
    close: async () => undefined,
  };
}

async function openNats(): Promise<OpenWorld> {
  const server = await startTestServer({ partitions: PARTITIONS, extra: `max_payload: ${PAYLOAD_BYTES_MAX}` });
  const folder = (stream: string): string => join(server.dataDir, "nats", "jetstream", "$G", "streams", stream);
  const saved = (stream: string): string => join(server.dataDir, "saved", stream);
  return openNatsWorld({
    partitions: PARTITIONS,
    replicas: 1,
    targets: [{ host: "127.0.0.1", port: server.port }],
    kill: () => server.kill9(),
    restart: () => server.restart(),
    freeze: async () => server.pause(),
    thaw: async () => server.resume(),
    stop: () => server.stop(),
    // A server that stands still has given everything to the system, though not to the disk: a copy is what a disk may hold.
    saveStore: async (stream) => {
      server.pause();
      await cp(folder(stream), saved(stream), { recursive: true });
      server.resume();
    },
    loseStore: async (stream) => {
      await rm(folder(stream), { recursive: true });
      await cp(saved(stream), folder(stream), { recursive: true });
    },
  });
}

export const WORLDS: readonly ContractWorld[] = [
  { name: "memory", open: openMemory },
  { name: "nats", open: openNats },
];
