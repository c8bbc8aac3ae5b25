// Which partitions have said that the flags of a revision are evaluated at theirs, round by round.
// oracle.ts hears them: flags inside flags are known everywhere only after as many rounds more.
import type { PartitionNo } from "../core/types.ts";

export class Rounds {
  readonly #partitions: number;
  readonly #heard = new Map<string, Set<PartitionNo>>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  /** True when with this one a round has been heard of all. */
  hear(revision: number, round: number, from: PartitionNo): boolean {
    const key = `${revision} ${round}`;
    const heard = this.#heard.get(key) ?? new Set();
    this.#heard.set(key, heard.add(from));
    return heard.size === this.#partitions;
  }

  hasHeardAll(revision: number, round: number): boolean {
    return this.#heard.get(`${revision} ${round}`)?.size === this.#partitions;
  }
}
