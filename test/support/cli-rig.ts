// The command line as a person types it, against a real server and a real worker: output, exit codes, remedies.
// Used by test/cli; whole processes are test/end-to-end's.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { vi } from "vitest";
import { type RunningWorker, startWorker } from "../../actors/worker/worker.ts";
import { runCli } from "../../cmd/cli/program.ts";
import { loadConfig } from "../../config/load.ts";
import { dataSetOf } from "../../config/options.ts";
import { provision } from "../../lib/nats/provision.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { startTestServer, type TestServer } from "./nats.ts";
import { until } from "./until.ts";

/** Its one shard is `worker-1`. */
const WORKER = "worker";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliRig {
  readonly server: TestServer;
  /** Writes a file into a folder of its own; gives its path. */
  fileOf(name: string, content: string | Buffer): Promise<string>;
  rollcall(...args: string[]): Promise<Ended>;
  /** Every partition is owned, and has processed all that its log holds. */
  caughtUp(): Promise<void>;
  /** The highest clock of any partition: the server's stamp of the newest message. */
  clock(): Promise<number>;
  /** Resolves once this machine's clock, which is the server's, has passed a moment. */
  passes(at: number): Promise<void>;
  /** The worker goes in good order; another one comes. Between the two nobody owns anything. */
  stopWorker(): Promise<void>;
  startWorker(): Promise<void>;
  close(): Promise<void>;
}

export async function openCliRig(partitions: number, variables: Record<string, unknown> = {}): Promise<CliRig> {
  const server = await startTestServer({ partitions });
  const { config } = loadConfig(
    { natsUrl: server.url, partitions, logLevel: "silent", ...variables },
    {},
    server.dataDir,
  );
  await provision(await server.connection(), dataSetOf(config), { create: true });
  let worker: RunningWorker | undefined = await startWorker(config, { name: WORKER });
  const nc = await server.connection("api");
  const questions = new Questions(nc, server.names, partitions);
  /** Of a server that is just starting again nobody knows. */
  const endOf = (partition: number): Promise<number> =>
    streamState(nc, server.names.eventsStream(partition)).then(
      ({ last }) => last,
      () => Number.POSITIVE_INFINITY,
    );
  // An owner knows of what it was sent; how much there is the logs say. They are asked last, so that what one partition told
  // another meanwhile counts, too.
  const caughtUp = (): Promise<void> =>
    until("every partition has caught up", async () => {
      const statuses = await questions.status();
      const ends = await Promise.all(statuses.map((_, partition) => endOf(partition)));
      return statuses.every(
        (status, partition) =>
          status?.phase === "running" &&
          status.position >= ends[partition]! &&
          status.unsaid + status.unsaidLinks === 0,
      );
    });
  await caughtUp();
  const folder = join(server.dataDir, "files");
  await mkdir(folder);
  const stopWorker = async (): Promise<void> => {
    await worker?.drain();
    worker = undefined;
  };
  return {
    server,
    fileOf: async (name, content) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    rollcall: (...args) => typed(["--nats-url", server.url, ...args]),
    caughtUp,
    clock: async () => {
      await caughtUp();
      return Math.max(...(await questions.status()).map((status) => status?.clock ?? 0));
    },
    passes: (at) => until("the moment has passed", () => Date.now() > at),
    stopWorker,
    startWorker: async () => {
      worker = await startWorker(config, { name: WORKER });
      await caughtUp();
    },
    close: async () => {
      await stopWorker();
      await server.stop();
    },
  };
}

/** One command in this process, and what it printed. */
export async function typed(args: readonly string[]): Promise<Ended> {
  vi.stubEnv("NO_COLOR", "1");
  const written = { out: "", err: "" };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.out += text;
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.err += text;
    return true;
  });
  // A command may leave its exit code there; the test runner's own is another matter.
  process.exitCode = 0;
  try {
    const code = await runCli(args);
    return { code, ...written };
  } finally {
    process.exitCode = 0;
    out.mockRestore();
    err.mockRestore();
    vi.unstubAllEnvs();
  }
}
