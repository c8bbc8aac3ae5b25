// Fetching, without the network: a release server of our own with right and wrong checksums, and an apt whose answers are
// written here. The real apt is exercised wherever the tests find no nats-server and fetch one (test/support/global-setup.ts).
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Command, ensureServer, fetchServer, NatsServerMissing, RELEASE_VERSION } from "../../lib/server/fetch.ts";
import { fetchedBinary } from "../../lib/server/find.ts";
import { type Progress, progressOn } from "../../lib/server/progress.ts";

const run = promisify(execFile);
const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
const release = `nats-server-v${RELEASE_VERSION}-${platform}`;

let folder: string;
let http: Server;
let releases: string;
let files: Map<string, Buffer>;
let said: string[];
const progress: Progress = {
  step: (text) => said.push(text),
  fraction() {},
  failed: (reason) => said.push(reason),
  done: (text) => said.push(text),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-fetch-"));
  files = new Map();
  said = [];
  http = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    response.writeHead(file === undefined ? 404 : 200, file === undefined ? {} : { "content-length": file.length });
    response.end(file);
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  releases = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((closed) => http.close(closed));
  await rm(folder, { recursive: true, force: true });
});

const dataDir = (): string => join(folder, "data");
const noApt: Command = (file, args) => (file === "tar" ? tar(args) : Promise.reject(new Error("ENOENT")));
const tar = async (args: readonly string[]): Promise<string> => (await run("tar", [...args])).stdout;

async function fakeServer(path: string, version: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho 'nats-server: v${version}'\n`);
  await chmod(path, 0o755);
}

async function publish(version = RELEASE_VERSION, sum?: string): Promise<void> {
  await fakeServer(join(folder, "made", release, "nats-server"), version);
  await run("tar", ["-czf", join(folder, "made.tar.gz"), "-C", join(folder, "made"), release]);
  const archive = await readFile(join(folder, "made.tar.gz"));
  const right = createHash("sha256").update(archive).digest("hex");
  files.set(`/v${RELEASE_VERSION}/${release}.tar.gz`, archive);
  const sums = `${"0".repeat(64)}  something-else.zip\n${sum ?? right}  ${release}.tar.gz\n`;
  files.set(`/v${RELEASE_VERSION}/SHA256SUMS`, Buffer.from(sums));
}

describe("the official release", () => {
  test("is checked, unpacked and put in place, with progress; the next start finds it", async () => {
    await publish();
    const found = await fetchServer({ dataDir: dataDir(), releases, command: noApt, progress });
    expect(found).toEqual({ binary: fetchedBinary(dataDir()), version: { major: 2, minor: 15, patch: 1 } });
    expect(said).toEqual([
      `looking for the official release ${RELEASE_VERSION}`,
      `fetching ${release}.tar.gz`,
      `${RELEASE_VERSION} is in ${dirname(found.binary)}`,
    ]);
    files.clear();
    expect(await ensureServer({ dataDir: dataDir(), env: {}, releases, command: noApt, progress })).toEqual(found);
  });

  test("with another checksum than published is refused, and leaves nothing behind", async () => {
    await publish(RELEASE_VERSION, "f".repeat(64));
    const refused = fetchServer({ dataDir: dataDir(), releases, command: noApt, progress });
    await expect(refused).rejects.toThrow(/has SHA-256 [0-9a-f]{64}, but f{64} was published/);
    expect(await readdir(join(dataDir(), "nats-server"))).toEqual([]);
  });

  test("that is too old is refused", async () => {
    await publish("2.11.0");
    const refused = fetchServer({ dataDir: dataDir(), releases, command: noApt, progress });
    await expect(refused).rejects.toThrow(/it is 2\.11\.0, which is too old/);
  });

  test("fetched by five at once is one whole binary", async () => {
    await publish();
    const options = { dataDir: dataDir(), releases, command: noApt, progress };
    const found = await Promise.all([1, 2, 3, 4, 5].map(() => fetchServer(options)));
    expect(new Set(found.map(({ binary }) => binary)).size).toBe(1);
    expect(await readdir(join(dataDir(), "nats-server"))).toEqual(["nats-server"]);
  });
});

describe("Debian's package", () => {
  interface Apt {
    readonly targets?: string;
    readonly uris?: string;
    readonly candidates: Readonly<Record<string, string>>;
  }
  let suites: string[];

  /** Answers as apt does for the suites that a source list names. */
  function apt({ targets = "", uris = "", candidates }: Apt): Command {
    suites = [];
    const suiteIn = async (work: string): Promise<string> => {
      const list = await readFile(join(work, "sources.list"), "utf8");
      suites.push(list.trim());
      return / (\S+) main$/m.exec(list)?.[1] ?? "";
    };
    return async (file, args, work = "") => {
      const line = [file, ...args].join(" ");
      if (line.includes("--version")) return "apt 2.6";
      if (line.includes("indextargets")) return targets;
      if (line.includes("--print-uris")) return uris;
      if (line.endsWith("update")) {
        const suite = await suiteIn(work);
        if (candidates[suite] === undefined) {
          throw Object.assign(new Error("failed"), { stderr: `W: slow\nE: no Release file for ${suite}\n` });
        }
        return "";
      }
      const suite = / (\S+) main$/m.exec(suites.at(-1) ?? "")?.[1] ?? "";
      if (line.includes("policy")) return `nats-server:\n  Installed: (none)\n  Candidate: ${candidates[suite]}\n`;
      if (line.includes("download")) return writeFile(join(work, "nats-server.deb"), "").then(() => "");
      if (file === "dpkg-deb") {
        await fakeServer(
          join(args[2] ?? "", "usr", "sbin", "nats-server"),
          (candidates[suite] ?? "").split("-")[0] ?? "",
        );
        return "";
      }
      throw new Error(`not expected: ${line}`);
    };
  }

  const targets =
    "Debian|Debian-Security|http://m.example/debian-security/\nDebian|Debian|http://ann:pw@m.example/debian/\n";

  test("comes from the mirror that apt knows when the release cannot be reached; no password is shown", async () => {
    const command = apt({ targets, candidates: { forky: "2.15.1-1" } });
    const found = await fetchServer({ dataDir: dataDir(), releases, command, progress });
    expect(found.version).toEqual({ major: 2, minor: 15, patch: 1 });
    expect(suites[0]).toMatch(/^deb (\[signed-by=\S+\] )?http:\/\/ann:pw@m\.example\/debian\/ forky main$/);
    expect(said).toContain("reading Debian forky from http://m.example/debian/");
    expect(said.join("\n")).toMatch(/the official release 2\.15\.1: .*SHA256SUMS answers 404/);
    expect(said.join("\n")).not.toContain("pw");
  });

  test("on a machine whose lists were never updated, the mirror is taken from what apt would fetch", async () => {
    const uris =
      "'http://m.example/debian-security/dists/x/InRelease' a 0\n'http://m.example/debian/dists/x/InRelease' b 0\n";
    const command = apt({ uris, candidates: { forky: "2.15.1-1" } });
    await fetchServer({ dataDir: dataDir(), releases, command, progress });
    expect(suites[0]).toContain(" http://m.example/debian/ forky main");
  });

  test("is sought in the next suite when one is missing or its package is too old", async () => {
    const command = apt({ targets, candidates: { sid: "2.10.2-1", "trixie-backports": "2.12.4-1~bpo13+1" } });
    const found = await fetchServer({ dataDir: dataDir(), releases, command, progress });
    expect(found.version).toEqual({ major: 2, minor: 12, patch: 4 });
    expect(suites).toHaveLength(3);
  });

  test("when all fail, one error says what was tried and what helps", async () => {
    const command = apt({ targets, candidates: { sid: "(none)", "trixie-backports": "2.10.0-1" } });
    const error = await fetchServer({ dataDir: dataDir(), releases, command, progress }, [
      "/usr/bin/nats-server is old",
    ]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NatsServerMissing);
    const lines = (error as Error).message.split("\n");
    expect(lines[0]).toBe("There is no nats-server 2.12.0 or newer here, and none could be fetched:");
    expect(lines[1]).toBe("  - /usr/bin/nats-server is old");
    expect(lines[2]).toMatch(/official release .*404/);
    expect(lines[3]).toContain(
      "no suite of http://m.example/debian/ has one (forky: no Release file for forky; sid: has no nats-server; " +
        "trixie-backports: has 2.10.0-1, which is too old)",
    );
    for (const way of ["on PATH", "ROLLCALL_NATS_SERVER", fetchedBinary(dataDir()), "NATS_URL"]) {
      expect((error as Error).message).toContain(way);
    }
  });

  test("on a machine without apt that is what is said", async () => {
    const refused = fetchServer({ dataDir: dataDir(), releases, command: noApt, progress });
    await expect(refused).rejects.toThrow(/Debian's package: this machine has no apt/);
  });
});

test("a release server that takes no connection is given up at once", async () => {
  await new Promise((closed) => http.close(closed));
  const refused = fetchServer({ dataDir: dataDir(), releases, command: noApt, progress });
  await expect(refused).rejects.toThrow(/the official release 2\.15\.1: .*ECONNREFUSED/);
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
});

describe("progress", () => {
  const shown = (isTTY: boolean, act: (on: Progress) => void): string => {
    let text = "";
    act(progressOn({ isTTY, write: (chunk) => (text += chunk) }));
    return text;
  };

  test("is plain lines where there is no terminal", () => {
    const text = shown(false, (on) => {
      on.step("fetching");
      on.fraction(0.5);
      on.failed("no");
      on.done("there");
    });
    expect(text).toBe("nats-server: fetching …\nnats-server: no\nnats-server: there\n");
  });

  test("is one rewritten line on a terminal, with the percentage", () => {
    const text = shown(true, (on) => {
      on.step("fetching");
      on.fraction(0.5);
      on.step("unpacking");
      on.done("there");
    });
    expect(text.split("\n")).toHaveLength(2);
    expect(text).toMatch(/nats-server: fetching 50 %\r/);
    expect(text).toContain("\r\x1b[K✓ nats-server: there\n");
  });
});
