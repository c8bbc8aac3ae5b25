// All active definitions compiled into one plan: shared leaves, the counters they read, the indexes that say which leaf
// a change may flip, and for every leaf the segments to look at. A plan is immutable; every partition of a process at
// the same control revision shares it.

import type { FlagId } from "../links.ts";
import {
  type AccountRule,
  type CampaignRule,
  type ChangeRule,
  type Definition,
  type EventRule,
  type ItemRule,
  type Path,
  type RecordKind,
  type RecordRule,
  type Rule,
  type Scalar,
  type SituationRule,
  type Test,
  type UsersRule,
  unknownRule,
  type Where,
  type Window,
} from "../rules/ast.ts";
import { orderSegments } from "../rules/checks/graph.ts";
import { flagKey } from "../rules/questions/flags.ts";
import { readsViewTime, whereReadsTime } from "../rules/questions/item-questions.ts";
import {
  asksDetails,
  asksLocalTime,
  type CountedRule,
  deltaKey,
  isLocalPath,
  occurrenceKey,
  whereAsksLocalTime,
} from "../rules/questions/questions.ts";
import { readsVisits, sourceKey, visitDetailsKey, visitsKey } from "../rules/questions/visit-questions.ts";
import type { MemberId, MemberKind, Millis, SegmentId } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { type CounterShape, missingOf, shapeOf } from "./counting/counters.ts";
import { FlagBook, type LiveFlag, type PlanFlags } from "./flags.ts";
import { type LeafNo, NumericIndex, numberPasses } from "./indexes/numeric-index.ts";
import { type Route, type Routes, routeOf, routesOf } from "./indexes/routes.ts";
import { ValueIndex, type ValueLeaf } from "./indexes/value-index.ts";
import { bucketPosition } from "./leaves/bucket.ts";
import { type ChangeStream, changeStream, changeStreamKey, leafOfChange } from "./leaves/changes.ts";
import { clockReading } from "./leaves/clock.ts";
import { engagementReading } from "./leaves/engagement.ts";
import { favoriteReading } from "./leaves/favorites.ts";
import { funnelReading, sequenceReading } from "./leaves/registers.ts";
import { hiddenId } from "./member/accounts.ts";
import { anonymousReading } from "./member/identities.ts";
import { objectReading } from "./member/objects.ts";
import type { Referrers } from "./member/sources.ts";
import type { VisitsAsked } from "./member/visits.ts";
import type { Keep, Reading } from "./readings.ts";
import { zoneNamed } from "./time/zones.ts";
import { amountTest, testHolds, testMovesByTime } from "./values.ts";

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

/** What is compiled. Definitions of the other kind matter for the levels, and for the flags that they ask of this one. */
export interface PlanSource {
  readonly kind: MemberKind;
  readonly active: readonly ActiveDefinition[];
  /** Their counters are kept though nobody asks them yet. */
  readonly dark?: readonly ActiveDefinition[];
  readonly flags?: FlagBook;
  /** Whose flags are evaluated, besides those of the active ones. */
  readonly lit?: readonly ActiveDefinition[];
}

export function compilePlan({ kind, active, dark = [], flags = FlagBook.empty, lit = [] }: PlanSource): Plan {
  const builder = new PlanBuilder(flags);
  const isOwn = ({ definition }: ActiveDefinition): boolean => definition.kind === kind;
  const enabled = active.filter((one) => one.definition.enabled && isOwn(one));
  // Disabled ones count for the levels, so that switching one off reorders nobody.
  const { order, levels } = orderSegments(active);
  const byId = new Map(enabled.map((one) => [one.definition.id, one]));
  const segments = order.flatMap((id): PlannedSegment[] => {
    const found = byId.get(id);
    if (found === undefined) return [];
    const { definition, version, vocabulary } = found;
    const segment = {
      id,
      version,
      level: levels.get(id)!,
      stayMs: definition.stayMs,
      cooldownMs: definition.cooldownMs,
      program: Int32Array.from(builder.program(definition.rule, { zone: definition.zone, vocabulary })),
    };
    return [segment];
  });
  const evaluated = flags.askedBy([...active, ...lit], kind);
  // Behind all that is announced: none of these reads a flag of its own side within the step.
  const hidden = evaluated.map((flag) => hiddenSegment(flag, builder.program(flag.rule, flag)));
  const unasked = [...active.filter(({ definition }) => !definition.enabled), ...dark];
  for (const { definition, vocabulary } of unasked.filter(isOwn)) {
    builder.program(definition.rule, { zone: definition.zone, vocabulary });
  }
  for (const flag of flags.askedBy(dark, kind)) builder.program(flag.rule, flag);
  const { revision, ids } = flags;
  return builder.finish([...segments, ...hidden], { revision, alive: ids, lit: evaluated.map(({ id }) => id) });
}

function hiddenSegment({ id }: LiveFlag, program: readonly number[]): PlannedSegment {
  return {
    id: hiddenId(id),
    flag: id,
    version: 0,
    level: Number.POSITIVE_INFINITY,
    stayMs: 0,
    cooldownMs: 0,
    program: Int32Array.from(program),
  };
}

/** Rules that are a where over one record. */
export type WhereRule = RecordRule | SituationRule;

/** The leaves of a rule, in its own shape, as explain walks it: leaf rules resolve to the same leaves as the program. */
export function leavesOfWhere(rule: WhereRule, path: Path, test: Test, scope: RuleScope): Leaf[] {
  const kind = rule.op;
  const { zone } = scope;
  if (kind === "clock") return [{ kind: "reading", reading: clockReading(path, test), zone }];
  if (kind === "weather") return [{ kind: "situation", of: "weather", path, test, zone }];
  if (kind === "situation") return [{ kind, of: rule.kind, path, test, zone }];
  if (kind === "engagement") return [{ kind: "reading", reading: engagementReading(path, test, scope), zone }];
  const leaves: Leaf[] = [];
  const rest = test.filter((part) => part.op !== "delta");
  const isAmount = kind === "cart" && path.length === 1 && (path[0] === "value" || path[0] === "quantity");
  const readBy = {
    ...(kind === "source" ? { visits: sourceRead(scope) } : {}),
    ...(kind === "cart" && readsCartMoney(path) ? { currency: scope.vocabulary.currency } : {}),
  };
  if (rest.length > 0) leaves.push({ kind, path, test: isAmount ? amountTest(rest) : rest, zone, ...readBy });
  for (const part of test) {
    if (part.op !== "delta") continue;
    const delta = { key: deltaKey(path, part.overMs), path, overMs: part.overMs, leaves: [] };
    leaves.push({ kind: "delta", delta, unit: part.unit, test: part.is });
  }
  return leaves;
}

/** Whether a price moves it: its lines change with their prices, too. */
function readsCartMoney(path: Path): boolean {
  return path[0] === "value" || path[0] === "products" || path[0] === "changed";
}

function sourceRead({ vocabulary }: RuleScope): SourceRead {
  return { key: sourceKey(vocabulary), idleMs: vocabulary.visitIdleMs, referrers: vocabulary.referrers };
}

/** Orders are kept for everybody with all their currencies, so theirs is no part of the question, and is of the counter. */
function counterKey(rule: CountedRule, scope: RuleScope): string {
  const key = occurrenceKey(rule, scope);
  return rule.op === "order" ? `${key} ${scope.vocabulary.currency}` : key;
}

export function leafOfOccurrences(rule: CountedRule, scope: RuleScope): Extract<Leaf, { kind: "counter" | "moment" }> {
  const { measure, where } = rule;
  const { zone, vocabulary } = scope;
  const counter: CounterPlan = {
    key: counterKey(rule, scope),
    question: occurrenceKey(rule, scope),
    source: rule.op === "campaign" ? "event" : rule.op,
    shape: shapeOf(measure, rule.window),
    where,
    measure: measure.kind,
    of: "of" in measure ? measure.of : undefined,
    zone,
    amount: isAmountMeasure(rule),
    visits: readsVisits(rule)
      ? { idleMs: vocabulary.visitIdleMs, details: asksDetails(rule, zone), referrers: vocabulary.referrers }
      : undefined,
    currency: vocabulary.currency,
    idleMs: rule.op === "item" && readsViewTime(rule) ? vocabulary.visitIdleMs : undefined,
    local: asksLocalTime(rule, "in" in measure ? measure.in : rule.window),
    leaves: [],
    followers: [],
    bounds: undefined,
  };
  if ("in" in measure) return { kind: "moment", counter, window: measure.in };
  return { kind: "counter", counter, test: counter.amount ? amountTest(measure.is) : measure.is };
}

function isAmountMeasure(rule: CountedRule): boolean {
  const { measure } = rule;
  switch (measure.kind) {
    case "sum":
    case "avg":
    case "total":
    case "average":
    case "largest":
      return true;
    case "min":
    case "max":
      return rule.op === "order" && isOrderAmount(measure.of);
    default:
      return false;
  }
}

export function isOrderAmount(path: Path): boolean {
  return path.length === 1 && (path[0] === "total" || path[0] === "quantity");
}

class PlanBuilder {
  readonly #flags: FlagBook;
  readonly #leaves: Leaf[] = [];
  readonly #leafByKey = new Map<string, LeafNo>();
  readonly #counters = new Map<string, CounterPlan>();
  readonly #streams = new Map<string, { readonly route: Route; readonly stream: Stream }>();
  readonly #changeStreams = new Map<string, ChangeStream>();
  readonly #deltas = new Map<string, DeltaPlan>();
  readonly #keeps = new Map<string, Keep>();

  constructor(flags: FlagBook) {
    this.#flags = flags;
  }

  program(rule: Rule, scope: RuleScope): number[] {
    switch (rule.op) {
      case "all":
      case "any":
      case "none":
        return group(
          rule.op,
          rule.rules.map((inner) => this.program(inner, scope)),
        );
      case "not":
        return negated(this.program(rule.rule, scope));
      case "trait":
      case "cart":
      case "identity":
      case "place":
      case "network":
      case "device":
      case "source":
      case "weather":
      case "situation":
      case "clock":
      case "engagement":
        return this.#where(rule, rule.where, scope);
      case "anonymous":
        return [LEAF, this.#leaf({ kind: "reading", reading: anonymousReading(rule.is), zone: "UTC" })];
      case "object":
        return [LEAF, this.#leaf({ kind: "reading", reading: objectReading(rule), zone: scope.zone })];
      case "event":
      case "order":
      case "item":
      case "campaign":
      case "visit":
        return [LEAF, this.#occurrences(rule, scope)];
      case "change":
        return [LEAF, this.#changes(rule, scope)];
      case "favorite":
        return [LEAF, this.#leaf({ kind: "reading", reading: favoriteReading(rule, scope), zone: scope.zone })];
      case "sequence":
        return [LEAF, this.#leaf({ kind: "reading", reading: sequenceReading(rule, scope), zone: scope.zone })];
      case "funnel":
        return [LEAF, this.#leaf({ kind: "reading", reading: funnelReading(rule, scope), zone: scope.zone })];
      case "segment": {
        const parts = rule.ids.map((id) => [LEAF, this.#leaf(segmentLeaf(id, rule.joined, scope.zone))]);
        return group(rule.negate ? "none" : "any", parts);
      }
      case "list": {
        const parts = rule.ids.map((id) => [LEAF, this.#leaf({ kind: "list", id })]);
        return group(rule.negate ? "none" : "any", parts);
      }
      case "bucket":
        return [LEAF, this.#leaf({ kind: "bucket", from: rule.from, to: rule.to, salt: rule.salt })];
      case "account":
      case "users":
        return [LEAF, this.#leaf(flagLeaf(rule, scope, this.#flags))];
      default:
        return unknownRule(rule);
    }
  }

  #where(rule: WhereRule, where: Where, scope: RuleScope): number[] {
    switch (where.op) {
      case "all":
      case "any":
      case "none":
        return group(
          where.op,
          where.wheres.map((inner) => this.#where(rule, inner, scope)),
        );
      case "not":
        return negated(this.#where(rule, where.where, scope));
      case "test": {
        const leaves = leavesOfWhere(rule, where.path, where.test, scope);
        return group(
          "all",
          leaves.map((leaf) => [LEAF, this.#following(leaf, scope)]),
        );
      }
    }
  }

  #occurrences(rule: CountedRule, scope: RuleScope): LeafNo {
    const leaf = leafOfOccurrences(rule, scope);
    return this.#leaf({ ...leaf, counter: this.#counter(leaf.counter, rule, scope) });
  }

  /** The counter of a question, one for all that ask it. */
  #counter(asked: CounterPlan, rule: CountedRule, scope: RuleScope): CounterPlan {
    const known = this.#counters.get(asked.key);
    if (known !== undefined) return known;
    this.#counters.set(asked.key, asked);
    if (rule.op !== "order" && rule.op !== "visit") {
      const stream = this.#stream(rule, scope);
      stream.counters.push(asked);
      stream.reads ||= asked.of !== undefined;
    }
    return asked;
  }

  /** A leaf, and the counters that it follows. */
  #following(leaf: Leaf, scope: RuleScope): LeafNo {
    const no = this.#leaf(leaf);
    for (const rule of leaf.kind === "reading" ? (leaf.reading.asks ?? []) : []) {
      const { followers } = this.#counter(leafOfOccurrences(rule, scope).counter, rule, scope);
      if (!followers.includes(no)) followers.push(no);
    }
    return no;
  }

  #changes(rule: ChangeRule, scope: RuleScope): LeafNo {
    const leaf = leafOfChange(rule, scope);
    const counter = this.#counters.get(leaf.counter.key) ?? leaf.counter;
    if (counter === leaf.counter) {
      this.#counters.set(counter.key, counter);
      const key = changeStreamKey(rule, scope.zone);
      const stream = this.#changeStreams.get(key) ?? changeStream(rule, scope.zone);
      this.#changeStreams.set(key, stream);
      stream.counters.push(counter);
    }
    return this.#leaf({ ...leaf, counter });
  }

  #stream(rule: EventRule | CampaignRule | ItemRule, scope: RuleScope): Stream {
    const { where, measure } = rule;
    const { zone } = scope;
    const route = routeOf(rule, scope);
    const of = "of" in measure && isLocalPath(measure.of);
    const localTime = of || (where !== undefined && whereAsksLocalTime(where));
    const key = JSON.stringify([route, where ?? null, localTime, localTime ? zone : ""]);
    let entry = this.#streams.get(key);
    if (entry === undefined) {
      const viewTime = rule.op === "item" && where !== undefined && whereReadsTime(where);
      const stream = { where, zone, localTime, counters: [], reads: where !== undefined, viewTime };
      entry = { route, stream };
      this.#streams.set(key, entry);
    }
    return entry.stream;
  }

  #leaf(leaf: Leaf): LeafNo {
    const key = leafKey(leaf);
    let no = this.#leafByKey.get(key);
    if (no !== undefined) return no;
    no = this.#leaves.length;
    this.#leafByKey.set(key, no);
    let placed = leaf;
    if (leaf.kind === "counter" || leaf.kind === "moment") {
      const test = leaf.kind === "counter" ? leaf.test : [];
      leaf.counter.leaves.push({ leaf: no, test, window: leaf.kind === "moment" ? leaf.window : undefined });
    } else if (leaf.kind === "delta") {
      const delta = this.#deltas.get(leaf.delta.key) ?? leaf.delta;
      this.#deltas.set(delta.key, delta);
      delta.leaves.push(no);
      placed = { ...leaf, delta };
    } else if (leaf.kind === "reading" && leaf.reading.keep !== undefined) {
      // One memory for all leaves that ask the same question.
      const { keep } = leaf.reading;
      if (!this.#keeps.has(keep.key)) this.#keeps.set(keep.key, keep);
    }
    this.#leaves.push(placed);
    return no;
  }

  finish(segments: readonly PlannedSegment[], flags: PlanFlags): Plan {
    const changeStreams = new Map<string, ChangeStream[]>();
    for (const stream of this.#changeStreams.values()) push(changeStreams, stream.path[0]!, stream);
    const leaves = this.#leaves;
    const segmentNo = new Map(segments.map(({ id }, no) => [id, no]));
    const postings = postingsOf(segments, leaves);
    for (const counter of this.#counters.values()) {
      const ordered = counter.shape.aggregate !== "avg" && counter.leaves.every(({ window }) => window === undefined);
      counter.bounds = ordered ? boundsOf(counter, postings) : undefined;
    }
    const gates = postings.flatMap(({ gated }) => Array.from(gated.values(), ({ path }) => path[0]!));
    const cartPaths = [...pathEntries(leaves, "cart").values()].flat();
    const sources = [...pathEntries(leaves, "source").values()].flat();
    const isAsked = (entry: PathEntry): boolean => entry.leaves.some((no) => isRead(postings[no]!));
    const visits = visitsOf(this.#counters.values(), this.#keeps.values(), sources, isAsked);
    const counted = new Set(Array.from(this.#counters.values(), ({ question }) => question));
    const asked = [counted, this.#deltas, this.#keeps, visits.visitQuestions];
    return {
      segments,
      segmentNo,
      leaves,
      postings,
      gateTraits: new Set(gates),
      counters: this.#counters,
      orderCounters: [...this.#counters.values()].filter(({ source }) => source === "order"),
      ...visits,
      changeStreams,
      ...routesOf(this.#streams.values()),
      deltas: this.#deltas,
      traitPaths: pathEntries(leaves, "trait"),
      cartPaths,
      carts: cartsRead(cartPaths),
      recordPaths: new Map(
        OTHER_RECORDS.map((kind) => [kind, [...pathEntries(leaves, kind).values()].flat()] as const).filter(
          ([, entries]) => entries.length > 0,
        ),
      ),
      situationPaths: situationEntries(leaves),
      keeps: this.#keeps,
      ...keepsByWhatTheyHear(this.#keeps.values()),
      keepsFollowZone: [...this.#keeps.values()].some(({ followsZone }) => followsZone),
      topicLeaves: topicsOf(leaves),
      movingReadings: leaves.flatMap((leaf, no) =>
        leaf.kind === "reading" && leaf.reading.movesByTime && isRead(postings[no]!) ? [no] : [],
      ),
      segmentLeaves: leavesBy(leaves, segmentsRead),
      joinedLeaves: leavesBy(leaves, (leaf) => (leaf.kind === "joined" ? [leaf.id] : [])),
      listLeaves: leavesBy(leaves, (leaf) => (leaf.kind === "list" ? [leaf.id] : [])),
      flags,
      accountLeaves: leavesBy(leaves, (leaf) =>
        leaf.kind === "account" && leaf.flag !== undefined ? [leaf.flag] : [],
      ),
      usersReads: usersReadsOf(leaves),
      userZoneLeaves: leaves.flatMap((leaf, no) => (readsUserZone(leaf) ? [no] : [])),
      ofNobody: segments.flatMap((segment, no) => (maybe(segment.program, 0, leaves) === false ? [] : [no])),
      asks: (question) => asked.some((one) => one.has(question)),
      leafNo: (leaf) => this.#leafByKey.get(leafKey(leaf)) ?? -1,
    };
  }
}

/** What only waits for its activation is looked at when that comes, and moves nobody until then. */
function isRead({ plain, gated }: Posting): boolean {
  return plain.length > 0 || gated.size > 0;
}

function segmentLeaf(id: SegmentId, joined: Window | undefined, zone: string): Leaf {
  return joined === undefined ? { kind: "segment", id } : { kind: "joined", id, window: joined, zone };
}

/** The leaf of such a rule, as the program and explain find it. */
export function flagLeaf(
  rule: AccountRule | UsersRule,
  scope: RuleScope,
  flags: FlagBook,
): Extract<Leaf, { kind: "account" | "users" }> {
  const key = flagKey(rule, scope);
  const flag = flags.of(key)?.id;
  if (rule.op === "account") return { kind: "account", flag, key };
  const { kind: measure, is } = rule.measure;
  return { kind: "users", flag, key, measure, test: measure === "share" ? amountTest(is) : is };
}

function usersReadsOf(leaves: readonly Leaf[]): Map<FlagId, UsersReads> {
  const byFlag = new Map<FlagId, { leaf: LeafNo; of: Extract<Leaf, { kind: "users" }> }[]>();
  leaves.forEach((of, leaf) => {
    if (of.kind === "users" && of.flag !== undefined) push(byFlag, of.flag, { leaf, of });
  });
  return new Map(
    Array.from(byFlag, ([flag, reads]) => {
      const counts = reads.filter(({ of }) => of.measure === "count").map(({ leaf, of }) => ({ leaf, test: of.test }));
      const shares = reads.filter(({ of }) => of.measure === "share").map(({ leaf }) => leaf);
      return [flag, { counts: new NumericIndex(counts), shares }] as const;
    }),
  );
}

function group(op: "all" | "any" | "none", parts: readonly (readonly number[])[]): number[] {
  if (parts.length === 1 && op !== "none") return [...parts[0]!];
  const code = op === "all" ? ALL : op === "any" ? ANY : NONE;
  const children = parts.flatMap((part) => [...part]);
  return [code, children.length + 2, ...children];
}

function negated(part: readonly number[]): number[] {
  return [NOT, part.length + 2, ...part];
}

function leafKey(leaf: Leaf): string {
  switch (leaf.kind) {
    case "counter":
      return `counter ${leaf.counter.key} ${JSON.stringify(leaf.test)}`;
    case "moment":
      return `moment ${leaf.counter.key} ${JSON.stringify(leaf.window)} ${leaf.counter.zone}`;
    case "delta":
      return `delta ${leaf.delta.key} ${leaf.unit} ${JSON.stringify(leaf.test)}`;
    case "reading":
      return `reading ${leaf.reading.key} ${leaf.zone}`;
    case "source":
      return `${leaf.visits!.key} ${JSON.stringify([leaf.path, leaf.test, leaf.zone])}`;
    default:
      return JSON.stringify(leaf);
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function leavesBy(leaves: readonly Leaf[], keysOf: (leaf: Leaf) => readonly string[]): Map<string, LeafNo[]> {
  const map = new Map<string, LeafNo[]>();
  leaves.forEach((leaf, no) => {
    for (const key of new Set(keysOf(leaf))) push(map, key, no);
  });
  return map;
}

/** The segments whose flips move a leaf. */
function segmentsRead(leaf: Leaf): readonly SegmentId[] {
  if (leaf.kind === "segment") return [leaf.id];
  return leaf.kind === "reading" ? (leaf.reading.segments ?? []) : [];
}

const OTHER_RECORDS = ["identity", "place", "network", "device", "source"] as const;

/** A memory that is there already hears these names, besides those that can begin one. */
export interface LaterKeep {
  readonly keep: Keep;
  readonly names: ReadonlySet<string> | "*";
  readonly opens: ReadonlySet<string>;
}

function keepsByWhatTheyHear(keeps: Iterable<Keep>) {
  const keepsByName = new Map<string, Keep[]>();
  const laterKeeps = new Map<string, LaterKeep>();
  const keepsByTrait = new Map<string, Keep[]>();
  const keepsOfAll: Keep[] = [];
  for (const keep of keeps) {
    const opens = keep.opens ?? keep.names;
    if (opens === "*") keepsOfAll.push(keep);
    else {
      for (const name of new Set(opens)) push(keepsByName, name, keep);
      const names = keep.names === "*" ? "*" : new Set(keep.names);
      if (keep.opens !== undefined) laterKeeps.set(keep.key, { keep, names, opens: new Set(opens) });
    }
    for (const trait of new Set(keep.traits)) push(keepsByTrait, trait, keep);
  }
  return { keepsByName, keepsByTrait, keepsOfAll, laterKeeps };
}

/** Which visits are kept for all this, and why. */
function visitsOf(
  counters: Iterable<CounterPlan>,
  keeps: Iterable<Keep>,
  sources: readonly PathEntry[],
  isAsked: (entry: PathEntry) => boolean,
) {
  const visitQuestions = new Set<string>();
  const plans = new Map<Millis, VisitPlan>();
  const planOf = (idleMs: Millis, details: boolean): VisitPlan => {
    visitQuestions.add(visitsKey(idleMs));
    if (details) visitQuestions.add(visitDetailsKey(idleMs));
    const plan = plans.get(idleMs) ?? keptOnly(idleMs);
    plans.set(idleMs, plan);
    plan.details ||= details;
    return plan;
  };
  for (const counter of counters) {
    if (counter.visits === undefined) continue;
    const { counters: counting, readers } = planOf(counter.visits.idleMs, counter.visits.details);
    if (counter.source === "visit") counting.push(counter);
    else readers.push(counter);
  }
  for (const keep of keeps) if (keep.visitIdleMs !== undefined) planOf(keep.visitIdleMs, false).keeps.push(keep);
  for (const entry of sources) {
    const plan = planOf(entry.visits!.idleMs, true);
    visitQuestions.add(entry.visits!.key);
    plan.sources.push(entry);
    // Definitions that only wait for their history are woken by nothing.
    plan.endMatters ||= entry.path[0] === "current" && isAsked(entry);
  }
  return { visitLists: [...plans.values()], visitQuestions };
}

/** A list of visits that no rule reads. */
export function keptOnly(idleMs: Millis): VisitPlan {
  return { idleMs, details: false, counters: [], readers: [], keeps: [], sources: [], endMatters: false };
}

/** The topic of a memory: told when it may have moved. */
export function topicOfKeep(key: string): string {
  return `keep ${key}`;
}

function topicsOf(leaves: readonly Leaf[]): Map<string, LeafNo[]> {
  const map = new Map<string, LeafNo[]>();
  leaves.forEach((leaf, no) => {
    if (leaf.kind !== "reading") return;
    const { keep, topics } = leaf.reading;
    for (const topic of new Set(topics)) push(map, topic, no);
    if (keep !== undefined) push(map, topicOfKeep(keep.key), no);
  });
  return map;
}

function pathEntries(leaves: readonly Leaf[], kind: KeptRecord): Map<string, PathEntry[]> {
  return entriesOf(leaves, (leaf) => leaf.kind === kind);
}

function situationEntries(leaves: readonly Leaf[]): Map<string, PathEntry[]> {
  const kinds = new Set(leaves.flatMap((leaf) => (leaf.kind === "situation" ? [leaf.of] : [])));
  return new Map(
    Array.from(kinds, (kind) => {
      const entries = entriesOf(leaves, (leaf) => leaf.kind === "situation" && leaf.of === kind);
      return [kind, [...entries.values()].flat()] as const;
    }),
  );
}

function cartsRead(entries: readonly PathEntry[]): CartRead[] {
  const currencies = new Set(entries.map(({ currency }) => currency ?? ""));
  return Array.from(currencies, (currency) => {
    const own = entries.filter((entry) => (entry.currency ?? "") === currency);
    return { currency, products: own.some(({ path }) => path[0] === "products"), entries: own };
  });
}

/** The paths of one record, by their first name. */
function entriesOf(leaves: readonly Leaf[], isOfRecord: (leaf: Leaf) => boolean): Map<string, PathEntry[]> {
  const byPath = new Map<string, Pick<PathEntry, "path" | "visits" | "currency"> & { readonly leaves: ValueLeaf[] }>();
  leaves.forEach((leaf, no) => {
    if (!("path" in leaf) || !isOfRecord(leaf)) return;
    const { path } = leaf;
    const visits = "visits" in leaf ? leaf.visits : undefined;
    const currency = "currency" in leaf ? leaf.currency : undefined;
    const key = `${JSON.stringify(path)} ${visits?.key ?? currency ?? ""}`;
    const entry = byPath.get(key) ?? { path, visits, currency, leaves: [] };
    byPath.set(key, entry);
    entry.leaves.push({ leaf: no, test: leaf.test, zone: leaf.zone });
  });
  const entries = new Map<string, PathEntry[]>();
  for (const { path, visits, currency, leaves: own } of byPath.values()) {
    push(entries, path[0]!, {
      path,
      visits,
      currency,
      index: new ValueIndex(own),
      movesByTime: own.some(({ test }) => testMovesByTime(test)),
      leaves: own.map(({ leaf }) => leaf),
    });
  }
  return entries;
}

function readsUserZone(leaf: Leaf): boolean {
  switch (leaf.kind) {
    case "trait":
    case "cart":
    case "place":
    case "network":
    case "device":
    case "source":
    case "identity":
    case "situation":
      return leaf.zone === "user" && testMovesByTime(leaf.test);
    case "joined":
      return leaf.zone === "user";
    case "moment":
      return leaf.counter.zone === "user";
    case "reading":
      return leaf.zone === "user" && leaf.reading.movesByTime;
    default:
      return false;
  }
}

/** Walks a program's leaves. */
function leavesOfProgram(program: Int32Array): Set<LeafNo> {
  const leaves = new Set<LeafNo>();
  for (let at = 0; at < program.length; at += 2) if (program[at] === LEAF) leaves.add(program[at + 1]!);
  return leaves;
}

interface Gate {
  readonly leaf: LeafNo;
  readonly pathKey: string;
  readonly path: Path;
  readonly values: readonly Scalar[];
}

/** The trait equalities that a segment insists on: leaves at its root, or in an `all` at its root. */
function gatesOf(program: Int32Array, leaves: readonly Leaf[]): Gate[] {
  const gates: Gate[] = [];
  const visit = (at: number): void => {
    if (program[at] === LEAF) {
      const gate = gateOf(program[at + 1]!, leaves);
      if (gate !== undefined) gates.push(gate);
    } else if (program[at] === ALL) {
      for (let child = at + 2; child < at + program[at + 1]!; child += lengthAt(program, child)) visit(child);
    }
  };
  if (program.length > 0) visit(0);
  return gates;
}

export function lengthAt(program: Int32Array, at: number): number {
  return program[at] === LEAF ? 2 : program[at + 1]!;
}

function gateOf(no: LeafNo, leaves: readonly Leaf[]): Gate | undefined {
  const leaf = leaves[no]!;
  if (leaf.kind !== "trait" || leaf.test.length !== 1) return undefined;
  const part = leaf.test[0]!;
  const { path } = leaf;
  if (part.op === "eq" && !part.fold) return { leaf: no, pathKey: JSON.stringify(path), path, values: [part.value] };
  if (part.op === "in" && !part.fold) return { leaf: no, pathKey: JSON.stringify(path), path, values: part.values };
  return undefined;
}

/** Segments under their leaves, those with a gate only under the gate's values: else shared leaves cross for everybody. */
function postingsOf(segments: readonly PlannedSegment[], leaves: readonly Leaf[]): Posting[] {
  const postings = leaves.map((): Posting => ({ plain: [], gated: new Map() }));
  const gates = segments.map(({ program }) => gatesOf(program, leaves));
  const crowd = new Map<LeafNo, number>();
  for (const own of gates) for (const { leaf } of own) crowd.set(leaf, (crowd.get(leaf) ?? 0) + 1);
  segments.forEach(({ program }, no) => {
    const gate = gates[no]!.reduce<Gate | undefined>(
      (best, one) => (best === undefined || crowd.get(one.leaf)! < crowd.get(best.leaf)! ? one : best),
      undefined,
    );
    for (const leaf of leavesOfProgram(program)) {
      const posting = postings[leaf]!;
      if (gate === undefined || leaf === gate.leaf) posting.plain.push(no);
      else {
        let entry = posting.gated.get(gate.pathKey);
        if (entry === undefined) {
          entry = { path: gate.path, byValue: new Map() };
          posting.gated.set(gate.pathKey, entry);
        }
        for (const value of gate.values) push(entry.byValue, value, no);
      }
    }
  });
  return postings;
}

function boundsOf(counter: CounterPlan, postings: readonly Posting[]): CounterBounds {
  const plain = counter.leaves.filter(({ leaf }) => postings[leaf]!.plain.length > 0);
  const gated = new Map<string, { readonly path: Path; readonly byValue: Map<Scalar, LazyIndex> }>();
  for (const { leaf, test } of counter.leaves) {
    for (const [pathKey, { path, byValue }] of postings[leaf]!.gated) {
      const entry = gated.get(pathKey) ?? { path, byValue: new Map<Scalar, LazyIndex>() };
      gated.set(pathKey, entry);
      for (const value of byValue.keys()) {
        let lazy = entry.byValue.get(value);
        if (lazy === undefined) {
          lazy = new LazyIndex();
          entry.byValue.set(value, lazy);
        }
        lazy.add(leaf, test);
      }
    }
  }
  return {
    plain: plain.length === 0 ? undefined : new NumericIndex(plain),
    gated: Array.from(gated, ([pathKey, entry]) => ({ pathKey, ...entry })),
  };
}

/** Three-valued reading of a program for a person of whom nothing is known; undefined is "depends on the id". */
function maybe(program: Int32Array, at: number, leaves: readonly Leaf[]): boolean | undefined {
  const code = program[at]!;
  if (code === LEAF) return maybeLeaf(leaves[program[at + 1]!]!);
  const parts: (boolean | undefined)[] = [];
  for (let child = at + 2; child < at + program[at + 1]!; child += lengthAt(program, child)) {
    parts.push(maybe(program, child, leaves));
  }
  if (code === NOT) return parts[0] === undefined ? undefined : !parts[0];
  if (code === ALL) return parts.includes(false) ? false : parts.includes(undefined) ? undefined : true;
  const any = parts.includes(true) ? true : parts.includes(undefined) ? undefined : false;
  return code === ANY || any === undefined ? any : !any;
}

function maybeLeaf(leaf: Leaf): boolean | undefined {
  switch (leaf.kind) {
    case "counter": {
      const none = missingOf(leaf.counter.shape.aggregate);
      return numberPasses(none, leaf.test);
    }
    case "trait":
    case "place":
    case "network":
    case "device":
    case "source":
    case "identity":
    case "situation":
      return testHolds(undefined, leaf.test, { now: 0, zone: zoneNamed("UTC") });
    case "reading":
      return leaf.reading.ofNobody;
    case "users":
      return numberPasses(leaf.measure === "count" ? 0 : Number.NaN, leaf.test);
    case "cart":
    case "delta":
    case "bucket":
      return undefined;
    default:
      // Not a member, on no list, no moment: joins and entries of the same step touch these leaves themselves.
      return false;
  }
}

export function bucketHolds(leaf: Extract<Leaf, { kind: "bucket" }>, id: MemberId): boolean {
  const position = bucketPosition(id, leaf.salt);
  return leaf.from <= position && position < leaf.to;
}
