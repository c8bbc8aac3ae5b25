// What one seed is about: how large the world is, what can go wrong in it, and every step that is taken, as data. The same
// seed gives the same plan; a failure is shrunk by leaving steps out of it.
import { DEFAULT_PARTITION_SETTINGS, type PartitionSettings } from "../../actors/partition/settings.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import type { JsonObject, MemberId, MemberKind } from "../../lib/core/types.ts";
import { Dice } from "../support/seed.ts";
import { withAccounts } from "./accounts.ts";
import { Entries } from "./entries.ts";
import { nameOf, withErasures } from "./erasures.ts";
import type { Weather } from "./network.ts";
import { SentEvents } from "./sent-events.ts";

export interface World {
  /** Rules keep states of their own: sequences, visits, favourites, what feeds say. */
  readonly stateful: boolean;
  readonly partitions: number;
  readonly workers: number;
  readonly users: readonly MemberId[];
  /** That users belong to; none in most worlds. */
  readonly accounts: readonly MemberId[];
  /** Some of them are erased. */
  readonly erases: boolean;
  readonly pageBytesMax: number;
  readonly pageCacheBytesMax: number;
  /** "event": nobody ticks; events' own times and clock messages alone move the clock. */
  readonly clockMode: "log" | "event";
  readonly settings: PartitionSettings;
  readonly weather: Weather;
}

export interface SentEvent {
  /** In whose partition it is said: the account, where that is its kind. */
  readonly user: MemberId;
  readonly kind?: "account";
  readonly message: JsonObject;
  /** Its own time is so long before it is sent; undefined: it names none. */
  readonly lateMs: number | undefined;
  /** Its property `ends` is an instant so long after it is sent. */
  readonly endsInMs?: number;
}

export type SituationEntry = Extract<ControlEntry, { op: "situation" }>;

/** `worker` counts among those that live then, and wraps around. */
export type Deed =
  | { readonly do: "send"; readonly events: readonly SentEvent[] }
  /** Bytes that are no event, straight into a log. */
  | { readonly do: "poison"; readonly partition: number; readonly body: string; readonly kind?: "account" }
  | { readonly do: "define"; readonly entry: ControlEntry }
  /** What a feed says of a place; it ends by itself after so long. */
  | { readonly do: "situation"; readonly entry: SituationEntry; readonly forMs: number | undefined }
  | { readonly do: "erase"; readonly kind: MemberKind; readonly id: MemberId }
  /** Of the entries that wait for their activation, one is given up; where none does, the last entry. */
  | { readonly do: "cancel"; readonly which: number }
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

const STORE_HARMS: readonly Harm[] = ["checkpoints-gone", "checkpoints-of-old", "segments-of-old", "page-bit-flipped"];

/** What becomes of a log without its checkpoint where somebody was erased, and of the deltas, is worked out for these. */
const ERASED_HARMS: readonly Harm[] = ["checkpoints-gone", "checkpoints-of-old", "segments-gone", "definitions-cut"];

const LAST_ACT_CHANCE = 0.5;
export const DAY_MS = 86_400_000;
/** Worlds with accounts in them, of those whose rules keep no states: both together would cost the oracle too much. */
const ACCOUNTS_SHARE = 0.5;
/** Worlds in which rules keep states of their own: what they cost the oracle, all others need not pay. */
const STATEFUL_SHARE = 0.5;
/** Worlds in which people are erased. */
const ERASURES_SHARE = 0.3;
const CANCELS_PER_ENTRY = 0.15;

export function planOf(seed: number): Plan {
  const dice = new Dice(seed * 2 + 1);
  const erasureDice = new Dice(seed * 17 + 9);
  const world = worldOf(dice, erasureDice.chance(ERASURES_SHARE));
  const plan = { seed, world, steps: stepsOf(dice, world), lastAct: lastActOf(dice) };
  const accountDice = new Dice(seed * 13 + 8);
  const peopled = !world.stateful && accountDice.chance(ACCOUNTS_SHARE) ? joined(plan, accountDice) : plan;
  return world.erases ? erasing(peopled, erasureDice) : peopled;
}

/** The same with accounts in it. What becomes of links when a log is harmed is test/actors/links.test.ts's matter. */
function joined({ seed, world, steps, lastAct }: Plan, dice: Dice): Plan {
  const accounts = Array.from({ length: dice.int(1, 5) }, (_, index) =>
    world.erases ? nameOf("account", index) : `a${index}`,
  );
  const settings = { ...world.settings, linksUnsentMax: dice.pick([1, 10, 10_000]) };
  const peopled = { ...world, accounts, settings };
  const harmsLog = lastAct !== undefined && /^(alive-)?log-/.test(lastAct.harm);
  return {
    seed,
    world: peopled,
    steps: withAccounts(steps, peopled, dice),
    lastAct: harmsLog ? { ...lastAct, harm: dice.pick(STORE_HARMS) } : lastAct,
  };
}

/** The same with erasures in it. */
function erasing({ seed, world, steps, lastAct }: Plan, dice: Dice): Plan {
  // A clock that is set back makes any time of waiting longer.
  const isSteady = steps.every((step) => step.do !== "clock");
  const erasureHoldMs = dice.pick(isSteady ? [0, 2_000, DAY_MS] : [0, DAY_MS]);
  return {
    seed,
    world: { ...world, settings: { ...world.settings, erasureHoldMs } },
    steps: withErasures(steps, world, dice),
    lastAct: lastAct && { ...lastAct, harm: dice.pick(ERASED_HARMS) },
  };
}

function worldOf(dice: Dice, erases: boolean): World {
  const partitions = dice.pick([1, 1, 2, 2, 3, 4, 5, 8]);
  const stateful = dice.chance(STATEFUL_SHARE);
  // The oracle looks at all that one has done whenever something happens: few people with a long past cost most.
  const count = dice.pick(stateful ? [5, 12, 30, 60] : [2, 5, 12, 30, 60]);
  const users = Array.from({ length: count }, (_, index) => (erases ? nameOf("user", index) : `u${index}`));
  return {
    stateful,
    partitions,
    workers: dice.pick([1, 2, 2, 3, 3, 4, 5]),
    users,
    accounts: [],
    erases,
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
      backgroundSliceMsMax: dice.pick([-1, 2, 2, 2]),
      auditIntervalMs: dice.pick([0, 0, 0, 1_500]),
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
  const { stateful } = world;
  const entries = new Entries(dice, stateful);
  const burst = dice.pick(stateful ? [2, 4, 8] : [3, 8, 20]);
  const events = new SentEvents(dice, world.users, stateful);
  const [troubleChance, defineChance] = [
    dice.pick([0.1, 0.3, 0.5]),
    dice.pick(stateful ? [0.03, 0.1, 0.2] : [0.02, 0.06, 0.15]),
  ];
  const feedChance = entries.fed ? 0.1 : 0;
  const steps: Step[] = entries.opening().map((deed) => ({ ...deed, waitMs: dice.pick([0, 300]) }));
  const wait = (): number => dice.pick([0, 1, 10, 40, 120, 120, 300, 300]);
  const count = dice.int(20, stateful ? 45 : 60);
  for (let index = 0; index < count; index += 1) {
    if (dice.chance(0.75)) steps.push({ do: "send", events: events.some(dice.int(1, burst)), waitMs: wait() });
    if (dice.chance(0.05)) steps.push({ do: "send", events: events.some(burst * 6), waitMs: wait() });
    if (dice.chance(0.05)) steps.push({ ...poison(dice, world), waitMs: wait() });
    if (dice.chance(defineChance)) {
      for (const deed of entries.next()) steps.push({ ...deed, waitMs: dice.pick([0, 10, 120]) });
    }
    if (dice.chance(defineChance * CANCELS_PER_ENTRY)) steps.push({ ...entries.cancel(), waitMs: wait() });
    if (dice.chance(feedChance)) steps.push({ ...entries.situation(), waitMs: wait() });
    if (troubles.length > 0 && dice.chance(troubleChance))
      steps.push({ ...heavy(dice, troubles).make(dice), waitMs: wait() });
    if (dice.chance(0.1)) steps.push({ do: "start", underOldName: dice.chance(0.4), waitMs: wait() });
    // Long enough for heartbeats to expire, or for windows to lapse.
    if (dice.chance(0.06)) steps.push({ do: "send", events: [], waitMs: dice.pick([1_500, 4_000, 7_000]) });
  }
  return entries.fed ? [...steps, ...succession(dice, entries)] : steps;
}

/** What a feed said last ends by itself under owners who were not there when it was said. */
function succession(dice: Dice, entries: Entries): Step[] {
  return [
    { ...entries.situation(3_000), waitMs: 0 },
    { ...entries.situation(6_000), waitMs: 0 },
    { ...entries.situation(9_000), waitMs: dice.pick([0, 300, 1_500]) },
    ...Array.from({ length: 3 }, (): Step => ({ do: "kill", worker: dice.int(0, 9), waitMs: dice.pick([0, 120]) })),
    { do: "start", underOldName: false, waitMs: 300 },
  ];
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
