// What the HTTP interface and its page ask: segments with their sizes, members, one person, why, and what happens now.
// Answered by nats-audience.ts; tests answer it from memory.

import type { MemberSet } from "../../core/members.ts";
import type { AccountUser, AccountView, ExplainNode, UserView } from "../../core/partition.ts";
import type { Delta, Json, MemberId, MemberKind, PartitionNo, SegmentId, Seq } from "../../core/types.ts";
import type { Answers, PartitionStatus } from "../../ports/questions.ts";
import type { Comparison } from "./comparing.ts";
import type { MemberAsk, MemberPage } from "./members.ts";
import type { Meant } from "./recent.ts";

export interface SegmentSummary {
  readonly id: SegmentId;
  /** Whose segment it is: its members are users, or accounts. */
  readonly kind: MemberKind;
  readonly name: string;
  readonly description: string;
  readonly folder: string | null;
  readonly tags: readonly string[];
  readonly version: number;
  /** `draft` and `backfilling` (its history is being read) have no members yet. */
  readonly state: "draft" | "backfilling" | "live" | "disabled";
  /** A newer version whose history is being read while this one serves. */
  readonly nextVersion: number | null;
  /** Somebody keeps a draft of what it might become. */
  readonly hasDraft: boolean;
  /** Null while not every partition answers. */
  readonly size: number | null;
}

export interface SegmentDetail extends SegmentSummary {
  readonly definition: Json;
  /** The definition in plain words; absent for a draft that does not parse. */
  readonly sentence?: string;
}

export interface Overview {
  readonly segments: readonly SegmentSummary[];
  /** People and accounts known; null while not every partition answers. */
  readonly universe: number | null;
}

export interface MemberList extends MemberPage {
  readonly segment: SegmentId;
  readonly kind: MemberKind;
}

export interface Explanation {
  readonly segment: SegmentId;
  /** Whose id it is: the segment's kind. */
  readonly kind: MemberKind;
  readonly id: MemberId;
  readonly clock: number;
  readonly explanation: ExplainNode;
}

export interface AccountUsers {
  readonly account: MemberId;
  /** Of all its users, those asked for: how many there are. */
  readonly count: number;
  readonly users: readonly AccountUser[];
}

type DecideAnswer = Answers["decide"];

export interface DecideOptions {
  /** Of these only; undefined is all. */
  readonly segments?: readonly SegmentId[];
  /** The number that the user's log gave a message: the answer knows that message. */
  readonly after?: Seq;
  readonly waitMs?: number;
}

export interface Decision extends DecideAnswer {
  /** Which log the user's messages go into. */
  readonly partition: PartitionNo;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one sentence each. */
  readonly reasons: readonly string[];
}

export interface Audience {
  overview(): Promise<Overview>;
  segment(id: SegmentId): Promise<SegmentDetail | undefined>;
  /** Undefined: no such segment. */
  members(id: SegmentId, ask: MemberAsk): Promise<MemberList | undefined>;
  /** Of segments that there are. */
  overlap(set: MemberSet, ask: MemberAsk): Promise<MemberPage>;
  compare(kind: MemberKind, segments: readonly SegmentId[], signal?: AbortSignal): Promise<Comparison>;
  /** Undefined: nobody knows the id. */
  user(id: MemberId): Promise<UserView | undefined>;
  account(id: MemberId): Promise<AccountView | undefined>;
  /** The account's users, or those for whom the `users` rule of that text holds. Undefined: nobody knows the id. */
  accountUsers(id: MemberId, limit: number, rule?: string): Promise<AccountUsers | undefined>;
  /** Undefined: no such active segment, or nobody knows the id. */
  explain(segment: SegmentId, id: MemberId): Promise<Explanation | undefined>;
  /** Which log the messages of an id go into. */
  partitionOf(id: MemberId): PartitionNo;
  /** Which segments a user is in now, by the owner of the user's log. */
  decide(id: MemberId, options: DecideOptions): Promise<Decision>;
  readiness(): Promise<Readiness>;
  /** Null in place of a partition that nobody answers for. */
  partitions(): Promise<readonly (PartitionStatus | null)[]>;
  /** The last deltas, newest first. */
  recent(): readonly Delta[];
  /** Calls for every delta from now on, until the function it gives is called. */
  onDelta(listener: (delta: Delta) => void): () => void;
  /** Calls for everybody who is erased from now on: when it is decided, and with the last deltas that are said of them. */
  onErased(listener: (isMeant: Meant) => void): () => void;
}
