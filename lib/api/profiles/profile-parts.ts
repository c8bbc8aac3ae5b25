// The parts of a profile that are put together from several answers: traits with what is known of their writing, orders with
// what has become of them, campaigns by outcome, places and devices of visits. Plain data in, plain data out; moments are
// milliseconds. Routes ask and shape (lib/api/routes/profiles.ts).
import type { HistoryView, NearPage, OrdersView, OrderView, VisitsPage } from "../../core/partition.ts";
import type { Json, JsonObject, Millis } from "../../core/types.ts";
import type { LoggedEvent } from "./log-events.ts";

/** A segment that one rule keeps them out of. */
export type NearShown = NearPage["near"][number];

export interface TraitShown {
  readonly name: string;
  /** Told by messages, or worked out from what they did. */
  readonly origin: "sent" | "computed";
  readonly type: "text" | "number" | "boolean" | "list" | "object" | "none";
  readonly value: Json;
  /** When it was written; of what is computed, null. */
  readonly at: Millis | null;
  /** Which message wrote it, where that is among the newest; else null. */
  readonly message: LoggedEvent | null;
}

/** `events`: what the trail leads to, oldest first. */
export function sentTraits(
  traits: Json,
  { traitTimes }: HistoryView,
  events: readonly LoggedEvent[],
  kind: "user" | "account",
): TraitShown[] {
  const writing = kind === "user" ? "identify" : "group";
  const writers = events.filter(({ type }) => type === writing).reverse();
  return Object.entries(isObject(traits) ? traits : {})
    .map(([name, value]): TraitShown => {
      const at = traitTimes[name];
      // A late message writes nothing over a newer value, so its time tells which of them it was.
      const wrote = ({ traits: written, at: given, received }: LoggedEvent): boolean =>
        Object.hasOwn(written, name) && at !== undefined && (given === at || Math.min(given, received) === at);
      return { name, origin: "sent", type: typeOf(value), value, at: at ?? null, message: writers.find(wrote) ?? null };
    })
    .sort(byName);
}

export function computedTraits(known: {
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
  readonly visits: number;
  readonly orders: OrdersView;
}): TraitShown[] {
  const { firstSeen, lastSeen, visits, orders } = known;
  const values: Record<string, Json> = {
    averageOrder: orders.average,
    firstSeen: momentText(firstSeen),
    lastSeen: momentText(lastSeen),
    orders: orders.standing,
    revenue: orders.revenue,
    visits,
  };
  return Object.entries(values).map(([name, value]) => ({
    name,
    origin: "computed",
    type: typeOf(value),
    value,
    at: null,
    message: null,
  }));
}

function momentText(at: Millis): string | null {
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : null;
}

export function typeOf(value: Json): TraitShown["type"] {
  if (value === null) return "none";
  if (Array.isArray(value)) return "list";
  if (typeof value === "string") return "text";
  return typeof value as "number" | "boolean" | "object";
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface OrderShown extends OrderView {
  /** What its completion said that it came to; null where that message is gone or names no amount. */
  readonly placed: number | null;
  /** By how much refunds, cancellations and updates have lowered it; null where either amount is not known. */
  readonly lowered: number | null;
  readonly messageId?: string;
  /** What has been said of it since, newest first, as far as it is among the newest messages of the member. */
  readonly changes: readonly {
    readonly event: string;
    readonly at: Millis;
    readonly total: number | null;
    readonly messageId?: string;
  }[];
}

const CHANGES: ReadonlySet<string> = new Set(["Order Updated", "Order Refunded", "Order Cancelled"]);

/** `completions`: what the messages say at the places where the orders were completed. */
export function ordersShown(
  { orders }: OrdersView,
  completions: readonly LoggedEvent[],
  recent: readonly LoggedEvent[],
): OrderShown[] {
  return orders.map((order) => {
    const isOfIt = ({ properties }: LoggedEvent): boolean =>
      order.id !== undefined && idText(properties.order_id) === order.id;
    const completion = completions.find(
      (event) =>
        event.seq === order.seq && event.name === "Order Completed" && (order.id === undefined || isOfIt(event)),
    );
    const placed = completion === undefined ? null : amountIn(completion.properties);
    const stands = order.gone ? 0 : order.total;
    return {
      ...order,
      placed,
      lowered: placed === null || stands === null ? null : Math.max(0, cents(placed - stands)),
      ...messageIdOf(completion),
      changes: recent
        .filter((event) => CHANGES.has(event.name) && isOfIt(event))
        .reverse()
        .map((event) => ({
          event: event.name,
          at: event.at,
          total: numberIn(event.properties.total),
          ...messageIdOf(event),
        })),
    };
  });
}

function messageIdOf(event: LoggedEvent | undefined): { readonly messageId?: string } {
  return event?.messageId === undefined ? {} : { messageId: event.messageId };
}

/** As an order's own amount is read: its total, else its revenue, else what its lines come to. */
function amountIn({ total, revenue, products }: JsonObject): number | null {
  const said = numberIn(total) ?? numberIn(revenue);
  if (said !== null) return said;
  const lines = (Array.isArray(products) ? (products as readonly Json[]) : []).filter(isObject);
  return cents(lines.reduce((sum, { price, quantity }) => sum + (numberIn(price) ?? 0) * (numberIn(quantity) ?? 1), 0));
}

function numberIn(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}

function idText(value: Json | undefined): string | undefined {
  return typeof value === "number" ? String(value) : typeof value === "string" ? value : undefined;
}

/** Amounts are kept to the ten-thousandth. */
function cents(amount: number): number {
  return Math.round(amount * 10_000) / 10_000;
}

// ── campaigns ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface CampaignShown {
  readonly campaign: string;
  readonly outcomes: Readonly<Record<string, { readonly count: number; readonly last: Millis }>>;
  readonly last: Millis;
}

/** `outcomeOf`: what an event means of a campaign, by the vocabulary. Newest first. */
export function campaignsOf(
  events: readonly LoggedEvent[],
  outcomeOf: Readonly<Record<string, string>>,
): CampaignShown[] {
  const campaigns = new Map<string, Map<string, { count: number; last: Millis }>>();
  for (const { name, properties, at } of events) {
    const campaign = idText(properties.campaign_id);
    if (campaign === undefined || !Object.hasOwn(outcomeOf, name)) continue;
    const outcome = outcomeOf[name]!;
    const outcomes = campaigns.get(campaign) ?? new Map<string, { count: number; last: Millis }>();
    campaigns.set(campaign, outcomes);
    const before = outcomes.get(outcome) ?? { count: 0, last: at };
    outcomes.set(outcome, { count: before.count + 1, last: Math.max(before.last, at) });
  }
  return Array.from(campaigns, ([campaign, outcomes]) => ({
    campaign,
    outcomes: Object.fromEntries(outcomes),
    last: Math.max(...Array.from(outcomes.values(), ({ last }) => last)),
  })).sort((left, right) => right.last - left.last || (left.campaign < right.campaign ? -1 : 1));
}

// ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface SeenAt {
  readonly record: JsonObject;
  readonly visits: number;
  readonly last: Millis;
}

/** The different records of that kind that visits carried, the one of the newest visit first. */
export function seenIn({ visits }: VisitsPage, kind: "place" | "device"): SeenAt[] {
  const seen = new Map<string, { record: JsonObject; visits: number; last: Millis }>();
  for (const { visit, last } of visits) {
    const record = visit[kind];
    if (!isObject(record)) continue;
    const key = JSON.stringify(record);
    const before = seen.get(key);
    if (before === undefined) seen.set(key, { record, visits: 1, last });
    else before.visits += 1;
  }
  return [...seen.values()];
}
