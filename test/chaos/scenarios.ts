// All scenarios of `npm run chaos`, in the order in which they are played. A new one is added here and nowhere else.
import { CLUSTER_SCENARIOS } from "./cluster/index.ts";
import type { Scenario } from "./scenario.ts";
import { STORAGE_SCENARIOS } from "./storage/index.ts";
import { everything } from "./workers/everything.ts";
import { kills } from "./workers/kills.ts";
import { network } from "./workers/network.ts";
import { rolling } from "./workers/rolling.ts";
import { server } from "./workers/server.ts";
import { zombies } from "./workers/zombies.ts";

export interface ScenarioSettings {
  /** However little time there is. */
  readonly killsMin: number;
  readonly pausesMin: number;
}

export function scenarios({ killsMin, pausesMin }: ScenarioSettings): readonly Scenario[] {
  const ofWorkers = [kills(killsMin), zombies(pausesMin), rolling, network, server, everything];
  return [...ofWorkers, ...STORAGE_SCENARIOS, ...CLUSTER_SCENARIOS];
}
