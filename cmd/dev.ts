// Everything in one, for `npm start`: a nats-server of its own, the data set, a worker, the page, the sample scenes.
// Each step waits for the one before; stopping goes the other way round, the server last.
//
//   ports free? ─▶ server ─▶ data set ─▶ worker (child) ─▶ page ─▶ owned and running ─▶ segments ─▶ scenes ─▶ "rollcall ready"
import { access } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { NatsConnection } from "@nats-io/transport-node";
import { Command, CommanderError } from "commander";
import { freshName } from "../actors/worker/worker.ts";
import { addFlags, overridesOf } from "../config/flags.ts";
import { type Loaded, loadConfig } from "../config/load.ts";
import { type Config, dataSetOf, NAMED_OPTIONS, natsSettingsOf } from "../config/options.ts";
import type { RunningApi } from "../lib/api/http/listen.ts";
import { audited } from "../lib/api/security/auditing.ts";
import { apply, waitUntilActive } from "../lib/api/segments/apply.ts";
import { Catalogue } from "../lib/api/segments/catalogue.ts";
import { CliError, EXIT, endingOf } from "../lib/cli/errors.ts";
import { KeptProcess } from "../lib/cli/kept-process.ts";
import { type LogLines, logLines, showLog } from "../lib/cli/log-lines.ts";
import { styleFor } from "../lib/cli/style.ts";
import { loadDefinitions } from "../lib/definitions/load.ts";
import { createLog, type Logger } from "../lib/log.ts";
import { NatsAuditLog } from "../lib/nats/audit.ts";
import { connectNats } from "../lib/nats/connect.ts";
import { NatsControlLog } from "../lib/nats/control-log.ts";
import { type Names, namesOf } from "../lib/nats/names.ts";
import { provision } from "../lib/nats/provision.ts";
import { Questions } from "../lib/nats/questions.ts";
import { saasTraffic } from "../lib/saas/traffic.ts";
import { playScene } from "../lib/scenes/publisher.ts";
import { ensureServer } from "../lib/server/fetch.ts";
import { BINARY_VARIABLE } from "../lib/server/find.ts";
import { assertFree, type RunningServer, type ServerEvent, startServer } from "../lib/server/supervise.ts";
import { formatVersion } from "../lib/server/version.ts";
import { shopTraffic } from "../lib/shop/traffic.ts";
import { showUsualFlags } from "./cli/globals.ts";
import { packageDir } from "./cli/package-dir.ts";
import { listenAs } from "./listening.ts";

const POLL_MS = 50;
const PATIENCE_MS = 10_000;
const WORKER_DEATHS_MAX = 5;
const SCENES = {
  seed: 7,
  shoppers: 400,
  shopOnline: 24,
  saasOnline: 16,
  perSecond: { shop: 20, product: 15 },
} as const;

/** Runs until a signal; resolves with the process's exit code. */
export async function runDev({ config, origins, warnings }: Loaded): Promise<number> {
  const lines = logLines();
  const log = createLog({
    level: config.logLevel,
    personalData: config.logPersonalData,
    fields: { role: "dev" },
    to: lines,
  });
  for (const warning of warnings) log.warn({}, warning);
  // A variable of an earlier hour in the same shell is easily forgotten.
  if (config.natsUrl !== "")
    log.info({}, `dev: ${origins.get("natsUrl")} names a server, so this one is used and none is started`);
  await assertPortsFree(config);
  const stopping = stopSignal(log);
  const running = new Running(log);
  try {
    await bringUp(config, log, lines, running, stopping);
    const { api, natsUrl } = running;
    process.stdout.write(`rollcall ready ${api!.url} ${natsUrl}\n`);
    await Promise.race([aborted(stopping), running.worker!.givenUp]);
    return stopping.aborted ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (stopping.aborted) return EXIT.ok;
    throw error;
  } finally {
    await running.takeDown();
  }
}

/** What has been started so far, in the order in which it was. */
class Running {
  server: RunningServer | undefined;
  nc: NatsConnection | undefined;
  worker: KeptProcess | undefined;
  api: RunningApi | undefined;
  natsUrl = "";
  readonly scenesClosing = new AbortController();
  scenes: Promise<unknown> | undefined;
  private readonly log: Logger;

  constructor(log: Logger) {
    this.log = log;
    // Nothing that dev started outlives it, however it ends.
    process.once("exit", () => {
      this.worker?.kill();
      this.server?.kill("SIGTERM");
    });
  }

  async takeDown(): Promise<void> {
    this.scenesClosing.abort();
    await this.attempt("scenes", this.scenes);
    await this.attempt("api", this.api?.stop());
    await this.attempt("worker", this.worker?.stop());
    await this.attempt("connection", this.nc?.close());
    await this.attempt("server", this.server?.stop());
  }

  /** What cannot be stopped must not keep the rest running. */
  private async attempt(what: string, stopped: Promise<unknown> | undefined): Promise<void> {
    await stopped?.catch((error: unknown) => this.log.error({ err: error }, `dev: the ${what} did not stop cleanly`));
  }
}

async function bringUp(
  config: Config,
  log: Logger,
  lines: LogLines,
  running: Running,
  stopping: AbortSignal,
): Promise<void> {
  if (config.natsUrl === "") running.server = await ownServer(config, log);
  const settings = { ...natsSettingsOf(config), ...(running.server === undefined ? {} : { url: running.server.url }) };
  running.natsUrl = settings.url;
  const nc = await connectNats(settings, { role: "dev", instance: String(process.pid), log });
  running.nc = nc;
  stopping.throwIfAborted();
  const report = await provision(nc, dataSetOf(config), { create: config.provision });
  if (report.created.length > 0) log.info({ streams: report.created.length }, "dev: a fresh data set was made");
  const names = namesOf(config.name);
  const served = { ...config, natsUrl: settings.url };
  running.worker = workerProcess(served, log, lines);
  const { partitions, clock } = config;
  running.api = await listenAs(served, { nc, names, partitions, clock, log });
  await partitionsRun(running, log, stopping);
  await exampleSegments(nc, names, config, log, stopping);
  if (config.demo) running.scenes = playScenes(nc, names, log, running.scenesClosing.signal);
}

/** A port that is taken is told before anything is started or fetched. */
async function assertPortsFree(config: Config): Promise<void> {
  if (config.httpPort !== 0) await assertFree(config.httpHost, config.httpPort, "ROLLCALL_HTTP_PORT", "--http-port");
  if (config.natsUrl !== "" || config.natsPort === 0) return;
  // Where an earlier run may have left its server behind, the lock says whose it is; startServer looks at that first.
  const locked = await access(join(config.dataDir, "nats-server.pid")).then(
    () => true,
    () => false,
  );
  if (!locked) await assertFree("127.0.0.1", config.natsPort);
}

async function ownServer(config: Config, log: Logger): Promise<RunningServer> {
  const env = config.natsServer === "" ? process.env : { ...process.env, [BINARY_VARIABLE]: config.natsServer };
  const { binary, version } = await ensureServer({ dataDir: config.dataDir, env });
  const server = await startServer({
    binary,
    conf: join(packageDir(), "nats.conf"),
    dataDir: config.dataDir,
    port: config.natsPort,
    name: config.name,
    partitions: config.partitions,
    syncAlways: config.syncAlways,
    onEvent: (event) => tellServer(event, log),
  });
  log.info({ version: formatVersion(version), url: server.url, data: config.dataDir }, "dev: nats-server runs");
  return server;
}

function tellServer(event: ServerEvent, log: Logger): void {
  if (event.type === "died") log.error({ ...event.exit, againInMs: event.againInMs }, "dev: nats-server died");
  else if (event.type === "orphan-ended")
    log.warn({ pid: event.pid }, "dev: ended the nats-server that an earlier run left behind");
  else log.debug({ pid: event.pid, url: event.url }, "dev: nats-server answers");
}

/**
 * A process of its own: its crash is seen, survived, and heals as it would in production. It is started again only after it
 * has gone, so it may keep its name, and takes its partitions back without waiting for its own silence.
 */
function workerProcess(config: Config, log: Logger, lines: LogLines): KeptProcess {
  return new KeptProcess({
    file: process.execPath,
    args: [join(packageDir(), "dist", "cmd", "rollcall.js"), "worker", "--worker-name", freshName("dev")],
    env: { ...process.env, ...variablesOf(config) },
    deathsMax: WORKER_DEATHS_MAX,
    onLog: (from) => showLog(from, lines),
    onExit: ({ code, signal, againInMs }) => {
      const fields = { code, signal, againInMs };
      if (againInMs === undefined) log.fatal(fields, "dev: the worker keeps dying; giving up");
      else log.error(fields, "dev: the worker died, starting it again");
    },
  });
}

/** Every option as a variable, so that a child has exactly what its parent was given, flags and file included. */
function variablesOf(config: Config): NodeJS.ProcessEnv {
  const variables: NodeJS.ProcessEnv = {};
  for (const { key, inLimits, env, option } of NAMED_OPTIONS) {
    const holder = (inLimits ? config.limits : config) as unknown as Readonly<Record<string, unknown>>;
    const value = holder[key];
    variables[env[0]!] = value === "" ? "" : option.show(value);
  }
  return variables;
}

/** Says what it waits for when that takes longer than a restart should. */
async function partitionsRun(running: Running, log: Logger, stopping: AbortSignal): Promise<void> {
  const givenUp = running.worker!.givenUp.then(() => true);
  for (let tellMs = performance.now() + PATIENCE_MS; ; ) {
    stopping.throwIfAborted();
    const { ready, reasons } = await running.api!.audience.readiness();
    if (ready) return;
    if (performance.now() > tellMs) {
      log.warn({ reasons }, "dev: not every partition runs yet");
      tellMs += PATIENCE_MS;
    }
    const dead = await Promise.race([givenUp, sleep(POLL_MS, false)]);
    if (dead) throw new CliError(EXIT.failed, `The worker cannot run: ${reasons[0]}. Its last words stand above.`);
  }
}

/** Only into a data set in which nobody has ever defined anything: what people change stays changed. */
async function exampleSegments(
  nc: NatsConnection,
  names: Names,
  config: Config,
  log: Logger,
  stopping: AbortSignal,
): Promise<void> {
  const control = new NatsControlLog(nc, names);
  const catalogue = await Catalogue.open(control, config.limits);
  try {
    if (catalogue.state.revision === 0) {
      const loaded = await loadDefinitions([join(packageDir(), "config", "segments")], config.limits);
      const { plan } = await apply(control, catalogue, { loaded, remove: [], limits: config.limits });
      const { created } = plan;
      await audited(new NatsAuditLog(nc, names), "dev", { what: "segments.apply", detail: { created } });
      log.info({ segments: created.length }, "dev: example segments applied");
    }
    const questions = new Questions(nc, names, config.partitions);
    for (const revision of [...catalogue.state.pendingRevisions(), catalogue.state.revision]) {
      await waitUntilActive({
        catalogue,
        status: () => questions.status(),
        revision,
        pollMs: POLL_MS,
        signal: stopping,
        onProgress: ({ fraction }) => log.debug({ revision, fraction }, "dev: waiting for segments"),
      });
    }
  } finally {
    catalogue.stop();
  }
}

/** The sample scenes, each at its own pace; what one of them cannot store is no matter to the other. */
function playScenes(nc: NatsConnection, names: Names, log: Logger, signal: AbortSignal): Promise<unknown> {
  const run = Date.now().toString(36);
  const { seed, shoppers, shopOnline, saasOnline, perSecond } = SCENES;
  const now = Date.now;
  const scenes = [
    { what: "shop", traffic: shopTraffic({ seed, run, shoppers, online: shopOnline, now }), pace: perSecond.shop },
    { what: "product", traffic: saasTraffic({ seed, run, online: saasOnline, now }), pace: perSecond.product },
  ];
  log.info({ eventsPerSecond: perSecond }, "dev: the sample shop and the sample product are open (--no-demo)");
  const playing = scenes.map(({ what, traffic, pace }) =>
    playScene({
      nc,
      names,
      traffic,
      eventsPerSecond: pace,
      signal,
      onOutage: (reason) => {
        if (reason === undefined) log.info({}, `dev: the ${what}'s events go in again`);
        else log.warn({ reason }, `dev: the ${what}'s events do not go in`);
      },
    }),
  );
  return Promise.all(playing);
}

/** The first signal stops in order; a second one at once, which is safe too. */
function stopSignal(log: Logger): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(130);
    log.info({ signal }, "dev: stopping; a second signal stops at once");
    stop.abort();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return stop.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function main(): Promise<void> {
  const names = NAMED_OPTIONS.map(({ name }) => name);
  const command = showUsualFlags(addFlags(new Command("npm start --"), names))
    .description(
      "Everything in one: a nats-server, a worker, the page, two sample scenes. Prints one line when deltas flow.",
    )
    .exitOverride();
  try {
    command.parse();
    process.exitCode = await runDev(loadConfig(overridesOf(command)));
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    const { exitCode, text } = endingOf(error);
    process.stderr.write(`${styleFor(process.stderr).red("rollcall:")} ${text}\n`);
    process.exitCode = exitCode;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
