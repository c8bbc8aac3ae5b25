// Shards on a real server for one test: the production actors and adapters, with a machine of the test's choice.
// Short heartbeats, so that a take-over takes less than a second.
import { hostname } from "node:os";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Machinery, PartitionLog } from "../../actors/partition/context.ts";
import { DEFAULT_PARTITION_SETTINGS, type PartitionSettings } from "../../actors/partition/settings.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { DEFAULT_SHARD_SETTINGS } from "../../actors/worker/settings.ts";
import { Shard } from "../../actors/worker/shard.ts";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import type { Names } from "../../lib/nats/names.ts";
import { natsWorld } from "../../lib/nats/world.ts";

export interface TestShardOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly shard: string;
  readonly machinery?: Machinery;
  readonly settings?: Partial<PartitionSettings>;
  readonly pageCacheBytesMax?: number;
  readonly pageBytesMax?: number;
  readonly log?: PartitionLog;
}

export const quiet: PartitionLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export function testShard(options: TestShardOptions): Shard {
  const { nc, names, partitions, shard } = options;
  return new Shard({
    shard,
    host: hostname(),
    pid: process.pid,
    world: natsWorld(nc, names, partitions),
    machinery: options.machinery ?? productMachinery(DEFAULT_LIMITS),
    machine: {
      partitions,
      clockMode: "log",
      clockStepMsMax: 86_400_000,
      limits: DEFAULT_LIMITS,
      pageCacheBytesMax: options.pageCacheBytesMax ?? 64 * 1024 * 1024,
      pageBytesMax: options.pageBytesMax ?? 64 * 1024,
    },
    partitionSettings: { ...DEFAULT_PARTITION_SETTINGS, checkpointIntervalMs: 500, ...options.settings },
    settings: { ...DEFAULT_SHARD_SETTINGS, heartbeatMs: 100, expiryMs: 600, reviewMs: 100 },
    runtime: systemRuntime,
    log: options.log ?? quiet,
  });
}
