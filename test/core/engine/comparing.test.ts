// Segments side by side over machines that let pages go: every figure held against a recount of everybody, one by one.
import { beforeAll, expect, test } from "vitest";
import { compareSegments, type Profile } from "../../../lib/api/audience/comparing.ts";
import { partitionOf } from "../../../lib/core/ids.ts";
import { AskedRigs } from "../../support/asked-rigs.ts";
import { Dice } from "../../support/seed.ts";
import { MachineStory } from "./machine-story.ts";

const PARTITIONS = 2;
const USERS = 900;
const CACHE_BYTES = 400_000;
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const SHELVES = ["shoes", "hats", "coats"];
const RULES = [
  { id: "low", rule: { trait: { score: { lt: 60 } } } },
  { id: "high", rule: { trait: { score: { gte: 40 } } } },
  { id: "even", rule: { trait: { even: true } } },
];
const SEGMENTS = RULES.map(({ id }) => id);

interface Bought {
  readonly total: number;
  readonly items: ReadonlyMap<string, number>;
}

let stories: MachineStory[];
let owners: AskedRigs;
const users: string[] = [];
const bought = new Map<string, Bought[]>();
const seen = new Map<string, number>();
const now = START + 60 * DAY_MS;

beforeAll(() => {
  const dice = new Dice(77);
  stories = Array.from({ length: PARTITIONS }, (_, partition) => {
    const story = new MachineStory({ partition, partitions: PARTITIONS }, CACHE_BYTES);
    story.items(stamp(START), { p0: { category: SHELVES[0]! } });
    story.apply(stamp(START), RULES);
    return story;
  });
  for (let user = 0; user < USERS; user += 1) {
    const id = `u${user}`;
    users.push(id);
    const at = START + Math.floor((user * 60 * DAY_MS) / USERS);
    storyOf(id).identify(stamp(at), id, { score: dice.int(0, 99), even: user % 2 === 0 });
    seen.set(id, at);
    if (dice.chance(0.4)) order(id, at, dice);
  }
  for (const story of stories) story.deltas(stamp(now), "clock", { to: now });
  owners = new AskedRigs(stories.map(({ rig }) => rig));
});

function stamp(at: number): string {
  return new Date(at).toISOString();
}

function storyOf(id: string): MachineStory {
  return stories[partitionOf(id, PARTITIONS)]!;
}

function order(id: string, at: number, dice: Dice): void {
  const total = dice.int(1, 500);
  const lines = Array.from({ length: dice.int(1, 3) }, () => ({ shelf: dice.int(0, 2), quantity: dice.int(1, 4) }));
  // The first shelf is known by its item alone, the others are said.
  const products = lines.map(({ shelf, quantity }) => ({
    product_id: `p${shelf}`,
    quantity,
    ...(shelf === 0 ? {} : { category: SHELVES[shelf]! }),
  }));
  storyOf(id).track(stamp(at), id, "Order Completed", { order_id: `o-${id}`, total, products });
  if (dice.chance(0.2)) {
    storyOf(id).track(stamp(at), id, "Order Cancelled", { order_id: `o-${id}` });
    return;
  }
  const items = new Map<string, number>();
  for (const { shelf, quantity } of lines) items.set(SHELVES[shelf]!, (items.get(SHELVES[shelf]!) ?? 0) + quantity);
  bought.set(id, [{ total, items }]);
}

function recount(ids: readonly string[]): Omit<Profile, "visits" | "engagement" | "share"> {
  const orders = ids.flatMap((id) => bought.get(id) ?? []);
  const within = (days: number) => ids.filter((id) => seen.get(id)! > now - days * DAY_MS).length;
  return {
    members: ids.length,
    activeIn7Days: within(7),
    activeIn30Days: within(30),
    buyers: ids.filter((id) => bought.has(id)).length,
    orders: orders.length,
    revenue: orders.reduce((sum, { total }) => sum + total, 0),
    topCategories: SHELVES.map((category) => ({
      category,
      members: orders.filter(({ items }) => items.has(category)).length,
      items: orders.reduce((sum, { items }) => sum + (items.get(category) ?? 0), 0),
    }))
      .filter(({ members }) => members > 0)
      .sort((left, right) => right.members - left.members || right.items - left.items),
  };
}

test("sizes, overlaps, orders, revenue and categories are those of a recount, for segments and for everybody", async () => {
  const compared = await compareSegments(owners, { kind: "user", segments: SEGMENTS });
  const members = new Map(SEGMENTS.map((id) => [id, new Set(stories.flatMap((story) => story.members(id)))]));
  const inOf = (segment: string) => (id: string) => members.get(segment)!.has(id);
  expect(compared.clock).toBe(now);
  expect(compared.everybody).toMatchObject(recount(users));
  for (const { segment, only, ...profile } of compared.segments) {
    const own = users.filter(inOf(segment));
    expect(profile).toMatchObject(recount(own));
    const others = SEGMENTS.filter((other) => other !== segment);
    expect(only).toBe(own.filter((id) => !others.some((other) => inOf(other)(id))).length);
    expect(profile.share).toBeCloseTo(own.length / USERS, 12);
  }
  expect(compared.pairs).toHaveLength(3);
  for (const { a, b, both, either, onlyA, onlyB, jaccard } of compared.pairs) {
    const shared = users.filter((id) => inOf(a)(id) && inOf(b)(id)).length;
    const any = users.filter((id) => inOf(a)(id) || inOf(b)(id)).length;
    expect([both, either, both + onlyA, both + onlyB]).toEqual([
      shared,
      any,
      members.get(a)!.size,
      members.get(b)!.size,
    ]);
    expect(jaccard).toBeCloseTo(shared / any, 12);
  }
  const all = users.filter((id) => SEGMENTS.every((segment) => inOf(segment)(id))).length;
  expect(all).toBeGreaterThan(0);
  expect(compared.together).toEqual({ all, any: USERS, jaccard: all / USERS });
  // It was many slices, each of a page or so: nobody waits for all of them.
  expect(owners.slices).toBeGreaterThanOrEqual(PARTITIONS * 2);
  expect(owners.pagesMax).toBeLessThanOrEqual(3);
});

test("engagement is the mean of what is kept, and unknown where no segment asks for it", async () => {
  const { everybody } = await compareSegments(owners, { kind: "user", segments: ["low", "high"] });
  expect(everybody.engagement).toBeNull();
  const asked = new MachineStory({}, CACHE_BYTES);
  const engagement = { cycle: "30d", parts: [{ weight: 100, full: 2, event: "Played" }] };
  asked.control(stamp(START), { op: "vocabulary", vocabulary: { engagement } });
  asked.apply(stamp(START), [
    { id: "keen", rule: { engagement: { score: { gte: 80 } } } },
    { id: "all", rule: { trait: { on: true } } },
  ]);
  for (const [id, plays] of [
    ["a", 2],
    ["b", 1],
    ["c", 0],
  ] as const) {
    asked.identify(stamp(START), id, { on: true });
    for (let play = 0; play < plays; play += 1) asked.track(stamp(START), id, "Played");
  }
  const compared = await compareSegments(new AskedRigs([asked.rig]), { kind: "user", segments: ["keen", "all"] });
  expect(asked.members("keen")).toEqual(["a"]);
  expect(compared.segments.map(({ engagement }) => engagement)).toEqual([100, 50]);
});

test("accounts are compared as users are", async () => {
  const story = new MachineStory();
  story.apply(stamp(START), [
    { id: "pro", kind: "account", rule: { trait: { plan: "pro" } } },
    { id: "large", kind: "account", rule: { trait: { seats: { gte: 10 } } } },
  ]);
  story.group(stamp(START), "u1", "acme", { plan: "pro", seats: 20 });
  story.group(stamp(START), "u2", "zoo", { plan: "pro", seats: 2 });
  story.group(stamp(START), "u3", "bar", { plan: "free", seats: 30 });
  const { segments, pairs, everybody } = await compareSegments(new AskedRigs([story.rig]), {
    kind: "account",
    segments: ["pro", "large"],
  });
  expect(everybody.members).toBe(3);
  expect(segments.map(({ segment, members, only }) => [segment, members, only])).toEqual([
    ["pro", 2, 1],
    ["large", 2, 1],
  ]);
  expect(pairs).toEqual([{ a: "pro", b: "large", both: 1, either: 3, onlyA: 1, onlyB: 1, jaccard: 1 / 3 }]);
});
