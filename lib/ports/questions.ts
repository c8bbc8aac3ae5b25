// Questions that only the owner of a partition can answer, and the shapes of its answers.
// Carried by lib/nats/questions.ts; answered by actors/partition/answers.ts between two steps.
import type { ComparePart } from "../core/comparing.ts";
import type { ColumnsAsked, FoundMember, MemberOrder, MemberRank, MemberSet } from "../core/members.ts";
import type {
  AccountUser,
  AccountView,
  ExplainNode,
  HeldSegment,
  HistoryView,
  MemberRow,
  NearPage,
  OrdersView,
  SearchAsked,
  SearchHit,
  StandingView,
  TrialPart,
  UserView,
  VisitsPage,
} from "../core/partition.ts";
import type { Trace } from "../core/trace.ts";
import type { Json, MemberId, MemberKind, Millis, PartitionNo, SegmentId, Seq } from "../core/types.ts";
import type { ErasureStep } from "./erasing.ts";

export type Question =
  | { readonly op: "user"; readonly id: MemberId }
  | { readonly op: "account"; readonly id: MemberId }
  /** Of this partition's users of an account, at most `limit`: all, or those for whom the `users` rule of that text holds. */
  | { readonly op: "accountUsers"; readonly account: MemberId; readonly rule?: string; readonly limit?: number }
  /** The kind of the segment says whose id it is; the id of a flag is taken like that of a segment. */
  | { readonly op: "explain"; readonly segment: SegmentId; readonly id: MemberId }
  | { readonly op: "members"; readonly segment: SegmentId; readonly limit?: number }
  /** A slice of a trial: the definition as written, and where the slice before ended (0 at first). */
  | { readonly op: "try"; readonly definition: Json; readonly cursor: number; readonly samples?: number }
  | DecideQuestion
  /** Parts of a profile: where the log tells of somebody; orders, visits and near misses page by page. */
  | { readonly op: "history"; readonly kind: MemberKind; readonly id: MemberId }
  | {
      readonly op: "orders";
      readonly kind: MemberKind;
      readonly id: MemberId;
      /** Those completed before that time and log position. */
      readonly before?: readonly [at: Millis, seq: Seq];
      readonly limit: number;
    }
  | {
      readonly op: "visits";
      readonly kind: MemberKind;
      readonly id: MemberId;
      readonly before?: Millis;
      readonly limit: number;
    }
  | { readonly op: "standing"; readonly kind: MemberKind; readonly id: MemberId }
  | {
      readonly op: "near";
      readonly kind: MemberKind;
      readonly id: MemberId;
      readonly after?: SegmentId;
      readonly limit: number;
    }
  /** A slice of a search: where the slice before ended (0 at first), and how many to find at most. */
  | { readonly op: "search"; readonly asked: SearchAsked; readonly cursor: number; readonly limit: number }
  /**
   * A slice of the walk through everybody for the members of a set: from `cursor` on (0 at first), after `after` where the
   * answer before ended in the middle. In an order of ranks: only those beyond `beyond` and before `until`.
   */
  | {
      readonly op: "gather";
      readonly set: MemberSet;
      readonly order: MemberOrder;
      readonly cursor: number;
      readonly after?: number;
      readonly beyond?: MemberRank;
      readonly until?: MemberRank;
      readonly limit: number;
    }
  /** Columns of members by their ids. */
  | ({ readonly op: "rows"; readonly kind: MemberKind; readonly ids: readonly MemberId[] } & ColumnsAsked)
  /** A slice of a comparison of segments, as of a trial. */
  | {
      readonly op: "compare";
      readonly kind: MemberKind;
      readonly segments: readonly SegmentId[];
      readonly cursor: number;
    }
  | { readonly op: "sizes" }
  | { readonly op: "status" };

/** Those about one member, whose partition his id says. */
export type QuestionAbout = Extract<Question, { readonly kind: MemberKind; readonly id: MemberId }>;

/**
 * Which segments a user is in now, of `segments` or of all. With `after`, once the log's message of that number is applied;
 * but no later than `waitMs` from now, and then the answer says that it is not fresh.
 */
export interface DecideQuestion {
  readonly op: "decide";
  readonly id: MemberId;
  readonly segments?: readonly SegmentId[];
  readonly after?: Seq;
  readonly waitMs?: number;
}

/** The longest that a decision may wait for a position. */
export const DECIDE_WAIT_MS_MAX = 10_000;
export const DECIDE_WAIT_MS_DEFAULT = 1_000;

export interface MemberEntry {
  readonly id: MemberId;
  readonly n: number;
  readonly since: Millis;
}

export interface Counters {
  events: number;
  deltas: number;
  rejects: number;
  ticks: number;
  controls: number;
  singles: number;
  batches: number;
  watermarks: number;
  /** Messages to other partitions, stored. */
  links: number;
  /** Of the events, those that were refused as bad input. */
  eventsRefused: number;
  /** Of the deltas, those that say joined. */
  joined: number;
  /** Messages applied, of whatever kind, and the time that took. */
  steps: number;
  evalMs: number;
  publishRetries: number;
  publishTimeouts: number;
  checkpoints: number;
  checkpointPages: number;
  checkpointBytes: number;
  checkpointMs: number;
  restores: number;
  replayed: number;
  pagesLoaded: number;
  pagesSpilled: number;
  faults: number;
  /** Members woken by silence since the last restore, and those of them whom it flipped nowhere. */
  wakeUps: number;
  idleWakeUps: number;
  /** People recomputed from the log and compared; how many of them differed; how many had too long a past, or none left. */
  audits: number;
  auditMismatches: number;
  auditsPassedOver: number;
}

export interface PartitionStatus {
  readonly partition: PartitionNo;
  readonly phase: string;
  readonly owner: string;
  readonly epoch: number;
  /** Last input whose step is complete. */
  readonly position: Seq;
  /** Every delta of inputs up to here is stored. */
  readonly done: Seq;
  readonly clock: Millis;
  readonly universe: number;
  /** Earliest moment at which silence might change something; null when none. */
  readonly deadline: Millis | null;
  /** Messages in the log that are not processed yet, as far as known. */
  readonly lag: number;
  /** Since when the first of them waits, at most: 0 when none does. */
  readonly lagMs: Millis;
  /** Events processed a second, lately. */
  readonly eventsPerSecond: number;
  /** Deltas made but not stored yet. */
  readonly unsaid: number;
  /** Messages to other partitions made but not stored yet. */
  readonly unsaidLinks: number;
  /** Milliseconds since the last checkpoint; null when this owner has made none. */
  readonly checkpointAgeMs: number | null;
  readonly checkpointPosition: Seq;
  readonly revision: number;
  /** Backfills under way: how far the fold of the history has come. */
  readonly folding: readonly {
    readonly revision: number;
    /** The log's first message that there is to fold, and the last that has been. */
    readonly from: Seq;
    readonly position: Seq;
    /** Messages folded a second since it began. */
    readonly perSecond: number;
    readonly segments: readonly SegmentId[];
    /** Why the history cannot be read; null while it can. */
    readonly failed: string | null;
  }[];
  /** Erasures that are not over here, as far as they have been begun. */
  readonly erasing: readonly ErasureStep[];
  /** Revisions whose flags between users and accounts are not known everywhere yet. */
  readonly unsettled: readonly number[];
  readonly residentBytes: number;
  /** Why the last publish has to be tried again; null when nothing hinders. */
  readonly problem: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly counters: Counters;
}

export interface Answers {
  user: { readonly position: Seq; readonly user: UserView | null };
  account: { readonly position: Seq; readonly clock: Millis; readonly account: AccountView | null };
  accountUsers: { readonly position: Seq; readonly clock: Millis; readonly users: readonly AccountUser[] };
  explain: { readonly position: Seq; readonly clock: Millis; readonly explain: ExplainNode | null };
  members: {
    readonly position: Seq;
    readonly clock: Millis;
    readonly size: number;
    readonly members: readonly MemberEntry[];
  };
  try: {
    readonly position: Seq;
    readonly clock: Millis;
    readonly part: TrialPart;
    /** Null: everybody of this partition has been looked at. */
    readonly cursor: number | null;
    /** Of this partition, now. */
    readonly universe: number;
  };
  decide: {
    readonly position: Seq;
    /** False for an id that no message has named. */
    readonly known: boolean;
    /** False: the position that was asked for had not been reached in time. */
    readonly fresh: boolean;
    readonly segments: readonly HeldSegment[];
  };
  history: { readonly position: Seq; readonly clock: Millis; readonly history: HistoryView | null };
  orders: { readonly position: Seq; readonly clock: Millis; readonly orders: OrdersView | null };
  visits: { readonly position: Seq; readonly clock: Millis; readonly visits: VisitsPage | null };
  standing: { readonly position: Seq; readonly clock: Millis; readonly standing: readonly StandingView[] | null };
  near: { readonly position: Seq; readonly clock: Millis; readonly near: NearPage | null };
  search: {
    readonly position: Seq;
    readonly clock: Millis;
    /** In the order of the walk. */
    readonly hits: readonly SearchHit[];
    readonly looked: number;
    /** Null: everybody of this partition has been looked at. */
    readonly cursor: number | null;
  };
  gather: {
    readonly position: Seq;
    readonly clock: Millis;
    /** In the order asked for. */
    readonly found: readonly FoundMember[];
    /** Null: everybody of this partition has been looked at. */
    readonly cursor: number | null;
    /** The mark of the last one, where the slice ended in the middle of a place. */
    readonly after?: number;
  };
  rows: {
    readonly position: Seq;
    readonly clock: Millis;
    /** Of the first ids, as many as fit one message, at least one; null for an id that nobody knows. */
    readonly rows: readonly (MemberRow | null)[];
  };
  compare: {
    readonly position: Seq;
    readonly clock: Millis;
    readonly part: ComparePart;
    readonly cursor: number | null;
    /** Of this partition, now. */
    readonly universe: number;
  };
  sizes: {
    readonly position: Seq;
    readonly clock: Millis;
    readonly universe: number;
    readonly sizes: Readonly<Record<SegmentId, number>>;
  };
  status: { readonly status: PartitionStatus };
}

export type AnswerTo<Q extends Question> = Answers[Q["op"]];
export type Answer = { readonly ok: true } & Answers[keyof Answers];
export type Reply = Answer | { readonly ok: false; readonly error: string };

export interface Answering {
  stop(): void;
}

/** The owner's ear for one partition. */
export interface QuestionDesk {
  /** `trace` came with the question. */
  answer(reply: (question: Question, trace?: Trace) => Promise<Reply>): Answering;
}

/** The reply as it travels. Whatever goes wrong at the desk, and whatever does not fit, is an answer too. */
export async function replyText(
  question: string,
  reply: (question: Question) => Promise<Reply>,
  bytesMax: number,
): Promise<string> {
  const answer = JSON.stringify(await replyTo(question, reply));
  if (new TextEncoder().encode(answer).length <= bytesMax) return answer;
  return JSON.stringify({ ok: false, error: "the answer is larger than one message; ask with a smaller limit" });
}

async function replyTo(question: string, reply: (question: Question) => Promise<Reply>): Promise<Reply> {
  try {
    return await reply(JSON.parse(question) as Question);
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}
