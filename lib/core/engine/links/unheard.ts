// Which partitions have not answered yet that they have heard of an account's erasure: what they tell of its traits until then was
// said to them before, and comes too late to be forgotten with the rest. Of its home alone; link-step.ts asks, core.ts remembers it.
import { type Erased, isMeant } from "../../erasure.ts";
import type { LinkItem } from "../../links.ts";
import type { JsonObject, PartitionNo } from "../../types.ts";

export type WrittenUnheard = readonly (readonly [revision: number, erased: Erased, from: readonly PartitionNo[]])[];

const NOTHING: JsonObject = Object.freeze({});

/** An account is erased seldom, and all have soon heard of it. */
export class Unheard {
  readonly #from = new Map<number, { readonly erased: Erased; readonly from: Set<PartitionNo> }>();

  constructor(written: WrittenUnheard = []) {
    for (const [revision, erased, from] of written) this.#from.set(revision, { erased, from: new Set(from) });
  }

  /** For the checkpoint. */
  get written(): WrittenUnheard {
    return Array.from(this.#from, ([revision, { erased, from }]) => [revision, erased, [...from]] as const);
  }

  /** Applied here, where the account has its home. */
  expect(revision: number, { kind, hash, mark, key }: Erased, partitions: number): void {
    const from = new Set(Array.from({ length: partitions }, (_, partition) => partition));
    this.#from.set(revision, { erased: { kind, hash, mark, key }, from });
  }

  /** That partition has nothing more to tell from before. */
  heard(revision: number, from: PartitionNo): void {
    const waiting = this.#from.get(revision)?.from;
    waiting?.delete(from);
    if (waiting?.size === 0) this.#from.delete(revision);
  }

  /** The item, without traits from before. */
  lessTraits<T extends LinkItem>(item: T, from: PartitionNo): T {
    if (this.#from.size === 0 || item.op !== "group") return item;
    const isOld = [...this.#from.values()].some((one) => one.from.has(from) && isMeant(one.erased, item.account));
    return isOld ? { ...item, traits: NOTHING } : item;
  }
}
