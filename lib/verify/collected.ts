// Differences as a report tells them: all are counted, and the first few said in words.
// verify.ts and links.ts collect them.
/** Of each kind of difference no more than this many are kept; all are counted. */
export const EXAMPLES_MAX = 20;

/** A count of all, and the first few in words. */
export interface Differences {
  readonly count: number;
  readonly examples: readonly string[];
}

/** Counts all, keeps the words of the first few. */
export class Collected {
  #count = 0;
  readonly #examples: string[] = [];

  add(text: () => string): void {
    this.#count += 1;
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push(text());
  }

  get differences(): Differences {
    return { count: this.#count, examples: this.#examples };
  }
}
