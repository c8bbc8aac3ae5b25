// What is shown of a person: the actor as plain data, amounts as people write them.
import type { FlagId } from "../../links.ts";
import type { AccountView, HeldSegment, MemberView, UserView } from "../../partition.ts";
import type { JsonObject, Millis } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import { affinitiesShown } from "../leaves/favorites.ts";
import { flagOf } from "../member/accounts.ts";
import type { Actor, Order } from "../member/actor.ts";
import { inCurrency } from "../member/currencies.ts";
import { sourcesRecord, sourcesSeen, visitRecord } from "../member/visit-record.ts";
import { shownList, visitEndOf, visitSpan } from "../member/visits.ts";
import { cartRecord } from "../reading.ts";
import type { World } from "../world.ts";

export function viewOf(actor: Actor, now: Millis, world: World): UserView {
  const cart = cartRecord(actor, world.vocabulary.currency);
  const { account } = actor;
  return {
    id: actor.id,
    ...(account === undefined ? {} : { account: { id: account.id, since: account.since } }),
    identities: { ...actor.identities },
    ...commonOf(actor, now, world),
    cart: { ...cart, value: (cart.value as number) / 10_000, quantity: (cart.quantity as number) / 10_000 },
    orders: ordersOf(actor, world).count,
  };
}

/** `rules`: the texts of the flags that are evaluated for its users. */
export function accountViewOf(
  actor: Actor,
  now: Millis,
  world: World,
  rules: ReadonlyMap<FlagId, string>,
): AccountView {
  const people = actor.people!;
  const byRule = Object.fromEntries(Array.from(rules, ([flag, rule]) => [rule, people.holds.get(flag) ?? 0]));
  return {
    id: actor.id,
    users: people.users,
    ...(rules.size === 0 ? {} : { usersByRule: byRule }),
    ...commonOf(actor, now, world),
    orders: ordersOf(actor, world),
  };
}

/** What is shown of users and of accounts. */
function commonOf(actor: Actor, now: Millis, world: World): Omit<MemberView, "id"> {
  return {
    traits: { ...actor.traits },
    ...recordsOf(actor),
    ...visitsOf(actor, now, world.vocabulary),
    situations: situationsOf(actor, now, world),
    objects: Object.fromEntries(Object.entries(actor.objects).map(([type, ofType]) => [type, { ...ofType }])),
    lists: [...(actor.lists ?? [])].sort(),
    memberships: Array.from(actor.memberships, ([segment, held]) => ({ segment, ...held }))
      .filter(({ segment }) => flagOf(segment) === undefined)
      .sort((a, b) => (a.segment < b.segment ? -1 : 1)),
    ...affinitiesOf(actor),
    firstSeen: actor.firstSeen,
    lastSeen: actor.lastSeen,
  };
}

/** The segments that somebody is in, by id: all that a decision asks, and none of what a view costs. */
export function segmentsHeld({ memberships }: Actor): HeldSegment[] {
  const held: HeldSegment[] = [];
  for (const [id, { in: isIn, n, since }] of memberships) {
    if (isIn && flagOf(id) === undefined) held.push({ id, n, since });
  }
  return held.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Those that stand, and what they come to in the vocabulary's currency. */
export function ordersOf(actor: Actor, { vocabulary }: World): { readonly count: number; readonly revenue: number } {
  const standing = standingOrders(actor, vocabulary.currency);
  const revenue = standing.reduce((sum, { total }) => sum + (Number.isNaN(total) ? 0 : total), 0);
  return { count: standing.length, revenue: revenue / 10_000 };
}

/** Those that are neither cancelled nor refunded whole; the total as an amount, NaN where it is missing. */
export function standingOrders(
  { orders }: Actor,
  currency: string,
): { readonly order: Order; readonly total: number }[] {
  return orders.flatMap((order) => {
    const { gone, total } = inCurrency(order.money, currency);
    return gone ? [] : [{ order, total }];
  });
}

function recordsOf({ place, network, device }: Actor): Pick<MemberView, "place" | "network" | "device"> {
  return {
    ...(place === undefined ? {} : { place }),
    ...(network === undefined ? {} : { network }),
    ...(device === undefined ? {} : { device }),
  };
}

function visitsOf(
  actor: Actor,
  now: Millis,
  { visitIdleMs, referrers }: Vocabulary,
): Pick<MemberView, "visits" | "source"> {
  const list = shownList(actor, visitIdleMs);
  const count = list.times.length / 2;
  if (count === 0) return { visits: { count } };
  const span = visitSpan(list, count - 1);
  const { start, last } = span;
  const newest = { start, last, underWay: now < visitEndOf(list), visit: visitRecord(span, referrers) };
  return {
    visits: { count, newest },
    ...(list.details === undefined ? {} : { source: sourcesRecord(sourcesSeen(list, now), referrers) }),
  };
}

/** What feeds say of the place where somebody is, by the feed's kind. */
function situationsOf({ place }: Actor, now: Millis, { situations }: World): Record<string, JsonObject> {
  const here: Record<string, JsonObject> = {};
  for (const kind of situations.kinds) {
    const values = situations.valuesAt(kind, place, now);
    if (values !== undefined) here[kind] = values;
  }
  return here;
}

/** Only what some rule has kept: nothing is worked out for showing alone. */
function affinitiesOf(actor: Actor): Pick<MemberView, "affinities"> {
  const affinities = affinitiesShown(actor);
  return affinities.length === 0 ? {} : { affinities };
}
