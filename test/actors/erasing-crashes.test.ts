// Erasures in a cluster in memory whose workers die, are cut off and lose answers at every step: nobody erased is left in any
// stream, and what was said is, delta for delta, what the logs said as they were before anything was deleted.
import { describe, expect, test } from "vitest";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type LogRecord } from "../../lib/core/types.ts";
import { memoryKindOf } from "../../lib/memory/log-reading.ts";
import type { MemoryStream } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { seeds } from "../support/seed.ts";

const PARTITIONS = 2;
const USERS = ["user-ann", "user-bob", "user-cid", "user-dan", "user-eve"];
const GONE = ["user-ann", "user-dan"];
const LISTENED = ["EVENTS_0", "EVENTS_1", "SEGMENTS"];

/** Everything that was ever stored, whatever has been deleted since. */
function recorded(
  cluster: MemoryCluster,
): ReadonlyMap<string, { seq: number; stamp: number; subject: string; body: Uint8Array }[]> {
  const all = new Map(LISTENED.map((name) => [name, [] as ReturnType<typeof one>[]]));
  function one({ seq, stamp, subject, body }: NonNullable<ReturnType<MemoryStream["at"]>>) {
    return { seq, stamp, subject, body };
  }
  for (const [name, messages] of all) {
    const stream = cluster.server.stream(name);
    stream.listen(() => {
      for (const message of stream.from((messages.at(-1)?.seq ?? 0) + 1)) messages.push(one(message));
    });
  }
  return all;
}

describe.each(seeds(10))("seed %i", (seed) => {
  test("erases through crashes", { timeout: 120_000 }, async () => {
    const cluster = new MemoryCluster({
      seed,
      partitions: PARTITIONS,
      machinery: productMachinery(DEFAULT_LIMITS),
      settings: { erasureHoldMs: 0 },
    });
    const all = recorded(cluster);
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
    cluster.faults(0.05);
    for (let step = 0; step < 60; step += 1) {
      const user = USERS[Math.floor(runtime.random() * USERS.length)]!;
      const isGone = step > 30 && GONE.includes(user);
      if (!isGone && step % 7 === 3) say(user, { type: "group", groupId: `account-${step % 3}` });
      else if (!isGone) say(user, { type: "track", event: "Played", properties: {} });
      if (step === 30) for (const id of GONE) cluster.control({ op: "erase", ...erasedOf("user", id, "key") });
      const shards = cluster.live;
      if (shards.length > 0) cluster.disturb(shards[Math.floor(runtime.random() * shards.length)]!, runtime.random());
      if (cluster.live.length < 2) cluster.startShard();
      await runtime.advance(150);
    }
    cluster.calm();
    await runtime.until("the erasures to be through", () => {
      const marks = [...cluster.server.stream("ERASED").from(1)].filter(({ subject }) => subject.endsWith(".deleted"));
      return marks.length === GONE.length * PARTITIONS;
    });
    // A page that was sent long ago may have been stored just now: the next checkpoint finds that nobody names it.
    const staying = USERS.filter((id) => !GONE.includes(id));
    for (const id of staying) say(id, { type: "track", event: "Played", properties: {} });
    await cluster.untilQuiet();
    await runtime.advance(3_000);
    for (const id of staying) say(id, { type: "track", event: "Played", properties: {} });
    await cluster.untilQuiet();
    await runtime.advance(3_000);
    for (const name of [...LISTENED, "REJECTS", "DEFINITIONS", "CHECKPOINT", "ERASED"]) {
      for (const { body, subject } of cluster.server.stream(name).from(1)) {
        const text = Buffer.from(body).toString("latin1");
        for (const id of GONE) expect(text.includes(id), `${id} in ${name} ${subject}`).toBe(false);
      }
    }
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const oracle = new Oracle({
        partition,
        partitions: PARTITIONS,
        clockMode: "log",
        clockStepMsMax: 1,
        limits: DEFAULT_LIMITS,
      });
      const log = all.get(memoryLogStream(partition))!;
      const records = log.map(({ subject, ...rest }): LogRecord => ({ ...rest, kind: memoryKindOf(subject) }));
      const expected = records.flatMap((record) => oracle.apply(record)).map(encodeDelta);
      const said = all
        .get("SEGMENTS")!
        .filter(({ subject }) => subject.startsWith("segment."))
        .map(({ body }) => Buffer.from(body).toString())
        .filter((text) => partitionOf((JSON.parse(text) as { id: string }).id, PARTITIONS) === partition);
      expect(said).toEqual(expected);
    }
    expect(cluster.errors).toEqual([]);
    for (const name of cluster.live) cluster.kill(name);
  });
});
