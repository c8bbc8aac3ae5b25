// Changes of definitions in the middle of random histories. Beside generate.ts, which makes what they are made of.
// Used by oracle.test.ts, and by test/doctor, which holds the oracle against itself.
import type { ControlEntry } from "../../lib/core/control.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { parseDefinition } from "../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS, type Json, type JsonObject, type LogRecord } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { definition, type History } from "./generate.ts";
import type { Rig } from "./rig.ts";
import { LIST_IDS, RUN_ROWS, rowsWithout } from "./rows.ts";
import { itemsEntry } from "./rows-items.ts";
import { WEIGHED } from "./rows-journeys.ts";
import { vocabulary } from "./vocabularies.ts";

/** A few rows of this run. */
function someRows(dice: Dice): readonly string[] {
  return [...new Set(Array.from({ length: dice.int(1, 3) }, () => dice.pick(RUN_ROWS)))];
}

/** Defines, edits and deletes segments, as a batch that is applied, made ready and activated, or that needs none of it. */
export class Definitions {
  readonly #dice: Dice;
  readonly #history: History;
  readonly sources = new Map<string, JsonObject>();
  readonly #rows: readonly string[];
  #revision = 0;
  #next = 0;

  constructor(dice: Dice, history: History) {
    this.#dice = dice;
    this.#history = history;
    // Where few rows meet, each is tried harder.
    this.#rows = dice.chance(0.6) ? someRows(dice) : RUN_ROWS;
  }

  *start(): Generator<LogRecord> {
    yield* this.#effected({ op: "vocabulary", vocabulary: vocabulary(this.#dice) }, false);
    // Some items are known from the beginning, by two words about them.
    if (this.#dice.chance(0.5)) for (let words = 2; words > 0; words -= 1) yield this.#items();
    yield* this.#apply(this.#define(this.#dice.int(2, 9)), []);
  }

  *change(): Generator<LogRecord> {
    const dice = this.#dice;
    const pick = dice.int(-8, 9);
    if (pick < -6) yield this.#erase();
    else if (pick < -5) yield this.#nonsense();
    else if (pick < -4) yield* this.#crossed();
    else if (pick < -2) yield* this.#effected({ op: "vocabulary", vocabulary: this.#vocabulary() });
    else if (pick < 0) yield this.#items();
    else if (pick < 3) yield this.#list();
    else if (pick < 6) yield* this.#apply(this.#define(dice.int(1, 3)), []);
    else if (pick < 8) yield* this.#apply(this.#edit(), []);
    else yield* this.#apply([], this.#remove());
  }

  /** Somebody of this partition, of another or unknown is forgotten; who is known may come back later. */
  #erase(): LogRecord {
    const dice = this.#dice;
    const id = dice.pick([...this.#history.members, ...this.#history.members, "u5", "nobody at all"]);
    return this.#entry({ op: "erase", ...erasedOf(dice.chance(0.9) ? "user" : "account", id, `k${this.#revision}`) });
  }

  #list(): LogRecord {
    const dice = this.#dice;
    const members = ["u5", "u6", "u7", "u8", "a.b c*", "new one"].filter(() => dice.chance(0.5));
    const mode = dice.pick(["add", "remove", "replace"] as const);
    this.#revision += 1;
    return this.#history.control(this.#revision, { op: "list", id: dice.pick(LIST_IDS), mode, members });
  }

  /** An entry that nobody can take: engine and oracle refuse the same ones. */
  #nonsense(): LogRecord {
    const dice = this.#dice;
    const entry = dice.pick<() => unknown>([
      () => ({ op: "nonsense" }),
      () => ({ op: "list", id: "", mode: "add", members: ["u5"] }),
      () => ({ op: "list", id: dice.pick(LIST_IDS), mode: "add", members: [""] }),
      () => ({ op: "items", mode: "swap", items: [] }),
      () => ({ op: "items", mode: "merge", items: [{ id: "p1" }] }),
      () => ({ op: "situation", kind: "weather", place: { country: "DE", city: "Bonn" }, values: null }),
      () => ({ op: "situation", kind: "weather", place: { country: "DE" }, values: {}, until: -1 }),
      () => ({ op: "situation", kind: "", place: { country: "DE" }, values: {} }),
      () => ({ op: "erase", kind: "user", hash: 1, mark: "", key: "k" }),
      () => ({ op: "erase", kind: "list", hash: 1, mark: "m", key: "k" }),
      () => ({ op: "erase", kind: "user", hash: -1, mark: "m", key: "k" }),
      () => ({ op: "activate", revision: "1" }),
      () => ({ op: "activate", revision: 1 }),
      () => ({ op: "cancel", revision: this.#revision }),
      () => ({ op: "apply", define: [{ id: "bad" }], remove: [] }),
      () => ({ op: "vocabulary", vocabulary: dice.pick<Json>([5, null, { visit: { idle: "soon" } }]) }),
    ])();
    this.#revision += 1;
    return this.#history.control(this.#revision, entry as ControlEntry);
  }

  /** Now and then one that lacks a funnel that some rule may name. */
  #vocabulary(): JsonObject {
    const given = vocabulary(this.#dice);
    const { trial } = given.funnels as { readonly trial: Json };
    return this.#dice.chance(0.1) ? { ...given, funnels: { trial } } : given;
  }

  /** What waits is given up although something later rests on it: two segments would then read each other. */
  *#crossed(): Generator<LogRecord> {
    const ids = [...this.sources.keys()].slice(0, 2);
    if (ids.length < 2) return;
    const [one, other] = ids as [string, string];
    const named = (id: string, rule: JsonObject): JsonObject => {
      const source = { id, name: id, kind: "user", rule };
      this.sources.set(id, source);
      return source;
    };
    yield* this.#apply([named(other, { segment: { in: [one] } })], []);
    const seconds = this.#dice.int(2, 3_000);
    const asking = { event: { name: "A", window: { last: `${seconds}s` } } };
    yield this.#entry({ op: "apply", define: [named(other, asking)], remove: [] });
    const revision = this.#revision;
    yield this.#history.next();
    yield this.#entry({ op: "apply", define: [named(one, { not: { segment: { in: [other] } } })], remove: [] });
    yield this.#entry({ op: "cancel", revision });
    yield this.#history.next();
    yield this.#history.ready(revision);
    yield this.#entry({ op: "activate", revision });
    yield this.#entry({ op: "activate", revision: revision + 1 });
  }

  #entry(entry: ControlEntry): LogRecord {
    this.#revision += 1;
    return this.#history.control(this.#revision, entry);
  }

  #items(): LogRecord {
    this.#revision += 1;
    return this.#history.control(this.#revision, itemsEntry(this.#dice));
  }

  #define(count: number): Json[] {
    const made: Json[] = [];
    for (let index = 0; index < count; index += 1) {
      this.#next += 1;
      const source = this.#valid(`s${this.#next}`, [...this.sources.keys()]);
      this.sources.set(source.id as string, source);
      made.push(source);
    }
    return made;
  }

  /** One that parses, and is not applied. */
  valid(id: string): JsonObject {
    return this.#valid(id, [...this.sources.keys()]);
  }

  #valid(id: string, others: readonly string[]): JsonObject {
    for (;;) {
      const own = id === WEIGHED ? rowsWithout("engagement", this.#rows) : this.#rows;
      // Where there is no other segment, none can be named.
      const rows = others.length === 0 ? rowsWithout("segment", own) : own;
      const source = definition(this.#dice, id, others, rows);
      if (parseDefinition(source, DEFAULT_LIMITS).ok) return source;
    }
  }

  /** A new version mostly refers to older segments alone; else it may close a cycle, and is refused. */
  #edit(): Json[] {
    const ids = [...this.sources.keys()];
    if (ids.length === 0) return [];
    const id = this.#dice.pick(ids);
    const older = ids.filter((other) => Number(other.slice(1)) < Number(id.slice(1)));
    const source = this.#valid(id, this.#dice.chance(0.1) ? ids : older);
    this.sources.set(id, source);
    return [source];
  }

  #remove(): string[] {
    // What others refer to is never removed: the writer of the control log refuses it.
    const ids = [...this.sources.keys()].filter((id) => !this.#isUsed(id));
    if (ids.length === 0) return [];
    const id = this.#dice.pick(ids);
    this.sources.delete(id);
    return [id];
  }

  #isUsed(id: string): boolean {
    if (id === WEIGHED) return true;
    return [...this.sources.values()].some((source) => JSON.stringify(source).includes(`["${id}"]`));
  }

  /** Applies one definition with no event in between; undefined when it is refused. */
  sizeOnceInForce(rig: Rig, source: JsonObject): number | undefined {
    if (!parseDefinition(source, DEFAULT_LIMITS).ok) return undefined;
    this.#revision += 1;
    const revision = this.#revision;
    rig.apply(this.#history.control(revision, { op: "apply", define: [source], remove: [] }));
    rig.apply(this.#history.ready(revision));
    this.#revision += 1;
    rig.apply(this.#history.control(this.#revision, { op: "activate", revision }));
    return rig.machine.sizes().get(source.id as string);
  }

  /** What a feed says of a place. */
  situation(): LogRecord {
    this.#revision += 1;
    return this.#history.situation(this.#revision);
  }

  *#apply(define: Json[], remove: string[]): Generator<LogRecord> {
    yield* this.#effected({ op: "apply", define, remove });
  }

  /** An entry that takes effect once every partition is ready for it, with messages in between, and other entries. */
  *#effected(entry: ControlEntry, canMeet = true): Generator<LogRecord> {
    this.#revision += 1;
    const revision = this.#revision;
    yield this.#history.control(revision, entry);
    if (canMeet && this.#dice.chance(0.03)) {
      // Given up before its history is folded.
      yield this.#entry({ op: "cancel", revision });
    }
    for (let wait = this.#dice.int(0, 6); wait > 0; wait -= 1) yield this.#history.next();
    if (canMeet && this.#dice.chance(0.1)) {
      yield* this.#effected({ op: "vocabulary", vocabulary: this.#vocabulary() }, false);
    }
    if (canMeet && this.#dice.chance(entry.op === "vocabulary" ? 0.5 : 0.1)) {
      yield* this.#effected({ op: "apply", define: this.#define(1), remove: [] }, false);
    }
    yield this.#history.ready(revision);
    for (let wait = this.#dice.int(0, 4); wait > 0; wait -= 1) yield this.#history.next();
    this.#revision += 1;
    const isGivenUp = this.#dice.chance(entry.op === "vocabulary" ? 0.15 : 0.03);
    yield this.#history.control(this.#revision, { op: isGivenUp ? "cancel" : "activate", revision });
  }
}
