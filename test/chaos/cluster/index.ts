// The scenarios of three servers that replicate, in the order in which they are played.
import type { Scenario } from "../scenario.ts";
import { logLeader, metaLeader, rolling, segmentsLeader } from "./leaders.ts";
import { minority, noQuorum, staleLeader } from "./quorum.ts";

export const CLUSTER_SCENARIOS: readonly Scenario[] = [
  segmentsLeader,
  logLeader,
  metaLeader,
  rolling,
  minority,
  noQuorum,
  staleLeader,
];
