// What is written to DEFINITIONS in a run: segments, lists, the vocabulary, items, situations, drafts. Some entries are wrong, and
// must be refused by everybody alike. plan.ts puts them into steps.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { JsonObject, SegmentId } from "../../lib/core/types.ts";
import { definition } from "../laws/generate.ts";
import { LIST_IDS } from "../laws/rows.ts";
import { itemsEntry } from "../laws/rows-items.ts";
import type { Dice } from "../support/seed.ts";
import type { Deed } from "./plan.ts";
import { STATEFUL_IDS, shortVocabulary, statefulRule } from "./rules.ts";

export class Entries {
  private readonly dice: Dice;
  /** A share of the segments is drawn from all that the laws know. */
  private readonly rich: boolean;
  private readonly stateful: boolean;
  /** As written last. */
  private readonly rules = new Map<SegmentId, JsonObject>();
  /** Feeds speak all the time, and somebody listens. */
  readonly fed: boolean;

  constructor(dice: Dice, stateful: boolean) {
    this.dice = dice;
    this.rich = dice.chance(0.3);
    this.stateful = stateful;
    this.fed = stateful && dice.chance(0.5);
  }

  opening(): Deed[] {
    const { dice } = this;
    if (!this.stateful) return [defined(this.apply(["cart", "busy", "both"]))];
    const others = dice.shuffled(STATEFUL_IDS).slice(0, 2);
    const ids = new Set(["cart", "busy", ...(this.fed ? ["wet"] : ["absorbed", "courted"]), ...others]);
    return [this.vocabulary(), defined(this.apply([...ids]))];
  }

  /** Mostly one; now and then several that rest on each other, and come before the first of them is in force. */
  next(): Deed[] {
    const { dice } = this;
    if (dice.chance(0.15)) return ["hot", "gated", "hot"].map((id) => defined(this.apply([id])));
    if (dice.chance(0.2)) return this.handedOn();
    if (this.stateful && !this.fed && dice.chance(0.2)) return this.catalogued();
    return [this.one()];
  }

  /** One segment gives up what it asks, and another one takes it over. */
  private handedOn(): Deed[] {
    const [from, to] = this.dice.shuffled(["busy", "buyers", "hot"]);
    const given = this.rules.get(from!);
    const first = defined(this.apply([from!]));
    return given === undefined ? [first] : [first, defined(this.applied([{ id: to!, kind: "user", rule: given }]))];
  }

  /** What is known of items only now is asked of what was done with them before. */
  private catalogued(): Deed[] {
    const attributes = { category: this.dice.pick(["shoes", "shoes/men", "sale"]) };
    const items = ["p0", "p1", "p2", "7"].map((id) => ({ id, attributes }));
    return [defined({ op: "items", mode: "merge", items }), defined(this.apply(["courted", "absorbed"]))];
  }

  private one(): Deed {
    const { dice } = this;
    if (this.stateful && dice.chance(0.5)) return this.meaning();
    const pick = dice.int(0, 9);
    if (pick < 2) return defined(this.list());
    if (pick < 3) return defined({ op: "removeList", id: dice.pick(LIST_IDS) });
    const remove: SegmentId[] = dice.chance(0.2) ? [dice.pick(["both", "rest", "listed"])] : [];
    return defined(this.apply([...new Set([this.id(), this.id()])], remove));
  }

  cancel(): Deed {
    return { do: "cancel", which: this.dice.int(0, 9) };
  }

  situation(forMs = this.dice.pick([undefined, 300, 1_500, 4_000, 9_000])): Deed {
    const { dice } = this;
    const values = { condition: dice.pick(["x", "y"]), temperature: dice.pick([-5, 5, 20]) };
    return {
      do: "situation",
      entry: {
        op: "situation",
        kind: dice.pick(["weather", "weather", "traffic"]),
        place: dice.pick(PLACES),
        values: dice.chance(0.15) ? null : values,
      },
      forMs,
    };
  }

  /** What gives events a meaning, or tells of the world around people. */
  private meaning(): Deed {
    const { dice } = this;
    switch (dice.int(0, 5)) {
      case 0:
        return this.fed ? this.situation() : defined(itemsEntry(dice));
      case 1:
        return defined({ op: "draft", define: [this.define(this.id())], discard: [] });
      case 2:
      case 3:
        return defined(itemsEntry(dice));
      default:
        return this.vocabulary();
    }
  }

  private vocabulary(): Deed {
    return defined({ op: "vocabulary", vocabulary: shortVocabulary(this.dice) });
  }

  private apply(ids: readonly SegmentId[], remove: readonly SegmentId[] = []): ControlEntry {
    return this.applied(
      ids.map((id) => this.define(id)),
      remove,
    );
  }

  private applied(define: readonly JsonObject[], remove: readonly SegmentId[] = []): ControlEntry {
    for (const { id, rule } of define) this.rules.set(id as SegmentId, rule as JsonObject);
    return { op: "apply", define, remove };
  }

  private id(): SegmentId {
    return this.dice.pick(this.stateful && this.dice.chance(0.6) ? STATEFUL_IDS : IDS);
  }

  private list(): ControlEntry {
    const { dice } = this;
    const members = Array.from({ length: dice.int(0, 8) }, () => `u${dice.int(0, 40)}`);
    return { op: "list", id: dice.pick(LIST_IDS), mode: dice.pick(["add", "remove", "replace"]), members };
  }

  private define(id: SegmentId): JsonObject {
    const { dice } = this;
    if (this.rich && dice.chance(0.4)) return definition(dice, id, id === "both" ? ["cart"] : []);
    const lasting = dice.chance(0.2) ? { stay: dice.pick(["1s", "3s"]) } : dice.chance(0.2) ? { cooldown: "2s" } : {};
    return { id, kind: "user", ...lasting, rule: this.nested(id, this.ruleOf(id)) };
  }

  /** Two that may read each other, one at a time: which of their versions is in force decides whether that is a cycle. */
  private nested(id: SegmentId, rule: JsonObject): JsonObject {
    const other = id === "hot" ? "gated" : id === "gated" ? "hot" : undefined;
    return other === undefined || this.dice.chance(0.6) ? rule : { any: [{ segment: { in: [other] } }, rule] };
  }

  private ruleOf(id: SegmentId): JsonObject {
    const { dice } = this;
    const last = dice.pick(["2s", "5s", "10s"]);
    const stateful = statefulRule(dice, id);
    if (stateful !== undefined) return stateful;
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

function defined(entry: ControlEntry): Deed {
  return { do: "define", entry };
}

const IDS: readonly SegmentId[] = ["cart", "busy", "both", "buyers", "rest", "listed", "hot", "idle", "gated"];
const PLACES = [
  { country: "DE" },
  { country: "de", region: "NW" },
  { country: "DE", region: "NW", city: "BONN" },
  { country: "FR" },
];
