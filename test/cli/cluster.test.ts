// Workers and partitions at the command line, on a real server with two real workers: shown in 80 columns, moved, drained, and
// taken over when the one that was wished for dies.
import { afterAll, beforeAll, expect, test } from "vitest";
import { wishedOwner } from "../../actors/worker/rendezvous.ts";
import { type RunningWorker, startWorker } from "../../actors/worker/worker.ts";
import { loadConfig } from "../../config/load.ts";
import { NatsCluster } from "../../lib/nats/cluster.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const COLUMNS = 80;

let rig: CliRig;
let second: RunningWorker;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
  const { url, dataDir } = rig.server;
  const { config } = loadConfig({ natsUrl: url, partitions: PARTITIONS, logLevel: "silent" }, {}, dataDir);
  second = await startWorker(config, { name: "a-host-with-a-very-long-name-4711-0a1b2c3d" });
  await bothHaveTheirShare();
});
afterAll(async () => {
  await second.abort();
  await rig.close();
});

interface Row {
  readonly id: string;
  readonly owner: string | null;
  readonly phase: string;
}

async function rowsOf(what: "workers" | "partitions"): Promise<readonly Row[]> {
  return JSON.parse((await rig.rollcall(what, "-o", "json")).out) as Row[];
}

async function owners(): Promise<readonly (string | null)[]> {
  return (await rowsOf("partitions")).map(({ owner, phase }) => (phase === "running" ? owner : null));
}

/** As it stays while both live and nothing is wished. */
async function bothHaveTheirShare(): Promise<void> {
  const shards = ["worker-1", second.shards[0]!];
  await until("both have their share", async () =>
    (await owners()).every((owner, partition) => owner === wishedOwner(partition, shards)),
  );
}

test("both tables fit in 80 columns, whatever the names", async () => {
  for (const what of ["workers", "partitions"] as const) {
    const { code, out } = await rig.rollcall(what);
    expect(code).toBe(0);
    for (const line of out.split("\n")) expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
  }
  expect((await rowsOf("workers")).map(({ id }) => id)).toEqual([second.shards[0], "worker-1"]);
});

test("a partition is moved by a part of a name, and comes back", async () => {
  const before = await owners();
  const partition = String(before.indexOf("worker-1"));
  expect((await rig.rollcall("partitions", "move", partition, "0a1b")).code).toBe(0);
  await until("it is there", async () => (await owners())[Number(partition)] === second.shards[0]);
  expect((await rig.rollcall("partitions")).err).toContain(`Partition ${partition} is wished to ${second.shards[0]}.`);
  expect((await rig.rollcall("partitions", "return", partition)).code).toBe(0);
  await until("it is back", async () => (await owners())[Number(partition)] === "worker-1");
  expect(await owners()).toEqual(before);
});

test("a worker is drained; the last one is not; a name that nobody has is told with those there are", async () => {
  expect((await rig.rollcall("workers", "drain", "worker")).code).toBe(0);
  await until("the other has all", async () => (await owners()).every((owner) => owner === second.shards[0]));
  expect((await rig.rollcall("workers")).out).toMatch(/worker-1 .* drained/);
  const last = await rig.rollcall("workers", "drain", "0a1b");
  expect([last.code, last.err]).toEqual([2, expect.stringContaining("start another worker first")]);
  const nobody = await rig.rollcall("workers", "drain", "nobody");
  expect([nobody.code, nobody.err]).toEqual([2, expect.stringContaining("worker-1")]);
  expect((await rig.rollcall("partitions", "move", "99", "worker-1")).err).toContain("they are 0 to 3");
  expect((await rig.rollcall("workers", "undrain", "worker")).code).toBe(0);
  await bothHaveTheirShare();
  const { out } = await rig.rollcall("audit", "-o", "json");
  const said = (JSON.parse(out) as { what: string; target: string }[]).map(({ what, target }) => `${what} ${target}`);
  expect(said.slice(-2)).toEqual(["workers.drain worker", "workers.undrain worker"]);
});

test("when the worker dies that partitions are wished to, the others take them over, and the wish is dropped", async () => {
  const partition = String((await owners()).indexOf("worker-1"));
  await rig.rollcall("partitions", "move", partition, "0a1b");
  await until("it is there", async () => (await owners())[Number(partition)] === second.shards[0]);
  await second.abort();
  await until("the other has all", async () => (await owners()).every((owner) => owner === "worker-1"));
  const cluster = new NatsCluster(await rig.server.connection(), rig.server.names);
  await until("nothing is wished any more", async () => {
    const { wishes } = await cluster.readWishes();
    return Object.keys(wishes.moves).length === 0;
  });
});
