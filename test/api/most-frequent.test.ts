// The most frequent in bounded memory: exact while there is room; then never too low, and never too high by more than it says.
import { expect, test } from "vitest";
import { MostFrequent } from "../../lib/api/profiles/most-frequent.ts";

test("while there is room, counts are exact", () => {
  const frequent = new MostFrequent<number>(3);
  for (const key of ["a", "b", "a", "c", "a", "b"]) frequent.add(key, key.charCodeAt(0), 1);
  expect(frequent.all.map(({ key, count, error }) => [key, count, error])).toEqual([
    ["a", 3, 0],
    ["b", 2, 0],
    ["c", 1, 0],
  ]);
  expect(frequent.isApproximate).toBe(false);
});

test("beyond it, bounds hold, and whatever is frequent enough is there", () => {
  const [capacity, count] = [20, 20_000];
  const frequent = new MostFrequent<null>(capacity);
  const exactly = new Map<string, number>();
  let state = 7;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    // A few often, very many seldom.
    const draw = state / 2 ** 32;
    const key = draw < 0.5 ? `often-${Math.floor(draw * 10)}` : `seldom-${index}`;
    frequent.add(key, null, index);
    exactly.set(key, (exactly.get(key) ?? 0) + 1);
  }
  expect(frequent.size).toBe(capacity);
  expect(frequent.isApproximate).toBe(true);
  for (const { key, count: counted, error } of frequent.all) {
    const real = exactly.get(key)!;
    expect(counted, key).toBeGreaterThanOrEqual(real);
    expect(counted - error, key).toBeLessThanOrEqual(real);
  }
  const kept = new Set(frequent.all.map(({ key }) => key));
  const frequentOnes = [...exactly].filter(([, times]) => times > count / capacity).map(([key]) => key);
  expect(frequentOnes.length).toBeGreaterThan(3);
  for (const key of frequentOnes) expect(kept, key).toContain(key);
});
