// An audience out of thin air: what the HTTP tests ask. Stands in for NATS and its workers.
import type { Audience, DecideOptions, MemberList, SegmentDetail } from "../../lib/api/audience/audience.ts";
import { type Comparison, compareSegments } from "../../lib/api/audience/comparing.ts";
import type { MemberAsk, MemberPage } from "../../lib/api/audience/members.ts";
import type { Meant } from "../../lib/api/audience/recent.ts";
import { newGroup } from "../../lib/core/comparing.ts";
import type { MemberSet } from "../../lib/core/members.ts";
import type { AccountView, UserView } from "../../lib/core/partition.ts";
import type { Delta, MemberKind } from "../../lib/core/types.ts";
import type { EventTap, TappedEvent } from "../../lib/ports/event-tap.ts";
import type { Answers, PartitionStatus } from "../../lib/ports/questions.ts";

export const CART: SegmentDetail = {
  id: "cart-under-100",
  kind: "user",
  name: "Cart under $100",
  description: "Shoppers with something in the cart, but less than $100 of it.",
  folder: "shop/carts",
  tags: ["cart"],
  version: 1,
  state: "live",
  hasDraft: false,
  nextVersion: null,
  size: 1_234,
  definition: { id: "cart-under-100", rule: { cart: { value: { gt: 0, lt: 100 } } } },
};

const BIG: SegmentDetail = {
  ...CART,
  id: "big-spenders",
  name: "Big spenders",
  definition: { id: "big-spenders", rule: { cart: { value: { gte: 100 } } } },
};

export const TRIALS: SegmentDetail = {
  ...CART,
  id: "trial-ending",
  kind: "account",
  name: "Trial about to end",
  description: "Companies whose trial ends soon.",
  folder: "product/trials",
  tags: ["trial"],
  size: 3,
  definition: { id: "trial-ending", kind: "account", rule: { trait: { plan: "trial" } } },
};

const AT = Date.UTC(2026, 10, 23, 10);

/** As an owner gives it: moments are milliseconds. */
export const ROW = {
  id: "u1",
  orders: 2,
  revenue: 12.5,
  lastSeen: AT,
  account: "ann@acme.example",
  traits: { plan: "pro" },
};

const ONE_BUYER: Answers["compare"] = {
  position: 1,
  clock: AT,
  part: {
    members: 1,
    groups: {
      "1": {
        ...newGroup(),
        members: 1,
        active7: 1,
        active30: 1,
        visits: 3,
        scored: 1,
        score: 40,
        buyers: 1,
        orders: 2,
        revenue: 125_000,
        categories: [["shoes", 1, 4]],
      },
    },
  },
  cursor: null,
  universe: 1,
};

export function deltaOf(id: string, change: "joined" | "left" = "joined"): Delta {
  const cause = { type: "event", seq: 7 } as const;
  return { segment: CART.id, version: 1, kind: "user", id, change, n: 1, at: AT, cause };
}

export class FakeAudience implements Audience {
  segments: SegmentDetail[] = [CART];
  universe: number | null = 5_000;
  said: Delta[] = [];
  reasons: string[] = [];
  statuses: (PartitionStatus | null)[] = [null];
  failure: Error | undefined;
  readonly listeners = new Set<(delta: Delta) => void>();
  readonly erasureListeners = new Set<(isMeant: Meant) => void>();

  async overview() {
    if (this.failure !== undefined) throw this.failure;
    return { segments: this.segments.map(({ definition: _, ...summary }) => summary), universe: this.universe };
  }
  async segment(id: string) {
    // Examples of comparisons name a second one.
    return [...this.segments, BIG].find((segment) => segment.id === id);
  }
  async members(id: string, { columns, traits }: MemberAsk): Promise<MemberList | undefined> {
    if (id !== CART.id) return undefined;
    const row = columns.length + traits.length === 0 ? {} : { row: ROW };
    return { segment: id, kind: CART.kind, size: 1, items: [{ id: "u1", n: 1, since: AT, ...row }], next: null };
  }
  async overlap(_set: MemberSet, { columns, traits }: MemberAsk): Promise<MemberPage> {
    const row = columns.length + traits.length === 0 ? {} : { row: ROW };
    return { size: 1, items: [{ id: "u1", n: 1, since: AT, ...row }], next: null };
  }
  /** As if one who has bought something were all there is, in the first of them alone. */
  async compare(kind: MemberKind, segments: readonly string[], signal?: AbortSignal): Promise<Comparison> {
    return compareSegments({ partitions: 1, compare: async () => ONE_BUYER }, { kind, segments, signal });
  }
  async user(id: string): Promise<UserView | undefined> {
    if (this.failure !== undefined) throw this.failure;
    if (id !== "u1/ä" && id !== "u1") return undefined;
    const memberships = [{ segment: CART.id, in: true, n: 1, since: AT }];
    return {
      id,
      account: { id: "acme", since: AT },
      identities: { user: [id] },
      traits: {},
      visits: { count: 1, newest: { start: AT, last: AT + 1_000, underWay: false, visit: { duration: 1_000 } } },
      situations: {},
      cart: { value: 0, quantity: 0, lines: 0, changed: null, products: [] },
      orders: 0,
      objects: {},
      lists: [],
      memberships,
      firstSeen: AT,
      lastSeen: AT + 1_000,
    };
  }
  async account(id: string): Promise<AccountView | undefined> {
    if (id !== "acme") return undefined;
    return {
      id,
      traits: { plan: "trial" },
      users: 2,
      usersByRule: { "did Report Viewed": 1 },
      visits: { count: 1, newest: { start: AT, last: AT + 1_000, underWay: false, visit: { duration: 1_000 } } },
      situations: {},
      orders: { count: 1, revenue: 99.5 },
      objects: {},
      lists: [],
      memberships: [{ segment: TRIALS.id, in: true, n: 1, since: AT }],
      firstSeen: AT,
      lastSeen: AT + 1_000,
    };
  }
  async accountUsers(account: string, limit: number, rule?: string) {
    if (account !== "acme") return undefined;
    const users = [
      { id: "u1", holds: ["did Report Viewed"] },
      { id: "u2", holds: [] },
    ].filter(({ holds }) => rule === undefined || (holds as string[]).includes(rule));
    return { account, count: users.length, users: users.slice(0, limit) };
  }
  async explain(segment: string, id: string) {
    const known = segment === CART.id ? id === "u1" : segment === TRIALS.id && id === "acme";
    if (!known) return undefined;
    const kind = segment === CART.id ? CART.kind : TRIALS.kind;
    const nodes = [{ rule: "cart.value", pass: true, until: AT + 2_000 }];
    return { segment, kind, id, clock: AT + 1_000, explanation: { rule: "all", pass: true, nodes } };
  }
  partitionOf() {
    return 3;
  }
  async decide(id: string, { segments, after = 0 }: DecideOptions) {
    if (this.failure !== undefined) throw this.failure;
    const held = id === "u1" ? [{ id: CART.id, n: 1, since: AT }] : [];
    return {
      partition: 3,
      position: 7,
      known: id === "u1",
      fresh: after <= 7,
      segments: held.filter((one) => segments?.includes(one.id) ?? true),
    };
  }
  async readiness() {
    return { ready: this.reasons.length === 0, reasons: this.reasons };
  }
  async partitions() {
    return this.statuses;
  }
  recent() {
    return this.said;
  }
  onErased(listener: (isMeant: Meant) => void) {
    this.erasureListeners.add(listener);
    return () => void this.erasureListeners.delete(listener);
  }
  onDelta(listener: (delta: Delta) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

export class TapInMemory implements EventTap {
  readonly listeners = new Set<(event: TappedEvent) => void>();

  listen(onEvent: (event: TappedEvent) => void) {
    this.listeners.add(onEvent);
    return () => void this.listeners.delete(onEvent);
  }
}
