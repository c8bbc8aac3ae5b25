// When the past is not as remembered, a partition is refused in words an operator understands, and the others go on; when
// it can be made again from what is left, it is. Production actors over lib/memory, virtual time.
import { expect, test } from "vitest";
import { digestText, EMPTY_DIGEST } from "../../actors/partition/digest.ts";
import type { MemoryMessage } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const PARTITIONS = 2;
const EVENTS = 120;

/** A cluster that has heard events, said deltas, made checkpoints and stopped, cleanly or not. */
async function stopped(how: "drained" | "killed"): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({ seed: 7, partitions: PARTITIONS });
  const name = cluster.startShard();
  for (let step = 0; step < EVENTS; step += 1) {
    cluster.event(step % PARTITIONS, `u${step % 20}`);
    await cluster.runtime.advance(25);
  }
  await cluster.runtime.advance(2_000);
  if (how === "drained") {
    const drained = cluster.drain(name);
    await cluster.runtime.advance(1_000);
    await drained;
  } else cluster.kill(name);
  return cluster;
}

async function statusOf(cluster: MemoryCluster, partition: number): Promise<PartitionStatus> {
  let found: PartitionStatus | undefined;
  await cluster.runtime.until(`partition ${partition} to be refused or running`, () => {
    for (const shard of cluster.shards.values()) {
      for (const one of shard.partitions) {
        if (one.partition === partition && (one.phase === "running" || one.phase === "refused")) found = one.status();
      }
    }
    return found !== undefined;
  });
  return found!;
}

async function restarted(cluster: MemoryCluster): Promise<PartitionStatus[]> {
  cluster.startShard();
  return Promise.all([statusOf(cluster, 0), statusOf(cluster, 1)]);
}

test("a log purged past the checkpoint is refused and explained; the other partition goes on", async () => {
  const cluster = await stopped("drained");
  const log = cluster.server.stream(memoryLogStream(0));
  cluster.event(0, "late");
  cluster.event(0, "late");
  log.trim(log.last);
  const [first, second] = await restarted(cluster);
  expect(first).toMatchObject({ phase: "refused", error: { code: "LOG-001" } });
  expect(first!.error!.message).toContain("purged or aged out past the last checkpoint");
  expect(second!.phase).toBe("running");
});

test("a log that lost its tail is refused, also once it has filled up again", async () => {
  for (const refill of [false, true]) {
    const cluster = await stopped("drained");
    const log = cluster.server.stream(memoryLogStream(0));
    const end = log.last;
    log.loseTail(end - 3);
    while (refill && log.last < end + 2) cluster.event(0, "again");
    const [first, second] = await restarted(cluster);
    expect(first).toMatchObject({ phase: "refused", error: { code: refill ? "LOG-003" : "LOG-002" } });
    expect(second!.phase).toBe("running");
  }
});

test("an unexplained hole in the log stops the partition before it", async () => {
  const cluster = await stopped("drained");
  const log = cluster.server.stream(memoryLogStream(0));
  cluster.event(0, "a");
  cluster.event(0, "b");
  cluster.event(0, "c");
  log.drop(log.last - 1);
  cluster.startShard();
  await cluster.runtime.until("refusal", () => refusedCode(cluster) === "LOG-004");
});

test("without its checkpoints a partition is made again from the log's start", async () => {
  const cluster = await stopped("killed");
  cluster.server.replaceStream("CHECKPOINT");
  await restarted(cluster);
  await cluster.untilQuiet();
  expect(cluster.said(0)).toEqual(cluster.expected(0));
  expect(cluster.said(1)).toEqual(cluster.expected(1));
});

test("without checkpoints and without the log's start it is refused", async () => {
  const cluster = await stopped("drained");
  cluster.server.replaceStream("CHECKPOINT");
  cluster.server.stream(memoryLogStream(0)).trim(5);
  const [first] = await restarted(cluster);
  expect(first).toMatchObject({ phase: "refused", error: { code: "LOG-001" } });
  expect(first!.error!.message).toContain("no checkpoint can be used");
});

test("checkpoints without a watermark are refused: SEGMENTS was lost", async () => {
  const cluster = await stopped("drained");
  cluster.server.replaceStream("SEGMENTS");
  const [first] = await restarted(cluster);
  expect(first).toMatchObject({ phase: "refused", error: { code: "CHK-002" } });
});

test("checkpoints without a watermark are refused by whoever tries next, too", async () => {
  const cluster = await stopped("drained");
  cluster.server.replaceStream("SEGMENTS");
  const name = cluster.startShard();
  expect(await statusOf(cluster, 0)).toMatchObject({ phase: "refused", error: { code: "CHK-002" } });
  cluster.kill(name);
  const [first] = await restarted(cluster);
  expect(first).toMatchObject({ phase: "refused", error: { code: "CHK-002" } });
  expect(cluster.said(0)).toEqual([]);
});

test.each(["the owner itself", "another that heard the owner"])(
  "SEGMENTS that went back is refused by %s, and made again by a new worker",
  async (who) => {
    const cluster = new MemoryCluster({ seed: 11, partitions: 1 });
    const owner = cluster.startShard();
    await flow(cluster);
    const copy = copyOf(cluster);
    await flow(cluster);
    const said = cluster.said(0);
    const epochBefore = (await statusOf(cluster, 0)).epoch;
    expect(said.length).toBeGreaterThan(copy.length);
    const heard = who === "the owner itself" ? owner : cluster.startShard();
    await cluster.runtime.advance(1_000);
    if (heard !== owner) cluster.kill(owner);
    putBack(cluster, copy);
    await cluster.runtime.until("refusal", () => refusedCode(cluster) === "SEG-001");
    expect((await statusOf(cluster, 0)).error!.message).toContain("restored from an older copy");
    expect(said.slice(0, cluster.said(0).length), "nothing was said on top of it").toEqual(cluster.said(0));

    cluster.kill(heard);
    cluster.startShard();
    await cluster.untilQuiet();
    expect(cluster.said(0)).toEqual(cluster.expected(0));
    expect(cluster.said(0).slice(0, said.length)).toEqual(said);
    expect((await statusOf(cluster, 0)).epoch, "an epoch names pages, so none comes twice").toBeGreaterThan(
      epochBefore,
    );
  },
);

async function flow(cluster: MemoryCluster): Promise<void> {
  for (let step = 0; step < EVENTS; step += 1) {
    cluster.event(0, `u${step % 20}`);
    await cluster.runtime.advance(25);
  }
  await cluster.untilQuiet();
  await cluster.runtime.advance(2_000);
}

function copyOf(cluster: MemoryCluster): readonly MemoryMessage[] {
  return [...cluster.server.stream("SEGMENTS").from(1)];
}

/** As a restore does: the same messages at the same places. */
function putBack(cluster: MemoryCluster, copy: readonly MemoryMessage[]): void {
  const stream = cluster.server.replaceStream("SEGMENTS");
  for (const { seq, subject, body, headers } of copy) {
    while (stream.last < seq - 1) stream.drop(stream.store([{ subject: "gone", body: new Uint8Array() }])!);
    stream.store([{ subject, body, headers }]);
  }
}

test("checkpoints ahead of the watermark: made again from the log's start, or refused when that is gone", async () => {
  for (const trimmed of [false, true]) {
    const cluster = await stopped("drained");
    const segments = cluster.server.stream("SEGMENTS");
    // As after a restore of SEGMENTS from a backup that is older than the checkpoints.
    const record = JSON.parse(new TextDecoder().decode(segments.newest("watermark.0")!.body)) as object;
    const older = { ...record, owner: "gone", done: 0, from: 1, digest: digestText(EMPTY_DIGEST), fingerprint: null };
    const body = new TextEncoder().encode(JSON.stringify(older));
    segments.store([{ subject: "watermark.0", body, rollup: true }]);
    if (trimmed) cluster.server.stream(memoryLogStream(0)).trim(3);
    const [first] = await restarted(cluster);
    if (trimmed) expect(first).toMatchObject({ phase: "refused", error: { code: "CHK-001" } });
    else {
      await cluster.untilQuiet();
      expect(cluster.said(0)).toEqual(cluster.expected(0));
    }
  }
});

test("a corrupt page: the older generation, then the log's start", async () => {
  for (const spoiled of ["the newest", "every"]) {
    const cluster = await stopped("killed");
    const store = cluster.server.stream("CHECKPOINT");
    const blobs = store.subjects("0.").filter((key) => !key.endsWith("manifest"));
    const directories = blobs.filter((key) => key.endsWith("directory")).sort(byNumber);
    for (const key of spoiled === "every" ? blobs : directories.slice(-1)) {
      store.store([{ subject: key, body: new Uint8Array([1, 2, 3]), rollup: true }]);
    }
    const [first] = await restarted(cluster);
    expect(first!.phase).toBe("running");
    await cluster.untilQuiet();
    expect(cluster.said(0)).toEqual(cluster.expected(0));
  }
});

test("a log whose messages say something else than before is refused by the digest", async () => {
  const cluster = await stopped("killed");
  cluster.server.replaceStream("CHECKPOINT");
  const log = cluster.server.stream(memoryLogStream(0));
  const third = log.at(3)!;
  Object.assign(third, { body: new TextEncoder().encode('{"id":"somebody else"}') });
  const others = log.at(5)!;
  Object.assign(others, { body: third.body });
  Object.assign(log.at(7)!, { body: third.body });
  cluster.startShard();
  await cluster.runtime.until("refusal", () => refusedCode(cluster) === "DLT-001");
});

test("definitions that were applied and are gone are refused", async () => {
  const cluster = new MemoryCluster({ seed: 3, partitions: PARTITIONS });
  const name = cluster.startShard();
  cluster.event(0, "u1");
  cluster.control({ op: "removeList", id: "a" });
  cluster.control({ op: "removeList", id: "b" });
  await cluster.untilQuiet();
  await cluster.runtime.advance(3_000);
  const drained = cluster.drain(name);
  await cluster.runtime.advance(1_000);
  await drained;
  cluster.server.replaceStream("DEFINITIONS");
  const [first] = await restarted(cluster);
  expect(first).toMatchObject({ phase: "refused", error: { code: "CTL-001" } });
});

test("definitions that are fewer than a running shard has read are refused", async () => {
  const cluster = new MemoryCluster({ seed: 3, partitions: PARTITIONS });
  cluster.startShard();
  for (const id of ["a", "b", "c"]) cluster.control({ op: "removeList", id });
  await cluster.untilQuiet();
  cluster.server.stream("DEFINITIONS").loseTail(1);
  cluster.control({ op: "removeList", id: "another second" });
  await cluster.runtime.until("refusal", () => refusedCode(cluster) === "CTL-001");
  expect((await statusOf(cluster, 0)).error!.message).toContain("entry 3 was already read");
});

function refusedCode(cluster: MemoryCluster): string | undefined {
  for (const shard of cluster.shards.values()) {
    for (const partition of shard.partitions) if (partition.phase === "refused") return partition.error?.code;
  }
  return undefined;
}

/** Keys are `<p>.<epoch>.<number>.<name>`. */
function byNumber(a: string, b: string): number {
  const number = (key: string): number => Number(key.split(".")[2]);
  return number(a) - number(b);
}
