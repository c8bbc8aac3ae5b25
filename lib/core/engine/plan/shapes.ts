// What a plan is: shared leaves, the counters they read, the indexes that say which leaf a change may flip, and for every
// leaf the segments to look at. A plan is immutable; every partition of a process at the same control revision shares it.
// compile.ts makes it.
import type { FlagId } from "../../links.ts";
import type { Definition, Path, RecordKind, Scalar, Test, Where, Window } from "../../rules/ast.ts";
import type { Millis, SegmentId } from "../../types.ts";
import type { ItemEvent, Vocabulary } from "../../vocabulary.ts";
import type { CounterShape } from "../counting/counters.ts";
import type { PlanFlags } from "../flags.ts";
import { type LeafNo, NumericIndex } from "../indexes/numeric-index.ts";
import type { ValueIndex } from "../indexes/value-index.ts";
import type { Referrers } from "../member/sources.ts";
import type { VisitsAsked } from "../member/visits.ts";
import type { Keep, Reading } from "../readings.ts";

export type SegmentNo = number;

export interface ActiveDefinition {
  readonly definition: Definition;
  readonly version: number;
  /** As of which its rule is read. */
  readonly vocabulary: Vocabulary;
}

/** What a rule is read by besides itself. */
export interface RuleScope {
  /** A zone's name, or "user". */
  readonly zone: string;
  readonly vocabulary: Vocabulary;
}

/** Records that are a member's own; the clock is everybody's, and weather is its place's. */
export type KeptRecord = Exclude<RecordKind, "clock" | "weather">;

export type Leaf =
  | { readonly kind: "counter"; readonly counter: CounterPlan; readonly test: Test }
  | { readonly kind: "moment"; readonly counter: CounterPlan; readonly window: Window }
  | {
      readonly kind: KeptRecord;
      readonly path: Path;
      readonly test: Test;
      readonly zone: string;
      /** Of the kind source. */
      readonly visits?: SourceRead;
      /** Of the kind cart, where it reads money. */
      readonly currency?: string;
    }
  | {
      readonly kind: "situation";
      /** The feed's kind; "weather" of the rule `weather`. */
      readonly of: string;
      readonly path: Path;
      readonly test: Test;
      readonly zone: string;
    }
  | { readonly kind: "reading"; readonly reading: Reading; readonly zone: string }
  | {
      readonly kind: "delta";
      readonly delta: DeltaPlan;
      readonly unit: "percent" | "amount";
      readonly test: Test;
    }
  | { readonly kind: "segment"; readonly id: SegmentId }
  | { readonly kind: "joined"; readonly id: SegmentId; readonly window: Window; readonly zone: string }
  | { readonly kind: "list"; readonly id: string }
  /** Of a flag that nobody has asked yet, as in a trial, nobody knows whether it holds: it is undefined then. */
  | { readonly kind: "account"; readonly flag: FlagId | undefined; readonly key: string }
  | {
      readonly kind: "users";
      readonly flag: FlagId | undefined;
      readonly key: string;
      readonly measure: "count" | "share";
      readonly test: Test;
    }
  | { readonly kind: "bucket"; readonly from: number; readonly to: number; readonly salt: string };

/** The visits that a counter reads; of the source visit also what each was like, its source by a referrer table. */
export interface VisitsRead extends VisitsAsked {
  readonly referrers: Referrers;
}

/** Whose visits a source is read from, and by which referrer table. */
export interface SourceRead {
  readonly key: string;
  readonly idleMs: Millis;
  readonly referrers: Referrers;
}

/** One question about what happened. Its leaves differ only in what they compare the answer with. */
export interface CounterPlan {
  readonly key: string;
  /** Its text in questions.ts: of orders the counter knows more than the question does. */
  readonly question: string;
  readonly source: "event" | "order" | "change" | "item" | "visit";
  readonly shape: CounterShape;
  readonly where: Where | undefined;
  readonly measure: string;
  readonly of: Path | undefined;
  readonly zone: string;
  /** Numbers are compared as amounts. */
  readonly amount: boolean;
  readonly visits: VisitsRead | undefined;
  /** In which orders are read. */
  readonly currency: string;
  /** Views that wait for their time count 0 until then; set where the question reads view time. */
  readonly idleMs: Millis | undefined;
  /** It reads local dates or hours, so an occurrence's local day is worth computing. */
  readonly local: boolean;
  readonly leaves: { readonly leaf: LeafNo; readonly test: Test; readonly window: Window | undefined }[];
  /** Readings of the value itself: each move of it moves them. */
  readonly followers: LeafNo[];
  /** Undefined where values have no single order (an average is a pair) or the leaves read a moment. */
  bounds: CounterBounds | undefined;
}

/**
 * The bounds of one counter: those that matter to everybody, and, for segments that insist on a trait, those that only
 * matter to people who have that value. So a count that moves passes the bounds of one's own segments alone.
 */
export interface CounterBounds {
  readonly plain: NumericIndex | undefined;
  readonly gated: readonly GatedBounds[];
}

export interface GatedBounds {
  readonly pathKey: string;
  readonly path: Path;
  readonly byValue: ReadonlyMap<Scalar, LazyIndex>;
}

/** Built when the first member with that value comes by: most values of most counters are never asked. */
export class LazyIndex {
  readonly #leaves: { readonly leaf: LeafNo; readonly test: Test }[] = [];
  #index: NumericIndex | undefined;

  add(leaf: LeafNo, test: Test): void {
    this.#leaves.push({ leaf, test });
  }

  get index(): NumericIndex {
    this.#index ??= new NumericIndex(this.#leaves);
    return this.#index;
  }
}

/** Counters that ask the same occurrences: names and where are looked at once for all of them. */
export interface Stream {
  readonly where: Where | undefined;
  readonly zone: string;
  /** Some of it reads the wall clock of an occurrence: at.time, at.weekday. */
  readonly localTime: boolean;
  readonly counters: CounterPlan[];
  /** A where or a counter looks into the event. */
  reads: boolean;
  /** Of views: its where reads how long they took. */
  readonly viewTime: boolean;
}

/** One list of visits, and what reads it. */
export interface VisitPlan extends VisitsAsked {
  details: boolean;
  /** Of the source visit. */
  readonly counters: CounterPlan[];
  /** Others that count by visit, or within the visit under way. */
  readonly readers: CounterPlan[];
  readonly keeps: Keep[];
  readonly sources: PathEntry[];
  /** Some leaf reads the source of the visit under way. */
  endMatters: boolean;
}

/** The past of one numeric trait, as far back as a delta looks. */
export interface DeltaPlan {
  readonly key: string;
  readonly path: Path;
  readonly overMs: number;
  readonly leaves: LeafNo[];
}

export interface PlannedSegment {
  /** Of a flag a hidden one: members are in it, and nobody hears. */
  readonly id: SegmentId;
  readonly flag?: FlagId;
  readonly version: number;
  readonly level: number;
  readonly stayMs: number;
  readonly cooldownMs: number;
  readonly program: Int32Array;
}

/** What reads for how many of an account's users a flag holds. */
export interface UsersReads {
  readonly counts: NumericIndex;
  readonly shares: readonly LeafNo[];
}

/** Segments to look at when a leaf may have flipped. Gated ones only where the member has the value they insist on. */
export interface Posting {
  readonly plain: SegmentNo[];
  readonly gated: Map<string, { readonly path: Path; readonly byValue: Map<Scalar, SegmentNo[]> }>;
}

export interface PathEntry {
  readonly path: Path;
  readonly visits: SourceRead | undefined;
  readonly currency: string | undefined;
  readonly index: ValueIndex;
  readonly movesByTime: boolean;
  readonly leaves: readonly LeafNo[];
}

/** Paths that read a cart by one currency. */
export interface CartRead {
  readonly currency: string;
  /** Some of them reads its products. */
  readonly products: boolean;
  readonly entries: readonly PathEntry[];
}

export interface Plan extends Routes {
  /** In the order in which deltas of one member go out: nested before nesting, then by id. */
  readonly segments: readonly PlannedSegment[];
  readonly segmentNo: ReadonlyMap<SegmentId, SegmentNo>;
  readonly leaves: readonly Leaf[];
  readonly postings: readonly Posting[];
  readonly counters: ReadonlyMap<string, CounterPlan>;
  readonly orderCounters: readonly CounterPlan[];
  /** The visits that are kept, by idle time, and what reads them. */
  readonly visitLists: readonly VisitPlan[];
  /** By a trait's name. */
  readonly changeStreams: ReadonlyMap<string, readonly ChangeStream[]>;
  readonly deltas: ReadonlyMap<string, DeltaPlan>;
  /** By a trait's name. */
  readonly traitPaths: ReadonlyMap<string, readonly PathEntry[]>;
  readonly cartPaths: readonly PathEntry[];
  /** The same by the currency in which they read a cart. */
  readonly carts: readonly CartRead[];
  /** Paths of the other records, by the record. */
  readonly recordPaths: ReadonlyMap<KeptRecord, readonly PathEntry[]>;
  /** Paths of what feeds say, by the feed's kind. */
  readonly situationPaths: ReadonlyMap<string, readonly PathEntry[]>;
  /** Memories by question; by the events they hear; by the traits. */
  readonly keeps: ReadonlyMap<string, Keep>;
  readonly keepsByName: ReadonlyMap<string, readonly Keep[]>;
  readonly keepsOfAll: readonly Keep[];
  /** By question: memories that hear more once they have begun. */
  readonly laterKeeps: ReadonlyMap<string, LaterKeep>;
  readonly keepsByTrait: ReadonlyMap<string, readonly Keep[]>;
  /** Some memory is moved by the member's own zone. */
  readonly keepsFollowZone: boolean;
  /** Leaves by what moves them. */
  readonly topicLeaves: ReadonlyMap<string, readonly LeafNo[]>;
  /** Readings that silence moves. */
  readonly movingReadings: readonly LeafNo[];
  readonly segmentLeaves: ReadonlyMap<SegmentId, readonly LeafNo[]>;
  readonly joinedLeaves: ReadonlyMap<SegmentId, readonly LeafNo[]>;
  readonly listLeaves: ReadonlyMap<string, readonly LeafNo[]>;
  readonly flags: PlanFlags;
  /** Of users: by the flag of their account. */
  readonly accountLeaves: ReadonlyMap<FlagId, readonly LeafNo[]>;
  /** Of accounts: by the flag of their users. */
  readonly usersReads: ReadonlyMap<FlagId, UsersReads>;
  /** Traits that some segment insists on: its other leaves sleep where the value is another. */
  readonly gateTraits: ReadonlySet<string>;
  /** Leaves that read the member's own zone. */
  readonly userZoneLeaves: readonly LeafNo[];
  /** Segments that may hold for a person of whom nothing is known but the id. */
  readonly ofNobody: readonly SegmentNo[];
  /** Whether the answer to a question (questions.ts) is kept for this plan. */
  asks(question: string): boolean;
  /** The leaf of a question, for explain. */
  leafNo(leaf: Leaf): LeafNo;
}

/** Node codes of a program: [code, end, …children]; a leaf is [LEAF, number]. */
export const LEAF = 0;

export const NOT = 1;

export const ALL = 2;

export const ANY = 3;

export const NONE = 4;

/** A memory that is there already hears these names, besides those that can begin one. */
export interface LaterKeep {
  readonly keep: Keep;
  readonly names: ReadonlySet<string> | "*";
  readonly opens: ReadonlySet<string>;
}

/** A list of visits that no rule reads. */
export function keptOnly(idleMs: Millis): VisitPlan {
  return { idleMs, details: false, counters: [], readers: [], keeps: [], sources: [], endMatters: false };
}

/** The topic of a memory: told when it may have moved. */
export function topicOfKeep(key: string): string {
  return `keep ${key}`;
}

export function lengthAt(program: Int32Array, at: number): number {
  return program[at] === LEAF ? 2 : program[at + 1]!;
}

/** What a vocabulary says of one action with items. */
export interface ItemMeaning {
  readonly action: string;
  readonly events: readonly (readonly [name: string, of: ItemEvent["of"]])[];
  readonly types: readonly string[];
  readonly currency: string;
}

/** Item rules that are read by the same meaning of an event: its interactions are made once for all of them. */
export interface ItemStreams {
  readonly means: ItemEvent;
  readonly meaning: Pick<ItemMeaning, "types" | "currency">;
  /** By type and value, and by type alone. */
  readonly byKey: ReadonlyMap<string, readonly Stream[]>;
}

export interface Routes {
  readonly streamsByName: ReadonlyMap<string, readonly Stream[]>;
  readonly streamsOfAll: readonly Stream[];
  /** By name of the event, then by the ids that rules insist on. */
  readonly campaignStreams: ReadonlyMap<string, ReadonlyMap<string, readonly Stream[]>>;
  /** By name of the event. */
  readonly itemStreams: ReadonlyMap<string, readonly ItemStreams[]>;
}

/** Counters that ask for the same changes of the same path. */
export interface ChangeStream {
  readonly path: Path;
  readonly from: Test | undefined;
  readonly to: Test | undefined;
  readonly where: Where | undefined;
  /** Only the latest change of the path can match: each one makes the earlier ones void. */
  readonly stayed: boolean;
  readonly zone: string;
  readonly counters: CounterPlan[];
}
