// Who refers to a segment or to a list: the segments whose rule names it, and the engagement that counts it. Such a thing can
// be neither deleted nor disabled. Asked by the command line and by the HTTP interface.
import { listReferences, references } from "../../core/rules/checks/graph.ts";
import type { SegmentId } from "../../core/types.ts";
import type { Catalogue } from "./catalogue.ts";

export interface Uses {
  /** Segments, in force or being prepared. */
  readonly segments: readonly SegmentId[];
  /** Whether the vocabulary's engagement counts it. */
  readonly engagement: boolean;
}

export function usesOfSegment({ state }: Catalogue, id: SegmentId): Uses {
  const words = [...state.words().values()];
  const using = words.filter(({ definition, vocabulary }) => references(definition.rule, vocabulary).includes(id));
  const { parts } = state.newestVocabulary.engagement;
  return {
    segments: using.map(({ definition }) => definition.id).sort(),
    engagement: parts.some(({ of }) => of.kind === "segment" && of.id === id),
  };
}

/** The other way round: the segments that a segment refers to. */
export function segmentsUsedIn({ state }: Catalogue, id: SegmentId): readonly SegmentId[] {
  const word = state.words().get(id);
  return word === undefined ? [] : [...new Set(references(word.definition.rule, word.vocabulary))].sort();
}

/** Also what is in force until a newer version, which names the list no more, takes its place. */
export function segmentsUsingList({ state }: Catalogue, list: string): SegmentId[] {
  const pending = [...state.pending.values()].flatMap(({ define }) => [...define.values()]);
  const using = [...state.active.values(), ...pending].filter(({ definition }) =>
    listReferences(definition.rule).includes(list),
  );
  return [...new Set(using.map(({ definition }) => definition.id))].sort();
}
