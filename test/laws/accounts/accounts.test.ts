// Law 9: an account is all its users, wherever they are. Over several partitions the engine says in each log what the slow
// recomputation says, to everybody and to the other partitions. A slice here; run.ts plays as many as one has time for.
import { test } from "vitest";
import { playSlice } from "../slice.ts";
import { playAccounts } from "./play.ts";

const CHECKS_AT_LEAST = 10_000;

test("the engine says what the oracle says, in every partition", { timeout: 900_000 }, () => {
  playSlice("accounts property", playAccounts, CHECKS_AT_LEAST);
});
