// The contract suite's levers on real nats-servers, wherever these run: one process, one container, three containers.
// Every client has a line of its own to each server, through a proxy, so that its line alone can be cut, muted or held.
import { connect as dial, type Socket } from "node:net";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, RequestError } from "@nats-io/transport-node";
import { type Trace, traceOf } from "../../lib/core/trace.ts";
import type { RejectReason } from "../../lib/core/types.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { DELTA_ID_HEADER } from "../../lib/nats/delta-sink.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { provision } from "../../lib/nats/provision.ts";
import { natsWorld } from "../../lib/nats/world.ts";
import type { Reply } from "../../lib/ports/questions.ts";
import { testDataSet } from "../support/nats.ts";
import { type ProxyMode, type ProxyTarget, TcpProxy } from "../support/proxy.ts";
import { until } from "../support/until.ts";
import { upTo } from "./here.ts";
import type { OpenWorld, ToldReject } from "./worlds.ts";

const NANOS_PER_MS = 1_000_000;
/** The shortest age that the server accepts for SEGMENTS, whose window of message ids may not be longer. */
const AGE_MS = 100;
const READ_AT_ONCE = 200;
const READY_MS_MAX = 60_000;
/** A server that answers a question about itself answers it sooner. */
const SILENT_MS = 400;

/** The servers of one world, as far as they are run from outside. */
export interface NatsServers {
  readonly partitions: number;
  readonly replicas: number;
  readonly targets: readonly ProxyTarget[];
  /** All of them, `kill -9`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stop(): Promise<void>;
  /** Keeps a copy of one stream as it stands on the disk, and puts it back while no server runs. */
  saveStore?(stream: string): Promise<void>;
  loseStore?(stream: string): Promise<void>;
}

export async function openNatsWorld(servers: NatsServers): Promise<OpenWorld> {
  try {
    return await levers(servers);
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function levers(servers: NatsServers): Promise<OpenWorld> {
  const { partitions, replicas } = servers;
  const names = namesOf("");
  const lines = new Lines(servers.targets);
  const nc = await lines.connect("contract");
  await provision(nc, testDataSet({ partitions, replicas }), { create: true });
  const manager = await jetstreamManager(nc);
  const { streams, consumers } = manager;

  let down = false;
  let ears = 0;

  const answers = (): Promise<boolean> => {
    const answer = nc.request("$JS.API.INFO", undefined, { timeout: SILENT_MS });
    return answer.then(
      () => true,
      () => false,
    );
  };
  const replicated = (): Promise<boolean> => everyReplicaCurrent(manager, replicas).catch(() => false);
  const kill = async (): Promise<void> => {
    down = true;
    await servers.kill();
  };
  const restart = async (): Promise<void> => {
    await servers.restart();
    down = false;
  };

  const replace = async (name: string): Promise<void> => {
    const { config } = await streams.info(name);
    await streams.delete(name);
    await streams.add(config);
  };

  async function* everything(name: string) {
    const { state } = await streams.info(name);
    for (let from = Math.max(1, state.first_seq); from <= state.last_seq; from += READ_AT_ONCE) {
      const seqs = upTo(Math.min(state.last_seq, from + READ_AT_ONCE - 1), from);
      for (const message of await Promise.all(seqs.map((seq) => streams.getMessage(name, { seq }))))
        if (message !== null) yield message;
    }
  }

  return {
    client: async (name) => natsWorld(await lines.connect(name), names, partitions),
    cut: (client) => lines.set(client, "silent"),
    deafen: (client) => lines.set(client, "replies-lost"),
    hold: (client) => lines.set(client, "held"),
    heal: (client) => lines.set(client, "flowing"),
    breakAfter: (client, bytes) => lines.hangUpAfter(client, bytes),
    ask: async (partition, question) => {
      try {
        const reply = await nc.request(names.askSubject(partition), JSON.stringify(question), { timeout: 5_000 });
        return reply.json<Reply>();
      } catch (error) {
        if (error instanceof RequestError && error.isNoResponders()) return undefined;
        throw error;
      }
    },
    ear: async () => {
      const heard: string[] = [];
      ears += 1;
      const ear = await lines.connect(`ear ${ears}`);
      ear.subscribe(names.segmentSubject("*", "*"), {
        callback: (_error, message) => {
          heard.push(message.headers?.get(DELTA_ID_HEADER) ?? "no delta");
        },
      });
      await ear.flush();
      return heard;
    },
    slowEar: () => lines.slowSubscriber(names.segmentSubject("*", "*")),
    kill,
    restart,
    freeze: async () => {
      await servers.freeze();
      // The signal needs a moment; a test that is answered in it would see no silence.
      await until("the server to be silent", async () => !(await answers()));
    },
    thaw: () => servers.thaw(),
    calm: async () => {
      if (down) await restart();
      await servers.thaw();
      lines.healAll();
      await until("the server to answer", answers, READY_MS_MAX);
      if (replicas > 1) await until("every stream to have all its replicas", replicated, READY_MS_MAX);
    },
    trimLog: async (partition, seq) => void (await streams.purge(names.eventsStream(partition), { seq })),
    dropFromLog: async (partition, seq) => void (await streams.deleteMessage(names.eventsStream(partition), seq)),
    replaceLog: (partition) => replace(names.eventsStream(partition)),
    deleteConsumers: async (partition) => {
      const stream = names.eventsStream(partition);
      for await (const { name } of consumers.list(stream)) await consumers.delete(stream, name);
    },
    powerCut: async (partition) => {
      await servers.saveStore?.(names.eventsStream(partition));
      return async () => {
        await kill();
        await servers.loseStore?.(names.eventsStream(partition));
        await restart();
      };
    },
    dropDefinition: async (seq) => void (await streams.deleteMessage(names.definitionsStream, seq)),
    replaceDefinitions: () => replace(names.definitionsStream),
    ageSegments: async () => {
      const { config, state } = await streams.info(names.segmentsStream);
      await streams.update(names.segmentsStream, { ...config, max_age: AGE_MS * NANOS_PER_MS });
      await until("what was said to be too old", async () => {
        const of = { subjects_filter: names.segmentSubject("*", "*") };
        const now = await streams.info(names.segmentsStream, of);
        return state.last_seq <= now.state.last_seq && Object.keys(now.state.subjects ?? {}).length === 0;
      });
      await streams.update(names.segmentsStream, config);
    },
    traces: async () => {
      const found = new Map<string, Trace | undefined>();
      for await (const { subject, header } of everything(names.segmentsStream)) {
        if (!subject.startsWith("segment.")) continue;
        found.set(header.get(DELTA_ID_HEADER), traceOf(header.get("traceparent"), header.get("tracestate")));
      }
      return found;
    },
    segments: async () => {
      const subjects: string[] = [];
      for await (const { subject } of everything(names.segmentsStream)) subjects.push(subject);
      return subjects;
    },
    rejects: async () => {
      const told: ToldReject[] = [];
      for await (const { header, data } of everything(names.rejectsStream)) {
        const reason = header.get("Rollcall-Reason") as RejectReason;
        const [partition, seq] = ["Rollcall-Partition", "Rollcall-Seq"].map((name) => Number(header.get(name)));
        told.push({ partition: partition!, seq: seq!, reason, body: data });
      }
      return told;
    },
    close: async () => {
      await lines.close();
      await servers.stop();
    },
  };
}

/** Each stream has a leader, and as many followers as it should have, none of them behind. */
export async function everyReplicaCurrent(manager: JetStreamManager, replicas: number): Promise<boolean> {
  for await (const { cluster } of manager.streams.list()) {
    const current = cluster?.replicas?.filter((replica) => replica.current && replica.offline !== true) ?? [];
    if (!cluster?.leader || current.length !== replicas - 1) return false;
  }
  return true;
}

/** Every client's lines to the servers. */
class Lines {
  private readonly targets: readonly ProxyTarget[];
  private readonly proxies = new Map<string, readonly TcpProxy[]>();
  private readonly connections: NatsConnection[] = [];
  private readonly sockets: Socket[] = [];

  constructor(targets: readonly ProxyTarget[]) {
    this.targets = targets;
  }

  async connect(client: string): Promise<NatsConnection> {
    const proxies = await Promise.all(this.targets.map((target) => TcpProxy.open(target)));
    this.proxies.set(client, proxies);
    const nc = await connectNats(
      { url: proxies.map(({ url }) => url).join(",") },
      { role: "contract", instance: client },
    );
    this.connections.push(nc);
    return nc;
  }

  set(client: string, mode: ProxyMode): void {
    for (const proxy of this.of(client)) proxy.set(mode);
  }

  healAll(): void {
    for (const client of this.proxies.keys()) this.set(client, "flowing");
  }

  hangUpAfter(client: string, bytes: number): void {
    for (const proxy of this.of(client)) if (proxy.connections > 0) proxy.hangUpAfter(bytes);
  }

  /** Speaks the protocol by hand, since the client library always reads. */
  async slowSubscriber(subject: string): Promise<void> {
    const socket = dial(this.targets[0]!);
    this.sockets.push(socket);
    const closed = new Promise((_, reject) => socket.once("error", reject));
    const ready = new Promise<void>((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        if (!chunk.includes("PONG")) return;
        socket.pause();
        resolve();
      });
    });
    socket.write(`CONNECT {"verbose":false,"headers":true}\r\nSUB ${subject} 1\r\nPING\r\n`);
    await Promise.race([ready, closed]);
    // The server may hang up on who does not read; that is its way, and no fault of the test.
    socket.on("error", () => undefined);
    closed.catch(() => undefined);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.connections.map((nc) => nc.close()));
    await Promise.all([...this.proxies.values()].flat().map((proxy) => proxy.close()));
  }

  private of(client: string): readonly TcpProxy[] {
    const proxies = this.proxies.get(client);
    if (proxies === undefined) throw new Error(`no client is called ${client}`);
    return proxies;
  }
}
