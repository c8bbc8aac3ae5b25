// Which segments a definition reads: those it names, and those that engagement weighs. control.ts puts what is nested
// before what nests it; oracle.ts looks again at what nests others whenever time passes.
import type { Definition, Rule } from "../core/rules/ast.ts";
import { references } from "../core/rules/checks/graph.ts";
import type { SegmentId } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";

/** A definition and the vocabulary by which it is read. */
export interface Readable {
  readonly definition: Definition;
  readonly vocabulary: Vocabulary;
}

export function nestedIn({ definition, vocabulary }: Readable): SegmentId[] {
  const weighed = readsEngagement(definition.rule)
    ? vocabulary.engagement.parts.flatMap(({ of }) => (of.kind === "segment" ? [of.id] : []))
    : [];
  return [...references(definition.rule), ...weighed];
}

function readsEngagement(rule: Rule): boolean {
  if ("rules" in rule) return rule.rules.some(readsEngagement);
  return "rule" in rule ? readsEngagement(rule.rule) : rule.op === "engagement";
}

/** 0 for a segment that reads none, else 1 + the highest level it reads; undefined when they read each other in a cycle. */
export function levelsOf(segments: ReadonlyMap<SegmentId, Readable>): Map<SegmentId, number> | undefined {
  const levels = new Map<SegmentId, number>();
  // Each round settles those whose nested ones are all settled; a reference to what is not there counts for nothing.
  while (levels.size < segments.size) {
    const before = levels.size;
    for (const [id, segment] of segments) {
      const nested = nestedIn(segment).filter((other) => segments.has(other));
      if (levels.has(id) || !nested.every((other) => levels.has(other))) continue;
      levels.set(id, nested.length === 0 ? 0 : 1 + Math.max(...nested.map((other) => levels.get(other)!)));
    }
    if (levels.size === before) return undefined;
  }
  return levels;
}
