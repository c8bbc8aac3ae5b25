// What the shell is promised by the world, as one suite for every world. A simulator that runs over memory is only worth
// something because memory passes here, beside real servers. Called by contract.test.ts and by test/containers.
import { describe } from "vitest";
import { useWorld } from "./here.ts";
import { linkingContract } from "./linking.ts";
import { logContract } from "./logs.ts";
import { rememberingContract } from "./remembering.ts";
import { speakingContract } from "./speaking.ts";
import { tracingContract } from "./tracing.ts";
import type { ContractWorld } from "./worlds.ts";

export function contract(worlds: readonly ContractWorld[]): void {
  describe.each(worlds)("$name", (world) => {
    const here = useWorld(world);
    logContract(here, world.losesNoTail);
    speakingContract(here);
    linkingContract(here);
    rememberingContract(here);
    tracingContract(here);
  });
}
