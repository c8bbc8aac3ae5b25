// Visits: a person's event times, cut where the gap is at least the idle time. A function of the times alone, so a late
// event can lengthen, add or merge visits. Kept flat: [start0, last0, start1, last1, …], oldest first.
import type { Millis } from "../types.ts";
import type { Actor } from "./actor.ts";

export type VisitChange = "none" | "extended" | "added" | "merged";

/** Adds an event's time. "none": it is older than everything that can still change, and belongs to no visit. */
export function addToVisits(actor: Actor, at: Millis, idleMs: number, changeableMax: number): VisitChange {
  const { visits } = actor;
  const count = visits.length / 2;
  const full = actor.visitsSealed > 0 || count - actor.visitsSealed >= changeableMax;
  if (full && at < visits[actor.visitsSealed * 2]!) return "none";
  let index = count - 1;
  while (index >= 0 && visits[index * 2]! > at) index -= 1;
  // index: the newest visit that starts at or before the event; index + 1: the one after it.
  const joinsBefore = index >= 0 && at - visits[index * 2 + 1]! < idleMs;
  const joinsAfter = index + 1 < count && visits[(index + 1) * 2]! - at < idleMs;
  if (joinsBefore && joinsAfter) {
    visits.splice(index * 2 + 1, 2);
    return "merged";
  }
  if (joinsBefore) {
    if (at > visits[index * 2 + 1]!) visits[index * 2 + 1] = at;
    return "extended";
  }
  if (joinsAfter) {
    visits[(index + 1) * 2] = at;
    return "extended";
  }
  visits.splice((index + 1) * 2, 0, at, at);
  if (count + 1 - actor.visitsSealed > changeableMax) actor.visitsSealed += 1;
  return "added";
}

/** Start of the visit that holds this moment of it; NaN before the first. */
export function visitStartOf(actor: Actor, at: Millis): Millis {
  const { visits } = actor;
  let low = 0;
  let high = visits.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (visits[middle * 2]! <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? Number.NaN : visits[(low - 1) * 2]!;
}
