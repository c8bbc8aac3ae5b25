// What the shell is promised by the world, tried in both: a real nats-server, and memory. A simulator that runs over the
// second is only worth something because it passes here.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ControlCopy } from "../../lib/core/control.ts";
import type { LogRecord, PartitionNo } from "../../lib/core/types.ts";
import type { Saying, Watermark } from "../../lib/ports/delta-sink.ts";
import { LogDiffers, LogHole, LogRegressed, LogTruncated, type Refusal } from "../../lib/ports/errors.ts";
import type { EventLog, Fingerprint, LogReading } from "../../lib/ports/event-log.ts";
import type { PartitionWorld, World } from "../../lib/ports/world.ts";
import { until } from "../support/until.ts";
import { type OpenWorld, PARTITIONS, WORLDS } from "./worlds.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);

function saying(id: string, n: number, change: "joined" | "left" = "joined"): Saying {
  return { deltaId: `s/${id}/${n}`, segment: "s", change, body: JSON.stringify({ id, n }) };
}

function watermark(nonce: string, done = 0): Watermark {
  return { epoch: 1, owner: "me", nonce, done, from: 1, digest: "0".repeat(16), fingerprint: null, revision: 0 };
}

async function fill(log: EventLog, count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1)
    expect((await log.append("event", `{"i":${index}}`)).kind).toBe("stored");
}

interface Read {
  readonly reading: LogReading;
  readonly records: LogRecord[];
  fault: Refusal | undefined;
}

/** Reads as an actor does: takes a few whenever something waits. */
function read(log: EventLog, after: Fingerprint | undefined, max = 3): Read {
  const result: Read = { reading: undefined as never, records: [], fault: undefined };
  const takeAll = (): void => {
    for (let some = result.reading.take(max); some.length > 0; some = result.reading.take(max))
      result.records.push(...some);
  };
  const reading = log.read({
    after,
    recordsMax: 10,
    onReadable: takeAll,
    onFault: (error) => {
      result.fault = error;
    },
  });
  Object.assign(result, { reading });
  return result;
}

describe.each(WORLDS)("$name", ({ open }) => {
  let world: OpenWorld;
  let a: World;
  let b: World;
  let used = 0;

  beforeAll(async () => {
    world = await open();
    a = await world.client("a");
    b = await world.client("b");
  });

  afterAll(async () => {
    await world.close();
  });

  /** A partition that no other test touches. */
  function fresh(): { p: PartitionNo; mine: PartitionWorld; theirs: PartitionWorld } {
    const p = used;
    used += 1;
    expect(p).toBeLessThan(PARTITIONS);
    return { p, mine: a.partition(p), theirs: b.partition(p) };
  }

  test("a log is read from a position, in order, and goes on with what comes", async () => {
    const { mine, theirs } = fresh();
    expect(await mine.log.bounds()).toEqual({ first: 1, last: 0 });
    await fill(mine.log, 25);
    expect(await mine.log.bounds()).toEqual({ first: 1, last: 25 });
    const all = read(mine.log, undefined);
    await until("all records", () => all.records.length === 25);
    expect(all.records.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    expect(text(all.records[6]!.body)).toBe('{"i":7}');
    const { seq, stamp } = all.records[19]!;
    expect(await mine.log.stampAt(seq)).toBe(stamp);
    const rest = read(theirs.log, { seq, stamp });
    await until("the rest", () => rest.records.length === 5);
    await theirs.log.append("clock", "{}");
    await until("what comes", () => rest.records.length === 6 && all.records.length === 26);
    expect(rest.records.at(-1)).toMatchObject({ seq: 26, kind: "clock" });
    expect(rest.reading.knownLast).toBe(26);
    all.reading.stop();
    rest.reading.stop();
    expect(await mine.log.stampAt(27)).toBeUndefined();
  });

  test("a log that is not the one remembered is refused", async () => {
    const { p, mine } = fresh();
    await fill(mine.log, 10);
    const stamp = (await mine.log.stampAt(5))!;
    const beyond = read(mine.log, { seq: 11, stamp });
    const other = read(mine.log, { seq: 5, stamp: stamp + 1 });
    await until("both refusals", () => beyond.fault !== undefined && other.fault !== undefined);
    expect(beyond.fault).toBeInstanceOf(LogRegressed);
    expect(other.fault).toBeInstanceOf(LogDiffers);
    await world.trimLog(p, 7);
    expect(await mine.log.bounds()).toEqual({ first: 7, last: 10 });
    const purged = read(mine.log, { seq: 5, stamp });
    await until("refusal", () => purged.fault !== undefined);
    expect(purged.fault).toBeInstanceOf(LogTruncated);
    expect(purged.fault?.message).toContain("begins at 7");
    const justEnough = read(mine.log, { seq: 6, stamp: 0 });
    await until("what is left", () => justEnough.records.length === 4);
    justEnough.reading.stop();
  });

  test("a hole in a log stops its reader before it", async () => {
    const { p, mine } = fresh();
    await fill(mine.log, 9);
    await world.dropFromLog(p, 6);
    const holed = read(mine.log, undefined);
    await until("refusal", () => holed.fault !== undefined);
    expect(holed.fault).toBeInstanceOf(LogHole);
    expect(holed.records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  test("a writer whose fence has moved is refused, single and batch, and nothing of it is stored", async () => {
    const { p, mine, theirs } = fresh();
    const first = await mine.sink.putWatermark(0, watermark("first"));
    expect(first.kind).toBe("stored");
    const fence = first.kind === "stored" ? first.seq : 0;
    expect((await mine.sink.publish(fence, saying("u", 1))).kind).toBe("stored");
    const taken = await theirs.sink.putWatermark(fence, watermark("theirs"));
    expect(taken.kind).toBe("stored");
    const before = await world.segments();
    expect(await mine.sink.publish(fence, saying("u", 2))).toEqual({ kind: "fenced" });
    expect(await mine.sink.publishBatch(fence, [saying("u", 2), saying("u", 3)], watermark("batch"))).toEqual({
      kind: "fenced",
    });
    expect(await mine.sink.putWatermark(fence, watermark("late"))).toEqual({ kind: "fenced" });
    expect(await mine.sink.putWatermark(0, watermark("as if new"))).toEqual({ kind: "fenced" });
    expect(await world.segments()).toEqual(before);
    expect((await mine.sink.readWatermark())?.value.nonce).toBe("theirs");
    expect(before.filter((subject) => subject === `watermark.${p}`)).toHaveLength(1);
  });

  test("a batch is stored whole, in order, its watermark last", async () => {
    const { p, mine } = fresh();
    const first = await mine.sink.putWatermark(0, watermark("first"));
    const fence = first.kind === "stored" ? first.seq : 0;
    const many = Array.from({ length: mine.sink.batchMax - 1 }, (_, index) => saying(`u${index}`, 1));
    const stored = await mine.sink.publishBatch(fence, many, watermark("batch", 7));
    expect(stored).toEqual({ kind: "stored", seq: fence + mine.sink.batchMax });
    const record = await mine.sink.readWatermark();
    expect(record).toMatchObject({ seq: fence + mine.sink.batchMax, value: { nonce: "batch", done: 7 } });
    const found = await mine.sink.scan(fence + 1, record!.seq);
    expect(found?.map(({ deltaId }) => deltaId)).toEqual(many.map(({ deltaId }) => deltaId));
    expect(found?.map(({ seq }) => seq)).toEqual(many.map((_, index) => fence + 1 + index));
    expect(found?.[4]?.body).toBe(many[4]!.body);
    const tooMany = [...many, saying("one-more", 1)];
    await expect(mine.sink.publishBatch(record!.seq, tooMany, watermark("big"))).rejects.toThrow(RangeError);
    expect((await world.segments()).filter((subject) => subject === `watermark.${p}`)).toHaveLength(1);
  });

  test("a scan gives this partition's deltas up to its own record, and says when that is gone", async () => {
    const one = fresh();
    const two = fresh();
    const fences = await Promise.all(
      [one, two].map(async ({ mine }) => {
        const record = await mine.sink.putWatermark(0, watermark("first"));
        return record.kind === "stored" ? record.seq : 0;
      }),
    );
    const from = (await one.mine.sink.bounds()).last + 1;
    await one.mine.sink.publish(fences[0]!, saying("x", 1));
    await two.mine.sink.publish(fences[1]!, saying("y", 1));
    await one.mine.sink.publish(fences[0]!, saying("x", 2, "left"));
    const record = await one.mine.sink.putWatermark(fences[0]!, watermark("mine"));
    const to = record.kind === "stored" ? record.seq : 0;
    expect((await one.theirs.sink.scan(from, to))?.map(({ deltaId }) => deltaId)).toEqual(["s/x/1", "s/x/2"]);
    expect(await one.mine.sink.scan(to, to)).toEqual([]);
    await one.theirs.sink.putWatermark(to, watermark("newer"));
    expect(await one.mine.sink.scan(from, to)).toBeUndefined();
  });

  test("pages are kept under their keys; the manifest moves by compare-and-set", async () => {
    const { p, mine, theirs } = fresh();
    const key = (name: string): string => `${p}.1.${name}`;
    await mine.pages.put(key("1.0"), bytes("one"));
    await mine.pages.put(key("2.meta"), bytes("two"));
    await a.partition(p + PARTITIONS * 10).pages.put(`${p + PARTITIONS * 10}.1.1.0`, bytes("of a neighbour"));
    expect(text((await theirs.pages.get(key("1.0")))!)).toBe("one");
    expect(await theirs.pages.get(key("9.0"))).toBeUndefined();
    expect(await theirs.pages.readManifest()).toBeUndefined();
    const first = await mine.pages.putManifest(0, bytes("m1"));
    expect(first.kind).toBe("stored");
    expect(await theirs.pages.putManifest(0, bytes("m2"))).toEqual({ kind: "fenced" });
    const read = await theirs.pages.readManifest();
    expect(text(read!.bytes)).toBe("m1");
    expect((await theirs.pages.putManifest(read!.revision, bytes("m2"))).kind).toBe("stored");
    expect(await mine.pages.putManifest(read!.revision, bytes("m3"))).toEqual({ kind: "fenced" });
    expect([...(await mine.pages.list())].sort()).toEqual([key("1.0"), key("2.meta")]);
    await mine.pages.remove(key("1.0"));
    expect(await mine.pages.list()).toEqual([key("2.meta")]);
    expect(await mine.pages.get(key("1.0"))).toBeUndefined();
  });

  test("the control log takes an entry only on top of the one that was seen", async () => {
    const heard: ControlCopy[] = [];
    const entry = (id: string) => ({ op: "removeList" as const, id });
    expect(await a.control.lastRevision()).toBe(0);
    expect(await a.control.append(entry("one"), 0)).toEqual({ kind: "stored", seq: 1 });
    const following = b.control.follow(
      (copy) => heard.push(copy),
      () => undefined,
    );
    expect(await b.control.append(entry("also one"), 0)).toEqual({ kind: "fenced" });
    expect(await b.control.append(entry("two"), 1)).toEqual({ kind: "stored", seq: 2 });
    await until("both entries", () => heard.length === 2);
    expect(heard).toEqual([
      { revision: 1, entry: entry("one") },
      { revision: 2, entry: entry("two") },
    ]);
    following.stop();
  });

  test("a control log that has become shorter is told to whoever follows it", async () => {
    let known = await a.control.lastRevision();
    for (const id of ["one", "two"]) await a.control.append({ op: "removeList", id }, known++);
    let heard = 0;
    let fault: Error | undefined;
    a.control.follow(
      () => {
        heard += 1;
      },
      (error) => {
        fault = error;
      },
    );
    await until("all entries", () => heard === known);
    await world.shortenControl();
    await until("the fault", () => fault !== undefined);
    expect(fault!.message).toContain(`ends at 1, but entry ${known} was already read`);
  });

  test("rejects are stored with whatever bytes they have", async () => {
    const { mine } = fresh();
    const reject = { stamp: 1, reason: "not-json" as const, detail: "line 1\r\nline 2" };
    const told = await mine.rejects.tell([
      { ...reject, seq: 1, body: bytes("\u0000\r\n") },
      { ...reject, seq: 2, body: new Uint8Array() },
    ]);
    expect(told).toBe(true);
  });

  test("a heartbeat and a farewell are heard by everybody", async () => {
    const heard: string[] = [];
    const hearings = [
      b.cluster.hear(({ shard, beat }) => heard.push(`${shard} ${beat}`)),
      b.cluster.hearLeaving((shard) => heard.push(`${shard} leaves`)),
    ];
    let beat = 0;
    await until("a beat", async () => {
      beat += 1;
      await a.cluster.beat({ shard: "a-1", beat, host: "h", pid: 1, holds: [], wants: [] });
      return heard.length > 0;
    });
    await a.cluster.leave("a-1");
    await until("a farewell", () => heard.includes("a-1 leaves"));
    for (const hearing of hearings) hearing.stop();
  });
});
