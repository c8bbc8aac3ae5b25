// Lists of members over machines that let pages go and split them: each once, in the order asked for, with the columns asked
// for; held against a count of everybody. The slices are those of a worker.
import { beforeAll, describe, expect, test } from "vitest";
import { type MemberPlace, memberPage } from "../../../lib/api/audience/members.ts";
import { compareIds, partitionOf } from "../../../lib/core/ids.ts";
import type { MemberOrder, MemberSet } from "../../../lib/core/members.ts";
import { AskedRigs } from "../../support/asked-rigs.ts";
import { Dice } from "../../support/seed.ts";
import { MachineStory } from "./machine-story.ts";

const PARTITIONS = 2;
const USERS = 1_500;
const CACHE_BYTES = 400_000;
const RULES = [
  { id: "a", rule: { trait: { score: { lt: 60 } } } },
  { id: "b", rule: { trait: { score: { gte: 40 } } } },
  { id: "rare", rule: { trait: { score: 7 } } },
];
const NO_COLUMNS = { columns: [], traits: [] } as const;

let stories: MachineStory[];
let owners: AskedRigs;
let dice: Dice;
let minute = 0;

beforeAll(() => {
  dice = new Dice(20);
  stories = Array.from({ length: PARTITIONS }, (_, partition) => {
    const story = new MachineStory({ partition, partitions: PARTITIONS }, CACHE_BYTES);
    story.apply(at(), RULES);
    return story;
  });
  for (let user = 0; user < USERS; user += 1) scored(`u${user}`);
  owners = new AskedRigs(stories.map(({ rig }) => rig));
});

/** One minute later, ten people a minute. */
function at(): string {
  minute += 0.1;
  return new Date(Date.UTC(2026, 0, 1) + Math.floor(minute) * 60_000).toISOString();
}

function scored(id: string, score = dice.int(0, 99)): void {
  stories[partitionOf(id, PARTITIONS)]!.identify(at(), id, { score, name: `N${id}` });
}

function everybodyIn(segment: string): Set<string> {
  return new Set(stories.flatMap((story) => story.members(segment)));
}

async function pagesOf(set: Pick<MemberSet, "in" | "out">, order: MemberOrder, limit: number) {
  const found: { id: string; since: number }[] = [];
  let pages = 0;
  for (let from: MemberPlace | undefined, more = true; more; pages += 1) {
    const ask = { order, limit, from, ...NO_COLUMNS };
    const { items, next } = await memberPage(owners, { kind: "user", ...set }, ask);
    expect(items.length).toBeLessThanOrEqual(limit);
    found.push(...items);
    from = next ?? undefined;
    more = next !== null;
  }
  return { found, pages };
}

const idsOf = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id);

describe("each member once", () => {
  test.each([1, 7, 100, 10_000])("in any order, %i a page", async (limit) => {
    const { found } = await pagesOf({ in: ["rare"], out: [] }, "any", limit);
    const all = await pagesOf({ in: ["a"], out: [] }, "any", Math.max(7, limit));
    expect(idsOf(found).sort()).toEqual([...everybodyIn("rare")].sort());
    expect(idsOf(all.found).sort()).toEqual([...everybodyIn("a")].sort());
  });

  test.each(["newest", "oldest", "id"] as const)("%s first", async (order) => {
    const { found, pages } = await pagesOf({ in: ["a"], out: [] }, order, 150);
    expect(new Set(idsOf(found))).toEqual(everybodyIn("a"));
    expect(found).toHaveLength(everybodyIn("a").size);
    expect(pages).toBe(Math.ceil(found.length / 150));
    const sorted = found.toSorted((left, right) => {
      if (order === "id") return compareIds(left.id, right.id);
      return order === "newest" ? right.since - left.since : left.since - right.since;
    });
    // A sort keeps those in place that are alike.
    expect(found).toEqual(sorted);
  });

  test("of what two segments share, and of what one has and the other has not", async () => {
    const [a, b] = [everybodyIn("a"), everybodyIn("b")];
    const both = await pagesOf({ in: ["a", "b"], out: [] }, "any", 50);
    expect(idsOf(both.found).sort()).toEqual([...a].filter((id) => b.has(id)).sort());
    const only = await pagesOf({ in: ["a"], out: ["b"] }, "newest", 50);
    expect(idsOf(only.found).sort()).toEqual([...a].filter((id) => !b.has(id)).sort());
    expect(both.found.length * only.found.length).toBeGreaterThan(0);
  });
});

test("who stays is met once while pages split and others come and go; no slice looks at more than a few pages", async () => {
  const before = everybodyIn("a");
  const stays = new Set(before);
  owners.pagesMax = 0;
  let fresh = 0;
  owners.between = () => {
    for (let times = 0; times < 20; times += 1) {
      scored(`new${fresh}`);
      fresh += 1;
      const id = `u${dice.int(0, USERS - 1)}`;
      scored(id, 99);
      stays.delete(id);
    }
  };
  const pagesBefore = stories.map(({ rig }) => rig.machine.pageNumbers().length);
  const { found } = await pagesOf({ in: ["a"], out: [] }, "any", 40);
  owners.between = () => {};
  expect(stories.some(({ rig }, index) => rig.machine.pageNumbers().length > pagesBefore[index]!)).toBe(true);
  expect(new Set(idsOf(found)).size).toBe(found.length);
  const met = new Set(idsOf(found));
  expect([...stays].filter((id) => !met.has(id))).toEqual([]);
  expect(stays.size).toBeGreaterThan(100);
  expect(owners.pagesMax).toBeLessThanOrEqual(20);
});

test("columns are what is known of each", async () => {
  const ask = {
    order: "newest",
    limit: 40,
    from: undefined,
    columns: ["lastSeen", "orders"],
    traits: ["name"],
  } as const;
  const { items } = await memberPage(owners, { kind: "user", in: ["a"], out: [] }, ask);
  expect(items).toHaveLength(40);
  for (const { id, row } of items) {
    const { lastSeen, orders, traits } = stories[partitionOf(id, PARTITIONS)]!.user(id);
    expect(row).toEqual({ id, lastSeen, orders, traits: { name: (traits as { name: string }).name } });
  }
});
