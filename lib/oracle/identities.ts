// By which identifiers a member is known: what messages have carried, by type, in the order of first coming.
// evaluate.ts reads `identity` and `anonymous` rules with it.
import type { UserEvent } from "../core/events.ts";
import type { Message } from "./history.ts";
import { idText } from "./shop.ts";
import { isRecord } from "./values.ts";

/** So many of a type are kept: the first that came. */
const IDENTITIES_MAX = 100;

interface Identity {
  readonly type: string;
  readonly id: string;
}

/** What an `identity` rule reads: the ids of each type. */
export function identityRecord(messages: readonly Message[]): Record<string, readonly string[]> {
  const held = new Map<string, string[]>();
  for (const { type, id } of messages.flatMap(({ event }) => identitiesIn(event))) {
    const ids = held.get(type) ?? [];
    held.set(type, ids);
    if (!ids.includes(id) && ids.length < IDENTITIES_MAX) ids.push(id);
  }
  return Object.fromEntries(held);
}

/** No message has carried a user id or another identity yet. */
export function isAnonymous(messages: readonly Message[]): boolean {
  return Object.keys(identityRecord(messages)).every((type) => type === "anonymous");
}

function identitiesIn(event: UserEvent): Identity[] {
  const { userId, anonymousId, context } = event;
  // The traits of a group call are not his own.
  const traits = event.type === "identify" ? event.traits : {};
  const external = Array.isArray(context.externalIds) ? (context.externalIds as readonly unknown[]) : [];
  return [
    ...(event.isAnonymous ? [] : [{ type: "user", id: userId }]),
    ...identity("anonymous", anonymousId),
    ...textIdentity("email", traits.email),
    ...textIdentity("phone", traits.phone),
    ...external.flatMap((one) => (isRecord(one) ? identity(one.type, one.id) : [])),
  ];
}

function textIdentity(type: string, value: unknown): Identity[] {
  return typeof value === "string" ? identity(type, value) : [];
}

function identity(type: unknown, value: unknown): Identity[] {
  const id = idText(value);
  return typeof type === "string" && type !== "" && id !== undefined ? [{ type, id }] : [];
}
