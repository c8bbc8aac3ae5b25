// An event as rules see it: whether it makes visits, and what a `where` reads of it.
import type { UserEvent } from "../events.ts";
import type { Json, JsonObject, Millis } from "../types.ts";
import type { Actor } from "./member/actor.ts";
import type { Zone } from "./time/zones.ts";

/** Of an account's own event. */
export const NOBODY = "";

/** Whether an event makes visits: what servers send and what nobody did belong to none, and calls are no events. */
export function makesVisit({ type, channel, userId }: UserEvent): boolean {
  return type !== "identify" && type !== "group" && channel !== "server" && userId !== NOBODY;
}

/** Of an account also who did it. The wall clock is only looked at where it is asked for: `zone` is given there. */
export function recordOf(event: UserEvent, { kind }: Actor, at: Millis, zone: Zone | undefined): JsonObject {
  const { properties, context, channel, userId } = event;
  const record: Record<string, Json> = { properties, context };
  if (channel !== undefined) record.channel = channel;
  if (kind === "account" && userId !== NOBODY) record.userId = userId;
  if (zone !== undefined) record.at = { time: zone.timeOfDay(at), weekday: zone.weekday(at) };
  return record;
}
