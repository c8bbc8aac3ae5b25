// The control log: what DEFINITIONS holds in one total order and every partition's log carries as a copy.
// An entry's revision is its sequence in DEFINITIONS. ControlState is the fold of all entries up to a revision.
import type { Erased } from "./erasure.ts";
import type { Json, JsonObject, MemberId, MemberKind, Millis, SegmentId, Seq } from "./types.ts";

export type ControlEntry =
  /**
   * One `apply`: definitions as written, and ids to delete, as one batch. It takes effect as one: at this very entry
   * when it asks nothing of history, else at the `activate` entry that names its revision.
   */
  | { readonly op: "apply"; readonly define: readonly Json[]; readonly remove: readonly SegmentId[] }
  /** Decided once every partition has said `ready` for that revision (or needs none). */
  | { readonly op: "activate"; readonly revision: number }
  | {
      readonly op: "list";
      readonly id: string;
      readonly mode: "add" | "remove" | "replace";
      readonly members: readonly MemberId[];
      /** Whose ids they are; absent is "user". A list keeps the kind of its first entry. */
      readonly kind?: MemberKind;
    }
  | { readonly op: "removeList"; readonly id: string }
  /** The vocabulary as written, whole. An edit of every segment that reads what changed: it takes effect like an apply. */
  | { readonly op: "vocabulary"; readonly vocabulary: Json }
  /**
   * Items of the catalogue, for what happens from here on. `merge` lays the attributes given over those known (null
   * takes one away), `replace` makes these the item's only ones, `remove` forgets the item and reads the ids alone.
   */
  | { readonly op: "items"; readonly mode: "merge" | "replace" | "remove"; readonly items: readonly CatalogItem[] }
  /** Values of a feed for a place, until replaced, cleared (`values: null`) or `until`. */
  | {
      readonly op: "situation";
      readonly kind: string;
      readonly place: SituationPlace;
      readonly values: JsonObject | null;
      readonly until?: Millis;
    }
  /** Definitions as written, kept for people to go on with: nothing follows from them. An apply of the id ends its draft. */
  | { readonly op: "draft"; readonly define: readonly Json[]; readonly discard: readonly SegmentId[] }
  /**
   * Somebody is forgotten, at this entry's copy in each log. It does not say who: only whoever has the id can tell. The key
   * of the first erasure is also the one under which partitions remember how far the numbers of those erased had come.
   */
  | ({ readonly op: "erase" } & Erased)
  /** What an apply asked for and has not taken effect is given up. */
  | { readonly op: "cancel"; readonly revision: number };

/** Erased members of a partition whose numbers are remembered one by one; of older ones the highest stands for all. */
export const FLOORS_MAX = 65_536;

export interface CatalogItem {
  readonly id: string;
  readonly attributes: JsonObject;
}

/** Compared with letter case folded. The most specific that fits a member's place counts. A city needs its region. */
export interface SituationPlace {
  readonly country: string;
  readonly region?: string;
  readonly city?: string;
}

/** The body (JSON) of `log.<p>.control`: an entry and its revision. */
export interface ControlCopy {
  readonly revision: number;
  readonly entry: ControlEntry;
}

/** The body (JSON) of `log.<p>.ready`: this partition's history is folded for that revision. */
export interface ReadyMessage {
  readonly revision: number;
  readonly from: Seq;
}
