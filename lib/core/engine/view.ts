// What is shown of a person: the actor as plain data, amounts as people write them.
import type { UserView } from "../partition.ts";
import type { JsonObject } from "../types.ts";
import type { Actor } from "./actor.ts";

export function viewOf(actor: Actor, cart: JsonObject): UserView {
  return {
    id: actor.id,
    traits: { ...actor.traits },
    cart: { ...cart, value: (cart.value as number) / 10_000, quantity: (cart.quantity as number) / 10_000 },
    orders: actor.orders.filter((order) => !order.gone).length,
    lists: [...(actor.lists ?? [])].sort(),
    memberships: Array.from(actor.memberships, ([segment, held]) => ({ segment, ...held })).sort((a, b) =>
      a.segment < b.segment ? -1 : 1,
    ),
    firstSeen: actor.firstSeen,
    lastSeen: actor.lastSeen,
  };
}
