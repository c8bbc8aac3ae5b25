// Debian's nats-server package from the mirror this machine already uses, in a newer suite. apt does the work, in lists
// and caches of our own: no root, nothing installed, proxies and credentials as apt has them. Used by fetch.ts.
import { constants } from "node:fs";
import { access, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command, Source } from "./fetch.ts";
import type { Progress } from "./progress.ts";
import { isNewEnough, parseVersion } from "./version.ts";

/** Newest stable-to-be first: a suite whose package is too old is passed over, so the order is a matter of taste only. */
const SUITES = ["forky", "sid", "trixie-backports"];
const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg"];

export function debianPackage(command: Command): Source {
  return async (folder, progress) => {
    await command("apt-get", ["--version"]).catch(() => {
      throw new Error("this machine has no apt");
    });
    await ownApt(folder);
    const mirror = await mirrorOf(command, folder);
    const reasons: string[] = [];
    for (const suite of SUITES) {
      try {
        return await fromSuite(suite, mirror, { folder, command, progress });
      } catch (error) {
        reasons.push(`${suite}: ${firstLine(error)}`);
      }
    }
    throw new Error(`no suite of ${withoutCredentials(mirror)} has one (${reasons.join("; ")})`);
  };
}

interface Workbench {
  readonly folder: string;
  readonly command: Command;
  readonly progress: Progress;
}

async function fromSuite(suite: string, mirror: string, bench: Workbench): Promise<string> {
  const { folder, command, progress } = bench;
  progress.step(`reading Debian ${suite} from ${withoutCredentials(mirror)}`);
  const apt = ["-q", "-c", ownSourcesConf(folder)];
  const keyring = await firstReadable(KEYRINGS);
  const signedBy = keyring === undefined ? "" : `[signed-by=${keyring}] `;
  await writeFile(sourceList(folder), `deb ${signedBy}${mirror} ${suite} main\n`);
  await command("apt-get", [...apt, "--error-on=any", "update"], folder);
  const version = candidateOf(await command("apt-cache", [...apt, "policy", "nats-server"], folder));
  if (version === undefined) throw new Error("has no nats-server");
  const parsed = parseVersion(version);
  if (parsed === undefined || !isNewEnough(parsed)) throw new Error(`has ${version}, which is too old`);
  progress.step(`fetching Debian's nats-server ${version}`);
  await command("apt-get", [...apt, "download", "nats-server"], folder);
  const file = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  if (file === undefined) throw new Error("apt-get download left no package");
  await command("dpkg-deb", ["-x", join(folder, file), join(folder, suite)]);
  const places = ["usr/sbin", "usr/bin"].map((place) => join(folder, suite, place, "nats-server"));
  const binary = await firstReadable(places);
  if (binary === undefined) throw new Error(`${file} holds no nats-server`);
  return binary;
}

/**
 * apt with lists, caches and sources of our own, in a configuration read after the machine's. The sandbox user is switched
 * off because it could not write into a private data directory; signatures are checked all the same. Hooks of the
 * machine look after caches that are not ours.
 */
async function ownApt(folder: string): Promise<void> {
  const lists = join(folder, "lists");
  const cache = join(folder, "cache");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(cache, "archives", "partial"), { recursive: true });
  const folders = [
    `Dir::State::lists "${lists}";`,
    `Dir::Cache "${cache}";`,
    'Acquire::Languages "none";',
    'APT::Sandbox::User "";',
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
  ];
  const sources = [`Dir::Etc::sourcelist "${sourceList(folder)}";`, 'Dir::Etc::sourceparts "-";'];
  await writeFile(machineSourcesConf(folder), `${folders.join("\n")}\n`);
  await writeFile(ownSourcesConf(folder), `${[...folders, ...sources].join("\n")}\n`);
}

function machineSourcesConf(folder: string): string {
  return join(folder, "machine-sources.conf");
}

function ownSourcesConf(folder: string): string {
  return join(folder, "own-sources.conf");
}

function sourceList(folder: string): string {
  return join(folder, "sources.list");
}

/** apt names the mirror: by the lists it has, or, on a machine that never updated them, by what it would fetch. */
async function mirrorOf(command: Command, folder: string): Promise<string> {
  const format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";
  const targets = await command("apt-get", ["indextargets", "--format", format]);
  for (const line of targets.split("\n")) {
    const [origin, label, uri] = line.split("|");
    if (origin === "Debian" && label === "Debian" && uri !== undefined) return uri;
  }
  const uris = await command("apt-get", ["-c", machineSourcesConf(folder), "update", "--print-uris"]);
  for (const line of uris.split("\n")) {
    const uri = /^'(\S+\/debian\/)dists\/[^']*InRelease'/.exec(line)?.[1];
    if (uri !== undefined) return uri;
  }
  throw new Error("apt on this machine knows no mirror of Debian");
}

function candidateOf(policy: string): string | undefined {
  const version = /^\s*Candidate:\s*(\S+)/m.exec(policy)?.[1];
  return version === "(none)" ? undefined : version;
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const readable = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (readable) return path;
  }
  return undefined;
}

/** A mirror's address may carry a password; a progress line must not. */
function withoutCredentials(uri: string): string {
  return uri.replace(/\/\/[^/@]*@/, "//");
}

/** apt's errors begin with "E:"; of several the first is the cause. */
function firstLine(error: unknown): string {
  const stderr = (error as { stderr?: unknown }).stderr;
  const text =
    typeof stderr === "string" && stderr.trim() !== ""
      ? stderr
      : error instanceof Error
        ? error.message
        : String(error);
  const lines = text.trim().split("\n");
  return (lines.find((line) => line.startsWith("E:")) ?? lines[0] ?? "").replace(/^E:\s*/, "");
}
