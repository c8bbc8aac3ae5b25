// Whole processes for one test: the built program in folders of its own, watched line by line, always ended with the test.
// Stands beside nats.ts, which brings the server; used by test/end-to-end and test/deep. Needs `npm run build`.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureServer } from "../../lib/server/fetch.ts";
import { BINARY_VARIABLE } from "../../lib/server/find.ts";
import { BINARY_DIR } from "./nats.ts";
import { REPOSITORY } from "./repository.ts";
import { until } from "./until.ts";

/** The folder that holds dist/. Another build is tried by naming its folder in ROLLCALL_TEST_PACKAGE. */
const PACKAGE = process.env.ROLLCALL_TEST_PACKAGE ?? REPOSITORY;
/** Where the system has it, nobody outlives a test run that is killed. */
const SETPRIV = "/usr/bin/setpriv";
const LINES_SHOWN = 15;
const LINE_LENGTH_SHOWN = 400;

export type Variables = Readonly<Record<string, string>>;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process under watch. Output is kept whole, so a line is found whether it came before or after one looked. */
export class Watched {
  readonly name: string;
  stdout = "";
  stderr = "";
  ended: Ended | undefined;
  private readonly child: ChildProcess;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    // "close" comes after "exit", once everything that was written has been read.
    child.once("close", (code, signal) => {
      this.ended = { code, signal };
    });
    child.once("error", (error) => {
      this.stderr += `\n${error.message}`;
      this.ended = { code: null, signal: null };
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async exit(timeoutMs?: number): Promise<Ended> {
    await until(`the end of ${this.name}`, () => this.ended !== undefined, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.lastWords()}`);
    });
    return this.ended!;
  }

  /** kill -9, and gone. */
  async kill9(): Promise<void> {
    this.kill("SIGKILL");
    await this.exit();
  }

  /** Waits for a line of stdout or stderr. */
  async says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const look = (): boolean => {
      found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found === null && this.ended !== undefined)
        throw new Error(
          `${this.name} ended (${JSON.stringify(this.ended)}) without saying ${pattern}\n${this.lastWords()}`,
        );
      return found !== null;
    };
    await until(`${this.name} says ${pattern}`, look, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.lastWords()}`);
    });
    return found!;
  }

  /** How often a line came so far. */
  count(pattern: RegExp): number {
    return [...`${this.stdout}\n${this.stderr}`.matchAll(new RegExp(pattern, "g"))].length;
  }

  lastWords(): string {
    const tail = (text: string): string =>
      text
        .trimEnd()
        .split("\n")
        .slice(-LINES_SHOWN)
        .map((line) => line.slice(0, LINE_LENGTH_SHOWN))
        .join("\n");
    return `--- ${this.name}, stdout ---\n${tail(this.stdout)}\n--- ${this.name}, stderr ---\n${tail(this.stderr)}`;
  }
}

export interface Ran extends Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything that one test starts, in a temporary folder; `close` ends and removes all of it. */
export class Processes {
  readonly dir: string;
  private readonly started: Watched[] = [];
  private readonly binary: string;
  private readonly onExit = (): void => {
    for (const watched of this.started) if (watched.ended === undefined) watched.kill("SIGKILL");
  };

  private constructor(dir: string, binary: string) {
    this.dir = dir;
    this.binary = binary;
    process.once("exit", this.onExit);
  }

  static async open(): Promise<Processes> {
    if (!existsSync(join(PACKAGE, "dist", "cmd", "rollcall.js")))
      throw new Error(`${PACKAGE} holds no built program; run \`npm run build\` first`);
    const { binary } = await ensureServer({ dataDir: BINARY_DIR });
    return new Processes(await mkdtemp(join(tmpdir(), "rollcall-processes-")), binary);
  }

  /** `file` lies in dist/cmd. */
  start(name: string, file: string, args: readonly string[] = [], variables: Variables = {}): Watched {
    return this.program(name, join("cmd", file), args, variables);
  }

  /** `path` lies in dist. Nothing of our own environment reaches it but what a program needs to run at all. */
  program(name: string, path: string, args: readonly string[], variables: Variables = {}): Watched {
    const env = { ...cleanEnvironment(), [BINARY_VARIABLE]: this.binary, ...variables };
    const command = [process.execPath, join(PACKAGE, "dist", path), ...args];
    const [program, ...rest] = [...(existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", "--"] : []), ...command];
    const child = spawn(program!, rest, { cwd: this.dir, env, stdio: ["ignore", "pipe", "pipe"] });
    const watched = new Watched(name, child);
    this.started.push(watched);
    return watched;
  }

  /** Writes a file into the folder of this test; gives its path. */
  async fileOf(name: string, content: string): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, content);
    return path;
  }

  /** The command line, to its end. */
  async cli(args: readonly string[], variables: Variables = {}, timeoutMs?: number): Promise<Ran> {
    const watched = this.start(`rollcall ${args.join(" ")}`, "rollcall.js", args, variables);
    const ended = await watched.exit(timeoutMs);
    return { ...ended, stdout: watched.stdout, stderr: watched.stderr };
  }

  /** The same, where anything but success is a failure of the test. */
  async did(args: readonly string[], variables: Variables = {}, timeoutMs?: number): Promise<Ran> {
    const ran = await this.cli(args, variables, timeoutMs);
    if (ran.code !== 0)
      throw new Error(`rollcall ${args.join(" ")} ended with ${ran.signal ?? ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran;
  }

  /** What the processes that are still here, or ended badly, said last: for the message of a failure. */
  lastWords(): string {
    return this.started.map((watched) => watched.lastWords()).join("\n");
  }

  async close(): Promise<void> {
    const alive = this.started.filter(({ ended }) => ended === undefined);
    for (const watched of alive) {
      // A stopped process does not hear SIGTERM.
      watched.kill("SIGCONT");
      watched.kill("SIGTERM");
    }
    const late = setTimeout(this.onExit, 20_000);
    await Promise.all(alive.map((watched) => watched.exit()));
    clearTimeout(late);
    process.off("exit", this.onExit);
    await this.keepLogs();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Everything that was said, in the folder that ROLLCALL_TEST_LOGS names. */
  private async keepLogs(): Promise<void> {
    const folder = process.env.ROLLCALL_TEST_LOGS;
    if (folder === undefined || folder === "") return;
    await mkdir(folder, { recursive: true });
    for (const { name, pid, stdout, stderr } of this.started) {
      const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-").slice(0, 60)}-${pid}.log`;
      await writeFile(join(folder, file), `${stdout}${stderr}`);
    }
  }
}

/** Variables of ours that happen to be set would change what is tested. */
function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(ROLLCALL_|NATS_|LOG_LEVEL$|VITEST|NODE_ENV$|NODE_OPTIONS$)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
