// The worker's own shard in this process, set up as cmd/worker.ts would with the default options; a bench looks inside.
import { hostname } from "node:os";
import type { NatsConnection } from "@nats-io/transport-node";
import type { PartitionLog } from "../../actors/partition/context.ts";
import { DEFAULT_PARTITION_SETTINGS, type PartitionSettings } from "../../actors/partition/settings.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { DEFAULT_SHARD_SETTINGS } from "../../actors/worker/settings.ts";
import { Shard } from "../../actors/worker/shard.ts";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import { OPTIONS } from "../../config/options.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { ControlState } from "../../lib/core/engine/control-state.ts";
import { DEFAULT_LIMITS, type Json } from "../../lib/core/types.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import type { Names } from "../../lib/nats/names.ts";
import { natsWorld } from "../../lib/nats/world.ts";

export interface BenchShardOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly clock: "log" | "event";
  readonly settings?: Partial<PartitionSettings>;
  /** Default: all of it, so that loading pages is measured only where it is meant to be. */
  readonly pageCacheBytes?: number;
}

/** What stops a partition must stop the bench, not pass for a slow run. */
const loud: PartitionLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields, errorsToo)}\n`),
  error: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields, errorsToo)}\n`),
};

function errorsToo(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

export function benchShard({ nc, names, partitions, clock, settings, pageCacheBytes }: BenchShardOptions): Shard {
  const cache = pageCacheBytes ?? Number.MAX_SAFE_INTEGER;
  const shard = new Shard({
    shard: "bench",
    host: hostname(),
    pid: process.pid,
    world: natsWorld(nc, names, partitions),
    machinery: productMachinery(DEFAULT_LIMITS),
    machine: {
      partitions,
      clockMode: clock,
      clockStepMsMax: OPTIONS.clockStepMsMax.default,
      limits: DEFAULT_LIMITS,
      pageCacheBytesMax: Math.floor(cache / partitions),
      pageBytesMax: OPTIONS.pageBytesMax.default,
    },
    partitionSettings: {
      ...DEFAULT_PARTITION_SETTINGS,
      recordsInFlightMax: OPTIONS.inFlightMessagesMax.default,
      checkpointIntervalMs: OPTIONS.checkpointIntervalMs.default,
      checkpointSliceMsMax: OPTIONS.checkpointSliceMsMax.default,
      watermarkDelayMs: OPTIONS.watermarkDelayMs.default,
      batchMax: OPTIONS.batchMax.default,
      ...settings,
    },
    settings: { ...DEFAULT_SHARD_SETTINGS, heartbeatMs: 200, reviewMs: 100 },
    runtime: systemRuntime,
    log: loud,
  });
  shard.start();
  return shard;
}

/** Throws when a partition is refused: nothing that is measured afterwards would mean anything. */
export function assertWell(shard: Shard): void {
  for (const { error, partition } of shard.partitions) {
    if (error !== undefined) throw new Error(`partition ${partition} stopped: ${error.message}`, { cause: error });
  }
}

const LOOK_MS = 20;

async function untilShard(shard: Shard, holds: () => boolean): Promise<void> {
  while (!holds()) {
    assertWell(shard);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Puts definitions in force in empty logs, and lets go again. */
export async function putInForce(options: BenchShardOptions, definitions: readonly Json[]): Promise<void> {
  const control = new NatsControlLog(options.nc, options.names);
  const entry: ControlEntry = { op: "apply", define: definitions, remove: [] };
  await control.append(entry, 0);
  // What asks history for something waits for one more entry, which the shard itself writes.
  const waits = new ControlState(DEFAULT_LIMITS).next(entry).outcome.type === "pending";
  const shard = benchShard(options);
  await untilAtRevision(shard, options.partitions, waits ? 2 : 1);
  await shard.drain();
}

export function untilAtRevision(shard: Shard, partitions: number, wanted: number): Promise<void> {
  return untilShard(
    shard,
    () =>
      shard.partitions.length === partitions &&
      shard.partitions.every((one) => {
        const { phase, revision, folding } = one.report();
        return phase === "running" && revision >= wanted && folding.length === 0;
      }),
  );
}
