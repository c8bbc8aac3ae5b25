// Why a member is in a segment or not: the rule's own shape, read from the same leaves as the engine reads, with what
// was found and when silence alone would change it.

import type { ExplainNode } from "../../partition.ts";
import {
  type AccountRule,
  type Path,
  type Rule,
  type Test,
  type UsersRule,
  unknownRule,
  type Where,
} from "../../rules/ast.ts";
import { questionsOfRule } from "../../rules/questions/questions.ts";
import { OCCURRENCE_FIELDS } from "../../rules/words/fields.ts";
import type { FieldType } from "../../rules/words/grammar.ts";
import { durationText, sentenceOf, testSentence, windowSentence } from "../../rules/words/sentence.ts";
import type { Json, Millis } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import { Evaluation } from "../evaluation.ts";
import type { FlagBook, LiveFlag } from "../flags.ts";
import { anonymousReading } from "../leaves/anonymous.ts";
import { bucketPosition } from "../leaves/bucket.ts";
import { leafOfChange } from "../leaves/changes.ts";
import { favoriteReading } from "../leaves/favorites.ts";
import { objectReading } from "../leaves/objects.ts";
import { funnelReading, sequenceReading } from "../leaves/registers.ts";
import type { Actor } from "../member/actor.ts";
import { visitEndOf, visitListOf } from "../member/visits.ts";
import { copyOf } from "../pages/page-codec.ts";
import { flagLeaf, leafOfOccurrences, leavesOfWhere, type WhereRule } from "../plan/rule-leaves.ts";
import type { ActiveDefinition, CounterPlan, Leaf, Plan, SourceRead } from "../plan/shapes.ts";
import {
  counterMoment,
  dateMoment,
  deltaValues,
  leafContext,
  leafHolds,
  readScope,
  recordOf,
  usersHolding,
  zoneFor,
} from "../reading.ts";
import { momentFlips } from "../time/windows.ts";
import { type Found, find, testFlips } from "../values.ts";
import type { World } from "../world.ts";
import { smallestSet } from "./smallest-set.ts";

export interface Scope {
  readonly plan: Plan;
  readonly actor: Actor;
  readonly now: Millis;
  readonly world: World;
  readonly zone: string;
  readonly vocabulary: Vocabulary;
  readonly flags: FlagBook;
  /** Whether the answer to a question is kept; absent: all are. */
  readonly isKept?: (question: string) => boolean;
  /** From when on the past of a question is known; absent: from the beginning. */
  readonly since?: (question: string) => Millis | undefined;
}

/** A copy of the actor with all counters read anew: those that nothing depends on are left behind by the clock. */
export function broughtUp(actor: Actor, plan: Plan, now: Millis, world: World): Actor {
  const copy = copyOf(actor);
  const evaluation = Evaluation.aside(plan, world);
  evaluation.begin(copy, now);
  evaluation.refreshAll();
  return copy;
}

/** By what a member is read. */
export type Reader = Pick<Scope, "plan" | "flags" | "now" | "world"> & { readonly since: NonNullable<Scope["since"]> };

/** What is evaluated for the other side, in words. */
export function explainFlag({ rule, zone, vocabulary }: LiveFlag, actor: Actor, by: Reader): ExplainNode {
  return explainRule(rule, { ...by, actor: broughtUp(actor, by.plan, by.now, by.world), zone, vocabulary });
}

export function explainSegment({ definition, vocabulary }: ActiveDefinition, actor: Actor, by: Reader): ExplainNode {
  const brought = broughtUp(actor, by.plan, by.now, by.world);
  const scope = { ...by, actor: brought, zone: definition.zone, vocabulary };
  const rule = explainRule(definition.rule, scope);
  const held = actor.memberships.get(definition.id);
  const wait = actor.waits?.get(definition.id);
  return {
    rule: `segment ${definition.id}`,
    pass: held?.in === true,
    actual:
      held === undefined ? "never a member" : `${held.in ? "joined" : "left"} ${new Date(held.since).toISOString()}`,
    ...(wait === undefined ? {} : { expected: held?.in ? "kept in by stay" : "kept out by cooldown", until: wait }),
    nodes: [rule],
    ...(rule.pass ? {} : { toSatisfy: smallestSet(rule) }),
  };
}

/** The rule's own shape: the same tree for everybody, so that its nodes can be counted one by one. */
export function explainRule(rule: Rule, scope: Scope): ExplainNode {
  if (isGroup(rule)) return explainKnown(rule, scope);
  return isAnswerable(rule, scope)
    ? { ...explainKnown(rule, scope), ...sinceOf(rule, scope) }
    : { rule: sentenceOf(rule), pass: false, unknown: true, expected: "needs history that is not kept yet" };
}

function isGroup({ op }: Rule): boolean {
  return op === "all" || op === "any" || op === "none" || op === "not";
}

/** Of the questions that a rule asks, the one that knows the least of the past decides. */
function sinceOf(rule: Rule, scope: Scope): { readonly since?: Millis } {
  const { since } = scope;
  const all = since === undefined ? [] : questionsOfRule(rule, scope).flatMap((question) => since(question) ?? []);
  return all.length === 0 ? {} : { since: Math.max(...all) };
}

function isAnswerable(rule: Rule, scope: Scope): boolean {
  const { isKept } = scope;
  return isKept === undefined || questionsOfRule(rule, scope).every(isKept);
}

function explainKnown(rule: Rule, scope: Scope): ExplainNode {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      return grouped(
        rule.op,
        rule.rules.map((inner) => explainRule(inner, scope)),
      );
    case "not":
      return negated(explainRule(rule.rule, scope));
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
      return explainWhere(rule, rule.where, scope);
    case "anonymous":
      return explainLeaf({ kind: "reading", reading: anonymousReading(rule.is), zone: "UTC" }, "anonymous", scope);
    case "object": {
      const leaf: OwnLeaf = { kind: "reading", reading: objectReading(rule), zone: scope.zone };
      return explainLeaf(leaf, sentenceOf(rule), scope);
    }
    case "event":
    case "order":
    case "item":
    case "campaign":
    case "visit":
      return explainLeaf(leafOfOccurrences(rule, scope), sentenceOf(rule), scope);
    case "change":
      return explainLeaf(leafOfChange(rule, scope), sentenceOf(rule), scope);
    case "favorite":
      return explainLeaf(
        { kind: "reading", reading: favoriteReading(rule, scope), zone: scope.zone },
        sentenceOf(rule),
        scope,
      );
    case "sequence":
    case "funnel": {
      const reading = rule.op === "funnel" ? funnelReading(rule, scope) : sequenceReading(rule, scope);
      return explainLeaf({ kind: "reading", reading, zone: scope.zone }, sentenceOf(rule), scope);
    }
    case "segment":
    case "list": {
      const nodes = rule.ids.map((id): ExplainNode => {
        const joined = rule.op === "segment" ? rule.joined : undefined;
        const leaf: OwnLeaf =
          rule.op === "list"
            ? { kind: "list", id }
            : joined === undefined
              ? { kind: "segment", id }
              : { kind: "joined", id, window: joined, zone: scope.zone };
        return explainLeaf(
          leaf,
          `${rule.op} ${id}${joined === undefined ? "" : `, joined ${windowSentence(joined)}`}`,
          scope,
        );
      });
      return grouped(rule.negate ? "none" : "any", nodes);
    }
    case "bucket":
      return explainLeaf(
        { kind: "bucket", from: rule.from, to: rule.to, salt: rule.salt },
        `bucket ${rule.from} to ${rule.to}`,
        scope,
      );
    case "account":
      return explainAccount(rule, scope);
    case "users":
      return explainUsers(rule, scope);
    default:
      return unknownRule(rule);
  }
}

/** What holds for the account is known here; why, its owner tells. */
function explainAccount(rule: AccountRule, scope: Scope): ExplainNode {
  const leaf = flagLeaf(rule, scope, scope.flags);
  if (leaf.flag === undefined) return unevaluated(rule);
  const { account } = scope.actor;
  const where = account === undefined ? "in no account" : account.on === undefined ? "just joined" : account.id;
  const pass = leafHolds(leaf, scope.actor, scope.now, scope.world);
  return {
    rule: sentenceOf(rule),
    pass,
    actual: where,
    expected: "an account for which it holds",
    ...(account === undefined ? {} : { account: { id: account.id, flag: leaf.flag } }),
  };
}

function explainUsers(rule: UsersRule, scope: Scope): ExplainNode {
  const leaf = flagLeaf(rule, scope, scope.flags);
  if (leaf.flag === undefined) return unevaluated(rule);
  const { actor } = scope;
  const [on, of] = [usersHolding(actor, leaf.flag), actor.people?.users ?? 0];
  const share = of === 0 ? "no users" : Math.round((on * 1_000_000) / of) / 10_000;
  const { kind, is } = rule.measure;
  return {
    rule: sentenceOf(rule),
    pass: leafHolds(leaf, actor, scope.now, scope.world),
    actual: kind === "count" ? on : share,
    expected: kind === "count" ? testSentence(is) : `${testSentence(is)} percent`,
    users: { rule: sentenceOf(rule.rule), on, of },
  };
}

/** Of a rule that no segment in force asks: nobody evaluates it. */
function unevaluated(rule: Rule): ExplainNode {
  const expected = "needs what is evaluated only once a segment that asks it is applied";
  return { rule: sentenceOf(rule), pass: false, unknown: true, expected };
}

function explainWhere(whose: WhereRule, where: Where, scope: Scope): ExplainNode {
  if (where.op === "test") {
    const record = whose.op === "situation" ? `situation ${whose.kind}` : whose.op;
    const nodes = leavesOfWhere(whose, where.path, where.test, scope).map((leaf) =>
      explainLeaf(leaf as OwnLeaf, `${record} ${where.path.join(".")}`, scope),
    );
    return nodes.length === 1 ? nodes[0]! : grouped("all", nodes);
  }
  if (where.op === "not") return negated(explainWhere(whose, where.where, scope));
  return grouped(
    where.op,
    where.wheres.map((inner) => explainWhere(whose, inner, scope)),
  );
}

function grouped(op: "all" | "any" | "none", nodes: readonly ExplainNode[]): ExplainNode {
  if (nodes.length === 1 && op !== "none") return nodes[0]!;
  const passes = nodes.filter(({ pass }) => pass).length;
  const unknown = nodes.filter((node) => node.unknown).length;
  const fails = nodes.length - passes - unknown;
  // What is not known leaves the whole open, unless the rest decides it.
  const isOpen = unknown > 0 && (op === "all" ? fails === 0 : passes === 0);
  const pass = op === "all" ? passes === nodes.length : op === "any" ? passes > 0 : passes + unknown === 0;
  return { rule: op, pass, ...(isOpen ? { unknown: true } : {}), nodes, ...earliest(nodes) };
}

function negated(node: ExplainNode): ExplainNode {
  if (node.unknown) return { rule: "not", pass: false, unknown: true, nodes: [node] };
  return { rule: "not", pass: !node.pass, nodes: [node], ...earliest([node]) };
}

/** The first instant at which one of the parts changes by silence. The whole may change then, and not before. */
function earliest(nodes: readonly ExplainNode[]): { readonly until?: Millis } {
  const untils = nodes.flatMap(({ until }) => (until === undefined ? [] : [until]));
  return untils.length === 0 ? {} : { until: Math.min(...untils) };
}

/** Those of flags are explained by their rules. */
type OwnLeaf = Exclude<Leaf, { kind: "account" | "users" }>;

function explainLeaf(asked: OwnLeaf, rule: string, scope: Scope): ExplainNode {
  const no = scope.plan.leafNo(asked);
  const leaf = no < 0 ? asked : (scope.plan.leaves[no] as OwnLeaf);
  const pass = leafHolds(leaf, scope.actor, scope.now, scope.world);
  const until = untilOf(leaf, scope);
  const actual = actualOf(leaf, scope);
  return {
    rule,
    pass,
    ...(actual === undefined ? {} : { actual }),
    expected: expectedOf(leaf),
    ...decidedBy(leaf, scope.actor),
    ...(Number.isFinite(until) ? { until } : {}),
  };
}

function decidedBy(leaf: OwnLeaf, actor: Actor): Pick<ExplainNode, "decidedBy"> {
  switch (leaf.kind) {
    case "counter":
    case "moment": {
      const seq = actor.counters.get(leaf.counter.key)?.last ?? 0;
      return seq === 0 ? {} : { decidedBy: { seq } };
    }
    case "trait": {
      const name = leaf.path[0]!;
      return Object.hasOwn(actor.traitTimes, name) ? { decidedBy: { at: actor.traitTimes[name]! } } : {};
    }
    default:
      return {};
  }
}

function actualOf(leaf: OwnLeaf, { actor, now, world }: Scope): Json | undefined {
  switch (leaf.kind) {
    case "counter": {
      const state = actor.counters.get(leaf.counter.key);
      const { aggregate } = leaf.counter.shape;
      const none = aggregate === "count" || aggregate === "sum" || aggregate === "distinct" ? 0 : "none";
      if (state === undefined || Number.isNaN(state.shown)) return none;
      const read = leaf.counter.amount ? state.shown / 10_000 : state.shown;
      const shown = aggregate === "avg" ? read / state.shownB : read;
      return typeOfValue(leaf.counter) === "duration" ? durationText(shown) : shown;
    }
    case "moment": {
      const moment = counterMoment(leaf.counter, actor.counters.get(leaf.counter.key));
      return moment === undefined ? "never" : new Date(moment.at).toISOString();
    }
    case "delta": {
      const value = deltaValues(leaf.delta, actor.counters.get(leaf.delta.key), now)[leaf.unit];
      return Number.isNaN(value) ? "missing" : value;
    }
    case "bucket":
      return bucketPosition(actor.id, leaf.salt);
    case "segment":
    case "joined": {
      const held = actor.memberships.get(leaf.id);
      return held?.in ? `in since ${new Date(held.since).toISOString()}` : "not in";
    }
    case "list":
      return actor.lists?.has(leaf.id) ? "listed" : "not listed";
    case "reading":
      return leaf.reading.actual(actor, readScope(leaf.zone, actor, now, world));
    case "situation": {
      const found = find(world.situations.valuesAt(leaf.of, actor.place, now), leaf.path);
      return found === undefined ? "missing" : shownOf(found);
    }
    default: {
      const found = find(
        recordOf(leaf.kind, actor, { now, world, visits: leaf.visits, currency: leaf.currency }),
        leaf.path,
      );
      if (found === undefined) return "missing";
      if (leaf.kind === "cart" && isCartAmount(leaf.path)) return (found.values[0] as number) / 10_000;
      return shownOf(found);
    }
  }
}

function shownOf(found: NonNullable<Found>): Json {
  return found.list ? found.values : (found.values[0] ?? "missing");
}

function expectedOf(leaf: OwnLeaf): string {
  switch (leaf.kind) {
    case "counter":
      return testSentence(leaf.counter.amount ? unscaled(leaf.test) : leaf.test, typeOfValue(leaf.counter));
    case "reading":
      return leaf.reading.expected;
    case "cart":
      return testSentence(isCartAmount(leaf.path) ? unscaled(leaf.test) : leaf.test);
    case "delta":
      return `${leaf.unit} ${testSentence(leaf.test)}`;
    case "moment":
    case "joined":
      return windowSentence(leaf.window);
    case "segment":
      return "in";
    case "list":
      return "listed";
    case "bucket":
      return `${leaf.from} ≤ position < ${leaf.to}`;
    default:
      return testSentence(leaf.test);
  }
}

/** Of what a counter compares; undefined where it is a plain number. */
function typeOfValue({ source, of, shape }: CounterPlan): FieldType | undefined {
  const isCount = of === undefined || shape.aggregate === "distinct";
  return isCount ? undefined : OCCURRENCE_FIELDS[source].typeOf(of);
}

function isCartAmount(path: Path): boolean {
  return path[0] === "value" || path[0] === "quantity";
}

/** Amounts as people write them. */
function unscaled(test: Test): Test {
  const shown = <T>(value: T): T => (typeof value === "number" ? ((value / 10_000) as T) : value);
  return test.map((part) => {
    if (part.op === "between") return { ...part, low: shown(part.low), high: shown(part.high) };
    if ("values" in part) return { ...part, values: part.values.map(shown) };
    return "value" in part ? ({ ...part, value: shown(part.value) } as typeof part) : part;
  });
}

function untilOf(leaf: OwnLeaf, { actor, now, world }: Scope): Millis {
  switch (leaf.kind) {
    case "counter":
    case "moment":
      return actor.counters.get(leaf.counter.key)?.due ?? Number.POSITIVE_INFINITY;
    case "delta":
      return actor.counters.get(leaf.delta.key)?.due ?? Number.POSITIVE_INFINITY;
    case "reading": {
      const { keep } = leaf.reading;
      const kept = keep === undefined ? undefined : actor.kept.get(keep.key)?.due;
      const own = leaf.reading.flips(actor, readScope(leaf.zone, actor, now, world));
      return Math.min(kept ?? Number.POSITIVE_INFINITY, own);
    }
    case "joined": {
      const held = actor.memberships.get(leaf.id);
      if (!held?.in) return Number.POSITIVE_INFINITY;
      const zone = zoneFor(leaf.zone, actor);
      return momentFlips(leaf.window, dateMoment(held.since, zone), now, zone);
    }
    case "segment":
    case "list":
    case "bucket":
      return Number.POSITIVE_INFINITY;
    case "situation": {
      const { situations } = world;
      const found = find(situations.valuesAt(leaf.of, actor.place, now), leaf.path);
      const flips = testFlips(found, leaf.test, leafContext(leaf.zone, actor, now));
      return Math.min(flips, situations.untilAt(leaf.of, actor.place, now));
    }
    default: {
      const found = find(
        recordOf(leaf.kind, actor, { now, world, visits: leaf.visits, currency: leaf.currency }),
        leaf.path,
      );
      const flips = testFlips(found, leaf.test, leafContext(leaf.zone, actor, now));
      return Math.min(flips, visitEndOfLeaf(leaf, actor, now));
    }
  }
}

/** The source of the visit under way is missing from its end on. */
function visitEndOfLeaf(
  { visits, path }: { readonly visits?: SourceRead; readonly path: Path },
  actor: Actor,
  now: Millis,
): Millis {
  const list = visits === undefined ? undefined : visitListOf(actor, visits.idleMs);
  const end = list === undefined || path[0] !== "current" ? Number.NEGATIVE_INFINITY : visitEndOf(list);
  return end > now ? end : Number.POSITIVE_INFINITY;
}
