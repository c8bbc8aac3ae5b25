// What a partition keeps of one person or account, and nothing of how it is used. Traits, cart, orders and visits are kept for
// everybody; counters only for the questions that some segment asks. page-codec.ts writes it down.
import type { Scalar } from "../../rules/ast.ts";
import type { Json, JsonObject, MemberId, MemberKind, Millis, SegmentId, Seq } from "../../types.ts";
import type { CounterState } from "../counting/counters.ts";
import { type Belonging, newPeople, type People } from "./accounts.ts";
import type { PerCurrency } from "./currencies.ts";
import type { Identities } from "./identities.ts";
import type { Objects } from "./objects.ts";
import type { VisitList } from "./visits.ts";

export interface CartLine {
  readonly productId: string;
  /** As written when it is a scalar; undefined for none. 5 and "5" are two lines. */
  readonly variant: Scalar | undefined;
  readonly quantity: number;
  readonly prices: Prices;
  /** The item's attributes as the last event gave them. */
  readonly item: JsonObject;
}

/** Of a line; undefined where nobody has said one. */
export type Prices = PerCurrency<number | undefined>;

/** What an order comes to in a currency. */
export interface OrderMoney {
  /** Amount as amountOf gives it; NaN when missing (given in another currency). Refunds lower it. */
  readonly total: number;
  /** It was cancelled or refunded whole, and counts for nothing. */
  readonly gone: boolean;
}

export interface Order {
  /** Undefined where the event had none: then the log position stands for it, and nobody can change it. */
  readonly id: string | undefined;
  /** Log position of its completion. */
  readonly seq: Seq;
  /** Event time of the completion; updates keep it. */
  readonly at: Millis;
  /** Zone of the member when it was first processed: it fixed the local date. */
  readonly zone: string;
  /** The event that completed it is one that makes visits. */
  readonly visiting: boolean;
  /** Clock and zone as of which its content is read, since the last message that changed it. */
  readAt: Millis;
  readZone: string;
  money: PerCurrency<OrderMoney>;
  /** It can no longer change: too many newer ones. */
  sealed: boolean;
  quantity: number;
  products: readonly JsonObject[];
  coupon: Json;
  currency: Json;
}

export interface Membership {
  in: boolean;
  n: number;
  /** Instant of the last change. */
  since: Millis;
}

export interface Actor {
  readonly id: MemberId;
  readonly kind: MemberKind;
  /** Of a user; undefined while he is in none. */
  account: Belonging | undefined;
  /** Of an account. */
  readonly people: People | undefined;
  traits: Record<string, Json>;
  /** Event time of the last accepted write of each trait, removals included. */
  traitTimes: Record<string, Millis>;
  /** The last valid context.timezone. */
  contextZone: string | undefined;
  cart: CartLine[];
  /** When its lines last changed; undefined while it is empty. */
  cartChanged: PerCurrency<Millis | undefined>;
  /** By time of completion, then log position. */
  orders: Order[];
  /** By each idle time that somebody asks; the one of the vocabulary in force is always among them. */
  visits: VisitList[];
  firstSeen: Millis;
  lastSeen: Millis;
  /** Event time of the newest event; −Infinity before the first. */
  newest: Millis;
  /** Log positions of its newest messages that were accepted, oldest first (trail.ts). */
  readonly trail: Seq[];
  lists: Set<string> | undefined;
  /** Also of the flags that are evaluated for the other side, under hidden ids (accounts.ts). */
  memberships: Map<SegmentId, Membership>;
  /** Numbers of its changes go on after this one: more than 0 where the id was erased and has come back. */
  floor: number;
  counters: Map<string, CounterState>;
  /** Questions with views whose time is not known yet, which the next visit event tells. */
  viewing: Set<string> | undefined;
  /** Memories of questions that need more than a counter, by the question. */
  kept: Map<string, Kept>;
  /** Whole, as the last visit event that carried it gave it. */
  place: JsonObject | undefined;
  network: JsonObject | undefined;
  device: JsonObject | undefined;
  /** Identifiers by type, in the order in which they came. */
  identities: Identities;
  /** What is owned, by type and id. */
  objects: Objects;
  /** Earliest deadline of its counters, kept memories and visits. */
  counterDue: Millis;
  /** Earliest instant at which a date, a joined window or the like may flip by silence. */
  valueDue: Millis;
  /** Segments that wait for the end of `stay` or `cooldown`. */
  waits: Map<SegmentId, Millis> | undefined;
  /** Minimum of all its deadlines. */
  due: Millis;
}

export function newActor(kind: MemberKind, id: MemberId, clock: Millis): Actor {
  return {
    id,
    kind,
    account: undefined,
    people: kind === "account" ? newPeople() : undefined,
    traits: Object.create(null) as Record<string, Json>,
    traitTimes: Object.create(null) as Record<string, Millis>,
    contextZone: undefined,
    cart: [],
    cartChanged: { any: undefined },
    orders: [],
    visits: [],
    firstSeen: clock,
    lastSeen: clock,
    newest: Number.NEGATIVE_INFINITY,
    trail: [],
    lists: undefined,
    memberships: new Map(),
    floor: 0,
    counters: new Map(),
    viewing: undefined,
    kept: new Map(),
    place: undefined,
    network: undefined,
    device: undefined,
    identities: Object.create(null) as Identities,
    objects: Object.create(null) as Objects,
    counterDue: Number.POSITIVE_INFINITY,
    valueDue: Number.POSITIVE_INFINITY,
    waits: undefined,
    due: Number.POSITIVE_INFINITY,
  };
}

/** Earliest deadline of a member's counters, kept memories and visits. */
export function earliestOf(actor: Pick<Actor, "counters" | "kept" | "visits">): Millis {
  let due = Number.POSITIVE_INFINITY;
  for (const state of actor.counters.values()) if (state.due < due) due = state.due;
  for (const kept of actor.kept.values()) if (kept.due < due) due = kept.due;
  for (const list of actor.visits) if (list.due < due) due = list.due;
  return due;
}

export interface Kept {
  /** Earliest instant at which silence may flip a leaf that reads it. */
  due: Millis;
  data: unknown;
}
