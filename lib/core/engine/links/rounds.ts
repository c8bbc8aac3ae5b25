// Before a definition that asks flags is in force, they must be known everywhere: each partition tells all that it
// evaluates them by now, and has heard so from all before it says the next round, one for each flag inside a flag.
import type { PartitionNo } from "../../types.ts";

/** By revision: rounds that this partition has said, and how many it has heard of each. */
export type WrittenRounds = readonly (readonly [revision: number, said: number, heard: readonly number[]])[];

interface Rounds {
  said: number;
  readonly heard: number[];
}

export class RoundBook {
  readonly #partitions: number;
  readonly #byRevision = new Map<number, Rounds>();

  constructor(partitions: number, written: WrittenRounds = []) {
    this.#partitions = partitions;
    for (const [revision, said, heard] of written) this.#byRevision.set(revision, { said, heard: [...heard] });
  }

  get written(): WrittenRounds {
    return Array.from(this.#byRevision, ([revision, { said, heard }]) => [revision, said, heard]);
  }

  /** Also of a revision that this partition has not come to. */
  hear(from: PartitionNo, revision: number, round: number): void {
    this.#of(revision).heard[from] = round + 1;
  }

  /** The rounds that may be said now, of so many that there are; they count as said. */
  *due(revision: number, rounds: number): Generator<number, void, void> {
    const held = this.#of(revision);
    while (held.said < rounds && this.#heardFromAll(held) >= held.said) {
      yield held.said;
      held.said += 1;
    }
  }

  isSettled(revision: number, rounds: number): boolean {
    const held = this.#byRevision.get(revision);
    return rounds === 0 || (held !== undefined && this.#heardFromAll(held) >= rounds);
  }

  /** Forgets those that are over. */
  keep(isOpen: (revision: number) => boolean): void {
    for (const revision of this.#byRevision.keys()) if (!isOpen(revision)) this.#byRevision.delete(revision);
  }

  #of(revision: number): Rounds {
    let held = this.#byRevision.get(revision);
    if (held === undefined) {
      held = { said: 0, heard: new Array<number>(this.#partitions).fill(0) };
      this.#byRevision.set(revision, held);
    }
    return held;
  }

  #heardFromAll({ heard }: Rounds): number {
    return Math.min(...heard);
  }
}
