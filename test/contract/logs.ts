// The contract, first part: a log is read from where one stood, in order, without a hole, and only if its past is the one
// remembered, whatever happens to the server, its consumers and the messages meanwhile.
import { describe, expect, test } from "vitest";
import type { LogRecord } from "../../lib/core/types.ts";
import { LogDiffers, LogHole, LogRegressed, LogTruncated } from "../../lib/ports/errors.ts";
import { until } from "../support/until.ts";
import {
  fill,
  type Here,
  insist,
  read,
  readSlowly,
  refusalOf,
  stored,
  takeAll,
  text,
  untilRead,
  upTo,
} from "./here.ts";

/** As a reader counts them that was told of 60 bytes a record. */
const bytesOf = (records: readonly LogRecord[]): number =>
  records.reduce((sum, { body }) => sum + Math.min(60, body.length), 0);

export function logContract(here: Here, losesNoTail: string | undefined): void {
  describe("a log", () => {
    test("is read from a position, in order, and goes on with what comes", async () => {
      const { mine, theirs } = here.freshLog();
      expect(await mine.log.bounds()).toEqual({ first: 1, last: 0 });
      await fill(mine.log, 25);
      expect(await mine.log.bounds()).toEqual({ first: 1, last: 25 });
      const all = read(mine.log, undefined);
      await untilRead(all, 25);
      expect(all.seqs).toEqual(upTo(25));
      expect(text(all.records[6]!.body)).toBe('{"i":7}');
      const { seq, stamp } = all.records[19]!;
      expect(await mine.log.stampAt(seq)).toBe(stamp);
      const rest = read(theirs.log, { seq, stamp });
      await untilRead(rest, 5);
      await stored(theirs.log.append("clock", "{}"));
      await until("what comes", () => rest.records.length === 6 && all.records.length === 26);
      expect(rest.records.at(-1)).toMatchObject({ seq: 26, kind: "clock" });
      expect(rest.reading.knownLast).toBe(26);
      all.reading.stop();
      rest.reading.stop();
      expect(await mine.log.stampAt(27)).toBeUndefined();
    });

    test("is begun at the start, after a message, at the end; beyond it, or at another message, it is refused", async () => {
      const { mine } = here.freshLog();
      await fill(mine.log, 10);
      const stampOf = async (seq: number) => ({ seq, stamp: (await mine.log.stampAt(seq))! });
      const atStart = read(mine.log, { seq: 0, stamp: 0 });
      const middle = read(mine.log, await stampOf(4));
      const atEnd = read(mine.log, await stampOf(10));
      const beyond = read(mine.log, { ...(await stampOf(10)), seq: 11 });
      const other = read(mine.log, { seq: 5, stamp: (await mine.log.stampAt(5))! + 1 });
      expect(await refusalOf(beyond)).toBeInstanceOf(LogRegressed);
      expect(await refusalOf(other)).toBeInstanceOf(LogDiffers);
      await until("what is there", () => atStart.records.length === 10 && middle.records.length === 6);
      expect(atEnd.records).toEqual([]);
      await fill(mine.log, 2, 11);
      for (const [reader, first] of [
        [atStart, 1],
        [middle, 5],
        [atEnd, 11],
      ] as const) {
        await untilRead(reader, 13 - first);
        expect(reader.seqs).toEqual(upTo(12, first));
        expect(reader.fault).toBeUndefined();
        reader.reading.stop();
      }
      expect([...beyond.records, ...other.records]).toEqual([]);
    });

    test("is given to a slow reader within its room, all of it, in order", async () => {
      const { mine } = here.freshLog();
      await fill(mine.log, 60);
      const reader = readSlowly(mine.log, undefined, 7);
      const sizes: number[] = [];
      await until("all records", () => {
        const some = reader.reading.take(sizes.length % 3 === 0 ? 1_000 : 1);
        reader.records.push(...some);
        sizes.push(some.length);
        return reader.records.length >= 60;
      });
      expect(reader.seqs).toEqual(upTo(60));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
      reader.reading.stop();
    });

    test("is given to a reader with little room for bytes, however large a record is", async () => {
      const { mine } = here.freshLog();
      const sizes = [...upTo(20).map(() => 40), 300, ...upTo(20).map(() => 40)];
      for (const size of sizes) await stored(mine.log.append("event", "x".repeat(size)));
      const reader = readSlowly(mine.log, undefined, 100, () => undefined, { bytesMax: 200, recordBytesMax: 60 });
      const taken: (readonly LogRecord[])[] = [];
      await until("all records", () => {
        const some = reader.reading.take(taken.length % 3 === 0 ? 1_000 : 1);
        reader.records.push(...some);
        taken.push(some);
        return reader.records.length >= sizes.length;
      });
      expect(reader.records.map(({ body }) => body.length)).toEqual(sizes);
      expect(Math.max(...taken.map(bytesOf))).toBeLessThanOrEqual(200);
      reader.reading.stop();
    });

    test("tells a reader once that records wait, until it has taken them all", async () => {
      const { mine } = here.freshLog();
      let told = 0;
      const reader = readSlowly(mine.log, undefined, 5, () => {
        told += 1;
      });
      await fill(mine.log, 3);
      await until("to be told", () => told === 1);
      await fill(mine.log, 3, 4);
      takeAll(reader, 1);
      await until("all of them", () => {
        takeAll(reader, 2);
        return reader.records.length === 6;
      });
      expect(reader.seqs).toEqual(upTo(6));
      const before = told;
      await fill(mine.log, 1, 7);
      await until("to be told again", () => told === before + 1);
      reader.reading.stop();
      takeAll(reader, 1);
      await fill(mine.log, 1, 8);
      expect(reader.reading.take(10)).toEqual([]);
    });

    test("that begins later than needed is refused; one who is just there goes on", async () => {
      const { p, mine } = here.freshLog();
      await fill(mine.log, 10);
      const six = { seq: 6, stamp: (await mine.log.stampAt(6))! };
      const five = { seq: 5, stamp: (await mine.log.stampAt(5))! };
      const slow = readSlowly(mine.log, undefined, 2);
      await until("two records to wait", () => {
        slow.records.push(...slow.reading.take(1));
        return slow.records.length === 1;
      });
      await here.world.trimLog(p, 7);
      expect(await mine.log.bounds()).toEqual({ first: 7, last: 10 });
      expect(await mine.log.stampAt(6)).toBeUndefined();
      const behind = read(mine.log, five);
      expect(await refusalOf(behind)).toBeInstanceOf(LogTruncated);
      expect(behind.fault?.message).toContain("begins at 7");
      const justEnough = read(mine.log, six);
      await fill(mine.log, 1, 11);
      await untilRead(justEnough, 5);
      expect(justEnough.seqs).toEqual(upTo(11, 7));
      justEnough.reading.stop();
      // What had been delivered before is given; what is gone is not passed over.
      await until("a refusal", () => {
        takeAll(slow, 1);
        return slow.fault !== undefined;
      });
      expect(slow.fault).toBeInstanceOf(LogTruncated);
      expect(slow.seqs).toEqual(upTo(slow.records.length));
      expect(slow.records.length).toBeLessThan(7);
    });

    test("of which everything was purged is as long as before", async () => {
      const { p, mine } = here.freshLog();
      await fill(mine.log, 5);
      const end = { seq: 5, stamp: (await mine.log.stampAt(5))! };
      await here.world.trimLog(p, 6);
      expect(await mine.log.bounds()).toEqual({ first: 6, last: 5 });
      const atEnd = read(mine.log, end);
      const fromStart = read(mine.log, undefined);
      expect(await refusalOf(fromStart)).toBeInstanceOf(LogTruncated);
      expect(await stored(mine.log.append("event", "{}"))).toBe(6);
      await untilRead(atEnd, 1);
      expect(atEnd.seqs).toEqual([6]);
      atEnd.reading.stop();
    });

    test("with a hole stops its reader before it", async () => {
      const { p, mine } = here.freshLog();
      await fill(mine.log, 9);
      await here.world.dropFromLog(p, 6);
      expect(await mine.log.stampAt(6)).toBeUndefined();
      expect(await mine.log.bounds()).toEqual({ first: 1, last: 9 });
      const holed = read(mine.log, undefined);
      expect(await refusalOf(holed)).toBeInstanceOf(LogHole);
      expect(holed.seqs).toEqual(upTo(5));
      await here.world.dropFromLog(p, 1);
      expect(await mine.log.bounds()).toEqual({ first: 2, last: 9 });
      expect(await refusalOf(read(mine.log, undefined))).toBeInstanceOf(LogTruncated);
    });

    test("is read on when its consumers are deleted under the readers", async () => {
      const { p, mine, theirs } = here.freshLog();
      await fill(mine.log, 20);
      const readers = [read(mine.log, undefined), read(theirs.log, undefined)];
      const slow = readSlowly(mine.log, undefined, 3);
      for (const reader of readers) await untilRead(reader, 20);
      await here.world.deleteConsumers(p);
      await fill(mine.log, 5, 21);
      await until("the slow reader's, too", () => {
        takeAll(slow, 1);
        return slow.records.length >= 25;
      });
      for (const reader of [...readers, slow]) {
        await untilRead(reader, 25);
        expect(reader.seqs).toEqual(upTo(25));
        reader.reading.stop();
      }
    });

    test("is read on by a client that was cut off, and what it sent meanwhile is unknown", async () => {
      const { mine, far } = here.freshLog();
      await fill(mine.log, 3);
      const reader = read(far.log, undefined);
      await untilRead(reader, 3);
      here.world.cut("far");
      const lost = far.log.append("event", '{"i":"lost"}');
      await fill(mine.log, 4, 4);
      expect(await mine.log.bounds()).toEqual({ first: 1, last: 7 });
      expect(reader.seqs).toEqual(upTo(3));
      here.world.heal("far");
      expect((await lost).kind).toBe("unknown");
      await untilRead(reader, 7);
      await insist("the far client is back", () => far.log.bounds());
      await fill(far.log, 1, 8);
      await untilRead(reader, 8);
      expect(reader.seqs).toEqual(upTo(8));
      expect(text(reader.records[7]!.body)).toBe('{"i":8}');
      reader.reading.stop();
    });

    test("deleted and made anew is refused by who reads it, also once it is as long again", async () => {
      const { p, mine, far } = here.freshLog();
      await fill(mine.log, 10);
      const reading = read(mine.log, undefined);
      const away = read(far.log, undefined);
      await until("both at the end", () => reading.records.length === 10 && away.records.length === 10);
      here.world.cut("far");
      await here.world.replaceLog(p);
      expect(await refusalOf(reading)).toBeInstanceOf(LogRegressed);
      await fill(mine.log, 12);
      here.world.heal("far");
      expect(await refusalOf(away)).toBeInstanceOf(LogDiffers);
      expect(away.seqs).toEqual(upTo(10));
      expect(reading.seqs).toEqual(upTo(10));
    });

    test.skipIf(losesNoTail !== undefined)(
      "that lost its tail is refused by who had read it, also once it is as long again",
      async () => {
        const { p, mine, far } = here.freshLog();
        await fill(mine.log, 10);
        const cutPower = await here.world.powerCut(p);
        await fill(mine.log, 4, 11);
        const reading = read(mine.log, undefined);
        const away = read(far.log, undefined);
        await until("both at the end", () => reading.records.length === 14 && away.records.length === 14);
        const eight = { seq: 8, stamp: (await mine.log.stampAt(8))! };
        here.world.cut("far");
        await cutPower();
        expect(await refusalOf(reading)).toBeInstanceOf(LogRegressed);
        expect(await insist("the bounds", () => mine.log.bounds())).toEqual({ first: 1, last: 10 });
        const before = read(mine.log, eight);
        await fill(mine.log, 5, 11);
        await untilRead(before, 7);
        expect(before.seqs).toEqual(upTo(15, 9));
        before.reading.stop();
        here.world.heal("far");
        expect(await refusalOf(away)).toBeInstanceOf(LogDiffers);
      },
    );

    test("is read on after the server was killed and started again, without a gap or a repeat", async () => {
      const { mine, theirs } = here.freshLog();
      await fill(mine.log, 30);
      const atEnd = read(mine.log, undefined);
      const slow = readSlowly(theirs.log, undefined, 4);
      await untilRead(atEnd, 30);
      await here.world.kill();
      const meanwhile = mine.log.append("event", '{"i":"meanwhile"}');
      await here.world.restart();
      expect((await meanwhile).kind).toMatch(/unknown|retry/);
      const { last } = await insist("the bounds", () => mine.log.bounds());
      expect([30, 31]).toContain(last);
      await insist("a stored event", () => stored(mine.log.append("event", "{}")));
      const end = (await mine.log.bounds()).last;
      await until("both at the end", () => {
        takeAll(slow, 2);
        return slow.records.length >= end && atEnd.records.length >= end;
      });
      for (const reader of [atEnd, slow]) {
        expect(reader.fault).toBeUndefined();
        expect(reader.seqs).toEqual(upTo(end));
        reader.reading.stop();
      }
    });

    test("of a server that is silent is neither read nor known; what was sent may be stored when it wakes", async () => {
      const { mine, theirs } = here.freshLog();
      await fill(mine.log, 5);
      const reader = read(theirs.log, undefined);
      await untilRead(reader, 5);
      await here.world.freeze();
      const asked = [mine.log.bounds(), mine.log.stampAt(3)].map((answer) =>
        answer.then(
          () => "answered",
          () => "silent",
        ),
      );
      const late = await mine.log.append("event", '{"i":6}');
      expect(late.kind).toBe("unknown");
      expect(await Promise.all(asked)).toEqual(["silent", "silent"]);
      await here.world.thaw();
      await insist("the bounds", () => mine.log.bounds());
      await until("the late event", () => reader.records.length === 6);
      await fill(mine.log, 1, 7);
      await untilRead(reader, 7);
      expect(reader.seqs).toEqual(upTo(7));
      reader.reading.stop();
    });
  });
}
