// Finds a nats-server that is new enough: named by ROLLCALL_NATS_SERVER, on PATH, or fetched earlier into the data directory.
// First of three: fetch.ts gets one when there is none here, supervise.ts runs it.
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { formatVersion, isNewEnough, parseVersion, SERVER_VERSION_MIN, type ServerVersion } from "./version.ts";

const run = promisify(execFile);

/** The variable that names a binary; it is used or refused, never passed over. */
export const BINARY_VARIABLE = "ROLLCALL_NATS_SERVER";

export interface FoundServer {
  readonly binary: string;
  readonly version: ServerVersion;
}

export interface Search {
  readonly found: FoundServer | undefined;
  /** What was looked at and passed over, one sentence each; part of the error when all else fails. */
  readonly passedOver: readonly string[];
}

export class UnusableServer extends Error {
  override readonly name = "UnusableServer";
}

/** Where a fetched server is kept. */
export function fetchedBinary(dataDir: string): string {
  return join(dataDir, "nats-server", "nats-server");
}

/** `named` is the binary that configuration names, if it does. */
export async function findServer(
  dataDir: string,
  env: NodeJS.ProcessEnv = process.env,
  named: string = env[BINARY_VARIABLE] ?? "",
): Promise<Search> {
  if (named !== "") return { found: await useNamed(resolve(named)), passedOver: [] };
  const passedOver: string[] = [];
  for (const binary of candidates(dataDir, env)) {
    if (!(await isExecutable(binary))) continue;
    const version = await versionOf(binary);
    if (version !== undefined && isNewEnough(version)) return { found: { binary, version }, passedOver };
    passedOver.push(`${binary} is ${describe(version)}`);
  }
  return { found: undefined, passedOver };
}

/** Version by `nats-server -v`; undefined when the file does not run or says something else. */
export async function versionOf(binary: string): Promise<ServerVersion | undefined> {
  try {
    const { stdout, stderr } = await run(binary, ["-v"], { timeout: 10_000 });
    return parseVersion(stdout + stderr);
  } catch {
    return undefined;
  }
}

async function useNamed(binary: string): Promise<FoundServer> {
  const version = (await isExecutable(binary)) ? await versionOf(binary) : undefined;
  if (version !== undefined && isNewEnough(version)) return { binary, version };
  throw new UnusableServer(
    `${BINARY_VARIABLE} names ${binary}, which is ${describe(version)}. ` +
      `Point it at a nats-server ${formatVersion(SERVER_VERSION_MIN)} or newer, or unset it to have one found or fetched.`,
  );
}

function describe(version: ServerVersion | undefined): string {
  if (version === undefined) return "not a nats-server that runs here";
  return `version ${formatVersion(version)}, and ${formatVersion(SERVER_VERSION_MIN)} or newer is needed`;
}

/** Debian installs to /usr/sbin, which is often not on a user's PATH. */
function candidates(dataDir: string, env: NodeJS.ProcessEnv): readonly string[] {
  const onPath = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const inFolder = (folder: string): string => join(folder, "nats-server");
  return [
    ...new Set([
      ...onPath.map(inFolder),
      fetchedBinary(resolve(dataDir)),
      ...["/usr/sbin", "/usr/local/sbin"].map(inFolder),
    ]),
  ];
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
