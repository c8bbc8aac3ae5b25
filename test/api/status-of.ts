// What the owner of a partition says of it when all is well; for tests of what is made of that.
import { newCounters } from "../../actors/partition/counters.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";

export function statusOf(partition: number, owner: string, more: Partial<PartitionStatus> = {}): PartitionStatus {
  return {
    partition,
    phase: "running",
    owner,
    epoch: 3,
    position: 100,
    done: 100,
    clock: 0,
    universe: 12,
    deadline: null,
    lag: 4,
    lagMs: 250,
    eventsPerSecond: 90,
    unsaid: 0,
    unsaidLinks: 0,
    checkpointAgeMs: 1_500.4,
    checkpointPosition: 90,
    revision: 1,
    folding: [],
    erasing: [],
    unsettled: [],
    residentBytes: 4_096,
    problem: null,
    error: null,
    counters: newCounters(),
    ...more,
  };
}
