// One shard on a connection of its own, with everything a configuration says. Runs in a thread or in the process itself.
import { hostname } from "node:os";
import { type Config, natsSettingsOf } from "../../config/options.ts";
import { createLog } from "../../lib/log.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { natsWorld } from "../../lib/nats/world.ts";
import type { ProcessFacts } from "../../lib/ports/cluster.ts";
import { DEFAULT_PARTITION_SETTINGS } from "../partition/settings.ts";
import { productMachinery } from "./machinery.ts";
import { DEFAULT_SHARD_SETTINGS } from "./settings.ts";
import { Shard } from "./shard.ts";
import { systemRuntime } from "./system-runtime.ts";

export interface RunningShard {
  /** Releases everything in good order and closes the connection. */
  drain(): Promise<void>;
  /** Stops at once. */
  abort(): Promise<void>;
}

/** Heartbeats of this share of the expiry: three may be lost before a shard counts as gone. */
const BEATS_PER_EXPIRY = 4;

export async function runShard(config: Config, shard: string): Promise<RunningShard> {
  const log = createLog({
    level: config.logLevel,
    personalData: config.logPersonalData,
    fields: { role: "worker", shard },
  });
  const nc = await connectNats(natsSettingsOf(config), { role: "worker", instance: shard, log });
  const running = new Shard({
    shard,
    host: hostname(),
    pid: process.pid,
    describeProcess,
    world: natsWorld(nc, namesOf(config.name), config.partitions),
    machinery: productMachinery(config.limits),
    machine: {
      partitions: config.partitions,
      clockMode: config.clock,
      clockStepMsMax: config.clockStepMsMax,
      limits: config.limits,
      // A shard's memory is shared by the partitions it is likely to hold.
      pageCacheBytesMax: Math.floor((config.pageCacheBytes * config.shards) / config.partitions),
      pageBytesMax: config.pageBytesMax,
    },
    partitionSettings: {
      ...DEFAULT_PARTITION_SETTINGS,
      recordsInFlightMax: config.inFlightMessagesMax,
      bytesInFlightMax: config.inFlightBytesMax,
      checkpointIntervalMs: config.checkpointIntervalMs,
      auditIntervalMs: config.auditIntervalMs,
      erasureHoldMs: config.erasureHoldMs,
      checkpointSliceMsMax: config.checkpointSliceMsMax,
      watermarkDelayMs: config.watermarkDelayMs,
      batchMax: config.batchMax,
      linksUnsentMax: config.linksUnsentMax,
    },
    settings: {
      ...DEFAULT_SHARD_SETTINGS,
      heartbeatMs: Math.min(config.heartbeatIntervalMs, config.heartbeatExpiryMs / BEATS_PER_EXPIRY),
      expiryMs: config.heartbeatExpiryMs,
    },
    runtime: systemRuntime,
    log,
  });
  running.start();
  return {
    async drain() {
      await running.drain();
      await nc.close();
    },
    async abort() {
      running.abort();
      await nc.close();
    },
  };
}

function describeProcess(): ProcessFacts {
  const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage();
  return { rssBytes, heapBytes, uptimeMs: Math.round(process.uptime() * 1_000) };
}
