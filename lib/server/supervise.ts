// Runs a nats-server as a child: starts it on our nats.conf, waits until JetStream answers, starts it again when it dies,
// stops it cleanly. Last of three; find.ts and fetch.ts say which binary.
//
//   starting ──ready──▶ running ──died──▶ waiting (backoff) ──▶ starting …
//       └── died, first start ──▶ error        stop(), from anywhere ──▶ stopped
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { instanceConf } from "./conf.ts";
import { type DataDirLock, isAlive, lockDataDir, type ProcessMark } from "./lock.ts";
import { inboxOf } from "./roles.ts";

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
const POLL_MS = 5;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** A server that ran this long has shown that it can: the next death is a new one. */
const SETTLED_MS = 10_000;

export interface StartOptions {
  readonly binary: string;
  /** Our nats.conf. */
  readonly conf: string;
  /** Holds everything of this instance: the store, the log, the lock. */
  readonly dataDir: string;
  readonly host?: string;
  /** 0 lets the system choose; a restart keeps the choice. */
  readonly port: number;
  readonly name?: string;
  readonly partitions?: number;
  readonly syncAlways?: boolean;
  /** False: a death is final, and `exited` tells. Tests want that. */
  readonly restart?: boolean;
  /** Of a user who may ask JetStream, when `extra` brings users. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Further lines for the configuration. */
  readonly extra?: string;
  readonly onEvent?: (event: ServerEvent) => void;
}

export type ServerEvent =
  | { readonly type: "ready"; readonly pid: number; readonly url: string }
  | { readonly type: "died"; readonly exit: Exit; readonly againInMs: number | undefined }
  | { readonly type: "orphan-ended"; readonly pid: number };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Of the server that runs now, or ran last. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the server is down for good. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export class PortTaken extends Error {
  override readonly name = "PortTaken";
}

export class ServerNotStarted extends Error {
  override readonly name = "ServerNotStarted";
}

export async function startServer(options: StartOptions): Promise<RunningServer> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const { lock, orphan } = await lockDataDir(dataDir);
  try {
    if (orphan !== undefined) {
      await end(orphan);
      options.onEvent?.({ type: "orphan-ended", pid: orphan.pid });
    }
    const host = options.host ?? "127.0.0.1";
    if (options.port !== 0) await assertFree(host, options.port);
    const supervisor = new Supervisor({ ...options, dataDir, host }, lock);
    await supervisor.start();
    return supervisor;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A taken port is told before anything is started, with the variable that changes it. */
export async function assertFree(
  host: string,
  port: number,
  variable = "ROLLCALL_NATS_PORT",
  flag = "--nats-port",
): Promise<void> {
  const probe = createServer();
  const listening = new Promise<void>((free, taken) => probe.once("listening", free).once("error", taken));
  probe.listen({ host, port, exclusive: true });
  try {
    await listening;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new PortTaken(
      `Port ${port} on ${host} is taken by another program. Choose another with ${variable} or ${flag}.`,
    );
  }
  await new Promise((closed) => probe.close(closed));
}

class Supervisor implements RunningServer {
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  port: number;
  pid = 0;
  private readonly options: StartOptions & { readonly host: string };
  private readonly lock: DataDirLock;
  private readonly gone: (exit: Exit) => void;
  private readonly stopping = new AbortController();
  private child: ChildProcess | undefined;
  private deaths = 0;
  /** What follows a death, to its end: a server that runs again, or none for good. */
  private afterDeath: Promise<void> = Promise.resolve();

  constructor(options: StartOptions & { readonly host: string }, lock: DataDirLock) {
    this.options = options;
    this.lock = lock;
    this.port = options.port;
    this.logFile = join(options.dataDir, "nats-server.log");
    let gone: (exit: Exit) => void = () => {};
    this.exited = new Promise((resolveExit) => {
      gone = resolveExit;
    });
    this.gone = gone;
  }

  get url(): string {
    const host = this.options.host === "0.0.0.0" ? "127.0.0.1" : this.options.host;
    return `nats://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  async start(): Promise<void> {
    const { dataDir } = this.options;
    const conf = join(dataDir, "nats.conf");
    const portsDir = join(dataDir, "ports");
    // A server that was killed leaves its file behind, and its number may come again.
    await rm(portsDir, { recursive: true, force: true });
    await mkdir(portsDir, { recursive: true });
    await writeFile(conf, this.confText(conf, portsDir));
    this.stopping.signal.throwIfAborted();
    const child = launch(this.options.binary, conf);
    this.child = child;
    const died = exitOf(child);
    const startedAt = performance.now();
    try {
      await this.ready(child, died, portsDir);
    } catch (error) {
      child.kill("SIGKILL");
      await died;
      throw error;
    }
    this.options.onEvent?.({ type: "ready", pid: this.pid, url: this.url });
    void died.then((exit) => {
      this.afterDeath = this.onDeath(exit, performance.now() - startedAt);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    const child = this.child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await stopChild(child);
    // A start that was under way writes to the directory: whoever stopped may remove it.
    await this.afterDeath;
    this.gone({ code: child?.exitCode ?? null, signal: child?.signalCode ?? null });
    await this.exited;
    await this.lock.release();
  }

  private confText(path: string, portsDir: string): string {
    const { conf, dataDir, host, name = "", partitions = 32, syncAlways = false, extra = "" } = this.options;
    const storeDir = join(dataDir, "nats");
    const port = this.port === 0 ? -1 : this.port;
    const { logFile } = this;
    return instanceConf({
      base: conf,
      path,
      host,
      port,
      name,
      partitions,
      storeDir,
      logFile,
      portsDir,
      syncAlways,
      extra,
    });
  }

  private async ready(child: ChildProcess, died: Promise<Exit>, portsDir: string): Promise<void> {
    const complaint = lastWords(child);
    const failure = died.then(async (exit): Promise<never> => {
      throw new ServerNotStarted(await this.notStarted(exit, complaint()));
    });
    // It may die while the lock is written, when nobody waits for it yet.
    failure.catch(() => {});
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), READY_MS_MAX);
    try {
      if (child.pid === undefined) return await failure;
      this.pid = child.pid;
      await this.lock.server(child.pid);
      await Promise.race([this.listening(child.pid, portsDir, late.signal), failure]);
      await Promise.race([jetStreamAnswers(this.url, this.options, late.signal), failure]);
    } catch (error) {
      if (!late.signal.aborted) throw error;
      throw new ServerNotStarted(`nats-server was not ready within ${READY_MS_MAX / 1000} s. Its log: ${this.logFile}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The server writes its ports down, under its own process number, once it listens: no other server can be meant. */
  private async listening(pid: number, portsDir: string, signal: AbortSignal): Promise<void> {
    const file = join(portsDir, `nats-server_${pid}.ports`);
    for (;;) {
      const url = portsIn(await readFile(file, "utf8").catch(() => ""));
      if (url !== undefined) {
        this.port = Number(new URL(url).port);
        return;
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  private async onDeath(exit: Exit, ranMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    if (this.options.restart === false) {
      this.options.onEvent?.({ type: "died", exit, againInMs: undefined });
      this.gone(exit);
      return;
    }
    if (ranMs > SETTLED_MS) this.deaths = 0;
    let last = exit;
    for (;;) {
      const againInMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.deaths);
      this.deaths += 1;
      this.options.onEvent?.({ type: "died", exit: last, againInMs });
      await sleep(againInMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      if (this.stopping.signal.aborted) return;
      try {
        return await this.start();
      } catch {
        if (this.stopping.signal.aborted) return;
        // The log holds why. Whatever it was may pass (a full disk, a port still held), so it is tried again, more slowly.
        last = { code: this.child?.exitCode ?? null, signal: this.child?.signalCode ?? null };
      }
    }
  }

  private async notStarted(exit: Exit, complaint: string): Promise<string> {
    const log = await readFile(this.logFile, "utf8").catch(() => "");
    const fatal = log.split("\n").findLast((line) => line.includes("[FTL]"));
    const reason = complaint || fatal || `it ended with ${exit.signal ?? `code ${exit.code}`}`;
    return `nats-server did not start: ${reason}. Its log: ${this.logFile}`;
  }
}

/**
 * A process group of its own, so that Ctrl-C reaches us first and the workers can still speak to the server while they
 * drain; and the parent-death signal where the system has one, so that nobody is left behind by a kill -9.
 */
function launch(binary: string, conf: string): ChildProcess {
  const setpriv = "/usr/bin/setpriv";
  const guarded = process.platform === "linux" && existsSync(setpriv);
  const [file, args] = guarded ? [setpriv, ["--pdeathsig", "TERM", "--", binary, "-c", conf]] : [binary, ["-c", conf]];
  return spawn(file, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((ended) => {
    child.once("exit", (code, signal) => ended({ code, signal }));
    child.once("error", () => ended({ code: null, signal: null }));
  });
}

/** What the server says before it has a log: errors in its configuration. */
function lastWords(child: ChildProcess): () => string {
  let text = "";
  child.once("error", (error) => {
    text = error.message;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-4096);
  });
  return () => text.trim().split("\n").at(-1) ?? "";
}

function portsIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { nats?: string[] }).nats?.[0];
  } catch {
    // Not there, or half written.
    return undefined;
  }
}

async function jetStreamAnswers(url: string, { user, password }: StartOptions, signal: AbortSignal): Promise<void> {
  const who = user === undefined || password === undefined ? {} : { user, pass: password };
  const inboxPrefix = inboxOf("operator");
  for (;;) {
    signal.throwIfAborted();
    try {
      const options = { servers: url, reconnect: false, timeout: 2_000, name: "rollcall/supervisor", inboxPrefix };
      const nc = await connect({ ...options, ...who });
      try {
        const answer = (await nc.request("$JS.API.INFO", undefined, { timeout: 2_000 })).json<{ error?: unknown }>();
        if (answer.error === undefined) return;
      } finally {
        await nc.close();
      }
    } catch {
      // Not yet.
    }
    await sleep(POLL_MS * 4, undefined, { signal });
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await gone;
  clearTimeout(timer);
}

/** Ends a server that is not our child, so there is no event to wait for. */
async function end(mark: ProcessMark): Promise<void> {
  const deadline = performance.now() + STOP_MS_MAX;
  signalIfAlive(mark, "SIGTERM");
  while (isAlive(mark)) {
    if (performance.now() > deadline) signalIfAlive(mark, "SIGKILL");
    await sleep(POLL_MS * 4);
  }
}

function signalIfAlive(mark: ProcessMark, signal: NodeJS.Signals): void {
  try {
    if (isAlive(mark)) process.kill(mark.pid, signal);
  } catch {
    // It went by itself.
  }
}
