// The contract, on links: what a partition says in another's log is stored on top of what it said there last or not at all, a
// batch whole or not at all, and the last message tells how far it has spoken. Suite.ts runs it in every world.
import { describe, expect, test } from "vitest";
import type { PartitionNo } from "../../lib/core/types.ts";
import type { LinkSink } from "../../lib/ports/link-sink.ts";
import { until } from "../support/until.ts";
import { type Here, insist, read, stored, text, untilRead, upTo } from "./here.ts";

const link = (n: number): string => JSON.stringify({ from: 0, n, items: [] });
const links = (last: number, first = 1): string[] => upTo(last, first).map(link);

interface Pair {
  /** Whose log it is. */
  readonly to: PartitionNo;
  /** The same sender through three lines. */
  readonly mine: LinkSink;
  readonly theirs: LinkSink;
  readonly far: LinkSink;
  /** Another sender. */
  readonly other: LinkSink;
  /** Kinds and bodies of all that the log holds, once it holds so many. */
  heard(count: number): Promise<readonly (readonly [string, string])[]>;
}

function pair(here: Here): Pair {
  const { p: to, mine: target } = here.freshLog();
  const sender = here.fresh();
  const heard: Pair["heard"] = async (count) => {
    const reader = read(target.log, undefined);
    await untilRead(reader, count);
    reader.reading.stop();
    return reader.records.map(({ kind, body }) => [kind, text(body)]);
  };
  return {
    to,
    mine: sender.mine.links,
    theirs: sender.theirs.links,
    far: sender.far.links,
    other: here.fresh().mine.links,
    heard,
  };
}

export function linkingContract(here: Here): void {
  describe("linking", () => {
    test("what is said on top of the last is heard as a link, in order, beside what others say", async () => {
      const { to, mine, theirs, other, heard } = pair(here);
      expect(await mine.last(to)).toBeUndefined();
      const first = await stored(mine.publish(to, 0, [link(1)]));
      expect(await stored(other.publish(to, 0, ['"other"']))).toBe(first + 1);
      const batch = await stored(mine.publish(to, first, links(9, 2)));
      expect(batch).toBe(first + 9);
      expect(await theirs.last(to)).toEqual({ seq: batch, body: link(9) });
      expect(await other.last(to)).toEqual({ seq: first + 1, body: '"other"' });
      expect(await heard(10)).toEqual([link(1), '"other"', ...links(9, 2)].map((body) => ["link", body]));
      expect(await mine.bounds(to)).toEqual({ first: 1, last: 10 });
    });

    test("on top of another than the last it is refused, one or many, and nothing of it is stored", async () => {
      const { to, mine, theirs } = pair(here);
      const first = await stored(theirs.publish(to, 0, [link(1)]));
      const second = await stored(theirs.publish(to, first, [link(2)]));
      const before = await mine.bounds(to);
      for (const stale of [0, first, second + 1])
        for (const bodies of [[link(3)], links(12, 3), links(mine.batchMax + 2, 3)])
          expect(await mine.publish(to, stale, bodies)).toEqual({ kind: "fenced" });
      expect(await mine.bounds(to)).toEqual(before);
      expect(await mine.last(to)).toEqual({ seq: second, body: link(2) });
      expect(await stored(mine.publish(to, second, links(mine.batchMax + 2, 3)))).toBe(second + mine.batchMax);
    });

    test("of two who say the same at the same time one is refused, so that nothing is there twice", async () => {
      const { to, mine, theirs, heard } = pair(here);
      let last = 0;
      let n = 0;
      for (const size of [1, 1, 2, 20, 1, 40]) {
        const bodies = links(n + size, n + 1);
        const outcomes = await Promise.all([mine.publish(to, last, bodies), theirs.publish(to, last, bodies)]);
        expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(1);
        last = (await theirs.last(to))!.seq;
        n += size;
      }
      expect(await heard(n)).toEqual(links(n).map((body) => ["link", body]));
    });

    test("whoever is cut off in the middle of a batch has said all of it or nothing, and may say it again", async () => {
      const { to, mine, far, heard } = pair(here);
      const bodies = upTo(far.batchMax).map((n) => JSON.stringify({ from: 0, n, items: [], pad: "x".repeat(200) }));
      here.world.breakAfter("far", 60_000);
      expect((await far.publish(to, 0, bodies)).kind).toBe("unknown");
      const again = await insist("the same once more", async () => {
        const outcome = await mine.publish(to, 0, bodies);
        if (outcome.kind === "retry" || outcome.kind === "unknown") throw new Error(outcome.reason);
        return outcome.kind;
      });
      expect(["stored", "fenced"]).toContain(again);
      expect((await mine.last(to))?.body).toBe(bodies.at(-1));
      expect(await heard(bodies.length)).toEqual(bodies.map((body) => ["link", body]));
      expect((await mine.bounds(to)).last).toBe(bodies.length);
    });

    test("what comes late, after it was said again, is not stored a second time", async () => {
      const { to, mine, far, heard } = pair(here);
      const first = await stored(mine.publish(to, 0, [link(1)]));
      here.world.hold("far");
      const single = far.publish(to, first, [link(2)]);
      expect((await single).kind).toBe("unknown");
      const batch = far.publish(to, first, links(9, 2));
      expect((await batch).kind).toBe("unknown");
      expect(await mine.last(to)).toEqual({ seq: first, body: link(1) });
      const second = await stored(mine.publish(to, first, [link(2)]));
      here.world.heal("far");
      await insist("the far client is back", () => far.last(to));
      await stored(mine.publish(to, second, links(12, 3)));
      expect(await heard(12)).toEqual(links(12).map((body) => ["link", body]));
      expect((await mine.bounds(to)).last).toBe(12);
    });

    test("what is stored and never answered is unknown, and the last message tells of it", async () => {
      const { to, mine, far } = pair(here);
      here.world.deafen("far");
      const unanswered = far.publish(to, 0, links(20));
      await until("the batch to be stored", async () => (await mine.bounds(to)).last === 20);
      here.world.heal("far");
      expect((await unanswered).kind).toBe("unknown");
      expect(await insist("the last", () => far.last(to))).toEqual({ seq: 20, body: link(20) });
    });

    test("in a log that was trimmed past it nothing was said last, and what comes expects none", async () => {
      const { to, mine, other } = pair(here);
      await stored(mine.publish(to, 0, links(5)));
      const kept = await stored(other.publish(to, 0, ['"other"']));
      await here.world.trimLog(to, kept);
      expect(await mine.last(to)).toBeUndefined();
      expect(await mine.bounds(to)).toEqual({ first: kept, last: kept });
      expect(await mine.publish(to, 5, [link(6)])).toEqual({ kind: "fenced" });
      expect(await stored(mine.publish(to, 0, [link(6)]))).toBe(kept + 1);
    });

    test("a batch of none, or of more than the bound, is a mistake of whoever sends it", async () => {
      const { to, mine } = pair(here);
      await expect(mine.publish(to, 0, [])).rejects.toThrow(RangeError);
      await expect(mine.publish(to, 0, links(mine.batchMax + 1))).rejects.toThrow(RangeError);
      expect(await mine.last(to)).toBeUndefined();
    });
  });
}
