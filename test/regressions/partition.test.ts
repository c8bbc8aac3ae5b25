// Faults of the past, each as small as it could be made: what the simulator, or chance, once found and must never find again.
// Production actors over lib/memory, virtual time. The subject of each commit that mended one tells its story.
import { expect, test } from "vitest";
import { decodeManifest } from "../../actors/partition/manifest.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const LOG = memoryLogStream(0);

/** One partition that has heard events, made checkpoints and changed hands `owners` times. */
async function lived(owners: number): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({ seed: 11, partitions: 1 });
  for (let owner = 0; owner < owners; owner += 1) {
    const name = cluster.startShard();
    await cluster.runtime.until("it runs", () => statusOf(cluster)?.phase === "running");
    await hear(cluster, 40);
    await cluster.runtime.advance(2_000);
    cluster.kill(name);
    await cluster.runtime.advance(1_500);
  }
  return cluster;
}

async function hear(cluster: MemoryCluster, events: number): Promise<void> {
  for (let step = 0; step < events; step += 1) {
    cluster.event(0, `u${step % 9}`);
    await cluster.runtime.advance(20);
  }
}

/** Where a worker is stopped in the middle of a request, until it is woken. */
class Stop {
  isReached = false;
  wake: () => void = () => undefined;
  private readonly woken = new Promise<void>((resolve) => {
    this.wake = resolve;
  });

  async here(): Promise<void> {
    this.isReached = true;
    await this.woken;
  }
}

function statusesOf(cluster: MemoryCluster): PartitionStatus[] {
  return [...cluster.shards.values()].flatMap((shard) => shard.partitions.map((partition) => partition.status()));
}

function statusOf(cluster: MemoryCluster): PartitionStatus | undefined {
  return statusesOf(cluster)[0];
}

function manifestOf(cluster: MemoryCluster) {
  return decodeManifest(0, cluster.server.stream("CHECKPOINT").newest("0.manifest")!.body);
}

async function codeOf(cluster: MemoryCluster): Promise<string | undefined> {
  await cluster.runtime.until("it runs or is refused", () =>
    ["running", "refused"].includes(statusOf(cluster)?.phase ?? ""),
  );
  return statusOf(cluster)?.error?.code;
}

test("SEGMENTS lost after the partition changed hands: refused at the first claim, and at every later one", async () => {
  const cluster = await lived(3);
  expect(manifestOf(cluster).epoch).toBe(3);
  cluster.server.replaceStream("SEGMENTS");
  for (let tries = 0; tries < 3; tries += 1) {
    const name = cluster.startShard();
    expect(await codeOf(cluster)).toBe("CHK-002");
    cluster.kill(name);
  }
  expect(cluster.said(0)).toEqual([]);
});

test("SEGMENTS of an older backup: the new epoch lies above the manifest's, and what was lost is said again", async () => {
  const cluster = await lived(1);
  const old = cluster.server.stream("SEGMENTS").copy();
  for (let owner = 0; owner < 3; owner += 1) {
    const name = cluster.startShard();
    await cluster.runtime.until("it runs", () => statusOf(cluster)?.phase === "running");
    await hear(cluster, 20);
    await cluster.runtime.advance(1_500);
    cluster.kill(name);
    await cluster.runtime.advance(1_500);
  }
  const { epoch } = manifestOf(cluster);
  cluster.server.putStream("SEGMENTS", old);
  cluster.startShard();
  await cluster.untilQuiet();
  expect(statusOf(cluster)!.epoch).toBe(epoch + 1);
  expect(cluster.said(0)).toEqual(cluster.expected(0));
  expect(cluster.errors).toEqual([expect.stringContaining("SEGMENTS is older than the checkpoints")]);
});

test("a log that lost a message whose delta was said, before any watermark knew of it, is refused", async () => {
  const cluster = await lived(1);
  const name = cluster.startShard();
  await cluster.runtime.until("it runs", () => statusOf(cluster)?.phase === "running");
  const before = cluster.said(0).length;
  await cluster.runtime.until("a delta was said", () => {
    cluster.event(0, "new");
    return cluster.said(0).length > before;
  });
  cluster.kill(name);
  await cluster.runtime.advance(1_000);
  const log = cluster.server.stream(LOG);
  const causes = cluster.said(0).map((body) => (JSON.parse(body) as { cause: { seq: number } }).cause.seq);
  log.loseTail(Math.max(...causes) - 1);
  cluster.startShard();
  expect(await codeOf(cluster)).toBe("LOG-002");
});

test("DEFINITIONS cut below what was applied is refused, also where no checkpoint knows it", async () => {
  const cluster = new MemoryCluster({ seed: 3, partitions: 1 });
  const name = cluster.startShard();
  cluster.event(0, "u1");
  cluster.control({ op: "removeList", id: "a" });
  cluster.control({ op: "removeList", id: "b" });
  await cluster.untilQuiet();
  await cluster.runtime.advance(3_000);
  cluster.kill(name);
  await cluster.runtime.advance(1_000);
  cluster.server.replaceStream("CHECKPOINT");
  cluster.server.stream("DEFINITIONS").loseTail(1);
  cluster.startShard();
  expect(await codeOf(cluster)).toBe("CTL-001");
});

test("a manifest with a flipped bit is a corrupt checkpoint, and the log heals it", async () => {
  const cluster = await lived(1);
  const stored = cluster.server.stream("CHECKPOINT").newest("0.manifest")!;
  const body = new Uint8Array(stored.body);
  // In the digest's text: still readable, and no digest any more.
  const at = Buffer.from(body).indexOf(manifestOf(cluster).generations[0]!.digest);
  body[at]! ^= 0x40;
  Object.assign(stored, { body });
  cluster.startShard();
  expect(await codeOf(cluster)).toBeUndefined();
  await cluster.untilQuiet();
  expect(cluster.said(0)).toEqual(cluster.expected(0));
});

test("an idle partition remembers its last message, also one that came while older pages were cleaned up", async () => {
  const cluster = new MemoryCluster({ seed: 2, partitions: 1, settings: { checkpointIntervalMs: 200 } });
  cluster.startShard();
  await cluster.runtime.until("it runs", () => statusOf(cluster)?.phase === "running");
  cluster.event(0, "u1");
  let cleaning = false;
  cluster.server.fate = (_client, call) => {
    if (call === "list" && !cleaning) {
      cleaning = true;
      cluster.event(0, "u2");
    }
    return "ok";
  };
  await cluster.runtime.until("a clean-up", () => cleaning);
  await cluster.runtime.advance(3_000);
  expect(statusOf(cluster)).toMatchObject({ position: 2, checkpointPosition: 2, done: 2 });
});

test("the checkpoint after a restore takes the place of the corrupt one, and the good one stays", async () => {
  const cluster = await lived(1);
  const [newest, older] = manifestOf(cluster).generations;
  const stored = cluster.server.stream("CHECKPOINT").newest(newest!.meta.key)!;
  Object.assign(stored, { body: new Uint8Array([1, 2, 3]) });
  cluster.startShard();
  await cluster.runtime.until("a checkpoint", () => manifestOf(cluster).generations[0]!.number > newest!.number);
  expect(manifestOf(cluster).generations.map(({ number }) => number)).toEqual([newest!.number + 1, older!.number]);
});

test("an owner that was stopped in its clean-up, and woken after a take-over, leaves the next owner's pages alone", async () => {
  const cluster = new MemoryCluster({ seed: 6, partitions: 1 });
  const { server, runtime } = cluster;
  const first = cluster.startShard();
  const stop = new Stop();
  const call = server.call.bind(server);
  server.call = async (client, name, work) => {
    if (client === first && name === "list") await stop.here();
    return call(client, name, work);
  };
  await runtime.until("it runs", () => statusOf(cluster)?.phase === "running");
  await hear(cluster, 30);
  await runtime.until("its clean-up begins", () => stop.isReached);
  server.isolate(first);
  cluster.startShard();
  await hear(cluster, 60);
  await runtime.until("the next owner's checkpoint", () => manifestOf(cluster).epoch === 2);
  await hear(cluster, 60);
  await runtime.until("pages of its own", () => server.stream("CHECKPOINT").subjects("0.2.").length > 3);
  server.heal(first);
  stop.wake();
  for (let step = 0; step < 100; step += 1) {
    await runtime.advance(20);
    cluster.checkInvariants();
  }
});

test("a claim whose own answer comes after later owners were heard of is lost, and no sign that SEGMENTS went back", async () => {
  const cluster = new MemoryCluster({ seed: 8, partitions: 1 });
  const { server, runtime } = cluster;
  const first = cluster.startShard();
  const stop = new Stop();
  const call = server.call.bind(server);
  server.call = async (client, name, work) => {
    const answer = await call(client, name, work);
    const isMine = server.stream("SEGMENTS").newest("watermark.0") !== undefined;
    if (client === first && name === "readWatermark" && isMine && !stop.isReached) await stop.here();
    return answer;
  };
  await runtime.until("its claim is stored", () => stop.isReached);
  server.isolate(first);
  const second = cluster.startShard();
  await runtime.until("the second one runs", () => cluster.shards.get(second)!.partitions[0]?.phase === "running");
  server.heal(first);
  await runtime.advance(1_000);
  stop.wake();
  await runtime.advance(3_000);
  expect(cluster.errors).toEqual([]);
  expect(statusesOf(cluster).map(({ phase }) => phase)).not.toContain("refused");
});

test("a copy of a control entry that DEFINITIONS does not have any more is refused, though no record knows of it", async () => {
  const cluster = new MemoryCluster({ seed: 9, partitions: 1 });
  cluster.control({ op: "removeList", id: "a" });
  cluster.append(0, "control", JSON.stringify({ revision: 1, entry: { op: "removeList", id: "a" } }));
  cluster.append(0, "control", JSON.stringify({ revision: 2, entry: { op: "removeList", id: "b" } }));
  cluster.startShard();
  await cluster.runtime.until("refusal", () => statusOf(cluster)?.error?.code === "CTL-001");
  expect(statusOf(cluster)!.error!.message).toContain("revision 2 was applied, but DEFINITIONS ends at 1");
});
