// A history of several partitions drawn from a seed: the engine against the oracle in each of them, and what both sides of
// every account know of each other once nothing is on its way.
import { Dice } from "../../support/seed.ts";
import type { Tally } from "../play.ts";
import { World } from "./world.ts";

/** Throws Mismatch at the first difference. Gives the world as it is at the end. */
export function playAccounts(seed: number, tally: Tally): World {
  const dice = new Dice(seed);
  const world = new World(seed, dice, tally);
  world.start();
  const length = dice.int(60, 260);
  for (let index = 0; index < length; index += 1) {
    world.step();
    if (dice.chance(0.04)) world.compareMemberships();
    if (dice.chance(0.01)) world.settle();
  }
  world.settle();
  world.compareMemberships();
  return world;
}
