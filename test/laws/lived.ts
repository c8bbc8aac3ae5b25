// A past of random events under random definitions, for tests that ask something of it afterwards: a trial, a back-test.
import type { Millis } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { Definitions } from "./definitions.ts";
import { History, membersOf } from "./generate.ts";
import type { Rig } from "./rig.ts";

/** Plays it into the rig, whose partition is the only one; whoever writes its definitions can write more. */
export function lived(dice: Dice, rig: Rig): { readonly shop: Definitions; readonly start: Millis } {
  const members = membersOf(dice.int(2, 12), 0, 1);
  const start = Date.UTC(2026, 2, 26, 20);
  const history = new History(dice, { partition: 0, partitions: 1, clockMode: "log", members, start });
  const shop = new Definitions(dice, history);
  for (const record of shop.start()) rig.apply(record);
  for (let index = dice.int(20, 80); index > 0; index -= 1) {
    if (dice.chance(0.03)) for (const record of shop.change()) rig.apply(record);
    rig.apply(history.next());
  }
  return { shop, start };
}
