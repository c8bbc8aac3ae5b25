// The most frequent of many things in bounded memory (Space-Saving, Metwally et al. 2005): a newcomer takes the place of the
// rarest and inherits its count as a possible error. So no count is too low, and whatever is more frequent than one in
// `capacity` is there for certain. While no place was ever taken, all counts are exact.
export interface Frequent<T> {
  readonly key: string;
  readonly count: number;
  /** By how much the count may be too high. */
  readonly error: number;
  readonly value: T;
  /** The newest moment at which it was seen. */
  readonly last: number;
}

interface Counted<T> {
  count: number;
  error: number;
  value: T;
  last: number;
}

export class MostFrequent<T> {
  private readonly capacity: number;
  private readonly counted = new Map<string, Counted<T>>();
  /** Something was given up for something newer. */
  isApproximate = false;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  add(key: string, value: T, at: number): void {
    const known = this.counted.get(key);
    if (known !== undefined) {
      known.count += 1;
      if (at > known.last) known.last = at;
      return;
    }
    const error = this.counted.size < this.capacity ? 0 : this.giveUpRarest();
    this.counted.set(key, { count: error + 1, error, value, last: at });
  }

  get size(): number {
    return this.counted.size;
  }

  /** The most frequent first. */
  get all(): readonly Frequent<T>[] {
    return Array.from(this.counted, ([key, counted]) => ({ key, ...counted })).sort(
      (left, right) => right.count - left.count || (left.key < right.key ? -1 : 1),
    );
  }

  private giveUpRarest(): number {
    let rarest: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [key, { count }] of this.counted) if (count < least) [rarest, least] = [key, count];
    this.counted.delete(rarest!);
    this.isApproximate = true;
    return least;
  }
}
