// The load that the throughput benches share: Segment events of about 200 bytes, few people doing most of it (Zipf), twenty
// names, three in a hundred an identify, everybody known. Times are stretched over days, so that windows fill, empty and wake people.
import type { Millis } from "../../lib/core/types.ts";

export interface LoadOptions {
  readonly events: number;
  readonly users: number;
  readonly seed?: number;
  readonly spanMs?: number;
}

export interface LoadEvent {
  readonly userId: string;
  readonly at: Millis;
  readonly isMain: boolean;
  readonly body: string;
}

export const START: Millis = Date.UTC(2026, 2, 1);
const SPAN_MS = 9 * 86_400_000;
const IDENTIFY_SHARE = 0.03;

export const NAMES: readonly string[] = [
  "Product Viewed",
  "Product List Viewed",
  "Product List Filtered",
  "Product Shared",
  "Product Reviewed",
  "Products Searched",
  "Promotion Viewed",
  "Promotion Clicked",
  "Coupon Entered",
  "Coupon Denied",
  "Wishlist Shared",
  "Checkout Started",
  "Payment Info Entered",
  "Article Read",
  "Video Started",
  "Video Completed",
  "Newsletter Opened",
  "Form Submitted",
  "Signed In",
  "Invite Sent",
];

export const CATEGORIES: readonly string[] = ["shoes", "hats", "books", "games", "music", "garden", "toys", "sports"];

/** Values of the traits that rules are gated by: three segments a value at 1,000 and at 100,000 segments. */
export const REGIONS = 300;
export const COHORTS = 33_300;

/** A generator of numbers from 0 to below 1 (mulberry32): the same seed, the same load on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** First everybody who will occur says who they are; then `events` events. `isMain` tells the two apart. */
export function* loadEvents({ events, users, seed = 1, spanMs = SPAN_MS }: LoadOptions): Generator<LoadEvent> {
  const random = randomFrom(seed);
  const pickUser = zipf(users, random);
  const drawn = Uint32Array.from({ length: events }, pickUser);
  const known = new Set(drawn);
  let index = 0;
  for (const user of known) {
    yield { userId: `u${user}`, at: START, isMain: false, body: identify(user, index, START, random) };
    index += 1;
  }
  for (const [turn, user] of drawn.entries()) {
    const at = START + Math.floor((turn * spanMs) / events);
    const make = random() < IDENTIFY_SHARE ? identify : track;
    yield { userId: `u${user}`, at, isMain: true, body: make(user, index, at, random) };
    index += 1;
  }
}

/** Ranks with weights 1, 1/2, 1/3 …; ranks are scattered over ids so that partitions get their share of each. */
function zipf(users: number, random: () => number): () => number {
  const reach = new Float64Array(users);
  let total = 0;
  for (let rank = 0; rank < users; rank += 1) {
    total += 1 / (rank + 1);
    reach[rank] = total;
  }
  return () => {
    const wanted = random() * total;
    let [low, high] = [0, users - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (reach[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function track(user: number, index: number, at: Millis, random: () => number): string {
  const name = NAMES[Math.floor(random() * NAMES.length)]!;
  const category = CATEGORIES[Math.floor(random() * CATEGORIES.length)]!;
  const value = Math.floor(random() * 10_000) / 100;
  return (
    `{"type":"track","event":"${name}","userId":"u${user}","messageId":"m${index}",` +
    `"timestamp":"${new Date(at).toISOString()}","channel":"web",` +
    `"properties":{"category":"${category}","value":${value},"currency":"USD"}}`
  );
}

export function regionOf(user: number): string {
  return `r${user % REGIONS}`;
}

export function cohortOf(user: number): string {
  return `k${scattered(user) % COHORTS}`;
}

/** Numbers that ungated rules put bands on. A person's own moves by less than a thousandth of the range. */
export const SCORE_MAX = 1_000_000;
const SCORE_MOVES_MAX = 500;

function scattered(user: number): number {
  return Math.imul(user, 0x9e3779b1) >>> 0;
}

function identify(user: number, index: number, at: Millis, random: () => number): string {
  const score = (scattered(user + 1) % SCORE_MAX) + Math.floor(random() * SCORE_MOVES_MAX);
  const plan = ["free", "trial", "pro"][user % 3]!;
  return (
    `{"type":"identify","userId":"u${user}","messageId":"m${index}","timestamp":"${new Date(at).toISOString()}",` +
    `"channel":"web","traits":{"region":"${regionOf(user)}","cohort":"${cohortOf(user)}","plan":"${plan}","score":${score}}}`
  );
}
