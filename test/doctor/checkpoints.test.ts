// The reader of checkpoints over a store in memory: what is bad, how much was looked at, and what only seems bad because a newer
// checkpoint took its place meanwhile.
import { expect, test } from "vitest";
import {
  type BlobRef,
  decodeDirectory,
  decodeManifest,
  encodeDirectory,
  encodeManifest,
  type Generation,
  hashOf,
} from "../../actors/partition/manifest.ts";
import { keysOf } from "../../actors/partition/shelf.ts";
import { CheckpointReader } from "../../lib/doctor/checkpoints.ts";

const reader = (pagesMax = 100) =>
  new CheckpointReader({
    codec: { decodeManifest, decodeDirectory, hashOf, keysOf },
    pagesMax,
    random: () => 0.5,
  });

class Store {
  readonly blobs = new Map<string, Uint8Array>();
  generations: Generation[] = [];
  /** Called before each blob is read. */
  onGet = (_key: string): void => {};
  bytes: Uint8Array | undefined;

  /** A checkpoint of `pages` pages; those up to `shared` are those of the one before. */
  checkpoint(number: number, pages: number, shared = 0): void {
    const directory = new Map<number, BlobRef>();
    for (let page = 0; page < pages; page += 1)
      directory.set(page, this.keep(`0.1.${page < shared ? number - 1 : number}.${page}`, `page ${page}`));
    const generation: Generation = {
      number,
      position: number * 10,
      stamp: number,
      digest: "",
      clock: 0,
      revision: 1,
      meta: this.keep(`0.1.${number}.meta`, "meta"),
      directory: this.keep(`0.1.${number}.directory`, encodeDirectory(directory)),
    };
    this.generations = [generation, ...this.generations].slice(0, 2);
    this.bytes = encodeManifest({ epoch: 1, generations: this.generations });
  }

  /** As a worker does once its manifest is written. */
  cleanUp(number: number): void {
    for (const key of this.blobs.keys()) if (key.startsWith(`0.1.${number}.`)) this.blobs.delete(key);
  }

  async readManifest() {
    return this.bytes === undefined ? undefined : { revision: 1, bytes: this.bytes };
  }

  async get(key: string) {
    this.onGet(key);
    return this.blobs.get(key);
  }

  private keep(key: string, content: string | Uint8Array): BlobRef {
    const bytes = Buffer.from(content);
    this.blobs.set(key, bytes);
    return { key, hash: hashOf(bytes), bytes: bytes.length, parts: 1 };
  }
}

function twoCheckpoints(): Store {
  const store = new Store();
  store.checkpoint(1, 6);
  store.checkpoint(2, 8, 4);
  return store;
}

const badOf = (facts: { generations: readonly { number: number; bad: readonly { key: string; what: string }[] }[] }) =>
  facts.generations.flatMap(({ number, bad }) => bad.map(({ key, what }) => `${number}: ${key} ${what}`));

test("none there; two that are whole, every blob once", async () => {
  expect(await reader().read(0, new Store())).toMatchObject({ there: false, generations: [] });
  const facts = await reader().read(0, twoCheckpoints());
  // Two own blobs each, six pages of the first, four new ones of the second.
  expect(facts).toMatchObject({ there: true, epoch: 1, blobs: 14, blobsLooked: 14 });
  expect(badOf(facts)).toEqual([]);
});

test("so many pages are looked at as are asked for, and it is told", async () => {
  expect(await reader(3).read(0, twoCheckpoints())).toMatchObject({ blobs: 14, blobsLooked: 7 });
});

test("a page that both name is bad for both; one of the newest for it alone", async () => {
  const store = twoCheckpoints();
  store.blobs.set("0.1.1.2", Buffer.from("x"));
  store.blobs.delete("0.1.2.7");
  expect(badOf(await reader().read(0, store))).toEqual([
    "2: 0.1.1.2 has other bytes than were written",
    "2: 0.1.2.7 is missing",
    "1: 0.1.1.2 has other bytes than were written",
  ]);
});

test("a directory of other bytes is told as that, and its pages are not known", async () => {
  const store = twoCheckpoints();
  store.blobs.set("0.1.2.directory", Buffer.from("x"));
  const facts = await reader().read(0, store);
  expect(badOf(facts)).toEqual(["2: 0.1.2.directory has other bytes than were written"]);
  expect(facts.blobs).toBe(10);
});

test("a manifest that cannot be read says why, without repeating the partition", async () => {
  const store = twoCheckpoints();
  store.bytes = Buffer.from([0xc1]);
  const { unreadable } = await reader().read(0, store);
  expect(unreadable).toMatch(/^(?!partition)./);
});

test("what was superseded and cleaned up while it was looked at is no damage", async () => {
  const store = new Store();
  store.checkpoint(1, 3);
  store.checkpoint(2, 3);
  let once = true;
  store.onGet = () => {
    if (!once) return;
    once = false;
    store.checkpoint(3, 3);
    store.cleanUp(1);
  };
  const facts = await reader().read(0, store);
  expect(facts.generations.map(({ number }) => number)).toEqual([2]);
  expect(badOf(facts)).toEqual([]);
});

test("where both were superseded it is looked at again, and not for ever", async () => {
  const store = twoCheckpoints();
  let next = 3;
  store.onGet = () => {
    if (next > 4) return;
    store.checkpoint(next, 3);
    store.cleanUp(next - 2);
    next += 1;
  };
  expect((await reader().read(0, store)).generations.map(({ number }) => number)).toEqual([4, 3]);
  let reads = 0;
  store.onGet = () => {
    reads += 1;
    next += 1;
    store.checkpoint(next, 1);
    for (let old = 1; old < next - 1; old += 1) store.cleanUp(old);
  };
  const hurried = await reader().read(0, store);
  expect(badOf(hurried)).toEqual([]);
  expect(hurried.generations.map(({ number }) => number)).toEqual([next, next - 1]);
  expect(reads).toBeLessThan(100);
});
