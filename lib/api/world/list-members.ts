// Who is on a list, as the catalogue keeps it: changed in place, so that a change costs what it changes, and not what the list
// holds. Nobody keeps what a list was: whoever looks through one and lets others have their turn meanwhile sees it change.
import type { Erased } from "../../core/erasure.ts";
import type { MemberId } from "../../core/types.ts";
import { BREATH_IDS } from "./breathing.ts";
import { HashedIds } from "./hashed-ids.ts";
import { SortedIds } from "./sorted-ids.ts";

export type ListMode = "add" | "remove" | "replace";

export class ListMembers implements Iterable<MemberId> {
  private readonly held = new Set<MemberId>();
  private readonly hashed = new HashedIds();
  /** Once somebody has asked for it. */
  private order: Order | undefined;

  get size(): number {
    return this.held.size;
  }

  has(id: MemberId): boolean {
    return this.held.has(id);
  }

  /** As they were put on it. */
  [Symbol.iterator](): IterableIterator<MemberId> {
    return this.held.values();
  }

  /** At most so many after the first `from`, as they were put on it. */
  shown(from: number, limit: number): MemberId[] {
    const found: MemberId[] = [];
    let index = 0;
    for (const id of this.held) {
      if (index >= from + limit) break;
      if (index >= from) found.push(id);
      index += 1;
    }
    return found;
  }

  /**
   * At most so many of those after an id, by id. Gives a breath now and then while it puts in order what is not yet: all of
   * them the first time, later what has changed. Several at once share the work.
   */
  *after(id: MemberId | undefined, limit: number): Generator<void, MemberId[], void> {
    for (let steps = 1; ; steps += 1) {
      // After a breath it may be another.
      this.order ??= new Order(this.held);
      if (!this.order.step()) return this.order.ids.after(id, limit);
      if (steps % BREATH_IDS === 0) yield;
    }
  }

  change(mode: ListMode, ids: readonly MemberId[]): void {
    if (mode === "replace") this.clear();
    if (mode === "remove") for (const id of ids) this.delete(id);
    else for (const id of ids) this.add(id);
    if (mode === "replace" || this.order?.keepsUpWith(ids) === false) this.order = undefined;
  }

  forget(erased: Erased): void {
    const id = this.hashed.meantBy(erased);
    if (id === undefined) return;
    this.delete(id);
    this.order?.forget(id);
  }

  private add(id: MemberId): void {
    const { size } = this.held;
    if (this.held.add(id).size > size) this.hashed.add(id);
  }

  private delete(id: MemberId): void {
    if (this.held.delete(id)) this.hashed.delete(id);
  }

  private clear(): void {
    this.held.clear();
    this.hashed.clear();
  }
}

/** Where one in so many has changed, all are put in order anew. */
const CHANGED_SHARE = 4;

/** The order by id of what a set holds, brought up to date step by step. */
class Order {
  readonly ids = new SortedIds();
  private readonly held: ReadonlySet<MemberId>;
  /** It goes on through what is put in, or taken out, while it is under way. */
  private readonly rest: IterableIterator<MemberId>;
  /** Since the beginning, and not looked at yet. */
  private changed: MemberId[] = [];

  constructor(held: ReadonlySet<MemberId>) {
    this.held = held;
    this.rest = held.values();
  }

  /** Keeps in mind who has to be looked at again; false: so many that it is not worth it. */
  keepsUpWith(changed: readonly MemberId[]): boolean {
    if ((this.changed.length + changed.length) * CHANGED_SHARE > this.held.size + BREATH_IDS) return false;
    for (const id of changed) this.changed.push(id);
    return true;
  }

  /** At once, so that nothing here names it any more. */
  forget(id: MemberId): void {
    this.ids.delete(id);
    this.changed = this.changed.filter((one) => one !== id);
  }

  /** Puts the next one in its place; false: all are. */
  step(): boolean {
    const next = this.rest.next();
    if (next.done !== true) {
      this.ids.add(next.value);
      return true;
    }
    const id = this.changed.pop();
    if (id === undefined) return false;
    if (this.held.has(id)) this.ids.add(id);
    else this.ids.delete(id);
    return true;
  }
}
