// The threshold-crossing index against trying every leaf: it names each leaf that flips, and no leaf whose bounds the
// move did not pass.
import { expect, test } from "vitest";
import { NumericIndex, numberPasses } from "../../../lib/core/engine/indexes/numeric-index.ts";
import type { Test } from "../../../lib/core/rules/ast.ts";
import { Dice, seeds } from "../../support/seed.ts";

const VALUES = [Number.NaN, -3, -0.5, 0, 1, 1.5, 2, 3, 5, 8, 1e9];

function randomTest(dice: Dice): Test {
  const value = dice.pick(VALUES.slice(1));
  return dice.pick<Test>([
    [{ op: dice.pick(["gt", "gte", "lt", "lte"] as const), value }],
    [{ op: dice.pick(["eq", "ne"] as const), value, fold: false }],
    [{ op: dice.pick(["in", "notIn"] as const), values: [value, value + 1], fold: false }],
    [{ op: "between", low: value, high: value + 2 }],
    [
      { op: "gt", value },
      { op: "ne", value: value + 1, fold: false },
    ],
    [{ op: "exists", value: dice.chance(0.5) }],
  ]);
}

test.each(seeds(20))("touches every leaf that flips, seed %i", (seed) => {
  const dice = new Dice(seed);
  const leaves = Array.from({ length: 40 }, (_, leaf) => ({ leaf, test: randomTest(dice) }));
  const index = new NumericIndex(leaves);
  for (const from of VALUES) {
    for (const to of VALUES) {
      const touched = new Set<number>();
      index.crossed(from, to, (leaf) => touched.add(leaf));
      const flipped = leaves.filter(({ test }) => numberPasses(from, test) !== numberPasses(to, test));
      expect([...touched], `${from} → ${to}`).toEqual(expect.arrayContaining(flipped.map(({ leaf }) => leaf)));
      if (Object.is(from, to)) expect(touched.size).toBe(0);
    }
  }
});

test("a move touches only the bounds it passes, however many there are", () => {
  const leaves = Array.from({ length: 100_000 }, (_, leaf) => ({ leaf, test: [{ op: "gte", value: leaf }] as Test }));
  const index = new NumericIndex(leaves);
  const touched: number[] = [];
  index.crossed(41.5, 44, (leaf) => touched.push(leaf));
  expect(touched).toEqual([42, 43, 44]);
  expect(index.crosses(44, 44.9)).toBe(false);
  expect(index.crosses(44, 45)).toBe(true);
});
