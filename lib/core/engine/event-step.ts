// What one accepted event does to one member: first everything it would be refused for, then traits, visits, cart,
// orders and counters in that order, each touching the leaves it may flip. The caller evaluates once, at the end.
import type { UserEvent } from "../events.ts";
import type { Cause, JsonObject, MemberKind, Millis, RejectReason, Seq } from "../types.ts";
import { emptyCounter, newCounter } from "./counting/counters.ts";
import { type CountingStep, count, type EventContext } from "./counting/counting.ts";
import type { Evaluation } from "./evaluation.ts";
import { makesVisit, recordOf } from "./event-record.ts";
import { campaignStreamsOf } from "./indexes/routes.ts";
import { countItems, tellViews } from "./item-step.ts";
import { changeAt, meansChange } from "./leaves/changes.ts";
import type { Actor, CartLine } from "./member/actor.ts";
import { cartAfter, changedAt, type OrderEffect, orderEffect } from "./member/commerce.ts";
import { ANONYMOUS_TOPIC, identitiesAfter, isStranger } from "./member/identities.ts";
import { applyObject, type ObjectEffect, objectEffect, topicOfObjects } from "./member/objects.ts";
import type { Sources } from "./member/visit-record.ts";
import {
  addToVisits,
  askedList,
  carried,
  detailOf,
  type VisitList,
  type VisitMove,
  visitStartOf,
} from "./member/visits.ts";
import type { CounterPlan, Plan, VisitPlan } from "./plan/shapes.ts";
import { cartRecord, leafContext, userZone, zoneFor } from "./reading.ts";
import { type Heard, type Keep, type TraitChange, topicOfTrait } from "./readings.ts";
import { isZoneName } from "./time/zones.ts";
import { find, isEqual, type TestContext, whereHolds } from "./values.ts";
import type { Refuse, World } from "./world.ts";

/** What an event is found to do before it does it. */
export interface Accepted {
  readonly ok: true;
  readonly cart: CartLine[] | undefined;
  readonly order: Extract<OrderEffect, { ok: true }> | undefined;
  readonly object: ObjectEffect | undefined;
}

type Prepared = Accepted | { readonly ok: false; readonly reason: RejectReason; readonly detail: string };

/** Everything an event can be refused for, seen before anything changes: a refused event leaves no trace. */
export function prepareEvent(
  kind: MemberKind,
  actor: Actor | undefined,
  event: UserEvent,
  at: Millis,
  world: World,
): Prepared {
  const { limits } = world;
  if (event.type === "identify" || event.type === "group") {
    // What a group call of a user writes, his account writes.
    if (kind === "user" && event.type === "group") return NOTHING_MORE;
    const traits = traitsAfter(actor, event.traits, at);
    if (traits > limits.traitsMax) {
      const detail = `${event.type} would give this member ${traits} traits, and at most ${limits.traitsMax} are kept (limits.traitsMax)`;
      return { ok: false, reason: "limit", detail };
    }
    return NOTHING_MORE;
  }
  const cart = kind === "account" ? undefined : cartAfter(actor?.cart ?? [], event, world.catalogue);
  if (cart !== undefined && cart.length > limits.cartLinesMax) {
    const detail = `${event.name} would make a cart of ${cart.length} lines, and at most ${limits.cartLinesMax} are kept (limits.cartLinesMax)`;
    return { ok: false, reason: "limit", detail };
  }
  const order = orderEffect(actor?.orders ?? [], event);
  if (order?.ok === false) return order;
  const object = objectEffect(actor?.objects, event, limits);
  if (object?.ok === false) return object;
  return { ok: true, cart, order, object };
}

const NOTHING_MORE: Accepted = { ok: true, cart: undefined, order: undefined, object: undefined };

function traitsAfter(actor: Actor | undefined, written: JsonObject, at: Millis): number {
  let count = actor === undefined ? 0 : Object.keys(actor.traits).length;
  for (const [name, value] of Object.entries(written)) {
    if (actor !== undefined && !takesWrite(actor, name, at)) continue;
    const held = actor !== undefined && Object.hasOwn(actor.traits, name);
    count += (value === null ? 0 : 1) - (held ? 1 : 0);
  }
  return count;
}

function takesWrite(actor: Actor, name: string, at: Millis): boolean {
  const held = Object.hasOwn(actor.traitTimes, name) ? actor.traitTimes[name]! : Number.NEGATIVE_INFINITY;
  return at >= held;
}

export function causeOf({ messageId }: UserEvent, seq: Seq, late: boolean): Cause {
  return {
    type: "event",
    seq,
    ...(messageId === undefined ? {} : { messageId }),
    ...(late ? { late: true } : {}),
  };
}

/** True when the deadlines of values (dates, joined windows) must be set anew. */
export function applyEvent(
  step: CountingStep,
  actor: Actor,
  event: UserEvent,
  prepared: Accepted,
  context: EventContext,
  refuse: Refuse,
): boolean {
  const { plan, evaluation, world } = step;
  const { at, clock } = context;
  const zoneBefore = userZone(actor);
  const { timezone } = event.context;
  const isAccount = actor.kind === "account";
  const isCall = event.type === "identify" || event.type === "group";
  if (!isAccount && isZoneName(timezone)) actor.contextZone = timezone;
  let values = writesTraits(actor, event) && writeTraits(step, actor, event.traits, context, refuse);
  const zoneMoved = !isAccount && userZone(actor) !== zoneBefore;

  if (!isAccount) learnIdentities(evaluation, actor, event);
  const visiting = makesVisit(event);
  if (visiting) noteRecords(evaluation, actor, event);
  const visits = visiting ? joinVisits(step, actor, event, context) : NO_VISITS;
  if (prepared.cart !== undefined) values = changeCart(plan, evaluation, actor, prepared.cart, context) || values;
  if (prepared.order !== undefined) {
    const zone = userZone(actor);
    prepared.order.apply(actor.orders, { ...context, zone, visiting, changeableMax: world.limits.ordersChangeableMax });
    evaluation.refreshOrders();
  }
  if (prepared.object !== undefined) {
    applyObject(actor.objects, prepared.object);
    evaluation.touchTopic(topicOfObjects(prepared.object.type));
  }
  if (!isCall) {
    tellKeeps(step, actor, event, context, visits, refuse);
    if (visiting) tellViews(step, actor, context, refuse);
    countOccurrence(step, actor, event, context, visits, refuse);
  }
  for (const { plan: asked, list, move, before } of visits) evaluation.refreshVisits(asked, list, move, before);
  if (zoneMoved) evaluation.refreshZone();
  actor.lastSeen = clock;
  if (at > actor.newest) actor.newest = at;
  return values || zoneMoved;
}

/** An identify writes those of the user, a group call those of the account. */
function writesTraits({ kind }: Actor, { type }: UserEvent): boolean {
  return type === (kind === "account" ? "group" : "identify");
}

function learnIdentities(evaluation: Evaluation, actor: Actor, event: UserEvent): void {
  const before = actor.identities;
  const after = identitiesAfter(before, event);
  if (after === before) return;
  actor.identities = after;
  evaluation.recordChanged("identity", before, after);
  if (isStranger(before) && !isStranger(after)) evaluation.touchTopic(ANONYMOUS_TOPIC);
}

function tellChange(
  { plan, evaluation, world }: CountingStep,
  actor: Actor,
  change: TraitChange,
  context: EventContext,
  refuse: Refuse,
): void {
  for (const keep of plan.keepsByTrait.get(change.name) ?? []) {
    const kept = evaluation.keptOf(keep);
    const heard: Heard = { ...context, actor, world, visitStart: Number.NaN, refuse };
    if (keep.change(kept.data, change, heard)) evaluation.refreshKept(keep, kept);
  }
}

function writeTraits(
  step: CountingStep,
  actor: Actor,
  written: JsonObject,
  context: EventContext,
  refuse: Refuse,
): boolean {
  const { plan, evaluation } = step;
  let moves = false;
  let gates = false;
  const changes: TraitChange[] = [];
  for (const [name, value] of Object.entries(written)) {
    if (!takesWrite(actor, name, context.at)) continue;
    const entries = plan.traitPaths.get(name) ?? [];
    const before = entries.map(({ path }) => find(actor.traits, path));
    const held = Object.hasOwn(actor.traits, name) ? actor.traits[name]! : null;
    if (value === null) delete actor.traits[name];
    else actor.traits[name] = value;
    actor.traitTimes[name] = context.at;
    entries.forEach((entry, index) => {
      const after = find(actor.traits, entry.path);
      const reading = (zone: string): TestContext => leafContext(zone, actor, context.clock);
      entry.index.changed(before[index], after, reading, evaluation.touch);
      moves ||= entry.movesByTime;
    });
    recordDeltas(plan, evaluation, actor, name, context.at);
    evaluation.touchTopic(topicOfTrait(name));
    if (!isEqual(held, value)) changes.push({ name, from: held, to: value });
    gates ||= plan.gateTraits.has(name);
  }
  // Once all is written: a new zone in the same message is the zone of its changes, wherever it stands in it.
  for (const change of changes) {
    tellChange(step, actor, change, context, refuse);
    countChange(step, actor, change, context, refuse);
  }
  if (gates) evaluation.refreshAll();
  return moves;
}

function countChange(
  step: CountingStep,
  actor: Actor,
  change: TraitChange,
  context: EventContext,
  refuse: Refuse,
): void {
  const { plan, evaluation } = step;
  for (const stream of plan.changeStreams.get(change.name) ?? []) {
    const record = changeAt(stream.path, change);
    if (record === undefined) continue;
    const means = meansChange(stream, record, { now: context.clock, zone: zoneFor(stream.zone, actor) });
    for (const counter of stream.counters) {
      const state = stream.stayed ? actor.counters.get(counter.key) : undefined;
      if (state !== undefined) emptyCounter(counter.shape, state);
      if (means) count(step, actor, counter, { record, visitStart: Number.NaN, waits: false }, context, refuse);
      if (state !== undefined) evaluation.refresh(counter, state);
    }
  }
}

/** Keeps the past of numeric traits that some rule compares with. */
function recordDeltas(plan: Plan, evaluation: Evaluation, actor: Actor, name: string, at: Millis): void {
  for (const delta of plan.deltas.values()) {
    if (delta.path[0] !== name) continue;
    let state = actor.counters.get(delta.key);
    if (state === undefined) {
      state = newCounter({
        aggregate: "count",
        cells: "tile",
        tile: 0,
        window: undefined,
        running: false,
        plain: false,
      });
      actor.counters.set(delta.key, state);
    }
    const found = find(actor.traits, delta.path);
    const value = found !== undefined && !found.list ? found.values[0] : undefined;
    state.keys.push(at);
    state.as.push(typeof value === "number" ? value : Number.NaN);
    evaluation.refreshDelta(delta.key);
  }
}

function tellKeeps(
  { plan, evaluation, world }: CountingStep,
  actor: Actor,
  event: UserEvent,
  context: EventContext,
  visits: readonly VisitJoined[],
  refuse: Refuse,
): void {
  const named = plan.keepsByName.get(event.name);
  const isLater = plan.laterKeeps.size > 0 && actor.kept.size > 0;
  if (named === undefined && plan.keepsOfAll.length === 0 && !isLater) return;
  const tell = (keep: Keep, data: unknown): boolean => {
    const visitStart = visitStartBy(visits, keep.visitIdleMs, context.at);
    return keep.event(data, event, { ...context, actor, world, visitStart, refuse });
  };
  // Before new memories begin: what begins one is not told to it again.
  if (isLater) tellLaterKeeps(plan, evaluation, actor, event, tell);
  for (const keeps of [named, plan.keepsOfAll]) {
    for (const keep of keeps ?? []) {
      const kept = keep.opens === undefined ? evaluation.keptOf(keep) : actor.kept.get(keep.key);
      const data = kept?.data ?? keep.create();
      if (tell(keep, data)) evaluation.refreshKept(keep, kept ?? evaluation.keptOf(keep, data));
    }
  }
}

function tellLaterKeeps(
  plan: Plan,
  evaluation: Evaluation,
  actor: Actor,
  event: UserEvent,
  tell: (keep: Keep, data: unknown) => boolean,
): void {
  for (const [key, kept] of actor.kept) {
    const later = plan.laterKeeps.get(key);
    if (later === undefined || later.opens.has(event.name)) continue;
    if (later.names !== "*" && !later.names.has(event.name)) continue;
    if (tell(later.keep, kept.data)) evaluation.refreshKept(later.keep, kept);
  }
}

/** What an event did to one of the member's lists of visits. */
interface VisitJoined {
  readonly plan: VisitPlan;
  readonly list: VisitList;
  readonly move: VisitMove;
  readonly before: Sources | undefined;
}

/** Of an event that makes no visits. */
const NO_VISITS: readonly VisitJoined[] = [];

function joinVisits(
  { evaluation, world }: { readonly evaluation: Evaluation; readonly world: World },
  actor: Actor,
  event: UserEvent,
  { at, seq }: EventContext,
): readonly VisitJoined[] {
  const isAsked = evaluation.visitLists.some(({ details }) => details);
  const told = isAsked ? detailOf(event, at, userZone(actor), actor) : undefined;
  // All of them before any is added to: a list that is new begins as another tells, and this event is not yet told by any.
  const lists = evaluation.visitLists.map((plan) => askedList(actor, plan));
  return evaluation.visitLists.map((plan, index) => {
    const list = lists[index]!;
    const before = evaluation.sourcesBefore(plan, list);
    const move = addToVisits(list, at, plan.details ? told : undefined, world.limits.visitsChangeableMax);
    if (move.kind === "none" && event.name === "Order Completed") list.outside.push(seq);
    return { plan, list, move, before };
  });
}

/** Start of the visit that the event joined, by an idle time; NaN where it belongs to none. */
function visitStartBy(visits: readonly VisitJoined[], idleMs: Millis | undefined, at: Millis): Millis {
  if (idleMs === undefined) return Number.NaN;
  const joined = visits.find(({ list }) => list.idleMs === idleMs);
  return joined === undefined || joined.move.kind === "none" ? Number.NaN : visitStartOf(joined.list, at);
}

const CARRIED = ["place", "network", "device"] as const;

/** Takes over what a visit event carries of them. */
function noteRecords(evaluation: Evaluation, actor: Actor, event: UserEvent): void {
  for (const kind of CARRIED) {
    const after = carried(event, kind);
    const before = actor[kind];
    // The very object stays while it says the same, so that the visits that hold it share it.
    if (after === undefined || (before !== undefined && isEqual(before, after))) continue;
    actor[kind] = after;
    evaluation.recordChanged(kind, before, after);
  }
}

/** True when a leaf on the cart is moved by time. */
function changeCart(
  plan: Plan,
  evaluation: Evaluation,
  actor: Actor,
  cart: CartLine[],
  context: EventContext,
): boolean {
  const before: Pick<Actor, "cart" | "cartChanged"> = { cart: actor.cart, cartChanged: actor.cartChanged };
  actor.cartChanged = changedAt(before.cartChanged, before.cart, cart, context.at);
  actor.cart = cart;
  const reading = (zone: string): TestContext => leafContext(zone, actor, context.clock);
  for (const { currency, products, entries } of plan.carts) {
    const [was, is] = [cartRecord(before, currency, products), cartRecord(actor, currency, products)];
    for (const { path, index } of entries) index.changed(find(was, path), find(is, path), reading, evaluation.touch);
  }
  return plan.cartPaths.some(({ movesByTime }) => movesByTime);
}

function countOccurrence(
  step: CountingStep,
  actor: Actor,
  event: UserEvent,
  context: EventContext,
  visits: readonly VisitJoined[],
  refuse: Refuse,
): void {
  const { plan } = step;
  const startBy = ({ visits: read }: CounterPlan) => visitStartBy(visits, read?.idleMs, context.at);
  countItems(step, actor, event, startBy, context, refuse);
  const named = plan.streamsByName.get(event.name);
  for (const streams of [named, campaignStreamsOf(event, plan), plan.streamsOfAll]) {
    for (const stream of streams ?? []) {
      const zone = zoneFor(stream.zone, actor);
      const record = stream.reads
        ? recordOf(event, actor, context.at, stream.localTime ? zone : undefined)
        : NOTHING_READ;
      if (stream.where !== undefined && !whereHolds(record, stream.where, { now: context.clock, zone })) continue;
      for (const counter of stream.counters)
        count(step, actor, counter, { record, visitStart: startBy(counter), waits: false }, context, refuse);
    }
  }
}

const NOTHING_READ: JsonObject = {};
