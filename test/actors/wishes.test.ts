// What people wish of workers: a partition goes where it is wished, a drained worker keeps nothing, and what names a worker that
// is gone is forgotten. That nothing is lost or said twice meanwhile is what MemoryCluster compares, as everywhere.
import { describe, expect, test } from "vitest";
import { Wishing, wishedOwner, wishesOfLiving } from "../../actors/worker/rendezvous.ts";
import { memoryWorld } from "../../lib/memory/world.ts";
import { NO_WISHES, type Wishes } from "../../lib/ports/cluster.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

const PARTITIONS = 8;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

function ownersIn(cluster: MemoryCluster): (string | null)[] {
  return ALL.map((partition) => {
    const record = cluster.server.stream("SEGMENTS").newest(`watermark.${partition}`);
    return record === undefined
      ? null
      : (JSON.parse(new TextDecoder().decode(record.body)) as { owner: string | null }).owner;
  });
}

async function begun(...names: string[]): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({ seed: 7, partitions: PARTITIONS });
  for (const name of names) cluster.startShard(name);
  await cluster.runtime.until("rendezvous hashing is followed", () =>
    ownersIn(cluster).every((owner, partition) => owner === wishedOwner(partition, names)),
  );
  return cluster;
}

async function wish(cluster: MemoryCluster, wishes: Wishes): Promise<void> {
  const { cluster: book } = memoryWorld(cluster.server, "people", PARTITIONS);
  const { revision } = await book.readWishes();
  const stored = book.writeWishes(wishes, revision);
  let kind = "";
  void stored.then((outcome) => {
    kind = outcome.kind;
  });
  await cluster.runtime.until("the wish is stored", () => kind === "stored");
}

function wishesIn(cluster: MemoryCluster): Promise<Wishes> {
  return memoryWorld(cluster.server, "people", PARTITIONS)
    .cluster.readWishes()
    .then(({ wishes }) => wishes);
}

/** Events for every partition, and all that they make is said, once. */
async function allIsSaid(cluster: MemoryCluster, id: string): Promise<void> {
  for (const partition of ALL) for (let n = 0; n < 5; n += 1) cluster.event(partition, `${id}${n}`);
  await cluster.untilQuiet();
  for (const partition of ALL) expect(cluster.said(partition)).toEqual(cluster.expected(partition));
  expect(cluster.errors).toEqual([]);
}

describe("a partition that is wished to somebody", () => {
  test("goes there while events come, and back when the wish is taken back", async () => {
    const cluster = await begun("one", "two");
    const partition = ALL.find((p) => wishedOwner(p, ["one", "two"]) === "one")!;
    for (const p of ALL) for (let n = 0; n < 50; n += 1) cluster.event(p, `u${n}`);
    await wish(cluster, { moves: { [partition]: "two" }, drained: [] });
    await cluster.runtime.until("it is where it is wished", () => ownersIn(cluster)[partition] === "two");
    await allIsSaid(cluster, "v");
    const others = (owner: string | null, p: number): boolean =>
      p === partition || owner === wishedOwner(p, ["one", "two"]);
    expect(ownersIn(cluster).every(others)).toBe(true);
    await wish(cluster, NO_WISHES);
    await cluster.runtime.until("it is back", () => ownersIn(cluster)[partition] === "one");
    await allIsSaid(cluster, "w");
  });

  test("is taken over when that one dies, and the wish is forgotten", async () => {
    const cluster = await begun("one", "two", "three");
    const partition = ALL.find((p) => wishedOwner(p, ["one", "two", "three"]) === "one")!;
    await wish(cluster, { moves: { [partition]: "two" }, drained: [] });
    await cluster.runtime.until("it is where it is wished", () => ownersIn(cluster)[partition] === "two");
    cluster.kill("two");
    await cluster.runtime.until("it is where hashing says", () => ownersIn(cluster)[partition] === "one");
    let kept: Wishes | undefined;
    await cluster.runtime.until("the wish is forgotten", () => {
      void wishesIn(cluster).then((wishes) => {
        kept = wishes;
      });
      return kept !== undefined && Object.keys(kept.moves).length === 0;
    });
    cluster.startShard("two");
    await cluster.runtime.until("hashing is followed", () =>
      ownersIn(cluster).every((owner, p) => owner === wishedOwner(p, ["one", "two", "three"])),
    );
    await allIsSaid(cluster, "v");
  });

  test("stays as wished when a worker starts that knows nothing of it", async () => {
    const cluster = await begun("one", "two");
    const partition = ALL.find((p) => wishedOwner(p, ["one", "two", "new"]) === "new")!;
    const wished = wishedOwner(partition, ["one", "two"]) === "one" ? "two" : "one";
    await wish(cluster, { moves: { [partition]: wished }, drained: [] });
    await cluster.runtime.until("it is where it is wished", () => ownersIn(cluster)[partition] === wished);
    cluster.startShard("new");
    await cluster.runtime.until("the new one has its other share", () =>
      ownersIn(cluster).every(
        (owner, p) => owner === (p === partition ? wished : wishedOwner(p, ["one", "two", "new"])),
      ),
    );
    await allIsSaid(cluster, "v");
  });
});

describe("a worker that is drained", () => {
  test("gives everything to the others and lives on, until it is asked again", async () => {
    const cluster = await begun("one", "two", "three");
    await wish(cluster, { moves: {}, drained: ["two"] });
    await cluster.runtime.until("the others have all", () =>
      ownersIn(cluster).every((owner, p) => owner === wishedOwner(p, ["one", "three"])),
    );
    await allIsSaid(cluster, "v");
    await wish(cluster, NO_WISHES);
    await cluster.runtime.until("it has its share again", () =>
      ownersIn(cluster).every((owner, p) => owner === wishedOwner(p, ["one", "two", "three"])),
    );
    await allIsSaid(cluster, "w");
  });

  test("keeps what it has when nobody else is left", async () => {
    const cluster = await begun("one", "two");
    await wish(cluster, { moves: {}, drained: ["two"] });
    await cluster.runtime.until("the other has all", () => ownersIn(cluster).every((owner) => owner === "one"));
    cluster.kill("one");
    await cluster.runtime.until("the drained one has all", () => ownersIn(cluster).every((owner) => owner === "two"));
    await allIsSaid(cluster, "v");
  });
});

test("who should own a partition, with wishes: living ones count, the others do not", () => {
  const alive = new Set(["a", "b", "c"]);
  const wishing = new Wishing(alive, { moves: { 1: "b", 2: "gone" }, drained: ["a"] });
  expect(wishing.ownerOf(1)).toBe("b");
  expect(wishing.ownerOf(2)).toBe(wishedOwner(2, ["b", "c"]));
  for (const partition of ALL) expect(wishing.ownerOf(partition)).not.toBe("a");
  expect(new Wishing(alive, { moves: {}, drained: ["a", "b", "c"] }).ownerOf(0)).toBe(wishedOwner(0, alive));
  const all = { moves: { 1: "b" }, drained: ["a"] };
  expect(wishesOfLiving(all, alive)).toBe(all);
  expect(wishesOfLiving(all, new Set(["c"]))).toEqual(NO_WISHES);
});
