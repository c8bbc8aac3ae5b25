// rollcall doctor, as a process, on a cluster of processes: all well under load; then one damage after the other is planted, as
// a disk or a person might, and each is found and named.

import { headers } from "@nats-io/transport-node";
import { afterEach, expect, test } from "vitest";
import { decodeDirectory, decodeManifest, type Generation } from "../../actors/partition/manifest.ts";
import { storedDeltas } from "../../lib/cli/read-streams.ts";
import { deltaId, encodeDelta } from "../../lib/core/deltas.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { Delta } from "../../lib/core/types.ts";
import { DELTA_ID_HEADER, NatsDeltaSink, PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import { Gate } from "../../lib/nats/gate.ts";
import { NatsPageStore } from "../../lib/nats/page-store.ts";
import { api, publish } from "../../lib/nats/wire.ts";
import type { StoredDelta } from "../../lib/verify/verify.ts";
import { type Examined, illsOf, RealCluster } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 8;
const HOLED = 2;
let cluster: RealCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const doctor = (...args: string[]): Promise<Examined> => cluster!.doctor(...args);

/** What is not ok, of the checks that are named; of all but the disk of the machine that tests, where none is. */
function bad(examined: Examined, ...checks: string[]): string[] {
  return illsOf(examined, (check) => (checks.length === 0 ? check !== "disk" : checks.includes(check)));
}

test("all is well under load; each damage is found and named", async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS, variables: { ROLLCALL_CHECKPOINT_INTERVAL: "1s" } });
  const worker = cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const load = await cluster.load(7, 800, 400);
  await load.flows(2_000);
  await until("each partition has two checkpoints", async () => {
    const manifests = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => generationsOf(p)));
    return manifests.every((generations) => generations.length === 2);
  });

  // Nothing is wrong, so nothing may be said to be.
  for (const args of [[], ["--all"], ["--quick"]]) {
    const healthy = await doctor(...args);
    expect(bad(healthy), args.join()).toEqual([]);
    expect(healthy.code).toBe(0);
    const checks = new Set(healthy.findings.map(({ check }) => check));
    for (const check of ["watermarks", "manifests", "gaps"]) expect(checks).toContain(check);
    expect(checks.has("sample")).toBe(args[0] !== "--quick");
  }
  const sampled = (await doctor("--all")).findings.find(({ check }) => check === "sample")!;
  expect(sampled.text).toMatch(
    /^[1-9]\d* members recomputed from all [\d,]+ messages: [1-9][\d,]* deltas as said, the owners agree about [1-9a]/,
  );

  await load.stop();
  await cluster.caughtUp();
  worker.kill("SIGTERM");
  await worker.exit();
  // Nobody heals or hides what is planted now.
  const alone = await doctor("--all");
  expect(bad(alone)).toEqual(["fail workers: no partition has an owner"]);

  await overwritePage(0);
  await expectFound(
    "manifests",
    /^warn manifests: partition 0: 0\.\d+\.\d+\.\d+ of checkpoint \d+ has other bytes .*older one is whole/,
  );
  await flipManifestBit(1);
  await expectFound("manifests", /^warn manifests: partition 1: its manifest has other bytes than were written/);
  await deleteLogMessage(HOLED, 40);
  await expectFound("gaps", /^fail gaps: partition 2: 1 message is missing in the middle of its log \(40\)/);
  await aheadOfTheLog(3, 1_000_000);
  await expectFound("watermarks", /^fail watermarks: partition 3: its log ends at \d+, but 1000000 was already/);
  const { id } = await deleteDelta();
  await expectFound("numbering", new RegExp(`^fail numbering: 1 gap: ${id} in `));
  const repeated = await repeatDelta();
  await expectFound("numbering", new RegExp(`^fail numbering: 1 repeat: ${repeated.id} in ${repeated.segment}, at `));
  const sample = (await doctor("--all", "--members", "10000")).findings.filter(({ check }) => check === "sample");
  expect(sample.map(({ text }) => text).join("\n")).toMatch(/1 delta lost/);
  expect(sample.map(({ text }) => text).join("\n")).toMatch(/1 delta repeated/);

  // A partition that refuses says so itself, and the streams say why.
  cluster.worker();
  await until("the others run", async () => {
    const phases = (await cluster!.status()).map((status) => status?.phase);
    return phases.every((phase, p) => phase === (p === 3 ? "refused" : "running"));
  });
  const running = await doctor();
  expect(running.code).toBe(1);
  expect(bad(running, "partitions").join()).toMatch(/LOG-002: partition 3/);
  expect(bad(running, "watermarks").join()).toMatch(/partition 3: its log ends at/);
  // The page and the manifest healed by the restart.
  await until(
    "checkpoints are whole again",
    async () => bad(await doctor("--all", "--quick"), "manifests").length === 0,
    60_000,
  );
});

async function expectFound(check: string, pattern: RegExp): Promise<void> {
  const examined = await doctor("--all");
  expect(examined.code).toBe(1);
  expect(bad(examined, check).filter((text) => pattern.test(text))).toHaveLength(1);
}

function storeOf(partition: number): NatsPageStore {
  return new NatsPageStore(cluster!.nc, cluster!.server.names, partition, new Gate(1));
}

async function generationsOf(partition: number): Promise<readonly Generation[]> {
  const stored = await storeOf(partition).readManifest();
  return stored === undefined ? [] : decodeManifest(partition, stored.bytes).generations;
}

/** A page that only the newest checkpoint names. */
async function overwritePage(partition: number): Promise<void> {
  const pages = storeOf(partition);
  const [newest, older] = await generationsOf(partition);
  const keysOf = async ({ number, directory }: Generation) => {
    const rows = decodeDirectory(partition, number, (await pages.get(directory.key))!);
    return [...rows.values()].map(({ key }) => key);
  };
  const before = new Set(await keysOf(older!));
  const key = (await keysOf(newest!)).find((one) => !before.has(one))!;
  await pages.put(key, Buffer.from("something else"));
}

async function flipManifestBit(partition: number): Promise<void> {
  const pages = storeOf(partition);
  const { revision, bytes } = (await pages.readManifest())!;
  const flipped = Uint8Array.from(bytes);
  flipped[0]! ^= 0x80;
  expect(await pages.putManifest(revision, flipped)).toMatchObject({ kind: "stored" });
}

async function deleteLogMessage(partition: number, seq: number): Promise<void> {
  await api(cluster!.nc, `STREAM.MSG.DELETE.${cluster!.server.names.eventsStream(partition)}`, { seq });
}

async function aheadOfTheLog(partition: number, done: number): Promise<void> {
  const { nc, server } = cluster!;
  const sink = new NatsDeltaSink(nc, server.names, partition, new Gate(1));
  const { seq, value } = (await sink.readWatermark())!;
  expect(await sink.putWatermark(seq, { ...value, done })).toMatchObject({ kind: "stored" });
}

/** Of partitions that are recomputed: a log with a hole is not. */
async function deltasOfWholeLogs(): Promise<readonly StoredDelta[]> {
  const found: StoredDelta[] = [];
  for await (const stored of storedDeltas(cluster!.nc, cluster!.server.names))
    if (partitionOf(stored.delta.id, PARTITIONS) !== HOLED) found.push(stored);
  return found;
}

/** Somebody's first delta, where another follows. */
async function deleteDelta(): Promise<Delta> {
  const { nc, server } = cluster!;
  const all = await deltasOfWholeLogs();
  const second = all.find(({ delta }) => delta.n === 2)!.delta;
  const first = all.find(({ delta: { segment, id } }) => segment === second.segment && id === second.id)!;
  await api(nc, `STREAM.MSG.DELETE.${server.names.segmentsStream}`, { seq: first.seq });
  return second;
}

/** The newest delta once more, word for word. */
async function repeatDelta(): Promise<Delta> {
  const { nc, server } = cluster!;
  const { delta } = (await deltasOfWholeLogs()).at(-1)!;
  const mh = headers();
  mh.set(DELTA_ID_HEADER, deltaId(delta));
  mh.set(PARTITION_HEADER, String(partitionOf(delta.id, PARTITIONS)));
  const outcome = await publish(nc, server.names.deltaSubject(delta.segment, delta.change), encodeDelta(delta), mh);
  expect(outcome).toMatchObject({ kind: "stored" });
  return delta;
}
