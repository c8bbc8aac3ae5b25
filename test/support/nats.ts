// A real nats-server for one test file: a port of its own, a store in a temporary folder, the mapping in place.
// Stands on the production supervisor, so that what tests run against is started the way `npm start` starts it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats, type NatsSettings } from "../../lib/nats/connect.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { type DataSetOptions, type ProvisionReport, provision } from "../../lib/nats/provision.ts";
import { ensureServer } from "../../lib/server/fetch.ts";
import { type RunningServer, startServer } from "../../lib/server/supervise.ts";
import { freePort } from "./ports.ts";
import { REPOSITORY } from "./repository.ts";

/** Where tests keep the nats-server they fetched, and `npm start` finds it, too. */
export const BINARY_DIR = process.env.ROLLCALL_DATA_DIR ?? join(REPOSITORY, ".rollcall");
export const NATS_CONF = join(REPOSITORY, "nats.conf");

/** For requests: the client's own limit is a second, and a machine that is busy may not come to it for as long. */
export const PATIENTLY = { timeout: 20_000 } as const;

export interface TestServerOptions {
  /** Default 4: enough to have neighbours, few enough to be quick. */
  readonly partitions?: number;
  readonly name?: string;
  /** Where the folder with the store is made; default where the system keeps temporary files. */
  readonly under?: string;
  /** Further lines of server configuration. */
  readonly extra?: string;
  /** When `extra` asks for them. */
  readonly credentials?: Pick<NatsSettings, "user" | "password">;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly names: Names;
  readonly partitions: number;
  readonly dataDir: string;
  /** A connection of its own for every call; `stop` closes them. */
  connection(role?: string, credentials?: Pick<NatsSettings, "user" | "password">): Promise<NatsConnection>;
  /** Ends the server without a word, and waits until it is gone. `restart` brings it back. */
  kill9(): Promise<void>;
  /** Same port, same store; stops it first when it runs. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: a server that is there but does not answer. */
  pause(): void;
  resume(): void;
  /** Closes connections, stops the server, removes its folder. */
  stop(): Promise<void>;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { partitions = 4, name = "", under = tmpdir(), extra = "", credentials } = options;
  const { binary } = await ensureServer({ dataDir: BINARY_DIR });
  const dataDir = await mkdtemp(join(under, "rollcall-test-"));
  const connections: NatsConnection[] = [];
  const start = (port: number): Promise<RunningServer> =>
    startServer({ binary, conf: NATS_CONF, dataDir, port, name, partitions, extra, restart: false, ...credentials });
  let server = await start(await freePort());
  const down = async (): Promise<void> => {
    server.kill("SIGCONT");
    await server.stop();
  };
  return {
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid;
    },
    names: namesOf(name),
    partitions,
    dataDir,
    async connection(role = "test", as = credentials) {
      const nc = await connectNats({ url: server.url, ...as }, { role, instance: `${process.pid}` });
      connections.push(nc);
      return nc;
    },
    async kill9() {
      server.kill("SIGKILL");
      await server.exited;
      await server.stop();
    },
    async restart() {
      await down();
      server = await start(server.port);
    },
    pause: () => server.kill("SIGSTOP"),
    resume: () => server.kill("SIGCONT"),
    async stop() {
      await Promise.all(connections.map((nc) => nc.close()));
      await down();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Options of a data set as tests want it: one replica, nothing expires. */
export function testDataSet(options: Partial<DataSetOptions> = {}): DataSetOptions {
  return {
    name: "",
    partitions: 4,
    replicas: 1,
    clock: "log",
    eventsMaxAgeMs: 0,
    rejectsMaxAgeMs: 0,
    repeatsKnownMs: 120_000,
    ...options,
  };
}

export interface Provisioned extends TestServer {
  readonly nc: NatsConnection;
  readonly dataSet: DataSetOptions;
  readonly report: ProvisionReport;
}

/** A server with all streams and buckets of a data set, and a connection to it. */
export async function provisioned(options: TestServerOptions & Partial<DataSetOptions> = {}): Promise<Provisioned> {
  const { partitions = 4, name = "" } = options;
  const server = await startTestServer({ ...options, partitions, name });
  const dataSet = testDataSet({
    partitions,
    name,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.eventsMaxAgeMs === undefined ? {} : { eventsMaxAgeMs: options.eventsMaxAgeMs }),
  });
  const nc = await server.connection();
  const report = await provision(nc, dataSet, { create: true });
  return Object.assign(server, { nc, dataSet, report });
}
