// Whatever a partition remembers tells when it is not what was written: each single bit of a manifest, a directory, a meta and
// a page is flipped, one after another. What happens then, test/actors/doubt.test.ts and the simulator's last act show.
import { expect, test } from "vitest";
import type { PartitionContext } from "../../actors/partition/context.ts";
import { newCounters } from "../../actors/partition/counters.ts";
import { type BlobRef, decodeDirectory, decodeManifest, encodeManifest } from "../../actors/partition/manifest.ts";
import { loadBlob } from "../../actors/partition/shelf.ts";
import { CheckpointCorrupt } from "../../lib/ports/errors.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const STORE = "CHECKPOINT";

/** A partition that has remembered something, and everything that its newest checkpoint names. */
async function remembered(): Promise<{ cluster: MemoryCluster; manifest: Uint8Array; blobs: BlobRef[] }> {
  const cluster = new MemoryCluster({ seed: 5, partitions: 1 });
  cluster.startShard();
  for (let step = 0; step < 60; step += 1) {
    cluster.event(0, `u${step % 7}`);
    await cluster.runtime.advance(40);
  }
  await cluster.runtime.advance(2_000);
  const store = cluster.server.stream(STORE);
  const manifest = store.newest("0.manifest")!.body;
  const [newest] = decodeManifest(0, manifest).generations;
  const pages = decodeDirectory(0, newest!.number, store.newest(newest!.directory.key)!.body);
  return { cluster, manifest, blobs: [newest!.meta, newest!.directory, ...pages.values()] };
}

function* everyBit(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = new Uint8Array(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

test("every flipped bit of a manifest is found", async () => {
  const { manifest } = await remembered();
  let flips = 0;
  for (const flipped of everyBit(manifest)) {
    expect(() => decodeManifest(0, flipped)).toThrow(CheckpointCorrupt);
    flips += 1;
  }
  expect(flips).toBe(manifest.length * 8);
  expect(flips).toBeGreaterThan(2_000);
  expect(Buffer.compare(encodeManifest(decodeManifest(0, manifest)), manifest)).toBe(0);
});

test("a manifest that was cut short, or is empty, is found", async () => {
  const { manifest } = await remembered();
  for (let length = 0; length < manifest.length; length += 1)
    expect(() => decodeManifest(0, manifest.subarray(0, length))).toThrow(CheckpointCorrupt);
});

test("every flipped bit of a page, a meta and a directory is found", async () => {
  const { blobs, cluster } = await remembered();
  const store = cluster.server.stream(STORE);
  let given: Uint8Array = new Uint8Array();
  const context = {
    partition: 0,
    counters: newCounters(),
    halted: () => false,
    world: { pages: { get: async () => given } },
  } as unknown as PartitionContext;
  const names = new Set<string>();
  for (const ref of blobs) {
    given = store.newest(ref.key)!.body;
    await expect(loadBlob(context, 1, ref)).resolves.toEqual(given);
    for (const flipped of everyBit(given)) {
      given = flipped;
      await expect(loadBlob(context, 1, ref)).rejects.toThrow(CheckpointCorrupt);
    }
    names.add(ref.key.split(".").at(-1)!);
  }
  expect([...names]).toEqual(expect.arrayContaining(["meta", "directory"]));
  expect(names.size).toBeGreaterThan(3);
});
