// Who hears a story: the oracle, and the engine. What is worked out by hand holds for both.
// Beside story.ts; the engine's story folds history wherever a definition asks it.

import { MachineStory } from "../core/engine/machine-story.ts";
import { MachineWorld } from "../core/engine/machine-world.ts";
import { Story } from "./story.ts";
import { World } from "./world.ts";

export const TELLERS: readonly (readonly [name: string, teller: typeof Story])[] = [
  ["oracle", Story],
  ["engine", MachineStory],
];

/** The same where several partitions speak to each other. */
export const WORLDS: readonly (readonly [name: string, world: typeof World])[] = [
  ["oracle", World],
  ["engine", MachineWorld],
];
