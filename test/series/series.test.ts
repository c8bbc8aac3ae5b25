// Time series out of deltas, in memory: each delta once, whatever becomes of a write and however many processes count; read back
// as sums that a plain count gives, too.
import { afterEach, describe, expect, test } from "vitest";
import { type CountedDelta, SeriesMissing } from "../../lib/ports/series.ts";
import { cellOf, decodeCells, encodeCells, STEP_MS, STEPS, type Step, startOf } from "../../lib/series/cells.ts";
import { type KeeperOptions, SeriesKeeper } from "../../lib/series/keeper.ts";
import { readSeries } from "../../lib/series/reading.ts";
import { Dice } from "../support/seed.ts";
import { SeriesInMemory } from "../support/series-in-memory.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const FROM = Date.UTC(2026, 10, 20);
const SEGMENTS = ["vip", "cart", "trial"];

const keepers: SeriesKeeper[] = [];
const warned: string[] = [];
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.stop()));
  warned.length = 0;
});

function keep(store: SeriesInMemory, options: Partial<KeeperOptions> = {}): SeriesKeeper {
  const log = { warn: (fields: object) => void warned.push((fields as { err: Error }).err.message) };
  const keeper = new SeriesKeeper({
    store,
    log,
    minutesKeptMs: DAY_MS,
    hoursKeptMs: DAY_MS,
    writeEveryMs: 1,
    standByMs: 1,
    ...options,
  });
  keepers.push(keeper);
  return keeper;
}

/** Partitions speak of times of their own, so what comes later may be older. */
function deltas(dice: Dice, many: number): Omit<CountedDelta, "seq">[] {
  const sizes = new Map<string, number>();
  return Array.from({ length: many }, () => {
    const segment = dice.pick(SEGMENTS);
    const size = sizes.get(segment) ?? 0;
    const change = size > 0 && dice.chance(0.4) ? "left" : "joined";
    sizes.set(segment, size + (change === "joined" ? 1 : -1));
    return { segment, change, at: FROM + dice.int(0, 3 * DAY_MS) };
  });
}

async function counted(store: SeriesInMemory): Promise<void> {
  await until("all is counted", async () => (await store.position()).position.seq === (await store.lastDelta()));
}

/** Every step of three days and one around them, as a plain count has it. */
async function expectCounted(store: SeriesInMemory): Promise<void> {
  for (const segment of SEGMENTS) {
    for (const step of STEPS) {
      const to = step === "minute" ? FROM + 1.2 * DAY_MS : FROM + 4 * DAY_MS;
      const series = await readSeries(store, segment, { from: FROM - STEP_MS[step], to, step });
      expect(series.points).toEqual(plainCount(store, segment, step, FROM - STEP_MS[step], to));
      expect(series).toMatchObject({ isBehind: false, counted: await store.lastDelta() });
    }
  }
}

function plainCount(store: SeriesInMemory, segment: string, step: Step, from: number, to: number) {
  const own = store.deltas.filter((delta) => delta.segment === segment);
  const points = [];
  for (let cell = cellOf(from, step); cell <= cellOf(to - 1, step); cell += 1) {
    const [start, end] = [startOf(cell, step), startOf(cell + 1, step)];
    const of = (change: string, after = start) =>
      own.filter((delta) => delta.change === change && delta.at >= after && delta.at < end).length;
    const size = of("joined", 0) - of("left", 0);
    points.push({ at: start, joined: of("joined"), left: of("left"), size });
  }
  return points;
}

describe("each delta counts once", () => {
  test("from the first on, when the first process starts late", async () => {
    const store = new SeriesInMemory();
    store.say(...deltas(new Dice(1), 600));
    keep(store);
    await counted(store);
    await expectCounted(store);
  });

  test("in as many batches as it takes, where one holds few chunks", async () => {
    const store = new SeriesInMemory();
    store.chunksMax = 7;
    store.say(...deltas(new Dice(2), 200));
    keep(store);
    await counted(store);
    expect(store.written).toBeGreaterThan(20);
    await expectCounted(store);
  });

  test.each([1, 2, 3, 4])("whatever becomes of a write, with one process or three (%i)", async (seed) => {
    const dice = new Dice(seed);
    const store = new SeriesInMemory();
    store.chunksMax = 30;
    store.fates.push(...Array.from({ length: 3 }, () => dice.pick(["lost", "stored-unheard", "stored"] as const)));
    for (let keeper = 0; keeper < (seed % 2 === 0 ? 3 : 1); keeper += 1) keep(store);
    for (const delta of deltas(dice, 120)) {
      store.say(delta);
      if (dice.chance(0.2)) await new Promise(setImmediate);
    }
    await counted(store);
    await expectCounted(store);
  });

  test("where a worker of this version comes later, counting begins then; that it waits is said once", async () => {
    const store = new SeriesInMemory();
    store.say(...deltas(new Dice(5), 50));
    let looks = 0;
    store.position = async () => {
      looks += 1;
      if (looks < 3) throw new SeriesMissing("the bucket SERIES is missing");
      return SeriesInMemory.prototype.position.call(store);
    };
    keep(store);
    await until("it counts", () => store.written > 0);
    expect(warned).toEqual(["the bucket SERIES is missing"]);
  });

  test("when the one who counts goes, the one who stands by goes on", async () => {
    const store = new SeriesInMemory();
    const dice = new Dice(9);
    const [first] = [keep(store), keep(store)];
    store.say(...deltas(dice, 50));
    await counted(store);
    await until("one of them stands by", () => store.fenced > 0);
    store.say(...deltas(dice, 50));
    await first!.stop();
    store.say({ segment: "vip", change: "joined", at: FROM });
    await counted(store);
    await expectCounted(store);
  });
});

test("an older copy of SEGMENTS is not counted on: it says so, and what to do", async () => {
  const store = new SeriesInMemory();
  store.say(...deltas(new Dice(3), 40));
  const keeper = keep(store);
  await counted(store);
  await keeper.stop();
  store.deltas.length = 20;
  keep(store);
  await until("it says so", () => warned.length > 0);
  expect(warned[0]).toMatch(/older copy.*KV_SERIES/);
});

test("minutes that are gone are unknown, not nothing; sizes go on", async () => {
  const store = new SeriesInMemory();
  store.say(
    { segment: "vip", change: "joined", at: FROM },
    { segment: "vip", change: "joined", at: FROM + 2 * 3_600_000 },
  );
  keep(store);
  await counted(store);
  store.kept.delete(`vip.m.${cellOf(FROM, "hour")}`);
  const { points } = await readSeries(store, "vip", { from: FROM, to: FROM + 3 * 3_600_000, step: "minute" });
  expect(points[0]).toEqual({ at: FROM, joined: null, left: null, size: null });
  expect(points[59]).toMatchObject({ size: null });
  expect(points[60]).toMatchObject({ joined: 0, left: 0, size: 1 });
  expect(points[120]).toMatchObject({ joined: 1, size: 2 });
  const hours = await readSeries(store, "vip", { from: FROM, to: FROM + 3 * 3_600_000, step: "hour" });
  expect(hours.points.map(({ size }) => size)).toEqual([1, 1, 2]);
});

test("cells are read back as they were written, those before 1970 too", () => {
  const cells = new Map([
    [7, { joined: 2, left: 1 }],
    [-3, { joined: 1, left: 0 }],
  ]);
  expect(encodeCells(cells)).toBe("[-3,1,0,7,2,1]");
  expect(decodeCells(encodeCells(cells))).toEqual(cells);
});
