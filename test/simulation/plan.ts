// What one seed is about: how large the world is, what can go wrong in it, and every step that is taken, as data. The same
// seed gives the same plan; a failure is shrunk by leaving steps out of it.
import { DEFAULT_PARTITION_SETTINGS, type PartitionSettings } from "../../actors/partition/settings.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import type { Json, JsonObject, MemberId, SegmentId } from "../../lib/core/types.ts";
import { definition } from "../laws/generate.ts";
import { LIST_IDS } from "../laws/rows.ts";
import { Dice } from "../support/seed.ts";
import type { Weather } from "./network.ts";

export interface World {
  readonly partitions: number;
  readonly workers: number;
  readonly users: readonly MemberId[];
  readonly pageBytesMax: number;
  readonly pageCacheBytesMax: number;
  /** "event": nobody ticks; events' own times and clock messages alone move the clock. */
  readonly clockMode: "log" | "event";
  readonly settings: PartitionSettings;
  readonly weather: Weather;
}

export interface SentEvent {
  readonly user: MemberId;
  readonly message: JsonObject;
  /** Its own time is so long before it is sent; undefined: it names none. */
  readonly lateMs: number | undefined;
}

/** `worker` counts among those that live then, and wraps around. */
export type Deed =
  | { readonly do: "send"; readonly events: readonly SentEvent[] }
  /** Bytes that are no event, straight into a log. */
  | { readonly do: "poison"; readonly partition: number; readonly body: string }
  | { readonly do: "define"; readonly entry: ControlEntry }
  | { readonly do: "start"; readonly underOldName: boolean }
  | { readonly do: "kill"; readonly worker: number }
  /** SIGTERM; `hasty`: a second one follows. */
  | { readonly do: "drain"; readonly worker: number; readonly hasty: boolean }
  | { readonly do: "stop"; readonly worker: number; readonly forMs: number }
  | { readonly do: "cut"; readonly worker: number; readonly forMs: number }
  /** Nobody reaches the server. */
  | { readonly do: "outage"; readonly forMs: number }
  /** The server is killed, and started again on what it stored. */
  | { readonly do: "restart"; readonly downMs: number }
  | { readonly do: "clock"; readonly byMs: number }
  /** Like a crash, but it is only stopped there, and woken. */
  | {
      readonly do: "stopAt";
      readonly worker: number;
      readonly call: string;
      readonly when: "before" | "after";
      readonly left: number;
      readonly forMs: number;
    }
  | {
      readonly do: "crash";
      readonly worker: number;
      readonly call: string;
      readonly when: "before" | "after";
      readonly left: number;
    };

export type Step = Deed & { readonly waitMs: number };

/** Harm to what is stored, done at the end, mostly when nobody runs; what must come of it is worked out in last-act.ts. */
export type Harm =
  | "log-tail-cut"
  | "log-tail-cut-and-refilled"
  | "log-trimmed"
  | "log-message-gone"
  | "log-rewritten"
  | "log-replaced"
  | "page-bit-flipped"
  | "manifest-bit-flipped"
  | "checkpoints-gone"
  | "checkpoints-of-old"
  | "segments-gone"
  | "segments-of-old"
  | "definitions-cut"
  /** The same under workers that live through it, and remember. */
  | "alive-log-tail-cut"
  | "alive-segments-of-old";

/** Those whose effect takes some luck stand here more than once. */
const HARMS: readonly Harm[] = [
  "log-tail-cut",
  "log-tail-cut",
  "log-tail-cut-and-refilled",
  "log-trimmed",
  "log-message-gone",
  "log-rewritten",
  "log-rewritten",
  "log-replaced",
  "page-bit-flipped",
  "page-bit-flipped",
  "manifest-bit-flipped",
  "checkpoints-gone",
  "checkpoints-of-old",
  "segments-gone",
  "segments-of-old",
  "segments-of-old",
  "definitions-cut",
  "definitions-cut",
  "alive-log-tail-cut",
  "alive-segments-of-old",
];

export interface LastAct {
  readonly harm: Harm;
  /** 0 … 1: which partition, which message, which bit. */
  readonly where: readonly [number, number, number];
}

export interface Plan {
  readonly seed: number;
  readonly world: World;
  readonly steps: readonly Step[];
  readonly lastAct: LastAct | undefined;
}

/** The requests that a worker makes, and the moments at which one of them can be its last. */
export const CRASH_CALLS = [
  "*",
  "publish",
  "batch",
  "watermark",
  "readWatermark",
  "scan",
  "put",
  "putManifest",
  "readManifest",
  "get",
  "list",
  "remove",
  "append-control",
  "append-clock",
  "append-ready",
  "reject",
  "define",
] as const;

const LAST_ACT_CHANCE = 0.5;

export function planOf(seed: number): Plan {
  const dice = new Dice(seed * 2 + 1);
  const world = worldOf(dice);
  return { seed, world, steps: stepsOf(dice, world), lastAct: lastActOf(dice) };
}

function worldOf(dice: Dice): World {
  const partitions = dice.pick([1, 1, 2, 2, 3, 4, 5, 8]);
  const users = Array.from({ length: dice.pick([2, 5, 12, 30, 60]) }, (_, index) => `u${index}`);
  return {
    partitions,
    workers: dice.pick([1, 2, 2, 3, 3, 4, 5]),
    users,
    pageBytesMax: dice.pick([200, 600, 4_000]),
    pageCacheBytesMax: dice.pick([1, 1, 6_000, 12_000, 30_000, 1_000_000]),
    clockMode: dice.chance(0.1) ? "event" : "log",
    settings: {
      ...DEFAULT_PARTITION_SETTINGS,
      recordsInFlightMax: dice.pick([1, 5, 1_000]),
      unsaidMax: dice.pick([1, 10, 20_000]),
      watermarkDelayMs: dice.pick([20, 100, 250]),
      batchMax: dice.pick([9, 12, 40, 900]),
      // Below zero, a turn ends at the first look at the time.
      sliceMsMax: dice.pick([-1, 4]),
      checkpointIntervalMs: dice.pick([100, 300, 1_000, 4_000]),
      checkpointTimeShareMax: 1,
      checkpointSliceMsMax: dice.pick([0, 0, 2]),
      spillBytesMax: dice.pick([1, 2_000, 8 * 1024 * 1024]),
      preloadBytesMax: dice.pick([0, 32 * 1024 * 1024]),
      readyWithinMessages: dice.pick([0, 5, 1_000]),
      backfillSliceRecords: dice.pick([1, 8, 256]),
    },
    weather: {
      faults: dice.pick([0, 0, 0.01, 0.03, 0.08]),
      latencyMsMax: dice.pick([1, 4, 25]),
      slow: dice.pick([0, 0, 0.1]),
    },
  };
}

function lastActOf(dice: Dice): LastAct | undefined {
  if (!dice.chance(LAST_ACT_CHANCE)) return undefined;
  return { harm: dice.pick(HARMS), where: [dice.next(), dice.next(), dice.next()] };
}

// ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Each kind of trouble is there in some worlds and absent in others, so that one does not hide what another finds. */
interface Trouble {
  readonly weight: number;
  make(dice: Dice): Deed;
}

function troublesOf(dice: Dice): Trouble[] {
  const worker = (from: Dice): number => from.int(0, 9);
  const all: Trouble[] = [
    { weight: 3, make: (from) => ({ do: "kill", worker: worker(from) }) },
    { weight: 2, make: (from) => ({ do: "drain", worker: worker(from), hasty: from.chance(0.3) }) },
    { weight: 3, make: (from) => ({ do: "stop", worker: worker(from), forMs: from.pick([100, 900, 2_500, 6_000]) }) },
    { weight: 3, make: (from) => ({ do: "cut", worker: worker(from), forMs: from.pick([100, 900, 2_500, 6_000]) }) },
    { weight: 1, make: (from) => ({ do: "outage", forMs: from.pick([100, 1_500, 5_000]) }) },
    { weight: 2, make: (from) => ({ do: "restart", downMs: from.pick([0, 200, 2_000]) }) },
    {
      weight: 1,
      make: (from) => ({ do: "clock", byMs: from.pick([-3_600_000, -5_000, -100, 100, 5_000, 3_600_000]) }),
    },
    {
      weight: 3,
      make: (from) => ({
        do: "stopAt",
        worker: worker(from),
        call: from.pick(CRASH_CALLS),
        when: from.pick(["before", "after"]),
        left: from.int(0, 3),
        forMs: from.pick([900, 2_500, 6_000]),
      }),
    },
    {
      weight: 4,
      make: (from) => ({
        do: "crash",
        worker: worker(from),
        call: from.pick(CRASH_CALLS),
        when: from.pick(["before", "after"]),
        left: from.int(0, 3),
      }),
    },
  ];
  return all.filter(() => dice.chance(0.5));
}

function stepsOf(dice: Dice, world: World): Step[] {
  const troubles = troublesOf(dice);
  const book = new Definitions(dice);
  const burst = dice.pick([3, 8, 20]);
  const events = new Events(dice, world.users);
  const [troubleChance, defineChance] = [dice.pick([0.1, 0.3, 0.5]), dice.pick([0.02, 0.06, 0.15])];
  const steps: Step[] = [{ do: "define", entry: book.first(), waitMs: dice.pick([0, 300]) }];
  const wait = (): number => dice.pick([0, 1, 10, 40, 120, 120, 300, 300]);
  const count = dice.int(20, 60);
  for (let index = 0; index < count; index += 1) {
    if (dice.chance(0.75)) steps.push({ do: "send", events: events.some(dice.int(1, burst)), waitMs: wait() });
    if (dice.chance(0.05)) steps.push({ do: "send", events: events.some(burst * 6), waitMs: wait() });
    if (dice.chance(0.05)) steps.push({ ...poison(dice, world), waitMs: wait() });
    if (dice.chance(defineChance)) steps.push({ do: "define", entry: book.next(), waitMs: wait() });
    if (troubles.length > 0 && dice.chance(troubleChance))
      steps.push({ ...heavy(dice, troubles).make(dice), waitMs: wait() });
    if (dice.chance(0.1)) steps.push({ do: "start", underOldName: dice.chance(0.4), waitMs: wait() });
    // Long enough for heartbeats to expire, or for windows to lapse.
    if (dice.chance(0.06)) steps.push({ do: "send", events: [], waitMs: dice.pick([1_500, 4_000, 7_000]) });
  }
  return steps;
}

function heavy(dice: Dice, troubles: readonly Trouble[]): Trouble {
  let left = dice.int(
    1,
    troubles.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const trouble of troubles) {
    left -= trouble.weight;
    if (left <= 0) return trouble;
  }
  return troubles[0]!;
}

function poison(dice: Dice, world: World): Deed {
  const body = dice.pick([
    "no JSON",
    "[]",
    '{"type":"track"}',
    `{"type":"track","event":"A","userId":"nobody of this partition ${dice.int(0, 99)}"}`,
    '{"type":"track","event":"A","userId":"u1","properties":{"__proto__":{"a":1}}}',
    `{"type":"identify","userId":"u1","traits":${"[".repeat(40)}${"]".repeat(40)}}`,
    '{"type":"group","userId":"u1"}',
    '{"type":"track","event":"A","userId":"u1","timestamp":"yesterday"}',
    "\u0000",
  ]);
  return { do: "poison", partition: dice.int(0, world.partitions - 1), body };
}

class Events {
  private readonly dice: Dice;
  private readonly users: readonly MemberId[];
  private made = 0;

  constructor(dice: Dice, users: readonly MemberId[]) {
    this.dice = dice;
    this.users = users;
  }

  some(count: number): SentEvent[] {
    return Array.from({ length: count }, () => this.one());
  }

  private one(): SentEvent {
    const { dice } = this;
    this.made += 1;
    const user = dice.pick(this.users);
    const lateMs = dice.chance(0.7) ? undefined : dice.chance(0.7) ? 0 : dice.int(1, 9_000);
    const id = dice.chance(0.3) ? { messageId: `m${this.made}` } : {};
    return { user, lateMs, message: { userId: user, ...id, ...this.said() } };
  }

  private said(): JsonObject {
    const { dice } = this;
    const price = dice.int(0, 70);
    const product = { product_id: `p${price % 3}`, price, quantity: 1 };
    switch (dice.int(0, 9)) {
      case 0:
      case 1:
      case 2:
        return { type: "track", event: "Ping", properties: { v: price } };
      case 3:
        return { type: "track", event: dice.pick(["A", "B"]), properties: { v: price, c: dice.pick(["x", "y"]) } };
      case 4:
      case 5:
        return { type: "track", event: "Product Added", properties: product };
      case 6:
        return { type: "track", event: dice.pick(["Cart Cleared", "Product Removed"]), properties: product };
      case 7:
        return { type: "track", event: "Order Completed", properties: { order_id: `o${price}`, total: price } };
      case 8:
        return { type: "page", properties: { v: price } };
      default:
        return { type: "identify", traits: { plan: dice.pick<Json>(["x", "y", null]), n: price } };
    }
  }
}

/** Control entries: segments that nest, sit in a window, last, wait; edits; lists. Some are wrong, and must be refused alike. */
class Definitions {
  private readonly dice: Dice;
  private readonly rich: boolean;
  private made = 0;

  constructor(dice: Dice) {
    this.dice = dice;
    this.rich = dice.chance(0.3);
  }

  first(): ControlEntry {
    return { op: "apply", define: ["cart", "busy", "both"].map((id) => this.define(id)), remove: [] };
  }

  next(): ControlEntry {
    const { dice } = this;
    const pick = dice.int(0, 9);
    if (pick < 2) return this.list();
    if (pick < 3) return { op: "removeList", id: dice.pick(LIST_IDS) };
    const remove: SegmentId[] = dice.chance(0.2) ? [dice.pick(["both", "rest", "listed", "hot"])] : [];
    const ids = [dice.pick(IDS), dice.pick(IDS)].filter((id, index, all) => all.indexOf(id) === index);
    return { op: "apply", define: ids.map((id) => this.define(id)), remove };
  }

  private list(): ControlEntry {
    const { dice } = this;
    const members = Array.from({ length: dice.int(0, 8) }, () => `u${dice.int(0, 40)}`);
    return { op: "list", id: dice.pick(LIST_IDS), mode: dice.pick(["add", "remove", "replace"]), members };
  }

  private define(id: SegmentId): JsonObject {
    const { dice } = this;
    this.made += 1;
    if (this.rich && dice.chance(0.4)) return definition(dice, id, id === "both" ? ["cart"] : []);
    const lasting = dice.chance(0.2) ? { stay: dice.pick(["1s", "3s"]) } : dice.chance(0.2) ? { cooldown: "2s" } : {};
    return { id, kind: "user", ...lasting, rule: this.ruleOf(id) };
  }

  private ruleOf(id: SegmentId): JsonObject {
    const { dice } = this;
    const last = dice.pick(["2s", "5s", "10s"]);
    switch (id) {
      case "cart":
        return { cart: { value: { gt: 0, lt: dice.pick([60, 100, 200]) } } };
      case "busy":
        return { event: { name: "Ping", count: { gte: dice.int(1, 4) }, window: { last } } };
      case "both":
        return { all: [{ segment: { in: ["cart"] } }, { segment: { in: ["busy"] } }] };
      case "buyers":
        return { order: { total: { gte: dice.int(20, 120) }, ...(dice.chance(0.5) ? { window: { last } } : {}) } };
      case "rest":
        return { none: [{ segment: { in: [dice.pick(["cart", "busy"])] } }] };
      case "listed":
        return { list: { in: [dice.pick(LIST_IDS)] } };
      case "hot":
        return {
          event: { name: "Ping", sum: { of: "properties.v", is: { gte: dice.int(20, 200) } }, window: { last } },
        };
      case "idle":
        return { cart: { lines: { gte: 1 }, changed: { date: { ago: { gte: last } } } } };
      default:
        return { all: [{ trait: { plan: "x" } }, { event: { name: dice.pick(["A", "B"]), window: { last } } }] };
    }
  }
}

const IDS: readonly SegmentId[] = ["cart", "busy", "both", "buyers", "rest", "listed", "hot", "idle", "gated"];
