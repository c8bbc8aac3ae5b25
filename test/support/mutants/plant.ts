// Given to Node by --import: the process that starts is the program with the one bug that ROLLCALL_MUTANT holds.
import { register } from "node:module";
import { MUTANT_VARIABLE, type Mutant } from "./mutant.ts";

const text = process.env[MUTANT_VARIABLE];
if (text === undefined) throw new Error(`${MUTANT_VARIABLE} holds no mutant`);
register("./hook.js", import.meta.url, { data: JSON.parse(text) as Mutant });
