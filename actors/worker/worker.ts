// A worker process: as many shards as configured, each in a thread with its own connection, so that one that is busy does
// not hold the others up. A single shard runs in the process itself. Used by cmd/worker.ts and cmd/dev.ts.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Worker } from "node:worker_threads";
import type { Config } from "../../config/options.ts";
import { type RunningShard, runShard } from "./run-shard.ts";
import type { ShardOrder, ShardThreadData } from "./shard-thread.ts";

export interface RunningWorker {
  readonly shards: readonly string[];
  /** Pulls no more, speaks to the end, remembers and releases every partition. */
  drain(): Promise<void>;
  /** Stops at once, which is safe too. */
  abort(): Promise<void>;
  /** Resolves with the error when a shard died by itself; pending else. */
  readonly failed: Promise<Error>;
}

export interface WorkerOptions {
  /** A name that no other running worker has. A worker that comes back under its old name need not wait for its own silence. */
  readonly name?: string;
}

const NAME_BYTES = 4;
const PREFIX_LENGTH_MAX = 40;

/** Resolves when every shard is connected and has begun to claim. The data set must be provisioned. */
export async function startWorker(config: Config, options: WorkerOptions = {}): Promise<RunningWorker> {
  const name = tokenOf(options.name ?? freshName(hostname()));
  const shards = Array.from({ length: config.shards }, (_, index) => `${name}-${index + 1}`);
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const inProcess = shards.length === 1 || import.meta.url.endsWith(".ts");
  const start = (shard: string): Promise<RunningShard> =>
    inProcess ? runShard(config, shard) : runThread(config, shard, fail);
  const running = await Promise.all(shards.map(start));
  return {
    shards,
    failed,
    drain: async () => {
      await Promise.all(running.map((shard) => shard.drain()));
    },
    abort: async () => {
      await Promise.all(running.map((shard) => shard.abort()));
    },
  };
}

/** Unlike that of any other worker, now and later. */
export function freshName(prefix: string): string {
  return `${prefix.slice(0, PREFIX_LENGTH_MAX)}-${process.pid}-${randomBytes(NAME_BYTES).toString("hex")}`;
}

/** Shard names become keys of the bucket CLUSTER. */
function tokenOf(text: string): string {
  return text.replace(/[^A-Za-z0-9-]/g, "-");
}

/** Only the compiled program has threads: their file must be one that Node can load by itself. */
async function runThread(config: Config, shard: string, fail: (error: Error) => void): Promise<RunningShard> {
  const data: ShardThreadData = { config, shard };
  const thread = new Worker(new URL("./shard-thread.js", import.meta.url), { workerData: data, name: shard });
  let leaving = false;
  const exited = new Promise<void>((resolve) => {
    thread.once("exit", (code) => {
      if (!leaving) fail(new Error(`shard ${shard} ended by itself with code ${code}`));
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    thread.once("message", () => resolve());
    thread.once("error", reject);
  });
  thread.on("error", fail);
  const order = (what: ShardOrder) => async (): Promise<void> => {
    leaving = true;
    thread.postMessage(what);
    await exited;
  };
  return { drain: order("drain"), abort: order("abort") };
}
