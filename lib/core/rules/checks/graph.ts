// References between segments: in which order they are read, and whether a batch leaves the whole sound.
// The control log's checks and the engine's compile both stand on it.
import type { Limits, MemberKind, SegmentId } from "../../types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../vocabulary.ts";
import { type Definition, type Rule, rulesInside } from "../ast.ts";
import { keyPath, nearest, type Problem, problemOf, quoted } from "../parse/problems.ts";
import { readsEngagement } from "../questions/vocabulary-reads.ts";
import { checkFunnels } from "./check-funnels.ts";

/**
 * The segments a rule names, of either kind, each once, in the order of naming; then those that the engagement's score counts, where it
 * reads that. So a segment of the score that reads engagement itself, however far behind, is a cycle.
 */
export function references(rule: Rule, { engagement }: Vocabulary = DEFAULT_VOCABULARY): SegmentId[] {
  const named = namesIn(rule, "segment");
  if (!readsEngagement(rule)) return named;
  const counted = engagement.parts.flatMap(({ of }) => (of.kind === "segment" ? [of.id] : []));
  return [...new Set([...named, ...counted])];
}

/** Of them those that the other side is asked for: inside `account` or `users`, however deep. */
export function referencesAcross(rule: Rule, vocabulary: Vocabulary = DEFAULT_VOCABULARY): SegmentId[] {
  if (rule.op === "account" || rule.op === "users") return references(rule.rule, vocabulary);
  return [...new Set(rulesInside(rule).flatMap((inner) => referencesAcross(inner, vocabulary)))];
}

/** The lists a rule names, each once, in the order of naming. */
export function listReferences(rule: Rule): string[] {
  return namesIn(rule, "list");
}

type Naming = "segment" | "list";

function namesIn(rule: Rule, op: Naming): string[] {
  return [...new Set(namedIn(rule, op, "user").map(({ id }) => id))];
}

/** A name, and of which kind it must be where it stands. */
interface Named {
  readonly id: string;
  readonly kind: MemberKind;
}

function namedIn(rule: Rule, op: Naming, kind: MemberKind): Named[] {
  if (rule.op === op) return rule.ids.map((id) => ({ id, kind }));
  return rulesInside(rule).flatMap((inner) => namedIn(inner, op, kindInside(rule.op, kind)));
}

function kindInside(op: string, kind: MemberKind): MemberKind {
  if (op === "account") return "account";
  return op === "users" ? "user" : kind;
}

export interface SegmentOrder {
  /** 0 for a segment that references none, else 1 + the highest level it references. */
  readonly levels: Map<SegmentId, number>;
  /** By level, then by id: whatever a segment references comes before it. */
  readonly order: SegmentId[];
}

/** A definition, and the vocabulary by which it is read where that is not the default one. */
export interface Read {
  readonly definition: Definition;
  readonly vocabulary?: Vocabulary;
}

function readsOf(items: Iterable<Definition | Read>): Read[] {
  return Array.from(items, (item) => ("definition" in item ? item : { definition: item }));
}

/**
 * The order in which segments are read within a step. A reference to a segment that is not among them counts for
 * nothing. Throws on a cycle: checkBatch refuses those before.
 */
export function orderSegments(definitions: Iterable<Definition | Read>): SegmentOrder {
  const graph = graphOf(readsOf(definitions));
  const { levels, cycles } = walk(graph);
  if (cycles.length > 0) throw new Error(`segments reference each other in a cycle: ${cycles[0]!.join(" → ")}`);
  const order = [...levels.keys()].sort((a, b) => levels.get(a)! - levels.get(b)! || (a < b ? -1 : 1));
  return { levels, order };
}

type Graph = ReadonlyMap<SegmentId, readonly SegmentId[]>;

function graphOf(reads: Iterable<Read>): Graph {
  return new Map(
    Array.from(reads, ({ definition, vocabulary }) => [definition.id, references(definition.rule, vocabulary)]),
  );
}

/**
 * Depth first, with a stack of its own: a chain of 100,000 segments must not overflow ours. A segment on a cycle has
 * the level that the rest of its references give it.
 */
function walk(graph: Graph): { levels: Map<SegmentId, number>; cycles: SegmentId[][] } {
  const levels = new Map<SegmentId, number>();
  const cycles: SegmentId[][] = [];
  for (const root of graph.keys()) {
    if (levels.has(root)) continue;
    const trail: { readonly id: SegmentId; next: number; level: number }[] = [{ id: root, next: 0, level: 0 }];
    const onTrail = new Set([root]);
    while (trail.length > 0) {
      const top = trail[trail.length - 1]!;
      const target = graph.get(top.id)![top.next];
      top.next += 1;
      if (target === undefined) {
        trail.pop();
        onTrail.delete(top.id);
        levels.set(top.id, top.level);
        const parent = trail[trail.length - 1];
        if (parent !== undefined) parent.level = Math.max(parent.level, top.level + 1);
      } else if (onTrail.has(target)) {
        const start = trail.findIndex(({ id }) => id === target);
        cycles.push([...trail.slice(start).map(({ id }) => id), target]);
      } else if (levels.has(target)) {
        top.level = Math.max(top.level, levels.get(target)! + 1);
      } else if (graph.has(target)) {
        trail.push({ id: target, next: 0, level: 0 });
        onTrail.add(target);
      }
    }
  }
  return { levels, cycles };
}

export type ListKinds = ReadonlyMap<string, MemberKind>;

export interface Batch {
  readonly define: readonly Definition[];
  readonly remove: readonly SegmentId[];
}

/** A problem of a batch: the path is that within the definition of `segment`. */
export interface BatchProblem extends Problem {
  readonly segment: SegmentId;
}

/** Looking for the intended word among 100,000 ids takes a while; after so many it is left out. */
const HINTS_MAX = 20;

/**
 * Whether a batch leaves the whole sound: every reference leads somewhere, and to its own kind, no cycles, no deeper than
 * the limit, nothing in use disabled or deleted, no funnel that the vocabulary lacks. `lists` are the lists there are,
 * each with whom it holds; `vocabularyOf` tells by what a definition is read.
 */
export function checkBatch(
  existing: ReadonlyMap<SegmentId, Definition>,
  batch: Batch,
  lists: ListKinds,
  limits: Limits,
  vocabularyOf: (id: SegmentId) => Vocabulary = () => DEFAULT_VOCABULARY,
): BatchProblem[] {
  const problems = [...checkNames(existing, batch), ...checkKinds(existing, batch)];
  const after = new Map(existing);
  for (const id of batch.remove) after.delete(id);
  for (const definition of batch.define) after.set(definition.id, definition);
  return problems.concat(checkWhole({ after, vocabularyOf }, batch, lists, limits));
}

/** Definitions as they will be, and by what each is read. */
interface After {
  readonly after: ReadonlyMap<SegmentId, Definition>;
  readonly vocabularyOf: (id: SegmentId) => Vocabulary;
}

function checkWhole(whole: After, batch: Batch, lists: ListKinds, limits: Limits): BatchProblem[] {
  const { after, vocabularyOf } = whole;
  const removed = new Set(batch.remove.filter((id) => !after.has(id)));
  const defined = new Set(batch.define.map(({ id }) => id));
  const unknown = [...defined].flatMap((id) =>
    checkFunnels(after.get(id)!, vocabularyOf(id)).map((problem) => ({ segment: id, ...problem })),
  );
  return [
    ...checkReferences(whole, removed, defined, lists),
    ...[...defined].flatMap((id) => checkSides(after.get(id)!, after, lists)),
    ...unknown,
    ...checkUse(whole, removed, defined),
    ...checkShape(whole, defined, limits),
  ];
}

function referencesOf({ after, vocabularyOf }: After, id: SegmentId): SegmentId[] {
  return references(after.get(id)!.rule, vocabularyOf(id));
}

function problem(segment: SegmentId, path: string, message: string, hint?: string): BatchProblem {
  return { segment, ...problemOf(path, message, hint) };
}

function checkNames(existing: ReadonlyMap<SegmentId, Definition>, batch: Batch): BatchProblem[] {
  const problems: BatchProblem[] = [];
  const defined = new Set<SegmentId>();
  for (const { id } of batch.define) {
    if (defined.has(id)) problems.push(problem(id, "id", `${quoted(id)} is defined twice in this batch; keep one`));
    defined.add(id);
  }
  for (const id of new Set(batch.remove)) {
    if (defined.has(id)) {
      problems.push(problem(id, "id", `${quoted(id)} is both defined and removed in this batch; choose one`));
    } else if (!existing.has(id)) {
      const hint = nearest(id, existing.keys());
      problems.push(problem(id, "", `there is no segment ${quoted(id)} to remove`, hint));
    }
  }
  return problems;
}

/** Every definition of the batch leads somewhere. Those that lead to what is removed are told by checkUse. */
function checkReferences(
  whole: After,
  removed: ReadonlySet<SegmentId>,
  defined: ReadonlySet<SegmentId>,
  lists: ListKinds,
): BatchProblem[] {
  const { after } = whole;
  const problems: BatchProblem[] = [];
  const hintOf = (id: string, known: Iterable<string>) =>
    problems.length < HINTS_MAX ? nearest(id, known) : undefined;
  for (const id of defined) {
    const definition = after.get(id)!;
    for (const target of referencesOf(whole, id)) {
      if (after.has(target) || removed.has(target)) continue;
      const message = `${quoted(id)} ${verbOf(definition, target)} the segment ${quoted(target)}, which does not exist`;
      problems.push(problem(id, placeOf(definition, "segment", target), message, hintOf(target, after.keys())));
    }
    for (const target of listReferences(definition.rule)) {
      if (lists.has(target)) continue;
      const message = `${quoted(id)} references the list ${quoted(target)}, which does not exist; import it first`;
      problems.push(problem(id, placeOf(definition, "list", target), message, hintOf(target, lists.keys())));
    }
  }
  return problems;
}

/** Whoever counts on a segment counts on whom it groups, and members are numbered by kind. */
function checkKinds(existing: ReadonlyMap<SegmentId, Definition>, batch: Batch): BatchProblem[] {
  return batch.define.flatMap(({ id, kind }) => {
    const before = existing.get(id);
    if (before === undefined || before.kind === kind) return [];
    const message = `${quoted(id)} groups ${before.kind}s, and a segment keeps its kind; give the one of ${kind}s another id`;
    return [problem(id, "kind", message, before.kind)];
  });
}

/** Segments and lists are named where their own kind is asked. */
function checkSides(
  definition: Definition,
  after: ReadonlyMap<SegmentId, Definition>,
  lists: ListKinds,
): BatchProblem[] {
  return (["segment", "list"] as const).flatMap((op) =>
    namedIn(definition.rule, op, definition.kind).flatMap(({ id, kind }) => {
      const found = op === "segment" ? after.get(id)?.kind : lists.get(id);
      if (found === undefined || found === kind) return [];
      const holds = op === "segment" ? "groups" : "holds";
      const message = `the ${op} ${quoted(id)} ${holds} ${found}s, and here a rule speaks of ${kind}s; ${ASIDE[found](op, id)}`;
      return [problem(definition.id, placeOf(definition, op, id, kind), message)];
    }),
  );
}

const ASIDE: Readonly<Record<MemberKind, (op: Naming, id: string) => string>> = {
  account: (op, id) => `ask for the account's: {account: {${op}: {in: [${id}]}}}`,
  user: (op, id) => `ask the users: {users: {rule: {${op}: {in: [${id}]}}, atLeast: 1}}`,
};

/** Nothing in use is removed; nothing that an enabled segment uses is disabled. */
function checkUse(whole: After, removed: ReadonlySet<SegmentId>, defined: ReadonlySet<SegmentId>): BatchProblem[] {
  const { after } = whole;
  const users = new Map<SegmentId, SegmentId[]>();
  for (const { id, enabled } of after.values()) {
    for (const target of referencesOf(whole, id)) {
      const disabled = after.get(target)?.enabled === false;
      if (!removed.has(target) && !(disabled && enabled)) continue;
      users.set(target, [...(users.get(target) ?? []), id]);
    }
  }
  return Array.from(users, ([target, ids]) => {
    const named = ids.slice(0, 10).map(quoted).join(", ") + (ids.length > 10 ? ` and ${ids.length - 10} more` : "");
    if (removed.has(target)) {
      return problem(
        target,
        "",
        `${quoted(target)} cannot be removed: it is used by ${named}; change or remove those first`,
      );
    }
    if (defined.has(target)) {
      return problem(
        target,
        "enabled",
        `${quoted(target)} cannot be disabled: it is used by ${named}; disable or change those first`,
      );
    }
    const user = after.get(ids.find((id) => defined.has(id)) ?? ids[0]!)!;
    return problem(
      user.id,
      placeOf(user, "segment", target),
      `${quoted(user.id)} ${verbOf(user, target)} ${quoted(target)}, which is disabled; enable it first`,
    );
  });
}

/** No cycles, and no chain of references longer than the limit. */
function checkShape(whole: After, defined: ReadonlySet<SegmentId>, limits: Limits): BatchProblem[] {
  const { after, vocabularyOf } = whole;
  const graph = graphOf(
    Array.from(after.values(), (definition) => ({ definition, vocabulary: vocabularyOf(definition.id) })),
  );
  const { levels, cycles } = walk(graph);
  const problems = cycles.map((cycle) => {
    // Told at a definition of the batch: those are the ones in the writer's hands.
    const at = Math.max(
      0,
      cycle.findIndex((id) => defined.has(id)),
    );
    const from = cycle[at]!;
    const to = cycle[at + 1] ?? cycle[1]!;
    const reader = cycle.find((id, index) => index + 1 < cycle.length && isCounted(after.get(id)!, cycle[index + 1]!));
    const message =
      reader === undefined
        ? `segments reference each other in a cycle: ${cycle.join(" → ")}; break it at one of them`
        : `engagement must not read engagement: ${quoted(reader)} reads it, and its score counts ${quoted(cycle[cycle.indexOf(reader) + 1]!)} (${cycle.join(" → ")}); take that segment out of the vocabulary's engagement, or engagement out of the rule`;
    return problem(from, placeOf(after.get(from)!, "segment", to), message);
  });
  if (problems.length > 0) return problems;
  for (const id of defined) {
    if (levels.get(id)! <= limits.nestingMax) continue;
    const chain = longestChain(id, graph, levels).join(" → ");
    const message = `${quoted(id)} is nested ${levels.get(id)} deep (${chain}); the limit is ${limits.nestingMax} (limits.nestingMax)`;
    problems.push(problem(id, "rule", message));
  }
  return problems;
}

/** True where only the engagement's score leads from a definition to a segment. */
function isCounted({ rule }: Definition, target: SegmentId): boolean {
  return !namesIn(rule, "segment").includes(target);
}

function verbOf(definition: Definition, target: SegmentId): string {
  return isCounted(definition, target) ? "reads engagement, whose score counts" : "references";
}

function longestChain(id: SegmentId, graph: Graph, levels: ReadonlyMap<SegmentId, number>): SegmentId[] {
  const chain = [id];
  for (let level = levels.get(id)!; level > 0; level -= 1) {
    chain.push(graph.get(chain[chain.length - 1]!)!.find((target) => levels.get(target) === level - 1)!);
  }
  return chain;
}

/** The segments that name a list in their rule: it cannot be removed while there are any. */
export function usersOfList(definitions: Iterable<Definition>, list: string): SegmentId[] {
  const users: SegmentId[] = [];
  for (const { id, rule } of definitions) if (listReferences(rule).includes(list)) users.push(id);
  return users;
}

/**
 * Where the source of a definition names a segment or list: `rule.all[1].segment.in[0]`. With `side`: where a rule speaks
 * of that kind.
 */
function placeOf(definition: Definition, op: Naming, id: string, side?: MemberKind): string {
  const { source, kind } = definition;
  const rule = isRecord(source) ? source.rule : undefined;
  return findName(rule, { path: "rule", kind }, { op, id, side }) ?? "rule";
}

/** A place in a source, and of which kind a rule speaks there. */
interface Spot {
  readonly path: string;
  readonly kind: MemberKind;
}

interface Sought {
  readonly op: Naming;
  readonly id: string;
  readonly side: MemberKind | undefined;
}

function findName(value: unknown, spot: Spot, sought: Sought): string | undefined {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findName(item, { ...spot, path: `${spot.path}[${index}]` }, sought);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const [key, body] = Object.entries(value)[0] ?? [];
  if (key === undefined) return undefined;
  const inside = { path: keyPath(spot.path, key), kind: kindInside(key, spot.kind) };
  if (["all", "any", "none", "not", "account"].includes(key)) return findName(body, inside, sought);
  if (key === "users") {
    const rule: unknown = isRecord(body) ? body.rule : undefined;
    return findName(rule, { ...inside, path: keyPath(inside.path, "rule") }, sought);
  }
  const isSought = key === sought.op && (sought.side ?? spot.kind) === spot.kind;
  return isSought ? placeInForms(body, inside.path, sought.id) : undefined;
}

function placeInForms(body: unknown, at: string, id: string): string | undefined {
  for (const form of ["in", "notIn"]) {
    const ids: unknown = isRecord(body) ? body[form] : undefined;
    const index = Array.isArray(ids) ? ids.findIndex((item) => String(item) === id) : -1;
    if (index >= 0) return `${at}.${form}[${index}]`;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
