// What is counted of the members of several segments, and how counts of pages and partitions add up. Made by
// lib/core/engine/answers/comparing.ts; read by lib/api/audience/comparing.ts.

/** What some people come to together. */
export interface GroupPart {
  members: number;
  /** Seen within 7 and 30 days before the clock. */
  active7: number;
  active30: number;
  visits: number;
  /** Those whose engagement is kept, and the sum of their scores. */
  scored: number;
  score: number;
  /** With one order that stands, or more. */
  buyers: number;
  orders: number;
  /** In ten-thousandths of the vocabulary's currency. */
  revenue: number;
  /** What they have bought: how many of them, how many items. */
  readonly categories: [category: string, members: number, items: number][];
}

/** Groups by the segments that hold their members: the sum of 2^index over those of the question; 0 is none of them. */
export interface ComparePart {
  /** Looked at. */
  readonly members: number;
  readonly groups: Readonly<Record<string, GroupPart>>;
}

export function newGroup(): GroupPart {
  return {
    members: 0,
    active7: 0,
    active30: 0,
    visits: 0,
    scored: 0,
    score: 0,
    buyers: 0,
    orders: 0,
    revenue: 0,
    categories: [],
  };
}
