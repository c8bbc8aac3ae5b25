// A nats-server for one bench: the production supervisor, a store in a temporary folder, all streams of a data set.
// Also fills the logs the way channels do: through the mapping, every event acked.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { packageDir } from "../../cmd/cli/package-dir.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { provision } from "../../lib/nats/provision.ts";
import { api, streamState } from "../../lib/nats/wire.ts";
import { ensureServer } from "../../lib/server/fetch.ts";
import { type RunningServer, startServer } from "../../lib/server/supervise.ts";
import type { LoadEvent } from "./load.ts";

export interface BenchServer {
  readonly url: string;
  readonly pid: number;
  readonly names: Names;
  readonly partitions: number;
  readonly nc: NatsConnection;
  connection(role: string): Promise<NatsConnection>;
  /** The same data under another setting. */
  restart(options: { readonly syncAlways: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchServerOptions {
  readonly partitions: number;
  /** What moves the data set's clock; `event` makes a run's result the same however fast it goes. */
  readonly clock: "log" | "event";
}

export async function startBenchServer({ partitions, clock }: BenchServerOptions): Promise<BenchServer> {
  const home = process.env.ROLLCALL_DATA_DIR ?? join(packageDir(), ".rollcall");
  const { binary } = await ensureServer({ dataDir: home });
  const dataDir = await mkdtemp(join(tmpdir(), "rollcall-bench-"));
  const start = (syncAlways: boolean): Promise<RunningServer> =>
    startServer({
      binary,
      conf: join(packageDir(), "nats.conf"),
      dataDir,
      port: 0,
      partitions,
      syncAlways,
      restart: false,
    });
  const connect = (role: string): Promise<NatsConnection> =>
    connectNats({ url: server.url }, { role, instance: `${process.pid}` });
  let server = await start(false);
  let nc = await connect("bench");
  const dataSet = {
    name: "",
    partitions,
    replicas: 1,
    clock,
    eventsMaxAgeMs: 0,
    rejectsMaxAgeMs: 0,
    repeatsKnownMs: 120_000,
  };
  await provision(nc, dataSet, { create: true });
  return {
    get url() {
      return server.url;
    },
    get pid() {
      return server.pid;
    },
    get nc() {
      return nc;
    },
    names: namesOf(),
    partitions,
    connection: connect,
    async restart({ syncAlways }) {
      await nc.close();
      await server.stop();
      server = await start(syncAlways);
      nc = await connect("bench");
    },
    async stop() {
      await nc.close();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Unanswered publishes that may be under way: enough to keep the server busy, far from its own limits. */
const UNACKED_MAX = 2_000;
const TURN = 500;

interface Ack {
  readonly seq?: number;
  readonly error?: { readonly description?: string };
}

/**
 * One shared reply inbox, not the client's `js.publish`: that makes a promise, a timer and a subject for every message, and
 * is four times slower than the server.
 */
export async function fill(
  { nc, names }: Pick<BenchServer, "nc" | "names">,
  events: Iterable<LoadEvent>,
  onProgress: (stored: number) => void = () => undefined,
): Promise<number> {
  const inbox = createInbox();
  let [sent, acked] = [0, 0];
  let fault: Error | undefined;
  let wake = (): void => undefined;
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      const ack = error === null ? (message.json() as Ack) : undefined;
      if (ack?.seq === undefined) fault ??= error ?? new Error(`an event was not stored: ${ack?.error?.description}`);
      acked += 1;
      wake();
    },
  });
  const room = async (left: number): Promise<void> => {
    while (fault === undefined && sent - acked > left) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (fault !== undefined) throw fault;
  };
  for (const { userId, body } of events) {
    nc.publish(names.eventSubject(encodeId(userId)), body, { reply: inbox });
    sent += 1;
    if (sent % TURN !== 0) continue;
    await room(UNACKED_MAX);
    onProgress(acked);
  }
  await room(0);
  subscription.unsubscribe();
  return sent;
}

/** The last sequence of every partition's log. */
export function logEnds({
  nc,
  names,
  partitions,
}: Pick<BenchServer, "nc" | "names" | "partitions">): Promise<number[]> {
  const ends = Array.from({ length: partitions }, async (_, p) => (await streamState(nc, names.eventsStream(p))).last);
  return Promise.all(ends);
}

/** Forgets what was said, remembered and owned: the next worker begins at the logs' start. */
export async function forgetAll({ nc, names }: Pick<BenchServer, "nc" | "names">): Promise<void> {
  const streams = [
    names.segmentsStream,
    `KV_${names.checkpointBucket}`,
    `KV_${names.clusterBucket}`,
    names.rejectsStream,
  ];
  for (const stream of streams) await api(nc, `STREAM.PURGE.${stream}`);
}

const ASK_MS = 200;
const PATIENCE_MS = 60_000;

/** What a process of ours says, once it is there to say it. */
export async function answered(nc: NatsConnection, subject: string): Promise<string> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await nc.request(subject, "", { timeout: ASK_MS }).catch(() => undefined);
    if (answer !== undefined) return answer.string();
    if (performance.now() > untilMs) throw new Error(`nobody answers on ${subject}`);
    // Nobody listens yet.
    await new Promise((resolve) => setTimeout(resolve, ASK_MS / 10));
  }
}
