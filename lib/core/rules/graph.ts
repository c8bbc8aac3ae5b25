// References between segments: in which order they are read, and whether a batch leaves the whole sound.
// The control log's checks and the engine's compile both stand on it.
import type { Limits, SegmentId } from "../types.ts";
import type { Definition, Rule } from "./ast.ts";
import { keyPath, nearest, type Problem, problemOf, quoted } from "./problems.ts";

/** The segments a rule names, each once, in the order of naming. */
export function references(rule: Rule): SegmentId[] {
  return namesIn(rule, "segment");
}

/** The lists a rule names, each once, in the order of naming. */
export function listReferences(rule: Rule): string[] {
  return namesIn(rule, "list");
}

function namesIn(rule: Rule, op: "segment" | "list"): string[] {
  const names = new Set<string>();
  const visit = (inner: Rule): void => {
    if (inner.op === "not") visit(inner.rule);
    else if (inner.op === "all" || inner.op === "any" || inner.op === "none") inner.rules.forEach(visit);
    else if (inner.op === op) for (const id of inner.ids) names.add(id);
  };
  visit(rule);
  return [...names];
}

export interface SegmentOrder {
  /** 0 for a segment that references none, else 1 + the highest level it references. */
  readonly levels: Map<SegmentId, number>;
  /** By level, then by id: whatever a segment references comes before it. */
  readonly order: SegmentId[];
}

/**
 * The order in which segments are read within a step. A reference to a segment that is not among them counts for
 * nothing. Throws on a cycle: checkBatch refuses those before.
 */
export function orderSegments(definitions: Iterable<Definition>): SegmentOrder {
  const graph = graphOf(definitions);
  const { levels, cycles } = walk(graph);
  if (cycles.length > 0) throw new Error(`segments reference each other in a cycle: ${cycles[0]!.join(" → ")}`);
  const order = [...levels.keys()].sort((a, b) => levels.get(a)! - levels.get(b)! || (a < b ? -1 : 1));
  return { levels, order };
}

type Graph = ReadonlyMap<SegmentId, readonly SegmentId[]>;

function graphOf(definitions: Iterable<Definition>): Graph {
  return new Map(Array.from(definitions, ({ id, rule }) => [id, references(rule)]));
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
 * Whether a batch leaves the whole sound: every reference leads somewhere, no cycles, no deeper than the limit, nothing
 * in use disabled or deleted. `lists` are the ids of the lists there are.
 */
export function checkBatch(
  existing: ReadonlyMap<SegmentId, Definition>,
  batch: Batch,
  lists: Iterable<string>,
  limits: Limits,
): BatchProblem[] {
  const problems = checkNames(existing, batch);
  const after = new Map(existing);
  for (const id of batch.remove) after.delete(id);
  for (const definition of batch.define) after.set(definition.id, definition);
  const removed = new Set(batch.remove.filter((id) => !after.has(id)));
  const defined = new Set(batch.define.map(({ id }) => id));
  problems.push(...checkReferences(after, removed, defined, new Set(lists)));
  problems.push(...checkUse(after, removed, defined));
  problems.push(...checkShape(after, defined, limits));
  return problems;
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
  after: ReadonlyMap<SegmentId, Definition>,
  removed: ReadonlySet<SegmentId>,
  defined: ReadonlySet<SegmentId>,
  lists: ReadonlySet<string>,
): BatchProblem[] {
  const problems: BatchProblem[] = [];
  const hintOf = (id: string, known: Iterable<string>) =>
    problems.length < HINTS_MAX ? nearest(id, known) : undefined;
  for (const id of defined) {
    const definition = after.get(id)!;
    for (const target of references(definition.rule)) {
      if (after.has(target) || removed.has(target)) continue;
      const message = `${quoted(id)} references the segment ${quoted(target)}, which does not exist`;
      problems.push(problem(id, placeOf(definition, "segment", target), message, hintOf(target, after.keys())));
    }
    for (const target of listReferences(definition.rule)) {
      if (lists.has(target)) continue;
      const message = `${quoted(id)} references the list ${quoted(target)}, which does not exist; import it first`;
      problems.push(problem(id, placeOf(definition, "list", target), message, hintOf(target, lists)));
    }
  }
  return problems;
}

/** Nothing in use is removed; nothing that an enabled segment uses is disabled. */
function checkUse(
  after: ReadonlyMap<SegmentId, Definition>,
  removed: ReadonlySet<SegmentId>,
  defined: ReadonlySet<SegmentId>,
): BatchProblem[] {
  const users = new Map<SegmentId, SegmentId[]>();
  for (const { id, rule, enabled } of after.values()) {
    for (const target of references(rule)) {
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
      `${quoted(user.id)} references ${quoted(target)}, which is disabled; enable it first`,
    );
  });
}

/** No cycles, and no chain of references longer than the limit. */
function checkShape(
  after: ReadonlyMap<SegmentId, Definition>,
  defined: ReadonlySet<SegmentId>,
  limits: Limits,
): BatchProblem[] {
  const graph = graphOf(after.values());
  const { levels, cycles } = walk(graph);
  const problems = cycles.map((cycle) => {
    // Told at a definition of the batch: those are the ones in the writer's hands.
    const at = Math.max(
      0,
      cycle.findIndex((id) => defined.has(id)),
    );
    const from = cycle[at]!;
    const to = cycle[at + 1] ?? cycle[1]!;
    const message = `segments reference each other in a cycle: ${cycle.join(" → ")}; break it at one of them`;
    return problem(from, placeOf(after.get(from)!, "segment", to), message);
  });
  if (problems.length > 0) return problems;
  for (const id of defined) {
    if (levels.get(id)! <= limits.nestingMax) continue;
    const chain = longestChain(id, graph, levels).join(" → ");
    const message = `${quoted(id)} is nested ${levels.get(id)} deep (${chain}); the limit is ${limits.nestingMax} (nestingMax)`;
    problems.push(problem(id, "rule", message));
  }
  return problems;
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

/** Where the source of a definition names a segment or list: `rule.all[1].segment.in[0]`. */
function placeOf(definition: Definition, op: "segment" | "list", id: string): string {
  const { source } = definition;
  const rule = isRecord(source) ? source.rule : undefined;
  return findName(rule, "rule", op, id) ?? "rule";
}

function findName(value: unknown, path: string, op: "segment" | "list", id: string): string | undefined {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findName(item, `${path}[${index}]`, op, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const [key, body] = Object.entries(value)[0] ?? [];
  if (key === undefined) return undefined;
  const at = keyPath(path, key);
  if (key !== op) return ["all", "any", "none", "not"].includes(key) ? findName(body, at, op, id) : undefined;
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
