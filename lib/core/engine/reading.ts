// Reading one actor: its zone, its records as a where sees them, its counters brought up to a clock, and whether a leaf
// or a whole segment holds. Nothing here changes a membership; evaluation.ts does.
import type { FlagId } from "../links.ts";
import type { Window } from "../rules/ast.ts";
import type { JsonObject, Millis } from "../types.ts";
import { type CounterState, type CounterView, missingOf } from "./counting/counters.ts";
import { averagePasses, numberPasses } from "./indexes/numeric-index.ts";
import { bucketHolds } from "./leaves/bucket.ts";
import type { Actor } from "./member/actor.ts";
import { cartTotals, lineRecord } from "./member/commerce.ts";
import { inCurrency } from "./member/currencies.ts";
import { withWaiting } from "./member/view-times.ts";
import { sourcesRecord, sourcesSeen } from "./member/visit-record.ts";
import { type VisitList, visitEndOf, visitListOf, visitStartOf } from "./member/visits.ts";
import {
  ALL,
  ANY,
  type CounterPlan,
  type DeltaPlan,
  type KeptRecord,
  LEAF,
  type Leaf,
  lengthAt,
  NOT,
  type Plan,
  type SourceRead,
} from "./plan/shapes.ts";
import type { ReadScope } from "./readings.ts";
import { type Moment, momentFlips, momentInWindow, tileOf } from "./time/windows.ts";
import { isZoneName, type Zone, zoneNamed } from "./time/zones.ts";
import { find, type TestContext, testHolds } from "./values.ts";
import type { World } from "./world.ts";

export function userZone(actor: Actor): string {
  if (actor.kind === "account") return "UTC";
  const { timezone } = actor.traits;
  if (isZoneName(timezone)) return timezone;
  return actor.contextZone ?? "UTC";
}

export function zoneFor(name: string, actor: Actor): Zone {
  return zoneNamed(name === "user" ? userZone(actor) : name);
}

/** What is around a counter: the clock, the zone, and the visits by the idle time by which it reads them, if it does. */
export function counterView(actor: Actor, zone: Zone, now: Millis, visitIdleMs: Millis | undefined): CounterView {
  const list = visitIdleMs === undefined ? undefined : visitListOf(actor, visitIdleMs);
  const times = list?.times ?? [];
  const last = times.length - 2;
  return {
    now,
    zone,
    visitStart: last < 0 ? Number.NaN : times[last]!,
    visitLast: last < 0 ? Number.NaN : times[last + 1]!,
    visitEnd: last < 0 ? Number.NaN : visitEndOf(list!),
    visitFloor: last < 0 ? Number.NEGATIVE_INFINITY : times[list!.sealed * 2]!,
  };
}

/** The visits that a counter reads; undefined where it reads none, or the member has had none. */
export function listOf({ visits }: CounterPlan, actor: Actor): VisitList | undefined {
  return visits === undefined ? undefined : visitListOf(actor, visits.idleMs);
}

/** Distinct values of a `visits` measure are moments of visits; visits that merged count once. */
export function canonicalVisit(counter: CounterPlan, actor: Actor) {
  const list = listOf(counter, actor);
  return (moment: string | number): number => visitStartOf(list, moment as number);
}

// ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Value and quantity are amounts, as amountOf gives them. Products are only listed where somebody reads them. */
export function cartRecord(actor: Pick<Actor, "cart" | "cartChanged">, currency: string, products = true): JsonObject {
  const { value, quantity } = cartTotals(actor.cart, currency);
  const changed = inCurrency(actor.cartChanged, currency);
  return {
    value,
    quantity,
    lines: actor.cart.length,
    changed: changed === undefined ? null : new Date(changed).toISOString(),
    ...(products ? { products: actor.cart.map((line) => lineRecord(line, currency)) } : {}),
  };
}

/** What a record is read by besides the member. */
export interface RecordScope {
  readonly now: Millis;
  readonly world: World;
  /** Of the record source. */
  readonly visits?: SourceRead | undefined;
  /** Of the record cart. */
  readonly currency?: string | undefined;
}

/** A record of a member as a `where` sees it; undefined where there is none. */
export function recordOf(
  kind: KeptRecord,
  actor: Actor,
  { now, visits, currency }: RecordScope,
): JsonObject | undefined {
  switch (kind) {
    case "trait":
      return actor.traits;
    case "cart":
      return cartRecord(actor, currency ?? "");
    case "source":
      return visits === undefined
        ? undefined
        : sourcesRecord(sourcesSeen(visitListOf(actor, visits.idleMs), now), visits.referrers);
    case "place":
    case "network":
    case "device":
      return actor[kind];
    case "identity":
      return actor.identities;
    default:
      throw new Error(`${kind} is no record that is kept`);
  }
}

export function readScope(zone: string, actor: Actor, now: Millis, world: World): ReadScope {
  return { now, zone: zoneFor(zone, actor), world };
}

// ── deltas of traits ────────────────────────────────────────────────────────────────────────────────────────────────

/** Now against then: `then` is the write in force at the last tile edge at or before clock − over; NaN is missing. */
export function deltaValues(plan: DeltaPlan, state: CounterState | undefined, now: Millis) {
  if (state === undefined || state.keys.length === 0) return { percent: Number.NaN, amount: Number.NaN };
  const tile = tileOf(plan.overMs);
  const edge = Math.floor((now - plan.overMs) / tile) * tile;
  let index = state.keys.length - 1;
  while (index >= 0 && state.keys[index]! > edge) index -= 1;
  const then = index < 0 ? Number.NaN : state.as[index]!;
  const amount = state.as[state.as.length - 1]! - then;
  return { amount, percent: then === 0 ? Number.NaN : (amount * 100) / Math.abs(then) };
}

/** The next instant at which `then` changes. Forgets writes that are never in force again. */
export function deltaDue(plan: DeltaPlan, state: CounterState, now: Millis): Millis {
  const tile = tileOf(plan.overMs);
  const edge = Math.floor((now - plan.overMs) / tile) * tile;
  let held = 0;
  while (held + 1 < state.keys.length && state.keys[held + 1]! <= edge) held += 1;
  if (held > 0) {
    state.keys.splice(0, held);
    state.as.splice(0, held);
  }
  const next = state.keys.find((at) => at > edge);
  return next === undefined ? Number.POSITIVE_INFINITY : Math.ceil(next / tile) * tile + plan.overMs;
}

// ── leaves and segments ─────────────────────────────────────────────────────────────────────────────────────────────

/** Whether a leaf holds, from what its counter showed last. */
export function leafHolds(leaf: Leaf, actor: Actor, now: Millis, world: World): boolean {
  switch (leaf.kind) {
    case "counter": {
      const state = actor.counters.get(leaf.counter.key);
      const shown = state === undefined ? missingOf(leaf.counter.shape.aggregate) : state.shown;
      if (leaf.counter.shape.aggregate === "avg") return averagePasses(shown, state?.shownB ?? 0, leaf.test);
      return numberPasses(shown, leaf.test);
    }
    case "moment": {
      const moment = counterMoment(leaf.counter, actor.counters.get(leaf.counter.key));
      return moment !== undefined && momentLies(leaf.counter, leaf.window, moment, actor, now);
    }
    case "reading":
      return leaf.reading.holds(actor, readScope(leaf.zone, actor, now, world));
    case "trait":
      return testHolds(find(actor.traits, leaf.path), leaf.test, leafContext(leaf.zone, actor, now));
    case "cart":
      return testHolds(
        find(cartRecord(actor, leaf.currency ?? "", leaf.path[0] === "products"), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
    case "delta": {
      const values = deltaValues(leaf.delta, actor.counters.get(leaf.delta.key), now);
      return numberPasses(values[leaf.unit], leaf.test);
    }
    case "situation":
      return testHolds(
        find(world.situations.valuesAt(leaf.of, actor.place, now), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
    case "segment":
      return actor.memberships.get(leaf.id)?.in === true;
    case "joined": {
      const membership = actor.memberships.get(leaf.id);
      if (membership?.in !== true) return false;
      const zone = zoneFor(leaf.zone, actor);
      return momentInWindow(leaf.window, dateMoment(membership.since, zone), now, zone);
    }
    case "list":
      return actor.lists?.has(leaf.id) === true;
    case "account":
      return leaf.flag !== undefined && actor.account?.on?.has(leaf.flag) === true;
    case "users": {
      const holds = usersHolding(actor, leaf.flag);
      return leaf.measure === "count"
        ? numberPasses(holds, leaf.test)
        : averagePasses(holds * 100 * 10_000, actor.people?.users ?? 0, leaf.test);
    }
    case "bucket":
      return bucketHolds(leaf, actor.id);
    default:
      return testHolds(
        find(recordOf(leaf.kind, actor, { now, world, visits: leaf.visits }), leaf.path),
        leaf.test,
        leafContext(leaf.zone, actor, now),
      );
  }
}

/** For how many of an account's users a flag holds. */
export function usersHolding({ people }: Actor, flag: FlagId | undefined): number {
  return flag === undefined ? 0 : (people?.holds.get(flag) ?? 0);
}

export function counterMoment(counter: CounterPlan, state: CounterState | undefined): Moment | undefined {
  if (state === undefined) return undefined;
  const { a, b } = withWaiting(counter, state, 0);
  return Number.isNaN(a) ? undefined : { at: a, day: b, tiled: true };
}

/** Whether the first or latest occurrence of a counter lies in a window. */
export function momentLies(counter: CounterPlan, window: Window, moment: Moment, actor: Actor, now: Millis): boolean {
  const zone = zoneFor(counter.zone, actor);
  if (window.kind !== "visit") return momentInWindow(window, moment, now, zone);
  const { visitStart, visitLast, visitEnd } = counterView(actor, zone, now, counter.visits?.idleMs);
  // What servers send lies between the events of a visit, and belongs to none: see asksOfVisit.
  const belongs = counter.source === "visit" || !Number.isNaN(moment.day);
  return belongs && moment.at >= visitStart && moment.at <= visitLast && now < visitEnd;
}

/** The next instant after now at which silence changes that. */
export function momentMoves(counter: CounterPlan, window: Window, moment: Moment, actor: Actor, now: Millis): Millis {
  const zone = zoneFor(counter.zone, actor);
  if (window.kind !== "visit") return momentFlips(window, moment, now, zone);
  if (!momentLies(counter, window, moment, actor, now)) return Number.POSITIVE_INFINITY;
  return counterView(actor, zone, now, counter.visits?.idleMs).visitEnd;
}

/**
 * What such a counter keeps in place of the local day, where it asks for the visit under way and so for no day: a moment
 * of the visit that the occurrence belongs to, NaN when it belongs to none.
 */
export function asksOfVisit({ source, shape, visits }: CounterPlan): boolean {
  const isMoment = shape.aggregate === "first" || shape.aggregate === "latest";
  return isMoment && visits !== undefined && source !== "visit";
}

export function dateMoment(at: Millis, zone: Zone): Moment {
  return { at, day: zone.dayOf(at), tiled: false };
}

export function leafContext(zone: string, actor: Actor, now: Millis): TestContext {
  return { now, zone: zoneFor(zone, actor) };
}

/** Whether a segment's rule holds, from its program; see plan/shapes.ts for the codes. */
export function programHolds(
  program: Int32Array,
  at: number,
  plan: Plan,
  actor: Actor,
  now: Millis,
  world: World,
): boolean {
  const code = program[at]!;
  if (code === LEAF) return leafHolds(plan.leaves[program[at + 1]!]!, actor, now, world);
  if (code === NOT) return !programHolds(program, at + 2, plan, actor, now, world);
  const end = at + program[at + 1]!;
  const wanted = code !== ALL;
  for (let child = at + 2; child < end; child += lengthAt(program, child)) {
    if (programHolds(program, child, plan, actor, now, world) === wanted) return code === ANY;
  }
  return code !== ANY;
}
