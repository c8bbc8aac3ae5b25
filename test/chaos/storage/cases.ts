// A scenario of this folder as a list of cases, each on a data set of its own. Stands between rig.ts and the scenarios.
import type { Observation, Scenario, ScenarioContext } from "../scenario.ts";
import { type RigOptions, StorageRig, type WorkerWas } from "./rig.ts";

export interface Case {
  readonly fault: string;
  readonly worker: WorkerWas;
  readonly variables?: RigOptions["variables"];
  /** Does the harm and says what came of it. */
  play(rig: StorageRig, fault: string): Promise<Observation>;
}

export const BOTH: readonly WorkerWas[] = ["stayed", "fresh"];

export function scenarioOf(name: string, about: string, cases: readonly Case[]): Scenario {
  return {
    name,
    about,
    run: async (context) => {
      const rows: Observation[] = [];
      for (const one of cases) rows.push(await playCase(context, one));
      return rows;
    },
  };
}

/** One row, whatever happens. */
export async function playCase({ seed, say }: ScenarioContext, one: Case): Promise<Observation> {
  const fault = `${one.fault}; the worker ${one.worker === "stayed" ? "stayed alive" : "is a new one"}`;
  say(fault);
  let rig: StorageRig | undefined;
  try {
    rig = await StorageRig.open({
      seed,
      worker: one.worker,
      ...(one.variables === undefined ? {} : { variables: one.variables }),
    });
    return await one.play(rig, fault);
  } catch (error) {
    // The product may be what did not answer: that is a result, and the next case has a server of its own.
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return { fault, times: 1, seen: `ended early: ${why}`, held: false };
  } finally {
    await rig?.close();
  }
}
