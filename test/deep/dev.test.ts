// `npm start` with its sample shop, and each of its processes killed in turn: what died is started again, the page and the
// deltas come back by themselves, and whatever was killed, the recomputation finds nothing missing.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { namesOf } from "../../lib/nats/names.ts";
import { Questions } from "../../lib/nats/questions.ts";
import type { VerifyReport } from "../../lib/verify/verify.ts";
import { Listener } from "../support/listener.ts";
import { freePorts } from "../support/ports.ts";
import { Processes, type Variables, type Watched } from "../support/processes.ts";
import { differencesOf, figuresOf, tell } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 32;
const DELTAS = 40;

let processes: Processes | undefined;
let client: Listener | undefined;

afterEach(async () => {
  await client?.close();
  await processes?.close();
});

async function ready(dev: Watched): Promise<void> {
  await dev.says(/^rollcall ready/m);
}

/** So many more deltas of the shop are heard. */
async function shopGoesOn(): Promise<void> {
  const goal = client!.heard.length + DELTAS;
  await until(`${DELTAS} more deltas`, () => client!.heard.length >= goal);
}

async function everyPartitionRuns(): Promise<void> {
  const questions = new Questions(client!.nc, namesOf(""), PARTITIONS);
  const runs = async (): Promise<boolean> => (await questions.status()).every((status) => status?.phase === "running");
  await until("every partition runs", runs);
}

/** The child of `dev` that works. */
async function workerPid(dev: Watched): Promise<number | undefined> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "pid=,args=", "--ppid", String(dev.pid)]);
  const found = /^ *(\d+) .*\bworker\b/m.exec(stdout);
  return found === null ? undefined : Number(found[1]);
}

async function serverPid(dataDir: string): Promise<number> {
  const lock = JSON.parse(await readFile(join(dataDir, "nats-server.pid"), "utf8")) as { server: { pid: number } };
  return lock.server.pid;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("each process of npm start is killed in turn, and the shop goes on", async () => {
  processes = await Processes.open();
  const [http, nats] = await freePorts(2);
  const variables: Variables = {
    ROLLCALL_HTTP_PORT: String(http),
    ROLLCALL_NATS_PORT: String(nats),
    ROLLCALL_DATA_DIR: join(processes.dir, "data"),
  };
  const first = processes.start("dev", "dev.js", [], variables);
  await ready(first);
  client = await Listener.open(`nats://127.0.0.1:${nats}`);
  await shopGoesOn();

  process.kill((await workerPid(first))!, "SIGKILL");
  await first.says(/the worker died, starting it again/);
  await until("another worker is there", async () => (await workerPid(first)) !== undefined);
  await everyPartitionRuns();
  await shopGoesOn();

  const server = await serverPid(variables.ROLLCALL_DATA_DIR!);
  process.kill(server, "SIGKILL");
  await first.says(/nats-server died/);
  await everyPartitionRuns();
  await shopGoesOn();
  expect(first.ended, "dev itself goes on").toBeUndefined();

  const orphans = [(await workerPid(first))!, await serverPid(variables.ROLLCALL_DATA_DIR!)];
  await first.kill9();
  await until("nobody is left behind", () => !orphans.some(isThere));
  const second = processes.start("dev again", "dev.js", [], variables);
  await ready(second);
  await shopGoesOn();
  await everyPartitionRuns();
  const ran = await processes.cli(["replay", "--verify", "--output", "json"], { NATS_URL: `nats://127.0.0.1:${nats}` });
  const report = JSON.parse(ran.stdout) as VerifyReport;
  tell("npm start, all of it killed", figuresOf(report));
  expect(differencesOf(report)).toEqual([]);
  second.kill("SIGTERM");
  expect(await second.exit()).toEqual({ code: 0, signal: null });
});
