// A partition's whole life as a pure machine: messages in, deltas out. It never waits; where it needs a page of actors
// that is not in memory it yields the page's number and the shell brings it. actors/partition drives it.

import type { ComparePart } from "./comparing.ts";
import type { ControlEntry } from "./control.ts";
import type { FlagId, LinkMessage } from "./links.ts";
import type { ColumnsAsked, FoundMember, MemberSet } from "./members.ts";
import type {
  Delta,
  Json,
  JsonObject,
  Limits,
  LogRecord,
  MemberId,
  MemberKind,
  Millis,
  PartitionNo,
  Reject,
  SegmentId,
  Seq,
} from "./types.ts";

export type PageNo = number;

/** What a step asks for: a page to be provided before it is resumed, or (null) a breath for the event loop. */
export type Need = PageNo | null;

export interface PartitionOptions {
  readonly partition: PartitionNo;
  readonly partitions: number;
  /** "log": the stream's stamps are the clock. "event": only events' own times and explicit clock messages. */
  readonly clockMode: "log" | "event";
  /** Clock mode "event": an event further ahead of the clock than this is rejected. */
  readonly clockStepMsMax: number;
  readonly limits: Limits;
  /** Bound of resident pages, in bytes (estimated). At least one page is always allowed. */
  readonly pageCacheBytesMax: number;
  /** A page is split when its encoding grows beyond this. */
  readonly pageBytesMax: number;
}

/** A page leaving memory. `bytes` is undefined when it has not changed since it was provided or stored. */
export interface EvictedPage {
  readonly page: PageNo;
  readonly bytes: Uint8Array | undefined;
}

/** A picture of the partition at one position, taken while the live path goes on (copy on write, page by page). */
export interface FrozenPartition {
  readonly position: Seq;
  /** Everything but the pages: clock, control revision, page directory with deadlines, segment sizes. */
  readonly meta: Uint8Array;
  /** Every page that exists at this position, changed or not. */
  readonly pages: readonly PageNo[];
  /** Encodes one more changed page; undefined when all are given. Call between steps, a slice at a time. */
  next(): { readonly page: PageNo; readonly bytes: Uint8Array } | undefined;
}

export interface BackfillJob {
  readonly revision: number;
  readonly segments: readonly SegmentId[];
}

/** The fold of the log's history for one job, beside the live path. It keeps no pages and says nothing. */
export interface ShadowFold {
  readonly revision: number;
  /** Last sequence folded; 0 before the first. */
  readonly position: Seq;
  apply(record: LogRecord): void;
}

export interface MembershipView {
  readonly segment: SegmentId;
  readonly in: boolean;
  readonly n: number;
  readonly since: Millis;
}

/** A segment that somebody is in: the joining's number, and since when. */
export interface HeldSegment {
  readonly id: SegmentId;
  readonly n: number;
  readonly since: Millis;
}

export interface VisitsView {
  readonly count: number;
  /** Absent before the first. `visit` is its record as rules read it: what no rule has kept is missing. */
  readonly newest?: {
    readonly start: Millis;
    readonly last: Millis;
    readonly underWay: boolean;
    readonly visit: JsonObject;
  };
}

/** What is shown of users and of accounts; the records of an account are of its users' events, as if one person had sent them. */
export interface MemberView {
  readonly id: MemberId;
  readonly traits: Json;
  /** The last known place, network and device; absent: none was ever told. */
  readonly place?: JsonObject;
  readonly network?: JsonObject;
  readonly device?: JsonObject;
  /** By the idle time in force. */
  readonly visits: VisitsView;
  /** Of the first visit, the newest and the one under way; absent where no rule has it kept. */
  readonly source?: JsonObject;
  /** What feeds say of that place, by the feed's kind. */
  readonly situations: Readonly<Record<string, JsonObject>>;
  /** By type, then by id. */
  readonly objects: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
  readonly lists: readonly string[];
  readonly memberships: readonly MembershipView[];
  /** Favourite values of catalog types, by each measure that some favorite rule keeps; absent where none does. */
  readonly affinities?: Json;
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
}

export interface UserView extends MemberView {
  /** Absent: in none. `since` is the clock at the group call that brought them there. */
  readonly account?: { readonly id: MemberId; readonly since?: Millis };
  /** Ids by type, in the order of first coming. */
  readonly identities: Readonly<Record<string, readonly string[]>>;
  readonly cart: Json;
  readonly orders: number;
}

export interface AccountView extends MemberView {
  /** Those who are its users now, with or without events. */
  readonly users: number;
  /** By the text of each `users` rule that some segment asks: of how many it holds. Absent where none asks. */
  readonly usersByRule?: Readonly<Record<string, number>>;
  /** Completed and not cancelled; what they come to, in the vocabulary's currency. */
  readonly orders: { readonly count: number; readonly revenue: number };
}

/** A user of an account, and the texts of the `users` rules that hold for them. */
export interface AccountUser {
  readonly id: MemberId;
  readonly holds: readonly string[];
  /** Their trait `role`, where it is a text. */
  readonly role?: string;
  /** When they joined the account, and when they were last seen anywhere. */
  readonly since?: Millis;
  readonly lastSeen?: Millis;
}

/** Where the log tells of somebody, and when their traits were written. */
export interface HistoryView {
  /** Positions of the newest messages that were accepted, oldest first. */
  readonly trail: readonly Seq[];
  /** There were no others. */
  readonly isWhole: boolean;
  /** Event time of the last write of each trait, removals included. */
  readonly traitTimes: Readonly<Record<string, Millis>>;
  readonly zone: string;
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
}

export interface OrderView {
  /** Absent where its event had none; then nothing can change it. */
  readonly id?: string;
  /** Where the log has its completion. */
  readonly seq: Seq;
  readonly at: Millis;
  readonly currency: string;
  /** What it comes to by now; null where its amount is not known in that currency. */
  readonly total: number | null;
  /** Cancelled, or refunded whole. */
  readonly gone: boolean;
  readonly mayChange: boolean;
  readonly quantity: number;
  readonly coupon?: Json;
  readonly products: readonly JsonObject[];
}

export interface OrdersView {
  readonly count: number;
  /** Neither cancelled nor refunded whole. */
  readonly standing: number;
  /** Of the totals: the vocabulary's. */
  readonly currency: string;
  readonly revenue: number;
  /** Null where no standing order has an amount. */
  readonly average: number | null;
  /** Of this page, newest first; there are older ones where `more` says so. */
  readonly orders: readonly OrderView[];
  readonly more: boolean;
}

export interface VisitsPage {
  readonly count: number;
  /** Of this page, newest first. `visit` is its record as rules read it. */
  readonly visits: readonly {
    readonly start: Millis;
    readonly last: Millis;
    readonly underWay: boolean;
    readonly visit: JsonObject;
  }[];
  readonly more: boolean;
}

export interface StandingView extends MembershipView {
  /** When silence alone may change it, if it may. */
  readonly until?: Millis;
}

/** Segments that one rule keeps somebody out of. */
export interface NearPage {
  readonly near: readonly { readonly segment: SegmentId; readonly rule: ExplainNode }[];
  /** Segments that were looked at for it. */
  readonly looked: number;
  /** After which segment to go on; null: there are no more. */
  readonly next: SegmentId | null;
}

/** Whom to look for. */
export interface SearchAsked {
  readonly text: string;
  /** Absent: users and accounts. */
  readonly kind?: MemberKind;
  /** `id`, or the name of an identity or a trait: nothing else is looked at. */
  readonly field?: string;
  /** For who may see nothing personal: only ids are looked at, and of these only such as do not speak. */
  readonly masked?: boolean;
}

export interface SearchHit {
  readonly kind: MemberKind;
  readonly id: MemberId;
  /** What was found in them: `id`, or the name of the identity or trait, and its value. */
  readonly field: string;
  readonly value: string;
  /** The trait `name`, where it is a text. */
  readonly name?: string;
  readonly lastSeen: Millis;
  /** Where they stand in the walk: who begins there again finds them first. */
  readonly at: number;
}

/** Under way through a partition's pages, as a trial is. */
export interface SearchWalk {
  /** In the order of the walk. */
  readonly hits: readonly SearchHit[];
  readonly looked: number;
  readonly page: PageNo | undefined;
  readonly cursor: number;
  look(): void;
}

export interface DecidedBy {
  /** Its place in the log. */
  readonly seq?: Seq;
  readonly at?: Millis;
  /** As the message itself says, once it has been looked up. */
  readonly messageId?: string;
  readonly event?: string;
}

/** One node of an explanation: the rule's own shape with what was found. */
export interface ExplainNode {
  readonly rule: string;
  readonly pass: boolean;
  /** What it asks of the past is not kept, so nobody knows whether it passes; `pass` is false then. */
  readonly unknown?: true;
  readonly actual?: Json;
  readonly expected?: string;
  /** The newest message that gave the actual value, or only its time where no more is kept. */
  readonly decidedBy?: DecidedBy;
  /** The log had lost its beginning when this was built: nothing before this time is counted. */
  readonly since?: Millis;
  /** When silence alone would change this node, if it would. */
  readonly until?: Millis;
  readonly nodes?: readonly ExplainNode[];
  /**
   * Of a rule `users`: for how many of the account's users it holds; `rule` is the text that names it in `usersOn`. Who the
   * first of them are is known once all partitions have been asked.
   */
  readonly users?: {
    readonly rule: string;
    readonly on: number;
    readonly of: number;
    readonly ids?: readonly MemberId[];
  };
  /** Of a rule `account`, where the user has one: `explain(flag, id)` of the account's owner tells what is inside. */
  readonly account?: { readonly id: MemberId; readonly flag: FlagId };
  /** At the root, where the rule fails: the fewest rules that would have to turn for it to hold. */
  readonly toSatisfy?: readonly ExplainNode[];
}

/** A definition tried on some of the members, without being in force. Parts of several pages and partitions add up. */
export interface TrialPart {
  /** Looked at. */
  readonly members: number;
  readonly in: number;
  /** Whether they would be in depends on history that is not kept. */
  readonly unknown: number;
  /** Against the segment of that id as it is in force now. */
  readonly joins: number;
  readonly leaves: number;
  /** They fail one rule only. */
  readonly nearMisses: number;
  /** The rule's nodes in the order of its tree, and how many pass each. */
  readonly nodes: readonly TrialNode[];
  readonly inSample: readonly MemberId[];
  readonly joinSample: readonly MemberId[];
  readonly leaveSample: readonly MemberId[];
  readonly nearSample: readonly NearMiss[];
}

export interface TrialNode {
  readonly rule: string;
  readonly depth: number;
  readonly pass: number;
  readonly unknown: number;
}

export interface NearMiss {
  readonly id: MemberId;
  /** The one rule that fails; under a `not`, the one that passes. */
  readonly rule: string;
  readonly actual: Json;
  readonly expected: string;
}

/** A member in a list, with the columns that were asked. */
export interface MemberRow {
  readonly id: MemberId;
  readonly [column: string]: Json;
}

/** Those of a set on the pages that were looked at, in the order of the walk. */
export interface FoundPart {
  /** Looked at, in the set or not. */
  readonly members: number;
  readonly found: readonly FoundMember[];
}

export type TrialWalk = PageWalk<TrialPart>;

/** Under way through a partition's pages. */
export interface PageWalk<Part> {
  readonly part: Part;
  /** The page to provide before `look`; undefined when all have been looked at. */
  readonly page: PageNo | undefined;
  /** Where it stands, for who goes on later. */
  readonly cursor: number;
  /** Looks at the people of that page, which must be resident, and goes on to the next. */
  look(): void;
}

/** Counts of work, for metrics and for tests that hold the engine to law 5. */
export interface WorkCounts {
  /** Leaves that something touched. */
  touches: number;
  /** Segments evaluated for one member. */
  evaluations: number;
  flips: number;
  /** Members woken by silence, and those of them whom it flipped nowhere. */
  wakeUps: number;
  idleWakeUps: number;
}

/** What actors/partition needs of a partition. Implemented by PartitionCore. */
export interface PartitionMachine {
  /** Last input whose step is complete. */
  readonly position: Seq;
  readonly clock: Millis;
  /** Last control revision applied. */
  readonly controlRevision: number;
  /** Known members ("the universe"). */
  readonly universe: number;
  /** An estimate of the heap that resident pages take. */
  readonly residentBytes: number;
  readonly work: Readonly<WorkCounts>;
  /** Earliest instant at which silence might change something (early at worst, never late); Infinity when none. */
  readonly deadline: Millis;
  /**
   * One step. Returns undefined when it is complete, else what to drive: provide every page it yields, then resume.
   * Throws Fault when the log breaks its own order (a gap, a jump of the control revision): the partition must stop.
   */
  apply(record: LogRecord): Iterator<Need, void, void> | undefined;
  /** Deltas and rejects since the last call, in the order in which they must be said. */
  takeDeltas(): Delta[];
  takeRejects(): Reject[];
  /** Messages to other partitions (and to itself) since the last call, in the order of their inputs. */
  takeLinks(): LinkMessage[];
  /** Pending revisions whose flags are not known everywhere yet: they must not be activated before. */
  unsettled(): readonly number[];

  pageOf(id: MemberId): PageNo;
  pageNumbers(): readonly PageNo[];
  isResident(page: PageNo): boolean;
  /** Gives bytes that `evictPages` or a frozen partition gave before. */
  providePage(page: PageNo, bytes: Uint8Array): void;
  /**
   * Brings resident pages below their bound; between steps, or where a step asks for a breath (null). Changed pages must
   * be stored before they are asked for again.
   */
  evictPages(): EvictedPage[];

  freeze(): FrozenPartition;

  /** Jobs whose history is not yet folded here. */
  backfillJobs(): readonly BackfillJob[];
  shadow(revision: number): ShadowFold;
  /** True when this `ready` message will be heeded, so the shadow must be given first, folded up to just before it. */
  needsShadow(record: LogRecord): boolean;
  provideShadow(shadow: ShadowFold): void;

  /** Sizes of active segments. */
  sizes(): ReadonlyMap<SegmentId, number>;
  /** Of a resident page. */
  membersOn(page: PageNo, segment: SegmentId): { readonly id: MemberId; readonly n: number; readonly since: Millis }[];
  /** Of a resident page. */
  idsOn(page: PageNo, kind: MemberKind): readonly MemberId[];
  /** Of a member whose page is resident; undefined when nobody knows the id. */
  user(id: MemberId): UserView | undefined;
  /** The segments that a user whose page is resident is in now, by id; undefined when nobody knows the id. */
  segmentsOf(id: MemberId): readonly HeldSegment[] | undefined;
  /** Of an account whose page is resident; undefined when nobody knows the id. */
  account(id: MemberId): AccountView | undefined;
  /** The segment's kind says whether the id is a user's or an account's. A flag is explained like a segment. */
  explain(segment: SegmentId | FlagId, id: MemberId): ExplainNode | undefined;
  /** The page that holds what is known here of an account's users: where they are, not who. */
  crowdPage(account: MemberId): PageNo;
  /** The pages that may hold users of the account; its crowd page must be resident. */
  crowdPages(account: MemberId): readonly PageNo[];
  /** Of a resident page. */
  usersOn(page: PageNo, account: MemberId): readonly AccountUser[];
  /**
   * Tries a definition on the members from a cursor on (0 is the start). Throws RangeError naming what is wrong with the
   * definition.
   */
  tryOut(source: Json, cursor: number, samplesMax: number): TrialWalk;

  /** The parts of a profile, each of a member whose page is resident; undefined when nobody knows the id. */
  history(kind: MemberKind, id: MemberId): HistoryView | undefined;
  /** Those completed before that time and log position. */
  orders(
    kind: MemberKind,
    id: MemberId,
    before: readonly [at: Millis, seq: Seq] | undefined,
    limit: number,
  ): OrdersView | undefined;
  /** Those that began before. */
  visits(kind: MemberKind, id: MemberId, before: Millis | undefined, limit: number): VisitsPage | undefined;
  standing(kind: MemberKind, id: MemberId): readonly StandingView[] | undefined;
  near(kind: MemberKind, id: MemberId, after: SegmentId | undefined, limit: number): NearPage | undefined;
  /** Looks for members from a cursor on (0 is the start). */
  search(asked: SearchAsked, cursor: number): SearchWalk;
  /** Looks for the members of a set, from a cursor on. */
  gather(set: MemberSet, cursor: number): PageWalk<FoundPart>;
  /** Of a member whose page is resident; undefined when nobody knows the id. */
  row(kind: MemberKind, id: MemberId, asked: ColumnsAsked): MemberRow | undefined;
  /** Counts members of a kind under the segments that hold them, from a cursor on. */
  compare(kind: MemberKind, segments: readonly SegmentId[], cursor: number): PageWalk<ComparePart>;
}

export interface RestoreSource {
  readonly meta: Uint8Array;
  /** All control entries up to the meta's controlRevision, first revision first. */
  readonly entries: readonly ControlEntry[];
}
