// Accounts in a run: who joins and leaves which, what is said of them, and the segments that look from accounts to their users and
// back. Drawn by dice of their own and woven into the steps of a plan, so that worlds without accounts stay as they are.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { Json, JsonObject, MemberId, SegmentId } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import type { Deed, SentEvent, Step, World } from "./plan.ts";

const LIST = "firms";
const DURATIONS = ["2s", "5s", "10s"];
const TIERS = ["x", "y"];

/** The requests that carry links, and the moments at which one of them can be its sender's last. */
const LINK_CALLS = ["link", "link", "readLink"] as const;

/** With accounts in it: everything in its place, and much between. */
export function withAccounts(steps: readonly Step[], world: World, dice: Dice): Step[] {
  const deeds = new AccountDeeds(dice, world.users, world.accounts);
  const wait = (): number => dice.pick([0, 0, 10, 120, 300]);
  const [busy, strikes] = [dice.pick([0.3, 0.6]), dice.pick([0, 0.1, 0.25])];
  const defines = dice.pick([0.05, 0.12, 0.25]);
  const woven: Step[] = deeds.opening().map((deed) => ({ ...deed, waitMs: wait() }));
  for (const step of steps) {
    woven.push(step);
    if (dice.chance(busy)) woven.push({ do: "send", events: deeds.some(dice.int(1, 5)), waitMs: wait() });
    if (dice.chance(0.03)) woven.push({ ...deeds.poison(), waitMs: wait() });
    if (dice.chance(defines)) for (const deed of deeds.next()) woven.push({ ...deed, waitMs: wait() });
    if (dice.chance(strikes)) woven.push({ ...struck(dice), waitMs: wait() });
  }
  return woven;
}

/** A worker dies, or is stopped past a take-over, at one of its links. */
function struck(dice: Dice): Deed {
  const [worker, left] = [dice.int(0, 9), dice.int(0, 3)];
  const at = { worker, left, call: dice.pick(LINK_CALLS), when: dice.pick(["before", "after"] as const) };
  return dice.chance(0.6) ? { do: "crash", ...at } : { do: "stopAt", ...at, forMs: dice.pick([900, 2_500, 6_000]) };
}

class AccountDeeds {
  private readonly dice: Dice;
  private readonly users: readonly MemberId[];
  private readonly accounts: readonly MemberId[];

  constructor(dice: Dice, users: readonly MemberId[], accounts: readonly MemberId[]) {
    this.dice = dice;
    this.users = users;
    this.accounts = accounts;
  }

  opening(): Deed[] {
    const { dice } = this;
    const [firm, user] = [dice.pick(FIRM_IDS), dice.pick(USER_IDS)];
    const joins: Deed = { do: "send", events: this.users.slice(0, 8).map((id) => this.joins(id)) };
    return dice.shuffled([joins, this.apply([firm]), this.apply([user])]);
  }

  next(): Deed[] {
    const { dice } = this;
    const pick = dice.int(0, 9);
    if (pick < 2) return [this.list()];
    if (pick < 4) return [this.apply(dice.shuffled(FIRM_IDS).slice(0, 2)), this.apply([dice.pick(USER_IDS)])];
    if (pick < 5) return [this.apply([], [dice.pick([...FIRM_IDS, ...USER_IDS])])];
    return [this.apply([dice.pick([...FIRM_IDS, ...USER_IDS])])];
  }

  some(count: number): SentEvent[] {
    return Array.from({ length: count }, () => this.one());
  }

  /** Bytes that are no message about an account, into the logs. */
  poison(): Deed {
    const { dice } = this;
    const body = dice.pick([
      "no JSON",
      '{"type":"group"}',
      '{"type":"identify","groupId":"a0"}',
      `{"type":"group","groupId":"a0","userId":"u0","traits":{}}`,
      `{"type":"group","groupId":"nobody of this partition ${dice.int(0, 99)}","traits":{}}`,
    ]);
    return { do: "poison", partition: dice.int(0, 9), body, kind: "account" };
  }

  private one(): SentEvent {
    const { dice } = this;
    const pick = dice.int(0, 9);
    if (pick < 5) return this.joins(dice.pick(this.users));
    const lateMs = dice.chance(0.8) ? undefined : dice.int(0, 9_000);
    if (pick < 6) {
      const user = dice.pick(this.users);
      return { user, lateMs, message: { type: "group", userId: user, groupId: null } };
    }
    const account = dice.pick(this.accounts);
    const said = dice.chance(0.5)
      ? { type: "group", groupId: account, traits: this.traits() }
      : { type: "track", groupId: account, event: dice.pick(["Ping", "A"]), properties: { v: dice.int(0, 70) } };
    return { user: account, lateMs, kind: "account", message: { ...said, ...this.messageId() } };
  }

  private joins(user: MemberId): SentEvent {
    const { dice } = this;
    const traits = dice.chance(0.5) ? { traits: this.traits() } : {};
    const message = { type: "group", userId: user, groupId: dice.pick(this.accounts), ...traits, ...this.messageId() };
    return { user, lateMs: dice.chance(0.8) ? undefined : dice.int(0, 9_000), message };
  }

  private traits(): JsonObject {
    return { tier: this.dice.pick<Json>([...TIERS, null]), seats: this.dice.int(1, 20) };
  }

  private messageId(): JsonObject {
    return this.dice.chance(0.3) ? { messageId: `g${this.dice.int(0, 1_000_000)}` } : {};
  }

  private list(): Deed {
    const { dice } = this;
    const members = this.accounts.filter(() => dice.chance(0.5));
    return defined({ op: "list", kind: "account", id: LIST, mode: dice.pick(["add", "remove", "replace"]), members });
  }

  private apply(ids: readonly SegmentId[], remove: readonly SegmentId[] = []): Deed {
    return defined({ op: "apply", define: ids.map((id) => this.define(id)), remove });
  }

  private define(id: SegmentId): JsonObject {
    const { dice } = this;
    const kind = FIRM_IDS.includes(id) ? "account" : "user";
    const lasting = dice.chance(0.2) ? { stay: dice.pick(["1s", "3s"]) } : dice.chance(0.2) ? { cooldown: "2s" } : {};
    return { id, kind, ...lasting, rule: RULES[id]!(dice) };
  }
}

function defined(entry: ControlEntry): Deed {
  return { do: "define", entry };
}

const pings = (dice: Dice): JsonObject => ({
  event: { name: "Ping", count: { gte: dice.int(1, 5) }, window: { last: dice.pick(DURATIONS) } },
});
const tier = (dice: Dice): JsonObject => ({ trait: { tier: dice.pick(TIERS) } });
const filled = (dice: Dice): JsonObject => ({ cart: { value: { gt: dice.pick([0, 30]) } } });

function howMany(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { atLeast: dice.int(1, 3) },
    { count: dice.int(0, 2) },
    { share: { gte: dice.pick([30, 50, 100]) } },
    { share: { lt: 50 } },
  ]);
}

/** By id. Those of accounts, and those of users who look at their account; some look to and fro. */
const RULES: Readonly<Record<SegmentId, (dice: Dice) => JsonObject>> = {
  "firm-busy": pings,
  "firm-rich": (dice) => ({ order: { total: { gte: dice.int(20, 200) } } }),
  "firm-tier": tier,
  "firm-listed": () => ({ list: { in: [LIST] } }),
  "firm-crowd": (dice) => ({ users: { rule: dice.chance(0.6) ? pings(dice) : filled(dice), ...howMany(dice) } }),
  "firm-planned": (dice) => ({ users: { rule: { trait: { plan: "x" } }, ...howMany(dice) } }),
  "firm-both": (dice) => ({ all: [{ segment: { in: ["firm-busy"] } }, { none: [tier(dice)] }] }),
  "firm-carts": (dice) => ({ users: { rule: { segment: { in: ["cart"] } }, ...howMany(dice) } }),
  "firm-deep": (dice) => ({ users: { rule: { all: [filled(dice), { account: tier(dice) }] }, ...howMany(dice) } }),
  "of-busy": (dice) => ({ account: pings(dice) }),
  "of-tier": (dice) => ({ all: [{ account: tier(dice) }, { trait: { plan: dice.pick(TIERS) } }] }),
  "of-none": (dice) => ({ none: [{ account: tier(dice) }] }),
  "of-firm": (dice) => ({ account: { segment: { in: [dice.pick(["firm-busy", "firm-crowd", "firm-listed"])] } } }),
  "of-crowd": (dice) => ({ account: { users: { rule: filled(dice), ...howMany(dice) } } }),
};
const FIRM_IDS = Object.keys(RULES).filter((id) => id.startsWith("firm-"));
const USER_IDS = Object.keys(RULES).filter((id) => id.startsWith("of-"));

/** Whether a step defines what reads accounts, or what accounts do. */
export function asksAccounts(step: Step): boolean {
  if (step.do !== "define" || step.entry.op !== "apply") return false;
  return step.entry.define.some((one) => ((one as JsonObject).id as SegmentId) in RULES);
}
