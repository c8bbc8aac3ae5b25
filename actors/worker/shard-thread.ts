// A shard in a thread of its own: told to drain or abort by a message, and gone when it has.
// Started by worker.ts, which gives it the configuration and its name.
import { parentPort, workerData } from "node:worker_threads";
import type { Config } from "../../config/options.ts";
import { runShard } from "./run-shard.ts";

export interface ShardThreadData {
  readonly config: Config;
  readonly shard: string;
}

export type ShardOrder = "drain" | "abort";

if (parentPort !== null) {
  const port = parentPort;
  const { config, shard } = workerData as ShardThreadData;
  const running = await runShard(config, shard);
  port.once("message", async (order: ShardOrder) => {
    await (order === "drain" ? running.drain() : running.abort());
    port.close();
    process.exit(0);
  });
  port.postMessage("started");
}
