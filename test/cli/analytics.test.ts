// rollcall segments series | compare, as a person types them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sparkline } from "../../lib/cli/series-text.ts";
import { NatsSeriesStore } from "../../lib/nats/series.ts";
import { RETENTION_DEFAULT, SeriesKeeper } from "../../lib/series/keeper.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";
import { until } from "../support/until.ts";

const SEGMENTS = `
segments:
  - { id: in-cart, rule: { cart: { value: { gt: 0 } } } }
  - { id: big-spenders-of-the-last-season, rule: { order: { count: { gte: 1 } } } }
  - { id: pro, kind: account, rule: { trait: { plan: pro } } }
`;
const BIG = "big-spenders-of-the-last-season";

let rig: CliRig;
let store: NatsSeriesStore;
let keeper: SeriesKeeper | undefined;

beforeAll(async () => {
  rig = await openCliRig(2);
  await rig.rollcall("segments", "apply", await rig.fileOf("segments.yaml", SEGMENTS));
  const nc = await rig.server.connection();
  store = new NatsSeriesStore(nc, rig.server.names);
  const stored: Promise<unknown>[] = [];
  const send = (id: string, event: object) =>
    stored.push(nc.request(`events.${id}`, JSON.stringify({ userId: id, ...event }), PATIENTLY));
  for (let person = 0; person < 8; person += 1) {
    const id = `u${person}`;
    const properties = { product_id: "p1", price: 10 };
    if (person < 5) send(id, { type: "track", event: "Product Added", properties });
    const products = [{ product_id: "p2", category: "Shoes", quantity: 2, price: 600 }];
    if (person > 2)
      send(id, { type: "track", event: "Order Completed", properties: { order_id: `o${person}`, products } });
    if (person > 2 && person < 5) send(id, { type: "track", event: "Product Added", properties });
    send(id, { type: "identify", traits: { on: true } });
  }
  await Promise.all(stored);
  await rig.caughtUp();
});
afterAll(async () => {
  await keeper?.stop();
  await rig?.close();
});

function isNarrow(out: string): boolean {
  return out.split("\n").every((line) => [...line].length <= 80);
}

describe("series", () => {
  test("says that nothing is counted while nobody counts, and counts once somebody does", async () => {
    const before = await rig.rollcall("segments", "series", "in-cart");
    expect([before.code, before.err]).toEqual([0, expect.stringContaining("an api process does that")]);
    keeper = new SeriesKeeper({ store, log: { warn: () => {} }, ...RETENTION_DEFAULT, writeEveryMs: 1 });
    await until("all is counted", async () => (await store.position()).position.seq === (await store.lastDelta()));
    const { code, out, err } = await rig.rollcall("segments", "series", "in-cart", "--step", "minute");
    expect([code, err]).toEqual([0, ""]);
    // Two of five bought what they had, and took something again.
    expect(out).toMatch(/^in-cart {2}.* by minute\n5 members at the end, 7 joined, 2 left\n0 to 5 {2}▁[▁-█]*█\n/);
    expect(out).toMatch(/MINUTE FROM +JOINED +LEFT +SIZE/);
    expect(isNarrow(out)).toBe(true);
  });

  test("goes out as JSON and CSV, and a wrong range is refused", async () => {
    const { out } = await rig.rollcall("segments", "series", "in-cart", "--step", "day", "-o", "json");
    const { items, counted } = JSON.parse(out) as { items: { size: number }[]; counted: { behind: boolean } };
    expect(items).toHaveLength(30);
    expect([items.at(-1)?.size, counted.behind]).toEqual([5, false]);
    const csv = await rig.rollcall("segments", "series", "in-cart", "-o", "csv");
    expect(csv.out).toMatch(/^at,joined,left,size\n/);
    const wrong = await rig.rollcall("segments", "series", "in-cart", "--from", "2026-01-02", "--to", "2026-01-01");
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--from must be before to")]);
  });
});

describe("compare", () => {
  test("puts segments side by side, in 80 columns", async () => {
    const { code, out } = await rig.rollcall("segments", "compare", "in-cart", BIG);
    expect(code).toBe(0);
    expect(out).toMatch(/^in-cart +5 +62\.5 % +3$/m);
    expect(out).toMatch(/^everybody +8 +100\.0 %$/m);
    expect(out).toMatch(/^big-spenders-of-the-last-… +100\.0 % +5 +6,000$/m);
    expect(out).toMatch(/^big-spenders-of-the-last-… +Shoes 5$/m);
    expect(out).toMatch(/^in-cart +big-spenders-of-t… +2 +3 +3 +25\.0 %$/m);
    expect(isNarrow(out)).toBe(true);
    const { pairs } = JSON.parse((await rig.rollcall("segments", "compare", "in-cart", BIG, "-o", "json")).out);
    expect(pairs).toEqual([{ a: "in-cart", b: BIG, both: 2, either: 8, onlyA: 3, onlyB: 3, jaccard: 0.25 }]);
  });

  test.each([
    [["in-cart"], /2 to 12 different segments, not 1/],
    [["in-cart", "in-cart"], /not 1/],
    [["in-cart", "pro"], /in-cart has users as members and pro has accounts/],
    [["in-cart", "prp"], /Did you mean pro/],
  ])("refuses %j", async (ids, words) => {
    const { code, err } = await rig.rollcall("segments", "compare", ...ids);
    expect([code, err]).toEqual([2, expect.stringMatching(words)]);
  });
});

test("a line of bars goes from the lowest to the highest, and thins what is too long", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([5, 5, null])).toBe("▄▄·");
  expect(sparkline([0, 0])).toBe("▁▁");
  expect(sparkline(Array.from({ length: 240 }, (_, index) => index))).toHaveLength(60);
  expect(sparkline([null])).toBe("·");
});
