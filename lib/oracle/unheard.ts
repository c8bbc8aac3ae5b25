// Accounts that were erased where they live, until every partition has said that it has heard: what it tells of one until then is
// of before. oracle.ts asks for every group call that it hears of.
import { type Erased, isMeant } from "../core/erasure.ts";
import { hashOf } from "../core/ids.ts";
import type { MemberId, PartitionNo } from "../core/types.ts";

export class Unheard {
  /** By who has not heard, by revision. */
  readonly #erased = new Map<PartitionNo, Map<number, Erased>>();

  expect(revision: number, erased: Erased, partitions: number): void {
    for (let from = 0; from < partitions; from += 1) {
      const waiting = this.#erased.get(from) ?? new Map<number, Erased>();
      this.#erased.set(from, waiting.set(revision, erased));
    }
  }

  heard(revision: number, from: PartitionNo): void {
    const waiting = this.#erased.get(from);
    waiting?.delete(revision);
    if (waiting?.size === 0) this.#erased.delete(from);
  }

  /** Whether there is nobody whose word is waited for. */
  get isEmpty(): boolean {
    return this.#erased.size === 0;
  }

  /** Whether what that partition tells of an account is of before. */
  isOld(account: MemberId, from: PartitionNo): boolean {
    const waiting = this.#erased.get(from);
    if (waiting === undefined) return false;
    const hash = hashOf(account);
    return [...waiting.values()].some((erased) => erased.hash === hash && isMeant(erased, account));
  }
}
