// The threshold-crossing index of one number: which leaves may flip when it moves from old to new. Only the leaves
// whose bound lies between the two are touched, however many there are (design law 5).
//
//   bounds   ──(5,below)──(5,above)──(9,below)──▶      a value's rank = how many bounds it has passed
//   gte 5, lt 5 flip at (5,below) · gt 5, lte 5 at (5,above) · eq 5, ne 5 at both
import type { Test } from "../../rules/ast.ts";
import { zoneNamed } from "../time/zones.ts";
import { type TestContext, testHolds } from "../values.ts";

export type LeafNo = number;

const PLAIN: TestContext = { now: 0, zone: zoneNamed("UTC") };

/** Whether a test holds on a number; NaN is missing. */
export function numberPasses(value: number, test: Test): boolean {
  if (test.length === 1) {
    const part = test[0]!;
    switch (part.op) {
      case "gte":
        return value >= (part.value as number);
      case "gt":
        return value > (part.value as number);
      case "lt":
        return value < (part.value as number);
      case "lte":
        return value <= (part.value as number);
      case "eq":
        return value === part.value;
      default:
    }
  }
  return testHolds(Number.isNaN(value) ? undefined : { values: [value], list: false }, test, PLAIN);
}

/** Whether sum ÷ count passes, without dividing: bounds are multiplied. */
export function averagePasses(sum: number, count: number, test: Test): boolean {
  if (count === 0 || Number.isNaN(sum)) return numberPasses(Number.NaN, test);
  const scaled = (bound: unknown): number => {
    const product = (bound as number) * count;
    if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) return product;
    // Only the order matters: exact beyond 2^53 through BigInt, told as just below, equal or just above the sum.
    const exact = BigInt(bound as number) * BigInt(count);
    const whole = BigInt(sum);
    return exact === whole ? sum : exact < whole ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  };
  return numberPasses(
    sum,
    test.map((part) => {
      if (part.op === "between") return { ...part, low: scaled(part.low), high: scaled(part.high) };
      if (part.op === "in" || part.op === "notIn") return { ...part, values: part.values.map(scaled) };
      return "value" in part && typeof part.value === "number"
        ? ({ ...part, value: scaled(part.value) } as typeof part)
        : part;
    }),
  );
}

interface Bound {
  readonly at: number;
  /** 0: passed from the bound on (value ≥ at); 1: passed beyond it (value > at). */
  readonly side: 0 | 1;
  readonly leaf: LeafNo;
}

function boundsOf(test: Test, leaf: LeafNo): Bound[] {
  const bounds: Bound[] = [];
  const both = (at: unknown): void => {
    if (typeof at === "number") bounds.push({ at, side: 0, leaf }, { at, side: 1, leaf });
  };
  for (const part of test) {
    switch (part.op) {
      case "gte":
      case "lt":
        if (typeof part.value === "number") bounds.push({ at: part.value, side: 0, leaf });
        break;
      case "gt":
      case "lte":
        if (typeof part.value === "number") bounds.push({ at: part.value, side: 1, leaf });
        break;
      case "between":
        if (typeof part.low === "number") bounds.push({ at: part.low, side: 0, leaf });
        if (typeof part.high === "number") bounds.push({ at: part.high, side: 1, leaf });
        break;
      case "eq":
      case "ne":
        both(part.value);
        break;
      case "in":
      case "notIn":
        for (const value of part.values) both(value);
        break;
      default:
    }
  }
  return bounds;
}

/** Numbers between which a value passes no bound; the ends belong to it where they are `in`. */
export interface Reach {
  low: number;
  lowIn: boolean;
  high: number;
  highIn: boolean;
}

export function endlessReach(): Reach {
  return { low: Number.NEGATIVE_INFINITY, lowIn: true, high: Number.POSITIVE_INFINITY, highIn: true };
}

export function isWithin(value: number, reach: Reach): boolean {
  const { low, lowIn, high, highIn } = reach;
  return (value > low || (lowIn && value === low)) && (value < high || (highIn && value === high));
}

/** Sorted bounds with the leaf at each; flat, so that a walk touches neighbouring memory. */
class Ladder {
  readonly #at: Float64Array;
  readonly #side: Uint8Array;
  readonly #leaves: Int32Array;

  constructor(bounds: Bound[]) {
    bounds.sort((x, y) => x.at - y.at || x.side - y.side || x.leaf - y.leaf);
    this.#at = Float64Array.from(bounds, (bound) => bound.at);
    this.#side = Uint8Array.from(bounds, (bound) => bound.side);
    this.#leaves = Int32Array.from(bounds, (bound) => bound.leaf);
  }

  rank(value: number): number {
    let low = 0;
    let high = this.#at.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#at[middle]!;
      if (value > at || (value === at && this.#side[middle] === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  narrow(value: number, reach: Reach): void {
    const rank = this.rank(value);
    if (rank > 0) {
      const at = this.#at[rank - 1]!;
      const lowIn = this.#side[rank - 1] === 0;
      if (at > reach.low || (at === reach.low && !lowIn)) [reach.low, reach.lowIn] = [at, lowIn];
    }
    if (rank < this.#at.length) {
      const at = this.#at[rank]!;
      const highIn = this.#side[rank] === 1;
      if (at < reach.high || (at === reach.high && !highIn)) [reach.high, reach.highIn] = [at, highIn];
    }
  }

  between(oldRank: number, newRank: number, touch: (leaf: LeafNo) => void): void {
    const high = Math.max(oldRank, newRank);
    for (let index = Math.min(oldRank, newRank); index < high; index += 1) touch(this.#leaves[index]!);
  }
}

export class NumericIndex {
  /** Leaves for which missing is like −∞ (`gte 3`), like +∞ (`lt 3`), or like neither. */
  readonly #rising: Ladder;
  readonly #falling: Ladder;
  readonly #neither: Int32Array;

  constructor(leaves: readonly { readonly leaf: LeafNo; readonly test: Test }[]) {
    const rising: Bound[] = [];
    const falling: Bound[] = [];
    const neither: LeafNo[] = [];
    for (const { leaf, test } of leaves) {
      const missing = numberPasses(Number.NaN, test);
      const bounds = boundsOf(test, leaf);
      if (missing === numberPasses(Number.NEGATIVE_INFINITY, test)) rising.push(...bounds);
      else if (missing === numberPasses(Number.POSITIVE_INFINITY, test)) falling.push(...bounds);
      else {
        neither.push(leaf);
        rising.push(...bounds);
      }
    }
    this.#rising = new Ladder(rising);
    this.#falling = new Ladder(falling);
    this.#neither = Int32Array.from(neither);
  }

  /** Calls `touch` for every leaf that may flip between the two values; NaN is missing. */
  crossed(from: number, to: number, touch: (leaf: LeafNo) => void): void {
    if (from === to) return;
    const wasMissing = Number.isNaN(from);
    const isMissing = Number.isNaN(to);
    if (wasMissing && isMissing) return;
    this.#rising.between(this.#rankLow(from, wasMissing), this.#rankLow(to, isMissing), touch);
    this.#falling.between(this.#rankHigh(from, wasMissing), this.#rankHigh(to, isMissing), touch);
    if (wasMissing !== isMissing) for (const leaf of this.#neither) touch(leaf);
  }

  /** Narrows a reach to the numbers that are on the same side of every bound as the value. */
  narrow(value: number, reach: Reach): void {
    this.#rising.narrow(value, reach);
    this.#falling.narrow(value, reach);
  }

  crosses(from: number, to: number): boolean {
    if (from === to) return false;
    return this.#rising.rank(from) !== this.#rising.rank(to) || this.#falling.rank(from) !== this.#falling.rank(to);
  }

  #rankLow(value: number, missing: boolean): number {
    return this.#rising.rank(missing ? Number.NEGATIVE_INFINITY : value);
  }

  #rankHigh(value: number, missing: boolean): number {
    return this.#falling.rank(missing ? Number.POSITIVE_INFINITY : value);
  }
}
