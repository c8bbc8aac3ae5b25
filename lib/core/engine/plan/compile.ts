// All active definitions compiled into one plan: each rule a program over leaves, the same question one leaf. Beside it:
// rule-leaves.ts (what a rule asks), movers.ts (what moves a leaf), postings.ts (whom a moved leaf concerns), nobody.ts.

import {
  type CampaignRule,
  type ChangeRule,
  type EventRule,
  type ItemRule,
  type Rule,
  unknownRule,
  type Where,
  type Window,
} from "../../rules/ast.ts";
import { orderSegments } from "../../rules/checks/graph.ts";
import { whereReadsTime } from "../../rules/questions/item-questions.ts";
import type { CountedRule } from "../../rules/questions/questions.ts";
import { isLocalPath, whereAsksLocalTime } from "../../rules/questions/texts.ts";
import type { MemberKind, SegmentId } from "../../types.ts";
import { FlagBook, type LiveFlag, type PlanFlags } from "../flags.ts";
import type { LeafNo } from "../indexes/numeric-index.ts";
import { type Route, routeOf, routesOf } from "../indexes/routes.ts";
import { anonymousReading } from "../leaves/anonymous.ts";
import { changeStream, changeStreamKey, leafOfChange } from "../leaves/changes.ts";
import { favoriteReading } from "../leaves/favorites.ts";
import { objectReading } from "../leaves/objects.ts";
import { funnelReading, sequenceReading } from "../leaves/registers.ts";
import { push } from "../lists.ts";
import { hiddenId } from "../member/accounts.ts";
import type { Keep } from "../readings.ts";
import {
  cartsRead,
  keepsByWhatTheyHear,
  leavesBy,
  pathEntries,
  readsUserZone,
  segmentsRead,
  situationEntries,
  topicsOf,
  usersReadsOf,
  visitsOf,
} from "./movers.ts";
import { maybe } from "./nobody.ts";
import { boundsOf, isRead, postingsOf } from "./postings.ts";
import { flagLeaf, leafOfOccurrences, leavesOfWhere, type WhereRule } from "./rule-leaves.ts";
import {
  type ActiveDefinition,
  ALL,
  ANY,
  type ChangeStream,
  type CounterPlan,
  type DeltaPlan,
  LEAF,
  type Leaf,
  NONE,
  NOT,
  type PathEntry,
  type Plan,
  type PlannedSegment,
  type RuleScope,
  type Stream,
} from "./shapes.ts";

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

function segmentLeaf(id: SegmentId, joined: Window | undefined, zone: string): Leaf {
  return joined === undefined ? { kind: "segment", id } : { kind: "joined", id, window: joined, zone };
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

const OTHER_RECORDS = ["identity", "place", "network", "device", "source"] as const;
