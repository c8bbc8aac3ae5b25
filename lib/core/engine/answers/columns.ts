// The columns of one member in a list: what is asked of the person as plain numbers, amounts as people write them.
// Beside it: view.ts, which shows all that is known of one.
import type { ColumnsAsked, MemberColumn } from "../../members.ts";
import type { MemberRow } from "../../partition.ts";
import type { Json, JsonObject } from "../../types.ts";
import type { Actor } from "../member/actor.ts";
import { shownList } from "../member/visits.ts";
import { cartRecord } from "../reading.ts";
import type { World } from "../world.ts";
import { ordersOf } from "./view.ts";

export function rowOf(actor: Actor, { columns, traits }: ColumnsAsked, world: World): MemberRow {
  const row: Record<string, Json> = {};
  for (const column of columns) row[column] = cellOf(actor, column, world);
  if (traits.length > 0 && !columns.includes("traits")) row.traits = traitsOf(actor, traits);
  return { id: actor.id, ...row };
}

function cellOf(actor: Actor, column: MemberColumn, world: World): Json {
  switch (column) {
    case "firstSeen":
      return actor.firstSeen;
    case "lastSeen":
      return actor.lastSeen;
    case "orders":
      return ordersOf(actor, world).count;
    case "revenue":
      return ordersOf(actor, world).revenue;
    case "visits":
      return shownList(actor, world.vocabulary.visitIdleMs).times.length / 2;
    case "cart":
      return (cartRecord(actor, world.vocabulary.currency, false).value as number) / 10_000;
    case "account":
      return actor.account?.id ?? null;
    case "lists":
      return [...(actor.lists ?? [])].sort();
    case "traits":
      return { ...actor.traits };
  }
}

/** Null where there is none. */
function traitsOf({ traits }: Actor, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, traits[name] ?? null]));
}
