// In how many control entries an apply is written, and in which order. What one side asks of the other must be in force
// there before it can be asked, so a definition comes after those of the same apply that it names through `account` or
// `users`; all others go together. apply.ts writes one entry after the other.
import type { Definition } from "../../core/rules/ast.ts";
import { references, referencesAcross } from "../../core/rules/checks/graph.ts";
import type { SegmentId } from "../../core/types.ts";
import type { Vocabulary } from "../../core/vocabulary.ts";

/** `after`: all definitions as they will be, without cycles. Each step is in the order of `define`. */
export function stepsOf(
  define: readonly SegmentId[],
  after: ReadonlyMap<SegmentId, Definition>,
  vocabularyOf: (id: SegmentId) => Vocabulary,
): SegmentId[][] {
  const defined = new Set(define);
  const steps = new Map<SegmentId, number>();
  /** Also through what stays as it is: else an old word of a later step could close a cycle for a while. */
  const stepOf = (id: SegmentId): number => {
    const known = steps.get(id);
    const definition = after.get(id);
    if (known !== undefined || definition === undefined) return known ?? 0;
    const vocabulary = vocabularyOf(id);
    const across = new Set(defined.has(id) ? referencesAcross(definition.rule, vocabulary) : []);
    const needed = references(definition.rule, vocabulary).map(
      (target) => stepOf(target) + (across.has(target) && defined.has(target) ? 1 : 0),
    );
    const step = Math.max(0, ...needed);
    steps.set(id, step);
    return step;
  };
  const grouped: SegmentId[][] = [];
  for (const id of define) {
    const step = stepOf(id);
    grouped[step] = [...(grouped[step] ?? []), id];
  }
  // A step that only what stays as it is would be in has nothing to write.
  return grouped.filter((ids) => ids !== undefined);
}
