// npm run simulate:mutants: plants each bug of list.ts in turn, simulates until a seed finds it, and prints the table.
import { fileURLToPath } from "node:url";
import { lookForMutants } from "../../support/mutants/look-for.ts";
import { MUTANTS } from "./list.ts";

await lookForMutants({
  command: "simulate:mutants",
  about: "plants bugs of the protocol, one at a time, and looks for the seed that finds each",
  mutants: MUTANTS,
  program: fileURLToPath(new URL("../run.js", import.meta.url)),
  seedsMax: 500,
});
