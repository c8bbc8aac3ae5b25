// Gets a nats-server into the data directory: the official release with its checksum, else Debian's package from the
// machine's own mirror, whose signatures apt checks. Second of three: find.ts comes first, supervise.ts runs the result.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { debianPackage } from "./fetch-debian.ts";
import { BINARY_VARIABLE, type FoundServer, fetchedBinary, findServer, versionOf } from "./find.ts";
import { type Progress, progressOn } from "./progress.ts";
import { formatVersion, isNewEnough, SERVER_VERSION_MIN } from "./version.ts";

const run = promisify(execFile);

/** The release that is fetched when the machine has none. */
export const RELEASE_VERSION = "2.15.1";
const RELEASES = "https://github.com/nats-io/nats-server/releases/download";
/** A machine that cannot reach the release should not wait for it. */
const CONNECT_MS_MAX = 5_000;
const DOWNLOAD_MS_MAX = 180_000;

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm7", ia32: "386" };

export interface FetchOptions {
  readonly dataDir: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The binary that configuration names, used or refused; default what the variable says. */
  readonly named?: string;
  readonly progress?: Progress;
  /** Where releases are; tests put a server of their own here. */
  readonly releases?: string;
  /** Runs a command and gives its output; tests answer for apt here. */
  readonly command?: Command;
}

export type Command = (file: string, args: readonly string[], cwd?: string) => Promise<string>;

/** One way to get a server: leaves its binary in `folder` and says where; throws with the reason when it cannot. */
export type Source = (folder: string, progress: Progress) => Promise<string>;

export class NatsServerMissing extends Error {
  override readonly name = "NatsServerMissing";
}

/** Finds a server, or fetches one. The one call for everybody who is about to run a server. */
export async function ensureServer(options: FetchOptions): Promise<FoundServer> {
  const search = await findServer(options.dataDir, options.env, options.named);
  return search.found ?? fetchServer(options, search.passedOver);
}

/** Fetches a server into the data directory; callers may do so at the same time, the last one to finish stays. */
export async function fetchServer(options: FetchOptions, passedOver: readonly string[] = []): Promise<FoundServer> {
  const progress = options.progress ?? progressOn();
  const command = options.command ?? runCommand;
  const sources: readonly (readonly [string, Source])[] = [
    [`the official release ${RELEASE_VERSION}`, officialRelease(options.releases ?? RELEASES, command)],
    ["Debian's package", debianPackage(command)],
  ];
  const reasons = [...passedOver];
  for (const [what, source] of sources) {
    try {
      const found = await install(source, options.dataDir, progress);
      progress.done(`${formatVersion(found.version)} is in ${dirname(found.binary)}`);
      return found;
    } catch (error) {
      const reason = `${what}: ${reasonOf(error)}`;
      progress.failed(reason);
      reasons.push(reason);
    }
  }
  throw new NatsServerMissing(missing(options.dataDir, reasons));
}

/** Works in a folder of its own and renames at the end, so nobody ever sees half a binary. */
async function install(source: Source, dataDir: string, progress: Progress): Promise<FoundServer> {
  const binary = resolve(fetchedBinary(dataDir));
  await mkdir(dirname(binary), { recursive: true });
  const folder = await mkdtemp(join(dirname(binary), "fetch-"));
  try {
    const fetched = await source(folder, progress);
    await chmod(fetched, 0o755);
    const version = await versionOf(fetched);
    if (version === undefined) throw new Error("what was fetched does not run on this machine");
    if (!isNewEnough(version)) throw new Error(`it is ${formatVersion(version)}, which is too old`);
    await rename(fetched, binary);
    return { binary, version };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function officialRelease(releases: string, command: Command): Source {
  return async (folder, progress) => {
    const name = `nats-server-v${RELEASE_VERSION}-${releasePlatform()}`;
    const base = `${releases}/v${RELEASE_VERSION}`;
    progress.step(`looking for the official release ${RELEASE_VERSION}`);
    const sums = Buffer.from(await download(`${base}/SHA256SUMS`, () => {})).toString("utf8");
    const expected = checksumOf(sums, `${name}.tar.gz`);
    progress.step(`fetching ${name}.tar.gz`);
    const archive = await download(`${base}/${name}.tar.gz`, (done) => progress.fraction(done));
    const actual = createHash("sha256").update(archive).digest("hex");
    if (actual !== expected) throw new Error(`${name}.tar.gz has SHA-256 ${actual}, but ${expected} was published`);
    await writeFile(join(folder, "release.tar.gz"), archive);
    await command("tar", ["-xzf", join(folder, "release.tar.gz"), "-C", folder]);
    return join(folder, name, "nats-server");
  };
}

function releasePlatform(): string {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined || (process.platform !== "linux" && process.platform !== "darwin")) {
    throw new Error(`there is none that we know of for ${process.platform} on ${process.arch}`);
  }
  return `${process.platform}-${architecture}`;
}

function checksumOf(sums: string, file: string): string {
  for (const line of sums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/.test(sum)) return sum;
  }
  throw new Error(`SHA256SUMS does not list ${file}`);
}

/** The time-out for an answer is short, the one for the body long: no route is common, a slow line is, too. */
async function download(url: string, onFraction: (done: number) => void): Promise<Uint8Array> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error(`no answer within ${CONNECT_MS_MAX / 1000} s`)), CONNECT_MS_MAX);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error("the download takes too long")), DOWNLOAD_MS_MAX);
    if (!response.ok || response.body === null) throw new Error(`${url} answers ${response.status}`);
    const total = Number(response.headers.get("content-length") ?? 0);
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of response.body) {
      chunks.push(chunk);
      received += chunk.length;
      if (total > 0) onFraction(Math.min(1, received / total));
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
  }
}

async function runCommand(file: string, args: readonly string[], cwd?: string): Promise<string> {
  const { stdout } = await run(file, [...args], { cwd, timeout: DOWNLOAD_MS_MAX, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** `fetch failed` says nothing; its cause does. A command's own last line says more than its exit code. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = (error as { stderr?: unknown }).stderr;
  const lastLine = typeof stderr === "string" ? stderr.trim().split("\n").at(-1) : undefined;
  if (lastLine !== undefined && lastLine !== "") return lastLine;
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function missing(dataDir: string, reasons: readonly string[]): string {
  const least = formatVersion(SERVER_VERSION_MIN);
  return [
    `There is no nats-server ${least} or newer here, and none could be fetched:`,
    ...reasons.map((reason) => `  - ${reason}`),
    "Any one of these helps:",
    `  - install nats-server ${least} or newer so that it is on PATH (https://docs.nats.io, "Installing")`,
    `  - set ${BINARY_VARIABLE} to the path of a nats-server binary`,
    `  - put the binary at ${resolve(fetchedBinary(dataDir))}`,
    "  - use a server that runs elsewhere: set NATS_URL",
  ].join("\n");
}
