// Given to Node by --import: the process that starts is the program with the one bug that ROLLCALL_MUTANT names.
import { register } from "node:module";
import { MUTANT_VARIABLE, MUTANTS } from "./list.ts";

const name = process.env[MUTANT_VARIABLE];
const mutant = MUTANTS.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`${MUTANT_VARIABLE} names no mutant: ${name}`);
register("./hook.js", import.meta.url, { data: mutant });
