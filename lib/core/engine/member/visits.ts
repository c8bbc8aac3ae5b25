// Visits: a person's event times, cut where the gap is at least the idle time. A function of the times alone, so a late
// event can lengthen, add or merge visits. One list for each idle time by which somebody reads; which, the plan says.
import type { UserEvent } from "../../events.ts";
import type { Json, JsonObject, Millis, Seq } from "../../types.ts";
import { type SourceSeen, sourceSeen } from "./sources.ts";

export interface VisitList {
  readonly idleMs: Millis;
  /** Start and last event of each visit, oldest first: [start0, last0, start1, last1, …]. */
  times: number[];
  /** How many of them, from the oldest, can no longer change. */
  sealed: number;
  /** One for each visit; undefined where nobody asks. A visit whose events were not heard has none. */
  details: (VisitDetail | undefined)[] | undefined;
  /** Orders, by log position, that came too late to belong to a visit of this list. */
  outside: Seq[];
  /** Not later than the end of the visit under way, where its end matters; else Infinity. */
  due: Millis;
}

/** What an event gave a visit, and the time of that event. */
export interface Given<T> {
  readonly at: Millis;
  readonly value: T;
}

/** What is known of a visit besides its times. Never changed in place, so that before and after can be compared. */
export interface VisitDetail {
  readonly events: number;
  readonly pages: number;
  /** Zone of the member when the event that is its start was processed: it fixed the local date. */
  readonly zone: string;
  readonly entry: Given<string> | undefined;
  readonly page: Given<string> | undefined;
  readonly channel: Given<string> | undefined;
  readonly source: Given<SourceSeen> | undefined;
  readonly place: Given<JsonObject> | undefined;
  readonly device: Given<JsonObject> | undefined;
}

export interface VisitSpan {
  readonly start: Millis;
  readonly last: Millis;
  readonly detail: VisitDetail | undefined;
}

/** What an event did to a list. "none": it is older than everything that can still change, and belongs to no visit. */
export type VisitMove =
  | { readonly kind: "none" }
  | { readonly kind: "added" | "merged"; readonly index: number }
  | { readonly kind: "extended"; readonly index: number; readonly before: VisitSpan };

const NO_MOVE: VisitMove = { kind: "none" };

export function visitSpan(list: VisitList, index: number): VisitSpan {
  const { times, details } = list;
  return { start: times[index * 2]!, last: times[index * 2 + 1]!, detail: details?.[index] };
}

/** Adds an event: its time, and what it tells of its visit. */
export function addToVisits(
  list: VisitList,
  at: Millis,
  told: VisitDetail | undefined,
  changeableMax: number,
): VisitMove {
  const { times, details, idleMs } = list;
  const count = times.length / 2;
  const full = list.sealed > 0 || count - list.sealed >= changeableMax;
  if (full && at < times[list.sealed * 2]!) return NO_MOVE;
  let index = count - 1;
  while (index >= 0 && times[index * 2]! > at) index -= 1;
  // index: the newest visit that starts at or before the event; index + 1: the one after it.
  const joinsBefore = index >= 0 && at - times[index * 2 + 1]! < idleMs;
  const joinsAfter = index + 1 < count && times[(index + 1) * 2]! - at < idleMs;
  if (joinsBefore && joinsAfter) {
    times.splice(index * 2 + 1, 2);
    if (details !== undefined) {
      details.splice(index, 2, combined(combined(details[index], told), details[index + 1]));
    }
    return { kind: "merged", index };
  }
  if (joinsBefore) {
    const before = visitSpan(list, index);
    if (at > before.last) times[index * 2 + 1] = at;
    if (details !== undefined) details[index] = combined(before.detail, told);
    return { kind: "extended", index, before };
  }
  if (joinsAfter) {
    const before = visitSpan(list, index + 1);
    times[(index + 1) * 2] = at;
    if (details !== undefined) details[index + 1] = combined(told, before.detail);
    return { kind: "extended", index: index + 1, before };
  }
  times.splice((index + 1) * 2, 0, at, at);
  details?.splice(index + 1, 0, told);
  if (count + 1 - list.sealed > changeableMax) list.sealed += 1;
  return { kind: "added", index: index + 1 };
}

/** Of two parts of one visit, of which `one` starts it; where both speak of the same instant, `other` spoke later. */
function combined(one: VisitDetail | undefined, other: VisitDetail | undefined): VisitDetail | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    events: one.events + other.events,
    pages: one.pages + other.pages,
    zone: one.zone,
    entry: earliest(one.entry, other.entry),
    page: latest(one.page, other.page),
    channel: earliest(one.channel, other.channel),
    source: earliest(one.source, other.source),
    place: earliest(one.place, other.place),
    device: earliest(one.device, other.device),
  };
}

function earliest<T>(one: Given<T> | undefined, other: Given<T> | undefined): Given<T> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.at < one.at ? other : one;
}

function latest<T>(one: Given<T> | undefined, other: Given<T> | undefined): Given<T> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.at >= one.at ? other : one;
}

/** Whoever's event it is: what he carries by now. */
interface Carrier {
  readonly place: JsonObject | undefined;
  readonly device: JsonObject | undefined;
}

/** What one event tells of its visit. */
export function detailOf(event: UserEvent, at: Millis, zone: string, { place, device }: Carrier): VisitDetail {
  const given = <T>(value: T | undefined): Given<T> | undefined => (value === undefined ? undefined : { at, value });
  const isPage = event.type === "page" || event.type === "screen";
  const path = isPage ? given(pathOf(event)) : undefined;
  // The member's own record is the same object where the event carried it: one copy for all visits from there.
  return {
    events: 1,
    pages: isPage ? 1 : 0,
    zone,
    entry: path,
    page: path,
    channel: given(event.channel),
    source: given(sourceSeen(event.context)),
    place: given(carried(event, "place") === undefined ? undefined : place),
    device: given(carried(event, "device") === undefined ? undefined : device),
  };
}

/** A record that an event carries in its context: an object, and no list. */
export function carried(event: UserEvent, kind: "place" | "network" | "device"): JsonObject | undefined {
  const value = event.context[kind];
  return isObject(value) ? value : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pathOf({ context, properties }: UserEvent): string | undefined {
  const page = isObject(context.page) ? context.page.path : undefined;
  if (typeof page === "string") return page;
  return typeof properties.path === "string" ? properties.path : undefined;
}

/** Start of the visit that holds this moment of it; NaN before the first. */
export function visitStartOf(list: VisitList | undefined, at: Millis): Millis {
  const times = list?.times ?? [];
  let low = 0;
  let high = times.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle * 2]! <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? Number.NaN : times[(low - 1) * 2]!;
}

/** When the newest visit ends by silence; −Infinity when there is none. */
export function visitEndOf({ times, idleMs }: VisitList): Millis {
  return times.length === 0 ? Number.NEGATIVE_INFINITY : times[times.length - 1]! + idleMs;
}

// ── the lists of a member ───────────────────────────────────────────────────────────────────────────────────────────

/** Which list is kept, and whether with details. */
export interface VisitsAsked {
  readonly idleMs: Millis;
  readonly details: boolean;
}

/** Whose visits are kept. */
interface Visitor {
  visits: VisitList[];
}

export function visitListOf(actor: Visitor, idleMs: Millis): VisitList | undefined {
  for (const list of actor.visits) if (list.idleMs === idleMs) return list;
  return undefined;
}

/** The list as the plan asks for it. One that nobody kept so far begins as what another can tell of it. */
export function askedList(actor: Visitor, { idleMs, details }: VisitsAsked): VisitList {
  let list = visitListOf(actor, idleMs);
  if (list === undefined) {
    list = shownList(actor, idleMs);
    actor.visits.push(list);
  }
  if (!details) list.details = undefined;
  else list.details ??= new Array<undefined>(list.times.length / 2).fill(undefined);
  return list;
}

/** The list by an idle time; where nobody kept it so far, what another can tell of it. */
export function shownList(actor: Visitor, idleMs: Millis): VisitList {
  return visitListOf(actor, idleMs) ?? regrouped(newestList(actor), idleMs);
}

/** Lets go of lists and details that nobody asks for any more. */
export function keepAsked(actor: Visitor, asked: readonly VisitsAsked[]): void {
  if (actor.visits.length > 0) actor.visits = asked.map((one) => askedList(actor, one));
}

export function emptyVisits(idleMs: Millis): VisitList {
  return { idleMs, times: [], sealed: 0, details: undefined, outside: [], due: Number.POSITIVE_INFINITY };
}

function newestList(actor: Visitor): VisitList | undefined {
  let newest: VisitList | undefined;
  for (const list of actor.visits) if (newest === undefined || visitLast(list) > visitLast(newest)) newest = list;
  return newest;
}

function visitLast({ times }: VisitList): Millis {
  return times.length === 0 ? Number.NEGATIVE_INFINITY : times[times.length - 1]!;
}

/** Visits by another idle time: exact for a longer one; for a shorter one, what was one visit stays one. */
function regrouped(from: VisitList | undefined, idleMs: Millis): VisitList {
  const list = emptyVisits(idleMs);
  if (from === undefined) return list;
  for (let index = 0; index < from.times.length; index += 2) {
    const [start, last] = [from.times[index]!, from.times[index + 1]!];
    const held = list.times.length - 1;
    if (held > 0 && start - list.times[held]! < idleMs) list.times[held] = last;
    else list.times.push(start, last);
    if (index / 2 < from.sealed) list.sealed = list.times.length / 2;
  }
  list.sealed = Math.min(list.sealed, Math.max(0, list.times.length / 2 - 1));
  list.outside = [...from.outside];
  return list;
}

/** Gives a list the details that a fold of history found, visit by visit. */
export function attachDetails(list: VisitList, folded: VisitList | undefined): void {
  const details = new Array<VisitDetail | undefined>(list.times.length / 2).fill(undefined);
  let index = 0;
  for (let at = 0; at < (folded?.times.length ?? 0) / 2; at += 1) {
    const { start, detail } = visitSpan(folded!, at);
    while (index < details.length && list.times[index * 2 + 1]! < start) index += 1;
    if (index < details.length) details[index] = combined(details[index], detail);
  }
  list.details = details;
}
