// Who is asked for when members are listed, and in which order. Beside it: partition.ts, whose machine finds them on its
// pages; lib/api/audience/members.ts, which puts the answers of all partitions into one order.
import { compareIds } from "./ids.ts";
import type { MemberId, MemberKind, Millis, SegmentId } from "./types.ts";

/** Those who are in all of `in` (at least one) and in none of `out`. */
export interface MemberSet {
  readonly kind: MemberKind;
  readonly in: readonly SegmentId[];
  readonly out: readonly SegmentId[];
}

/** `any` is the order in which they are found: of no meaning, but it costs one look at everybody in all. */
export const MEMBER_ORDERS = ["any", "id", "newest", "oldest"] as const;
export type MemberOrder = (typeof MEMBER_ORDERS)[number];

/** `n` and `since` are those of the first segment of the set. */
export interface FoundMember {
  readonly id: MemberId;
  readonly n: number;
  readonly since: Millis;
  /** Where they stand in the walk through their partition's pages. */
  readonly place: number;
  /** Tells those of one place apart. Whoever guesses an id can tell by both whether it is theirs. */
  readonly mark: number;
}

/** What orders them: no two are alike. Only the order by id reads the id. */
export type MemberRank = Pick<FoundMember, "id" | "since" | "place" | "mark">;

export function compareRanks(order: MemberOrder): (left: MemberRank, right: MemberRank) => number {
  if (order === "id") return (left, right) => compareIds(left.id, right.id);
  if (order === "any") return comparePlaces;
  const sign = order === "oldest" ? 1 : -1;
  return (left, right) => sign * (left.since - right.since) || comparePlaces(left, right);
}

function comparePlaces(left: MemberRank, right: MemberRank): number {
  return left.place - right.place || left.mark - right.mark;
}

/** What may be asked of a member besides the membership. */
export const MEMBER_COLUMNS = [
  "firstSeen",
  "lastSeen",
  "orders",
  "revenue",
  "visits",
  "cart",
  "account",
  "lists",
  "traits",
] as const;
export type MemberColumn = (typeof MEMBER_COLUMNS)[number];

export interface ColumnsAsked {
  readonly columns: readonly MemberColumn[];
  /** Single traits, where not all of them are asked. */
  readonly traits: readonly string[];
}
