// Who is on a list, as the catalogue keeps it: changed in place, so that a change costs what it changes, and not what the list
// holds. Nobody keeps what a list was: whoever looks through one and lets others have their turn meanwhile sees it change.
import { type Erased, isMeant } from "../../core/erasure.ts";
import type { MemberId } from "../../core/types.ts";

export type ListMode = "add" | "remove" | "replace";

export class ListMembers implements Iterable<MemberId> {
  readonly #held = new Set<MemberId>();
  /** Put in order when it was last asked for; undefined: changed since. */
  #byId: readonly MemberId[] | undefined;

  get size(): number {
    return this.#held.size;
  }

  has(id: MemberId): boolean {
    return this.#held.has(id);
  }

  /** As they were put on it. */
  [Symbol.iterator](): IterableIterator<MemberId> {
    return this.#held.values();
  }

  get byId(): readonly MemberId[] {
    this.#byId ??= [...this.#held].sort();
    return this.#byId;
  }

  change(mode: ListMode, ids: readonly MemberId[]): void {
    this.#byId = undefined;
    if (mode === "replace") this.#held.clear();
    if (mode === "remove") for (const id of ids) this.#held.delete(id);
    else for (const id of ids) this.#held.add(id);
  }

  forget(erased: Erased): void {
    for (const id of this.#held) if (isMeant(erased, id)) this.change("remove", [id]);
  }
}
