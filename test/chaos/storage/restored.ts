// An old copy of the store is put back, whole or in parts, as after a restore from the wrong backup. What is older than the
// rest must be refused or made again; what a worker that stayed alive has said cannot become unsaid without its noticing.
import { join } from "node:path";
import { REPOSITORY } from "../../support/repository.ts";
import type { Observation } from "../scenario.ts";
import { BOTH, type Case, scenarioOf } from "./cases.ts";
import type { StorageRig, WorkerWas } from "./rig.ts";

interface Restored {
  readonly what: string;
  streams(rig: StorageRig): Promise<readonly string[]> | readonly string[];
  verdict(rig: StorageRig, fault: string, worker: WorkerWas): Promise<Observation>;
}

const logs = (rig: StorageRig): readonly string[] => rig.partitions.map((partition) => rig.eventsStream(partition));
const all = (rig: StorageRig, fault: string, codes: readonly string[]): Promise<Observation> =>
  rig.refused(fault, rig.partitions, codes);

const RESTORED: readonly Restored[] = [
  {
    what: "the logs (EVENTS_*)",
    streams: logs,
    verdict: (rig, fault) => all(rig, fault, ["LOG-002"]),
  },
  {
    what: "the logs and CHECKPOINT",
    streams: (rig) => [...logs(rig), rig.checkpointStream],
    verdict: (rig, fault) => all(rig, fault, ["LOG-002"]),
  },
  {
    what: "SEGMENTS alone",
    streams: (rig) => [rig.segmentsStream],
    // A worker that knows what it has said says so. A new one makes SEGMENTS again from the logs, delta by delta the same.
    verdict: (rig, fault, worker) =>
      worker === "stayed" ? all(rig, fault, ["SEG-001"]) : rig.healed(fault, { repeatsHeard: true }),
  },
  {
    what: "CHECKPOINT alone",
    streams: (rig) => [rig.checkpointStream],
    verdict: (rig, fault) => rig.healed(fault),
  },
  {
    what: "DEFINITIONS alone",
    streams: (rig) => [rig.definitionsStream],
    verdict: (rig, fault) => all(rig, fault, ["CTL-001"]),
  },
  {
    what: "everything",
    streams: (rig) => rig.store.streams(),
    verdict: async (rig, fault, worker) => {
      if (worker === "stayed") return all(rig, fault, ["LOG-002", "SEG-001"]);
      const row = await rig.healed(fault, { repeatsHeard: true });
      return { ...row, seen: `a consistent past, not to be told from inside; ${row.seen}` };
    },
  },
];

export const putBack: Case[] = RESTORED.flatMap(({ what, streams, verdict }) =>
  BOTH.map((worker) => ({
    fault: `an old copy put back: ${what}`,
    worker,
    play: async (rig, fault) => {
      const chosen = await streams(rig);
      await rig.backUp(chosen);
      await rig.apply([join(REPOSITORY, "test", "chaos", "storage", "later.yaml")]);
      await rig.history();
      await rig.outage((store) => store.putBack(chosen, rig.backup));
      return verdict(rig, fault, worker);
    },
  })),
);

export const restored = scenarioOf("store-restored", "an old copy of the store put back, whole or in parts", putBack);
