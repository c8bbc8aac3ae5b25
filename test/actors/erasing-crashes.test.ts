// Erasures in a cluster in memory whose workers die, are cut off and lose answers at every step: nobody erased is left in any
// stream, and what was said is, delta for delta, what the logs said as they were before anything was deleted.
import { describe, expect, test } from "vitest";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { leftOf, phasesOf, Recording } from "../support/erasures.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { seeds } from "../support/seed.ts";

const PARTITIONS = 2;
const USERS = ["user-ann", "user-bob", "user-cid", "user-dan", "user-eve"];
const GONE = ["user-ann", "user-dan"];

describe.each(seeds(10))("seed %i", (seed) => {
  test("erases through crashes", async () => {
    const cluster = new MemoryCluster({
      seed,
      partitions: PARTITIONS,
      machinery: productMachinery(DEFAULT_LIMITS),
      settings: { erasureHoldMs: 0 },
    });
    const logs = Array.from({ length: PARTITIONS }, (_, p) => new Recording(cluster.server, memoryLogStream(p)));
    const spoken = new Recording(cluster.server, "SEGMENTS");
    const { runtime } = cluster;
    cluster.startShard();
    cluster.startShard();
    const define = [
      { id: "fans", kind: "user", rule: { event: { name: "Played", count: { gte: 2 } } } },
      { id: "quiet", kind: "user", rule: { not: { event: { name: "Played" } } } },
    ];
    cluster.control({ op: "apply", define, remove: [] });
    const say = (user: string, body: object): void =>
      cluster.append(partitionOf(user, PARTITIONS), "event", JSON.stringify({ userId: user, ...body }));
    const erasures: number[] = [];
    cluster.faults(0.05);
    for (let step = 0; step < 60; step += 1) {
      const user = USERS[Math.floor(runtime.random() * USERS.length)]!;
      const isGone = step > 30 && GONE.includes(user);
      if (!isGone && step % 7 === 3) say(user, { type: "group", groupId: `account-${step % 3}` });
      else if (!isGone) say(user, { type: "track", event: "Played", properties: {} });
      if (step === 30) {
        for (const id of GONE) {
          cluster.control({ op: "erase", ...erasedOf("user", id, "key") });
          erasures.push(cluster.server.stream("DEFINITIONS").last);
        }
      }
      const shards = cluster.live;
      if (shards.length > 0) cluster.disturb(shards[Math.floor(runtime.random() * shards.length)]!, runtime.random());
      if (cluster.live.length < 2) cluster.startShard();
      await runtime.advance(150);
    }
    cluster.calm();
    await runtime.until("the erasures to be through", () =>
      erasures.every((revision) =>
        phasesOf(cluster.server, PARTITIONS, revision).every((phase) => phase === "deleted"),
      ),
    );
    // A page that was sent long ago may have been stored just now: the next checkpoint finds that nobody names it.
    const staying = USERS.filter((id) => !GONE.includes(id));
    for (const id of staying) say(id, { type: "track", event: "Played", properties: {} });
    await cluster.untilQuiet();
    await runtime.advance(3_000);
    for (const id of staying) say(id, { type: "track", event: "Played", properties: {} });
    await cluster.untilQuiet();
    await runtime.advance(3_000);
    expect(leftOf(cluster.server, PARTITIONS, GONE)).toEqual([]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const oracle = new Oracle({
        partition,
        partitions: PARTITIONS,
        clockMode: "log",
        clockStepMsMax: 1,
        limits: DEFAULT_LIMITS,
      });
      const expected = logs[partition]!.records.flatMap((record) => oracle.apply(record)).map(encodeDelta);
      const said = spoken.messages
        .filter(({ subject }) => subject.startsWith("segment."))
        .map(({ body }) => Buffer.from(body).toString())
        .filter((text) => partitionOf((JSON.parse(text) as { id: string }).id, PARTITIONS) === partition);
      expect(said).toEqual(expected);
    }
    expect(cluster.errors).toEqual([]);
    for (const name of cluster.live) cluster.kill(name);
  });
});
