// Seeded randomness for property tests: the same seed gives the same run. SEED=… in the environment replays one.

/** Mulberry32: small, fast, good enough to pick test cases. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number, both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }

  /** All of them, in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    return items.map(() => rest.splice(this.int(0, rest.length - 1), 1)[0]!);
  }
}

/**
 * Seeds for a test: SEED=n gives that one alone, else `count` of them. CI always starts at the same one, so that a red run
 * means the change; elsewhere the start moves on, so that every run looks at new cases. SEED_START=n sets it.
 */
export function seeds(count: number): number[] {
  const { SEED, SEED_START, CI } = process.env;
  if (SEED !== undefined && SEED !== "") return [Number(SEED)];
  const moving = CI === undefined ? Math.floor(Date.now() / 1000) % 1_000_000 : 1;
  const start = SEED_START === undefined ? moving : Number(SEED_START);
  return Array.from({ length: count }, (_, index) => start * 1000 + index);
}
