// What somebody sees of a person whose key shows no personal data: that something is known and under which name, not what.
// Routes and the live feed ask here before they shape an answer; the shapes stay the same.
import { speaks } from "../../core/ids.ts";
import type { AccountUser, AccountView, ExplainNode, TrialPart, UserView } from "../../core/partition.ts";
import type { Delta, Json, JsonObject, MemberId } from "../../core/types.ts";

import type { AccountUsers, Explanation } from "../audience/audience.ts";
import type { ListedMember, MemberPage } from "../audience/members.ts";
import type { LoggedEvent } from "../profiles/log-events.ts";
import type { NearShown, OrderShown, TraitShown } from "../profiles/profile-parts.ts";

export const MASK = "•••";

export interface Masking {
  /** True for a key that shows personal data: nothing is masked. */
  readonly personal: boolean;
  /** Traits whose values everybody may see. */
  readonly traitsShown: ReadonlySet<string>;
}

/**
 * An id is what programs ask by, so one that says nothing is shown. One that speaks, an address, a number, a name, is
 * masked but for its first character.
 */
export function idOut(id: MemberId, { personal }: Masking): MemberId {
  if (personal || !speaks(id)) return id;
  const at = id.indexOf("@");
  const first = String.fromCodePoint(id.codePointAt(0)!);
  return at > 0 ? `${first}${MASK}@${MASK}` : `${first}${MASK}`;
}

export function userMasked(user: UserView, masking: Masking): UserView {
  if (masking.personal) return user;
  const { account } = user;
  return {
    ...user,
    ...personalMasked(user, masking),
    id: idOut(user.id, masking),
    cart: cartMasked(user.cart),
    identities: Object.fromEntries(Object.entries(user.identities).map(([type, ids]) => [type, ids.map(() => MASK)])),
    ...(account === undefined ? {} : { account: { ...account, id: idOut(account.id, masking) } }),
  };
}

export function accountMasked(account: AccountView, masking: Masking): AccountView {
  if (masking.personal) return account;
  return { ...account, ...personalMasked(account, masking), id: idOut(account.id, masking) };
}

type Personal = Pick<
  UserView,
  "traits" | "visits" | "situations" | "objects" | "place" | "network" | "device" | "source"
>;

/** Counts, moments and memberships stay: they say what was done, and by whom nobody can tell. */
function personalMasked(view: Personal, masking: Masking): Personal {
  const { traits, visits, situations, objects, place, network, device, source } = view;
  const { newest } = visits;
  return {
    traits: traitsMasked(traits, masking),
    visits: newest === undefined ? visits : { ...visits, newest: { ...newest, visit: valuesMasked(newest.visit) } },
    situations: valuesMasked(situations),
    objects: Object.fromEntries(
      // The ids of objects are keys, and may name somebody: they are numbered instead.
      Object.entries(objects).map(([type, owned]) => [
        type,
        Object.fromEntries(Object.values(owned).map((object, index) => [`${MASK}${index + 1}`, valuesMasked(object)])),
      ]),
    ),
    ...(place === undefined ? {} : { place: valuesMasked(place) }),
    ...(network === undefined ? {} : { network: valuesMasked(network) }),
    ...(device === undefined ? {} : { device: valuesMasked(device) }),
    ...(source === undefined ? {} : { source: valuesMasked(source) }),
  };
}

function traitsMasked(traits: Json, { traitsShown }: Masking): Json {
  if (!isObject(traits)) return valuesMasked(traits);
  return Object.fromEntries(
    Object.entries(traits).map(([name, value]) => [name, traitsShown.has(name) ? value : valuesMasked(value)]),
  );
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same shape, of which only the names can be read. */
export function valuesMasked<T extends Json>(value: T): T {
  const masked: Json = Array.isArray(value)
    ? value.map((inner: Json) => valuesMasked(inner))
    : isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, valuesMasked(inner)]))
      : value === null
        ? null
        : MASK;
  return masked as T;
}

/**
 * What the e-commerce events of the Segment spec name of a product and of an order. Lines keep whatever was sent with them, and
 * nobody knows what that is: a gift's message, whom it goes to. Of what the spec names, `url` and `image_url` are not here: an
 * address may say who opened it.
 */
const COMMERCE_SHOWN: ReadonlySet<string> = new Set(
  [
    "product_id sku name category brand variant price quantity currency position coupon",
    "cart_id order_id checkout_id affiliation",
    "value revenue subtotal total discount shipping tax",
  ].flatMap((names) => names.split(" ")),
);

/** The amounts and how many stay, and of each line what is a product's. */
function cartMasked(cart: Json): Json {
  if (!isObject(cart) || !Array.isArray(cart.products)) return valuesMasked(cart);
  return { ...cart, products: linesMasked(cart.products as readonly JsonObject[]) };
}

export function orderMasked(order: OrderShown, masking: Masking): OrderShown {
  if (masking.personal) return order;
  const { coupon, products } = order;
  return {
    ...order,
    ...(coupon === undefined ? {} : { coupon: unlessNested(coupon) }),
    products: linesMasked(products),
  };
}

function linesMasked(lines: readonly JsonObject[]): JsonObject[] {
  return lines.map((line) =>
    Object.fromEntries(
      Object.entries(line).map(([name, value]) => [
        name,
        COMMERCE_SHOWN.has(name) ? unlessNested(value) : valuesMasked(value),
      ]),
    ),
  );
}

/** The spec names texts and numbers: what stands inside an object is none of its names. */
function unlessNested(value: Json): Json {
  return typeof value === "object" ? valuesMasked(value) : value;
}

export function membersMasked<T extends MemberPage>(page: T, masking: Masking): T {
  if (masking.personal) return page;
  return { ...page, items: page.items.map((member) => memberMasked(member, masking)) };
}

function memberMasked({ id, row, ...held }: ListedMember, masking: Masking): ListedMember {
  const shown = { ...held, id: idOut(id, masking) };
  if (row === undefined) return shown;
  const { traits, account } = row;
  return {
    ...shown,
    row: {
      ...row,
      id: shown.id,
      ...(traits === undefined ? {} : { traits: traitsMasked(traits, masking) }),
      ...(typeof account === "string" ? { account: idOut(account, masking) } : {}),
    },
  };
}

export function accountUsersMasked(found: AccountUsers, masking: Masking): AccountUsers {
  if (masking.personal) return found;
  const users = found.users.map((user: AccountUser) => ({
    ...user,
    id: idOut(user.id, masking),
    ...(user.role === undefined ? {} : { role: MASK }),
  }));
  return { ...found, account: idOut(found.account, masking), users };
}

export function explanationMasked(explanation: Explanation, masking: Masking): Explanation {
  if (masking.personal) return explanation;
  return {
    ...explanation,
    id: idOut(explanation.id, masking),
    explanation: nodeMasked(explanation.explanation, masking),
  };
}

/** Whether a rule holds is shown, and what it expects; what was found is the person's own. */
function nodeMasked(node: ExplainNode, masking: Masking): ExplainNode {
  const { actual, nodes, users, account, toSatisfy } = node;
  const inner = (list: readonly ExplainNode[]) => list.map((one) => nodeMasked(one, masking));
  return {
    ...node,
    ...(actual === undefined ? {} : { actual: valuesMasked(actual) }),
    ...(nodes === undefined ? {} : { nodes: inner(nodes) }),
    ...(toSatisfy === undefined ? {} : { toSatisfy: inner(toSatisfy) }),
    ...(account === undefined ? {} : { account: { ...account, id: idOut(account.id, masking) } }),
    ...(users?.ids === undefined ? {} : { users: { ...users, ids: users.ids.map((id) => idOut(id, masking)) } }),
  };
}

export function eventMasked(event: LoggedEvent, masking: Masking): LoggedEvent {
  if (masking.personal) return event;
  const { properties, traits, context, user, groupId } = event;
  return {
    ...event,
    properties: valuesMasked(properties),
    traits: traitsMasked(traits, masking) as JsonObject,
    context: valuesMasked(context),
    ...(user === undefined ? {} : { user: idOut(user, masking) }),
    ...(typeof groupId === "string" ? { groupId: idOut(groupId, masking) } : {}),
  };
}

/** What is computed counts what was done, and stays. */
export function traitMasked(trait: TraitShown, masking: Masking): TraitShown {
  if (masking.personal || trait.origin === "computed") return trait;
  const { name, value, message } = trait;
  return {
    ...trait,
    value: masking.traitsShown.has(name) ? value : valuesMasked(value),
    message: message === null ? null : eventMasked(message, masking),
  };
}

export function nearMasked({ segment, rule }: NearShown, masking: Masking): NearShown {
  return { segment, rule: masking.personal ? rule : nodeMasked(rule, masking) };
}

/** How many is shown, and by which rule; who they are, and what was found, is their own. */
export function trialMasked(part: TrialPart, masking: Masking): TrialPart {
  if (masking.personal) return part;
  const ids = (list: readonly MemberId[]) => list.map((id) => idOut(id, masking));
  return {
    ...part,
    inSample: ids(part.inSample),
    joinSample: ids(part.joinSample),
    leaveSample: ids(part.leaveSample),
    nearSample: part.nearSample.map((miss) => ({
      ...miss,
      id: idOut(miss.id, masking),
      actual: valuesMasked(miss.actual),
    })),
  };
}

export function deltaMasked(delta: Delta, masking: Masking): Delta {
  return masking.personal ? delta : { ...delta, id: idOut(delta.id, masking) };
}
