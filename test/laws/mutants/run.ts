// npm run test:mutants: plants each fault of list.ts in turn into the engine, compares it with the oracle until a seed finds
// the fault, and prints the table.
import { fileURLToPath } from "node:url";
import { lookForMutants } from "../../support/mutants/look-for.ts";
import { MUTANTS } from "./list.ts";

await lookForMutants({
  command: "test:mutants",
  about: "plants faults into the engine, one at a time, and looks for the history in which the oracle disagrees",
  mutants: MUTANTS,
  program: fileURLToPath(new URL("../run.js", import.meta.url)),
  seedsMax: 2_000,
});
