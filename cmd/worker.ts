// The process that does the work: owns partitions, hears their logs, says who joined and who left.
// Reads the configuration, starts its shards, releases everything on SIGTERM or SIGINT; a second signal exits at once.
import { fileURLToPath } from "node:url";
import { startWorker, type WorkerOptions } from "../actors/worker/worker.ts";
import { loadConfig } from "../config/load.ts";
import { type Config, dataSetOf, natsSettingsOf } from "../config/options.ts";
import { createLog, type Logger } from "../lib/log.ts";
import { connectNats } from "../lib/nats/connect.ts";
import { provision } from "../lib/nats/provision.ts";

const EXIT_SECOND_SIGNAL = 130;
/** A drain needs the server. Where it is gone, waiting longer than an orchestrator does (30 s) helps nobody. */
const DRAIN_MS_MAX = 20_000;

/** Runs until a signal; resolves with the process's exit code. */
export async function runWorkerProcess(config: Config, options: WorkerOptions = {}): Promise<number> {
  const log = createLog({ level: config.logLevel, personalData: config.logPersonalData, fields: { role: "worker" } });
  const asked = signalled(log);
  await prepare(config, log);
  const worker = await startWorker(config, options);
  log.info({ shards: worker.shards }, "worker: started");
  const failure = await Promise.race([asked, worker.failed]);
  if (failure instanceof Error) {
    log.fatal({ err: failure }, "worker: a shard died, stopping");
    await worker.abort();
    return 1;
  }
  log.info({}, "worker: draining; a second signal stops at once");
  if (await endsWithin(worker.drain(), DRAIN_MS_MAX)) {
    log.info({}, "worker: every partition is released");
    return 0;
  }
  log.warn(
    { waitedMs: DRAIN_MS_MAX },
    "worker: stopping without having released everything: what is unsaid is found by the next owner",
  );
  await endsWithin(worker.abort(), DRAIN_MS_MAX);
  return 1;
}

async function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function prepare(config: Config, log: Logger): Promise<void> {
  const nc = await connectNats(natsSettingsOf(config), { role: "worker", instance: `${process.pid}`, log });
  try {
    await provision(nc, dataSetOf(config), { create: config.provision });
  } finally {
    await nc.close();
  }
}

function signalled(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      count += 1;
      if (count > 1) process.exit(EXIT_SECOND_SIGNAL);
      log.info({ signal }, "worker: asked to stop");
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { config } = loadConfig();
  process.exit(
    await runWorkerProcess(config).catch((error: unknown) => {
      process.stderr.write(`rollcall worker: ${error instanceof Error ? error.message : String(error)}\n`);
      return 1;
    }),
  );
}
