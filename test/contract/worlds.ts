// The two worlds that the contract suite runs against: a real nats-server, and memory. Each gives the same ports and the
// few levers that a test needs to spoil a log.
import { jetstreamManager } from "@nats-io/jetstream";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import type { PartitionNo } from "../../lib/core/types.ts";
import { MemoryServer } from "../../lib/memory/server.ts";
import { memoryLogStream, memoryWorld } from "../../lib/memory/world.ts";
import { provision } from "../../lib/nats/provision.ts";
import { natsWorld } from "../../lib/nats/world.ts";
import type { World } from "../../lib/ports/world.ts";
import { startTestServer } from "../support/nats.ts";

export const PARTITIONS = 12;

export interface OpenWorld {
  /** The ports as one client sees them. */
  client(name: string): Promise<World>;
  /** Everything before `seq` ages out. */
  trimLog(partition: PartitionNo, seq: number): Promise<void>;
  /** One message is gone. */
  dropFromLog(partition: PartitionNo, seq: number): Promise<void>;
  /** Of the control log only its first entry is left, as after a restore of an old copy. */
  shortenControl(): Promise<void>;
  /** Subjects of everything in SEGMENTS, in order. */
  segments(): Promise<string[]>;
  close(): Promise<void>;
}

async function openMemory(): Promise<OpenWorld> {
  const server = new MemoryServer({ runtime: systemRuntime });
  return {
    client: async (name) => memoryWorld(server, name, PARTITIONS),
    trimLog: async (partition, seq) => server.stream(memoryLogStream(partition)).trim(seq),
    dropFromLog: async (partition, seq) => server.stream(memoryLogStream(partition)).drop(seq),
    shortenControl: async () => {
      const stream = server.stream("DEFINITIONS");
      const [first] = stream.from(1);
      stream.loseTail(0);
      stream.store([first!]);
    },
    segments: async () => [...server.stream("SEGMENTS").from(1)].map(({ subject }) => subject),
    close: async () => undefined,
  };
}

async function openNats(): Promise<OpenWorld> {
  const server = await startTestServer({ partitions: PARTITIONS });
  const nc = await server.connection("contract");
  const dataSet = {
    name: "",
    partitions: PARTITIONS,
    replicas: 1,
    clock: "log" as const,
    eventsMaxAgeMs: 0,
    rejectsMaxAgeMs: 0,
  };
  await provision(nc, dataSet, { create: true });
  const manager = await jetstreamManager(nc);
  const definitions = await manager.streams.info(server.names.definitionsStream);
  return {
    client: async (name) => natsWorld(await server.connection(name), server.names, PARTITIONS),
    trimLog: async (partition, seq) => {
      await manager.streams.purge(server.names.eventsStream(partition), { seq });
    },
    dropFromLog: async (partition, seq) => {
      await manager.streams.deleteMessage(server.names.eventsStream(partition), seq);
    },
    shortenControl: async () => {
      const stream = server.names.definitionsStream;
      const first = await manager.streams.getMessage(stream, { seq: 1 });
      await manager.streams.delete(stream);
      await manager.streams.add(definitions.config);
      await nc.request(server.names.definitionsSubject, first!.data);
    },
    segments: async () => {
      const { state } = await manager.streams.info(server.names.segmentsStream);
      const subjects: string[] = [];
      for (let seq = 1; seq <= state.last_seq; seq += 1) {
        const message = await manager.streams.getMessage(server.names.segmentsStream, { seq });
        if (message !== null) subjects.push(message.subject);
      }
      return subjects;
    },
    close: () => server.stop(),
  };
}

export const WORLDS: readonly { readonly name: string; open(): Promise<OpenWorld> }[] = [
  { name: "memory", open: openMemory },
  { name: "nats", open: openNats },
];
