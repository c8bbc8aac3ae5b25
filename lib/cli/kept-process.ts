// A child process that is kept running: started again when it dies, with growing pauses; stopped in order.
// Used by dev for its worker, so that a crash of the worker is visible and no more than that.
//
//   running ──exits──▶ waiting (pause) ──▶ running …        stop(), from anywhere ──▶ stopped
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;
/** One that ran this long has shown that it can: the next death is a new one. */
const SETTLED_MS = 10_000;
const STOP_MS_MAX = 20_000;

export interface KeptProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Its stderr. */
  readonly onLog: (from: NodeJS.ReadableStream) => void;
  readonly onExit: (exit: KeptExit) => void;
  /** After so many deaths in a row, none of them after a settled run, it is given up. */
  readonly deathsMax: number;
}

export interface KeptExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Undefined: it is not started again. */
  readonly againInMs: number | undefined;
}

export class KeptProcess {
  /** Resolves when it is given up; never when it was stopped. */
  readonly givenUp: Promise<void>;
  private readonly options: KeptProcessOptions;
  private readonly stopping = new AbortController();
  private readonly giveUp: () => void;
  private child: ChildProcess | undefined;
  private deaths = 0;

  constructor(options: KeptProcessOptions) {
    this.options = options;
    let giveUp: () => void = () => {};
    this.givenUp = new Promise((resolve) => {
      giveUp = resolve;
    });
    this.giveUp = giveUp;
    this.start();
  }

  /** SIGTERM, and SIGKILL when that did not help in time. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await gone;
    clearTimeout(timer);
  }

  kill(): void {
    this.stopping.abort();
    this.child?.kill("SIGKILL");
  }

  /** A group of its own, so that Ctrl-C does not reach it before its turn; the channel tells it when we are gone. */
  private start(): void {
    const { file, args, env } = this.options;
    const startedMs = performance.now();
    const child = spawn(file, [...args], { env, detached: true, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.child = child;
    this.options.onLog(child.stderr!);
    let ended = false;
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (ended) return;
      ended = true;
      void this.exited(code, signal, performance.now() - startedMs);
    };
    child.once("exit", end).once("error", () => end(null, null));
  }

  private async exited(code: number | null, signal: NodeJS.Signals | null, ranMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.deaths = ranMs > SETTLED_MS ? 1 : this.deaths + 1;
    const last = this.deaths >= this.options.deathsMax;
    const againInMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (this.deaths - 1));
    this.options.onExit({ code, signal, againInMs: last ? undefined : againInMs });
    if (last) return this.giveUp();
    await sleep(againInMs, undefined, { signal: this.stopping.signal }).catch(() => {});
    if (!this.stopping.signal.aborted) this.start();
  }
}
