// Who hears a story: the oracle, and the engine. What is worked out by hand holds for both.
// Beside story.ts; the engine's story folds history wherever a definition asks it.
import { MachineStory } from "../core/engine/machine-story.ts";
import { Story } from "./story.ts";

export const TELLERS: readonly (readonly [name: string, teller: typeof Story])[] = [
  ["oracle", Story],
  ["engine", MachineStory],
];
