// The contract, second part: a delta is stored under the fence of the newest watermark or not at all, a batch whole or not at
// all, and after every doubt a new watermark and a scan say which. Suite.ts runs it in every world.
import { describe, expect, test } from "vitest";
import type { DeltaSink } from "../../lib/ports/delta-sink.ts";
import { until } from "../support/until.ts";
import { type Here, idsOf, insist, saying, sayings, settle, stored, watermark } from "./here.ts";
import { PAYLOAD_BYTES_MAX } from "./worlds.ts";

const first = (sink: DeltaSink): Promise<number> => stored(sink.putWatermark(0, watermark("first")));

export function speakingContract(here: Here): void {
  describe("speaking", () => {
    test("under a fence that has moved is refused, single, batch and watermark, and nothing of it is stored", async () => {
      const { p, mine, theirs } = here.fresh();
      const heard = await here.world.ear();
      const fence = await first(mine.sink);
      await stored(mine.sink.publish(fence, saying("u", 1)));
      const taken = await stored(theirs.sink.putWatermark(fence, watermark("theirs")));
      const before = await here.world.segments();
      const fenced = { kind: "fenced" };
      expect(await mine.sink.publish(fence, saying("u", 2))).toEqual(fenced);
      expect(await mine.sink.publishBatch(fence, sayings("few", 2), watermark("batch"))).toEqual(fenced);
      const many = sayings("many", mine.sink.batchMax - 1);
      expect(await mine.sink.publishBatch(fence, many, watermark("large"))).toEqual(fenced);
      expect(await mine.sink.publishBatch(fence, [], watermark("empty"))).toEqual(fenced);
      expect(await mine.sink.putWatermark(fence, watermark("late"))).toEqual(fenced);
      expect(await mine.sink.putWatermark(0, watermark("as if new"))).toEqual(fenced);
      expect(await mine.sink.publish(0, saying("u", 3))).toEqual(fenced);
      expect(await mine.sink.publish(taken + 1, saying("u", 4))).toEqual(fenced);
      expect(await here.world.segments()).toEqual(before);
      expect((await mine.sink.readWatermark())?.value.nonce).toBe("theirs");
      expect(before.filter((subject) => subject === `watermark.${p}`)).toHaveLength(1);
      await stored(theirs.sink.publish(taken, saying("theirs", 1)));
      await until("theirs to be heard", () => heard.length === 2);
      expect(heard).toEqual(["s/u/1", "s/theirs/1"]);
    });

    test("under a fence that its own owner has moved is refused, too", async () => {
      const { mine } = here.fresh();
      const old = await first(mine.sink);
      const fence = await stored(mine.sink.publishBatch(old, sayings("u", 3), watermark("second")));
      expect(await mine.sink.publish(old, saying("u", 4))).toEqual({ kind: "fenced" });
      expect(await mine.sink.publishBatch(old, sayings("v", 40), watermark("third"))).toEqual({ kind: "fenced" });
      const third = await stored(mine.sink.putWatermark(fence, watermark("third")));
      expect(await mine.sink.putWatermark(fence, watermark("again"))).toEqual({ kind: "fenced" });
      expect(idsOf(await mine.sink.scan(old, third))).toEqual(idsOf(sayings("u", 3)));
    });

    test("a batch is stored whole, in order, its watermark last, and heard so", async () => {
      const { p, mine } = here.fresh();
      const heard = await here.world.ear();
      const fence = await first(mine.sink);
      const many = sayings("u", mine.sink.batchMax - 1);
      const batch = await mine.sink.publishBatch(fence, many, watermark("batch", 7));
      expect(batch).toEqual({ kind: "stored", seq: fence + mine.sink.batchMax });
      const record = await mine.sink.readWatermark();
      expect(record).toMatchObject({ seq: fence + mine.sink.batchMax, value: { nonce: "batch", done: 7 } });
      const found = await mine.sink.scan(fence + 1, record!.seq);
      expect(idsOf(found)).toEqual(idsOf(many));
      expect(found?.map(({ seq }) => seq)).toEqual(many.map((_, index) => fence + 1 + index));
      expect(found?.[4]?.body).toBe(many[4]!.body);
      await until("all to be heard", () => heard.length === many.length);
      expect(heard).toEqual(idsOf(many));
      expect((await here.world.segments()).filter((subject) => subject === `watermark.${p}`)).toHaveLength(1);
    });

    test("batches are never half there for who scans meanwhile", async () => {
      const { mine, theirs } = here.fresh();
      const start = await first(mine.sink);
      const size = 50;
      const seen: number[] = [];
      const scanning = (async () => {
        while (seen.at(-1) !== 20 * size) {
          const record = await theirs.sink.readWatermark();
          const found = await theirs.sink.scan(start, record!.seq);
          if (found !== undefined) seen.push(found.length);
        }
      })();
      let fence = start;
      for (let round = 1; round <= 20; round += 1)
        fence = await stored(mine.sink.publishBatch(fence, sayings(`round-${round}`, size), watermark(`${round}`)));
      await scanning;
      expect(seen.filter((count) => count % size !== 0)).toEqual([]);
    });

    test("a batch whose sender is cut off in the middle is stored whole or not at all", async () => {
      const { far } = here.fresh();
      const heard = await here.world.ear();
      const fence = await first(far.sink);
      const many = sayings("u", far.sink.batchMax - 1);
      here.world.breakAfter("far", 60_000);
      const outcome = await far.sink.publishBatch(fence, many, watermark("batch"));
      expect(outcome.kind).toBe("unknown");
      const settled = await settle(far.sink, fence, fence, ["batch"]);
      expect([[], idsOf(many)]).toContainEqual(idsOf(settled.found));
      await stored(far.sink.publish(settled.fence, saying("after", 1)));
      await until("what comes after", () => heard.includes("s/after/1"));
      expect(heard).toEqual([...idsOf(settled.found)!, "s/after/1"]);
    });

    test("what is stored and never answered is unknown, and found by a new watermark and a scan", async () => {
      const { mine, far } = here.fresh();
      const fence = await first(far.sink);
      here.world.deafen("far");
      const before = await mine.sink.bounds();
      const single = far.sink.publish(fence, saying("u", 1));
      await until("the delta to be stored", async () => (await mine.sink.bounds()).last > before.last);
      here.world.heal("far");
      expect((await single).kind).toBe("unknown");
      const settled = await settle(far.sink, fence, fence, []);
      expect(idsOf(settled.found)).toEqual(["s/u/1"]);
      await stored(far.sink.publish(settled.fence, saying("u", 2)));

      here.world.deafen("far");
      const batch = far.sink.publishBatch(settled.fence, sayings("v", 30), watermark("batch"));
      await until("the batch to be stored", async () => (await mine.sink.readWatermark())?.value.nonce === "batch");
      here.world.heal("far");
      expect((await batch).kind).toBe("unknown");
      // Its own watermark went with it, so the fence has moved, to a record that bears the batch's nonce.
      const adopted = await settle(far.sink, settled.fence, fence, ["batch"]);
      expect(idsOf(adopted.found)).toEqual(["s/u/1", "s/u/2", ...idsOf(sayings("v", 30))!]);
      expect((await far.sink.readWatermark())?.value.nonce).toBe("batch");
      await stored(far.sink.publish(adopted.fence, saying("u", 3)));
    });

    test("what was on its way while the fence moved is refused when it arrives", async () => {
      const { mine, far } = here.freshLog();
      const heard = await here.world.ear();
      const fence = await first(far.sink);
      here.world.hold("far");
      const sent = [
        far.sink.publish(fence, saying("late", 1)),
        far.sink.publishBatch(fence, sayings("late-batch", 20), watermark("late batch")),
        far.sink.putWatermark(fence, watermark("late")),
        // Events have no fence: this one shows that what was on its way does arrive.
        far.log.append("event", "{}"),
      ];
      for (const outcome of await Promise.all(sent)) expect(outcome.kind).toBe("unknown");
      const taken = await stored(mine.sink.putWatermark(fence, watermark("theirs")));
      await stored(mine.sink.publish(taken, saying("in-time", 1)));
      here.world.heal("far");
      expect((await insist("the far client", () => far.sink.readWatermark()))?.value.nonce).toBe("theirs");
      await until("the event to arrive", async () => (await mine.log.bounds()).last === 1);
      // A stream takes what comes on one line in its order, so the others have been judged when this one is.
      expect(await far.sink.publish(fence, saying("late", 2))).toEqual({ kind: "fenced" });
      const last = await stored(mine.sink.putWatermark(taken, watermark("last")));
      expect(idsOf(await mine.sink.scan(fence, last))).toEqual(["s/in-time/1"]);
      await until("what was in time to be heard", () => heard.length > 0);
      expect(heard).toEqual(["s/in-time/1"]);
    });

    test("to a server that is silent ends as unknown; what it stores when it wakes is found, or refused", async () => {
      const { p, mine, theirs } = here.fresh();
      const other = here.fresh();
      const fence = await first(mine.sink);
      const otherFence = await first(other.mine.sink);
      await here.world.freeze();
      const outcomes = await Promise.all([
        mine.sink.publish(fence, saying("late", 1)),
        theirs.sink.putWatermark(fence, watermark("taker")),
        other.mine.sink.publish(otherFence, saying("alone", 1)),
        mine.pages.put(`${p}.1.1.0`, new Uint8Array(3)).then(
          () => ({ kind: "stored" }),
          () => ({ kind: "unknown" }),
        ),
      ]);
      for (const { kind } of outcomes) expect(kind).toBe("unknown");
      await here.world.thaw();
      const taken = await settle(theirs.sink, fence, fence, ["taker"]);
      expect([[], ["s/late/1"]]).toContainEqual(idsOf(taken.found));
      const alone = await settle(other.mine.sink, otherFence, otherFence, []);
      const missing = [saying("alone", 1)].slice(alone.found.length);
      for (const one of missing) await stored(other.mine.sink.publish(alone.fence, one));
      // Whatever was still under way has been stored before, or never will be.
      const after = await stored(theirs.sink.putWatermark(taken.fence, watermark("after")));
      expect(idsOf(await theirs.sink.scan(fence, after))).toEqual(idsOf(taken.found));
      const end = await stored(other.mine.sink.putWatermark(alone.fence, watermark("end")));
      expect(idsOf(await other.mine.sink.scan(otherFence, end))).toEqual(["s/alone/1"]);
    });

    test("to a server that is killed and started again is unknown or not stored, and can be settled", async () => {
      const { mine } = here.fresh();
      const other = here.fresh();
      const start = await first(mine.sink);
      const otherStart = await first(other.mine.sink);
      const fence = await stored(mine.sink.publishBatch(start, sayings("before", 20), watermark("before", 3)));
      await here.world.kill();
      const single = mine.sink.publish(fence, saying("u", 1));
      const batch = other.mine.sink.publishBatch(otherStart, sayings("v", 100), watermark("batch"));
      await here.world.restart();
      for (const { kind } of await Promise.all([single, batch])) expect(kind).toMatch(/unknown|retry/);
      const record = await insist("the watermark", () => mine.sink.readWatermark());
      expect(record).toMatchObject({ seq: fence, value: { nonce: "before", done: 3 } });

      const settled = await settle(mine.sink, fence, start, []);
      expect([[], ["s/u/1"]]).toContainEqual(idsOf(settled.found.slice(20)));
      for (const one of [saying("u", 1)].slice(settled.found.length - 20))
        await stored(mine.sink.publish(settled.fence, one));
      const end = await stored(mine.sink.putWatermark(settled.fence, watermark("end")));
      expect(idsOf(await mine.sink.scan(start, end))).toEqual([...idsOf(sayings("before", 20))!, "s/u/1"]);

      const whole = await settle(other.mine.sink, otherStart, otherStart, ["batch"]);
      expect([0, 100]).toContain(whole.found.length);
    });

    test("deltas of two partitions lie in the order in which they were stored, singles and batches alike", async () => {
      const one = here.fresh();
      const two = here.fresh();
      const heard = await here.world.ear();
      const fences = [await first(one.mine.sink), await first(two.theirs.sink)];
      const from = (await one.mine.sink.bounds()).last + 1;
      const said: string[] = [];
      for (let n = 1; n <= 5; n += 1) {
        await stored(one.mine.sink.publish(fences[0]!, saying("one", n)));
        await stored(two.theirs.sink.publish(fences[1]!, saying("two", n, "left")));
        said.push(`s/one/${n}`, `s/two/${n}`);
      }
      const ends: number[] = [];
      for (const [index, sink, name] of [
        [0, one.mine.sink, "one-batch"],
        [1, two.theirs.sink, "two-batch"],
      ] as const) {
        ends.push(await stored(sink.publishBatch(fences[index]!, sayings(name, 30), watermark(name))));
        said.push(...idsOf(sayings(name, 30))!);
      }
      const found = await Promise.all([two.mine.sink.scan(from, ends[1]!), one.theirs.sink.scan(from, ends[0]!)]);
      for (const [index, name] of ["two", "one"].entries()) {
        const own = said.filter((id) => id.startsWith(`s/${name}`));
        expect(idsOf(found[index])).toEqual(own);
        const seqs = found[index]!.map(({ seq }) => seq);
        expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
      }
      await until("all to be heard", () => heard.length === said.length);
      expect(heard).toEqual(said);
    });

    test("a scan gives this partition's deltas up to its own record, and says when that is gone", async () => {
      const one = here.fresh();
      const two = here.fresh();
      const fences = [await first(one.mine.sink), await first(two.mine.sink)];
      const from = (await one.mine.sink.bounds()).last + 1;
      await stored(one.mine.sink.publish(fences[0]!, saying("x", 1)));
      await stored(two.mine.sink.publish(fences[1]!, saying("y", 1)));
      await stored(one.mine.sink.publish(fences[0]!, saying("x", 2, "left")));
      const to = await stored(one.mine.sink.putWatermark(fences[0]!, watermark("mine")));
      expect(idsOf(await one.theirs.sink.scan(from, to))).toEqual(["s/x/1", "s/x/2"]);
      expect(await one.mine.sink.scan(to, to)).toEqual([]);
      await stored(one.theirs.sink.putWatermark(to, watermark("newer")));
      expect(await one.mine.sink.scan(from, to)).toBeUndefined();
    });

    test("what is larger than the server takes is not stored, and says so before anything is sent", async () => {
      const { mine } = here.fresh();
      const fence = await first(mine.sink);
      const before = await here.world.segments();
      const body = "x".repeat(PAYLOAD_BYTES_MAX + 1);
      const large = { ...saying("large", 1), body };
      const refused = { kind: "retry", reason: expect.stringContaining("max_payload") };
      expect(await mine.sink.publish(fence, large)).toEqual(refused);
      expect(await mine.sink.publishBatch(fence, [...sayings("u", 20), large], watermark("batch"))).toEqual(refused);
      expect(await mine.sink.putWatermark(fence, { ...watermark("large"), digest: body })).toEqual(refused);
      const tooMany = sayings("many", mine.sink.batchMax);
      await expect(mine.sink.publishBatch(fence, tooMany, watermark("many"))).rejects.toThrow(RangeError);
      expect(await here.world.segments()).toEqual(before);
      await stored(mine.sink.publish(fence, saying("u", 1)));
    });

    test("a subscriber that does not read disturbs neither who speaks nor who listens", async () => {
      const { mine } = here.fresh();
      await here.world.slowEar();
      const heard = await here.world.ear();
      let fence = await first(mine.sink);
      const start = fence;
      const said: string[] = [];
      for (let round = 1; round <= 8; round += 1) {
        const many = sayings(`round-${round}`, 500).map((one) => ({ ...one, body: "x".repeat(2_000) }));
        fence = await stored(mine.sink.publishBatch(fence, many, watermark(`${round}`)));
        said.push(...idsOf(many)!);
      }
      await until("all to be heard", () => heard.length >= said.length);
      expect(heard).toEqual(said);
      expect(idsOf(await mine.sink.scan(start, fence))).toEqual(said);
    });

    test("one watermark a partition is kept, and age never takes it", async () => {
      const { p, mine } = here.fresh();
      let fence = await first(mine.sink);
      for (let n = 1; n <= 10; n += 1) {
        await stored(mine.sink.publish(fence, saying("u", n)));
        fence = await stored(mine.sink.putWatermark(fence, watermark(`${n}`, n)));
      }
      await here.world.ageSegments();
      const left = await here.world.segments();
      expect(left.filter((subject) => subject === `watermark.${p}`)).toHaveLength(1);
      expect(left.filter((subject) => subject.startsWith("segment."))).toEqual([]);
      expect(await mine.sink.readWatermark()).toMatchObject({ seq: fence, value: { nonce: "10", done: 10 } });
      expect(await mine.sink.putWatermark(0, watermark("as if new"))).toEqual({ kind: "fenced" });
      expect(await mine.sink.publish(0, saying("as-if-new", 1))).toEqual({ kind: "fenced" });
      expect(await mine.sink.scan(1, fence)).toEqual([]);
      await stored(mine.sink.publish(fence, saying("u", 11)));
    });
  });
}
