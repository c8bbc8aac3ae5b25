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
}

/** Seeds for a test: SEED=n gives that one alone, else `count` of them from a start that moves from run to run. */
export function seeds(count: number): number[] {
  const given = process.env.SEED;
  if (given !== undefined && given !== "") return [Number(given)];
  const start = process.env.SEED_START === undefined ? Math.floor(Date.now() / 1000) % 1_000_000 : Number(process.env.SEED_START);
  return Array.from({ length: count }, (_, index) => start * 1000 + index);
}
