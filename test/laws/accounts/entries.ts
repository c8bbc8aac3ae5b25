// The control log of a world of several partitions: random entries one after the other, and who decides what takes effect.
// world.ts copies them into the partitions' logs, each at its own time.
import type { ControlEntry } from "../../../lib/core/control.ts";
import { erasedOf } from "../../../lib/core/erasure.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS, type JsonObject, type Millis } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../../lib/core/vocabulary.ts";
import { Control } from "../../../lib/oracle/control.ts";
import type { Dice } from "../../support/seed.ts";
import { LIST_IDS } from "../rows.ts";
import { itemsEntry } from "../rows-items.ts";
import { WEIGHED } from "../rows-journeys.ts";
import { situationEntry } from "../rows-states.ts";
import { vocabulary } from "../vocabularies.ts";
import { ACCOUNT_LISTS, definitionOf, type Kind, type Others } from "./rules.ts";

export class Entries {
  readonly #dice: Dice;
  readonly #ids: Readonly<Record<Kind, readonly string[]>>;
  readonly entries: ControlEntry[] = [];
  readonly sources = new Map<string, JsonObject>();
  /** The fold of all entries. */
  readonly #head = new Control(DEFAULT_LIMITS, DEFAULT_VOCABULARY);
  #next = 0;

  constructor(dice: Dice, ids: Readonly<Record<Kind, readonly string[]>>) {
    this.#dice = dice;
    this.#ids = ids;
  }

  start(now: Millis): void {
    this.#write({ op: "vocabulary", vocabulary: vocabulary(this.#dice) });
    for (const id of ACCOUNT_LISTS) this.#write({ op: "list", id, kind: "account", mode: "add", members: [] });
    this.#define(this.#dice.int(2, 6));
    if (this.#dice.chance(0.5)) this.change(now);
  }

  change(now: Millis): void {
    const dice = this.#dice;
    const pick = dice.int(-3, 19);
    if (pick < 0) this.#erase();
    else if (pick < 1) this.#write({ op: "vocabulary", vocabulary: vocabulary(dice) });
    else if (pick < 2) this.#write(itemsEntry(dice));
    else if (pick < 4) this.#write(situationEntry(dice, now, () => new Date(now).toISOString()));
    else if (pick < 7) this.#changeList();
    else if (pick < 8) this.#cancel();
    else if (pick < 13) this.#define(dice.int(1, 3));
    else if (pick < 17) this.#edit();
    else this.#remove();
  }

  /** Whoever is forgotten may come back. */
  #erase(): void {
    const kind = this.#dice.pick(["user", "user", "account"] as const);
    const id = this.#dice.pick(this.#ids[kind]);
    this.#write({ op: "erase", ...erasedOf(kind, id, `k${this.entries.length}`) });
  }

  /** Of what waits the first to take effect, if there is one. */
  get lowestPending(): number | undefined {
    const waiting = this.#head.pendingRevisions;
    return waiting.length === 0 ? undefined : Math.min(...waiting);
  }

  activate(revision: number): void {
    this.#write({ op: "activate", revision });
  }

  #write(entry: ControlEntry): void {
    this.entries.push(entry);
    this.#head.apply(Buffer.from(JSON.stringify({ revision: this.entries.length, entry })));
  }

  #changeList(): void {
    const dice = this.#dice;
    const kind: Kind = dice.chance(0.6) ? "account" : "user";
    const members = this.#ids[kind].filter(() => dice.chance(0.5));
    const id = dice.pick(kind === "account" ? ACCOUNT_LISTS : LIST_IDS);
    if (dice.chance(0.08)) {
      this.#write({ op: "removeList", id });
      return;
    }
    const named = dice.chance(0.05) ? "user" : kind;
    const mode = dice.pick(["add", "remove", "replace"] as const);
    this.#write({ op: "list", id, mode, members, ...(named === "user" ? {} : { kind: named }) });
  }

  /** Mostly what came last; else what others may rest on. */
  #cancel(): void {
    const waiting = this.#head.pendingRevisions;
    if (waiting.length > 0) this.#write({ op: "cancel", revision: this.#dice.pick(waiting) });
  }

  /** What the batch itself defines is named by later ones alone. */
  #define(count: number): void {
    const others = this.#others(() => true);
    const made = Array.from({ length: count }, () => {
      this.#next += 1;
      return this.#valid(`s${this.#next}`, this.#dice.chance(0.5) ? "user" : "account", others);
    });
    this.#apply(made);
  }

  /** A new version refers to older segments alone, so that no cycle closes; now and then to any, and may be refused. */
  #edit(): void {
    const ids = [...this.sources.keys()];
    if (ids.length === 0) return;
    const id = this.#dice.pick(ids);
    const isFree = this.#dice.chance(0.1);
    const others = this.#others((other) => isFree || Number(other.slice(1)) < Number(id.slice(1)));
    this.#apply([this.#valid(id, this.sources.get(id)!.kind as Kind, others)]);
  }

  #apply(define: readonly JsonObject[]): void {
    for (const source of define) this.sources.set(source.id as string, source);
    this.#write({ op: "apply", define, remove: [] });
  }

  /** What others refer to is never removed: the writer of the control log refuses it. */
  #remove(): void {
    const texts = [...this.sources.values()].map((source) => JSON.stringify(source));
    const ids = [...this.sources.keys()].filter(
      (id) => id !== WEIGHED && !texts.some((text) => text.includes(`["${id}"]`)),
    );
    if (ids.length === 0) return;
    const id = this.#dice.pick(ids);
    this.sources.delete(id);
    this.#write({ op: "apply", define: [], remove: [id] });
  }

  #others(isMeant: (id: string) => boolean): Others {
    const of = (kind: Kind) => [...this.sources].filter(([id, source]) => source.kind === kind && isMeant(id));
    return { user: of("user").map(([id]) => id), account: of("account").map(([id]) => id) };
  }

  #valid(id: string, kind: Kind, others: Others): JsonObject {
    for (;;) {
      const source = definitionOf(this.#dice, id, kind, others);
      const readsScore = JSON.stringify(source).includes('"engagement"');
      if (!(id === WEIGHED && readsScore) && parseDefinition(source, DEFAULT_LIMITS).ok) return source;
    }
  }
}
