// Random definitions of both kinds: the rules of rows.ts for one side, and now and then one that asks the other side.
// entries.ts applies, edits and removes them.
import type { Json, JsonObject } from "../../../lib/core/types.ts";
import type { Dice } from "../../support/seed.ts";
import { definition } from "../generate.ts";
import { countTest, measured } from "../parts.ts";
import { NAMES, RUN_ROWS, rowsWithout, rule } from "../rows.ts";

/** Ids of segments that a rule may name, by kind. */
export interface Others {
  readonly user: readonly string[];
  readonly account: readonly string[];
}

export type Kind = keyof Others;

export const ACCOUNT_LISTS = ["firms", "partners"];

const FOR_USERS_ALONE = ["cart", "anonymous", "identity", "list"];
/** How deep `account:` and `users:` may stand in each other. */
const FLAG_DEPTH_MAX = 3;

export function definitionOf(dice: Dice, id: string, kind: Kind, others: Others): JsonObject {
  const base = definition(dice, id, [], ["event"]);
  const zone = kind === "account" && base.zone === "user" ? { zone: "Europe/Berlin" } : {};
  return { ...base, ...zone, kind, rule: ruleOf(dice, kind, { others, depth: 2, flags: FLAG_DEPTH_MAX }) };
}

interface Room {
  readonly others: Others;
  readonly depth: number;
  readonly flags: number;
}

function ruleOf(dice: Dice, kind: Kind, room: Room): JsonObject {
  const { depth, flags } = room;
  if (depth > 0 && dice.chance(0.35)) {
    const parts = Array.from({ length: dice.int(1, 3) }, () => ruleOf(dice, kind, { ...room, depth: depth - 1 }));
    const op = dice.pick(["all", "any", "none", "not"]);
    return op === "not" ? { not: parts[0]! } : { [op]: parts };
  }
  if (flags > 0 && dice.chance(flags === FLAG_DEPTH_MAX ? 0.55 : 0.25)) {
    return acrossRule(dice, kind, { ...room, depth: Math.max(0, depth - 1), flags: flags - 1 });
  }
  return kind === "user" ? rule(dice, room.others.user, 0, rowsFor(room.others.user)) : accountRule(dice, room.others);
}

/** A rule that the other side evaluates. */
function acrossRule(dice: Dice, kind: Kind, room: Room): JsonObject {
  if (kind === "user") return { account: ruleOf(dice, "account", room) };
  return { users: { rule: ruleOf(dice, "user", room), ...usersMeasure(dice) } };
}

function usersMeasure(dice: Dice): JsonObject {
  const percent = dice.pick([0, 25, 33.3333, 50, 66.6667, 100]);
  return dice.pick<JsonObject>([
    { atLeast: dice.int(1, 3) },
    { count: countTest(dice) },
    { share: { [dice.pick(["gt", "gte", "lt", "lte", "eq"])]: percent } },
    { share: dice.pick<Json>([{ exists: false }, { ne: 100 }, { between: [20, 60] }]) },
  ]);
}

function accountRule(dice: Dice, others: Others): JsonObject {
  const pick = dice.int(0, 9);
  if (pick < 1) return { list: { [dice.pick(["in", "notIn"])]: [dice.pick(ACCOUNT_LISTS)] } };
  if (pick < 3) {
    const where = dice.chance(0.4)
      ? { where: { userId: dice.pick<Json>(["u5", { ne: "u6" }, { exists: true }]) } }
      : {};
    return { event: { name: dice.pick<Json>([...NAMES, "*"]), ...where, ...measured(dice, "userId", true) } };
  }
  const rows = FOR_USERS_ALONE.reduce((rest, name) => rowsWithout(name, rest), rowsFor(others.account));
  return rule(dice, others.account, 0, rows);
}

/** Where there is no other segment, none can be named. */
function rowsFor(others: readonly string[]): readonly string[] {
  return others.length === 0 ? rowsWithout("segment") : RUN_ROWS;
}
