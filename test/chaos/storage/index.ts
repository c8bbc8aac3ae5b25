// The scenarios of harm to the server's store, in the order in which they are played.
import type { Scenario } from "../scenario.ts";
import { deleted } from "./deleted.ts";
import { diskFull } from "./disk-full.ts";
import { flipped, flippedElsewhere } from "./flipped.ts";
import { restored } from "./restored.ts";
import { tail } from "./tail.ts";
import { torn } from "./torn.ts";
import { trimmed } from "./trimmed.ts";

export const STORAGE_SCENARIOS: readonly Scenario[] = [
  tail,
  torn,
  flipped,
  flippedElsewhere,
  trimmed,
  restored,
  deleted,
  diskFull,
];
