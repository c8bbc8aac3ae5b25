// Changes of definitions in the middle of random histories. Beside generate.ts, which makes what they are made of.
// Used by oracle.test.ts, and by test/doctor, which holds the oracle against itself.
import type { ControlEntry } from "../../lib/core/control.ts";
import { parseDefinition } from "../../lib/core/rules/parse.ts";
import { DEFAULT_LIMITS, type Json, type JsonObject, type LogRecord } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { definition, type History } from "./generate.ts";
import type { Rig } from "./rig.ts";
import { LIST_IDS, RUN_ROWS, rowsWithout } from "./rows.ts";
import { itemsEntry } from "./rows-items.ts";
import { WEIGHED } from "./rows-journeys.ts";
import { vocabulary } from "./vocabularies.ts";

/** Defines, edits and deletes segments, as a batch that is applied, made ready and activated, or that needs none of it. */
export class Definitions {
  readonly #dice: Dice;
  readonly #history: History;
  readonly sources = new Map<string, JsonObject>();
  #revision = 0;
  #next = 0;

  constructor(dice: Dice, history: History) {
    this.#dice = dice;
    this.#history = history;
  }

  *start(): Generator<LogRecord> {
    yield* this.#effected({ op: "vocabulary", vocabulary: vocabulary(this.#dice) }, false);
    yield* this.#apply(this.#define(this.#dice.int(2, 9)), []);
  }

  *change(): Generator<LogRecord> {
    const dice = this.#dice;
    const pick = dice.int(-4, 9);
    if (pick < -2) yield* this.#effected({ op: "vocabulary", vocabulary: vocabulary(dice) });
    else if (pick < 0) yield this.#items();
    else if (pick < 3) yield this.#list();
    else if (pick < 6) yield* this.#apply(this.#define(dice.int(1, 3)), []);
    else if (pick < 8) yield* this.#apply(this.#edit(), []);
    else yield* this.#apply([], this.#remove());
  }

  #list(): LogRecord {
    const dice = this.#dice;
    const members = ["u5", "u6", "u7", "u8", "a.b c*", "new one"].filter(() => dice.chance(0.5));
    const mode = dice.pick(["add", "remove", "replace"] as const);
    this.#revision += 1;
    return this.#history.control(this.#revision, { op: "list", id: dice.pick(LIST_IDS), mode, members });
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
      const source = definition(this.#dice, id, others, id === WEIGHED ? rowsWithout("engagement") : RUN_ROWS);
      if (parseDefinition(source, DEFAULT_LIMITS).ok) return source;
    }
  }

  /** A new version may only refer to older segments, so no cycle can arise. */
  #edit(): Json[] {
    const ids = [...this.sources.keys()];
    if (ids.length === 0) return [];
    const id = this.#dice.pick(ids);
    const older = ids.filter((other) => Number(other.slice(1)) < Number(id.slice(1)));
    const source = this.#valid(id, older);
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
    for (let wait = this.#dice.int(0, 6); wait > 0; wait -= 1) yield this.#history.next();
    if (canMeet && this.#dice.chance(0.1)) {
      yield* this.#effected({ op: "vocabulary", vocabulary: vocabulary(this.#dice) }, false);
    }
    yield this.#history.ready(revision);
    for (let wait = this.#dice.int(0, 4); wait > 0; wait -= 1) yield this.#history.next();
    this.#revision += 1;
    const isGivenUp = entry.op === "vocabulary" && this.#dice.chance(0.15);
    yield this.#history.control(this.#revision, { op: isGivenUp ? "cancel" : "activate", revision });
  }
}
