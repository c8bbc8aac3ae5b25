// A slice of the simulator in every test run: worlds drawn from seeds, in which nothing may be broken. `SEED=n` plays one again;
// `npm run simulate` plays as many as one likes, and tells a failure as a story.
import { describe, expect, test } from "vitest";
import { seeds } from "../support/seed.ts";
import { planOf } from "./plan.ts";
import { Simulation } from "./simulation.ts";
import { storyOf } from "./story.ts";

const SEEDS = 40;
const TWICE = 3;

describe("whatever dies, is cut off, answers late, or is harmed on disk", () => {
  test.each(seeds(SEEDS))("seed %i", async (seed) => {
    const { violation } = await new Simulation(planOf(seed)).run();
    if (violation === undefined) return;
    // Played again for its story: the same seed does the same.
    const outcome = await new Simulation(planOf(seed), true).run();
    expect.fail(`${storyOf(planOf(seed), outcome)}\n\nnpm run simulate -- --seed ${seed} makes it small`);
  });
});

test.each(seeds(TWICE))("seed %i gives the same trace, line by line, every time", async (seed) => {
  const [first, second] = [
    await new Simulation(planOf(seed), true).run(),
    await new Simulation(planOf(seed), true).run(),
  ];
  expect(second.lines).toEqual(first.lines);
  expect(second.hash).toBe(first.hash);
  expect(first.lines.length).toBeGreaterThan(100);
});
