// Ids by the hash that an erasure says: only those few beside whom somebody stands are asked whether they are meant. Used by
// list-members.ts.
import { type Erased, isMeant } from "../../core/erasure.ts";
import { hashOf } from "../../core/ids.ts";
import type { MemberId } from "../../core/types.ts";

/** A million ids stand thirty to a shelf. */
const SHELVES = 32_768;

export class HashedIds {
  private readonly shelves = new Map<number, MemberId[]>();

  /** One that is not there yet. */
  add(id: MemberId): void {
    const at = hashOf(id) % SHELVES;
    const shelf = this.shelves.get(at);
    if (shelf === undefined) this.shelves.set(at, [id]);
    else shelf.push(id);
  }

  /** One that is there. */
  delete(id: MemberId): void {
    const at = hashOf(id) % SHELVES;
    const shelf = this.shelves.get(at)!;
    if (shelf.length === 1) this.shelves.delete(at);
    else shelf.splice(shelf.indexOf(id), 1);
  }

  clear(): void {
    this.shelves.clear();
  }

  meantBy(erased: Erased): MemberId | undefined {
    return this.shelves.get(erased.hash % SHELVES)?.find((id) => isMeant(erased, id));
  }
}
