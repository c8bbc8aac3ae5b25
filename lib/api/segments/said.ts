// A segment said in plain words: its rule as a sentence, and what it costs beside the others in force.
// For `segments show` and whoever else shows one segment; the words are lib/core/rules' business.

import type { ControlState } from "../../core/engine/control-state.ts";
import type { Definition } from "../../core/rules/ast.ts";
import { type Cost, costOf, questionsInForce } from "../../core/rules/checks/cost.ts";
import { parseDefinition } from "../../core/rules/parse/parse.ts";
import { definitionSentence } from "../../core/rules/words/sentence.ts";
import type { Limits } from "../../core/types.ts";
import type { Vocabulary } from "../../core/vocabulary.ts";
import type { Catalogue, CatalogueEntry } from "./catalogue.ts";

export interface Said {
  readonly sentence: string;
  readonly cost: Cost;
}

/** Undefined for a draft that does not parse. */
export function saidOf({ id, definition }: CatalogueEntry, { state }: Catalogue, limits: Limits): Said | undefined {
  const parsed = parseDefinition(definition, limits);
  if (!parsed.ok) return undefined;
  const vocabulary = state.active.get(id)?.vocabulary ?? state.newestVocabulary;
  return saidOfDefinition(parsed.definition, vocabulary, state);
}

/** Of one that need not be in force. */
export function saidOfDefinition(definition: Definition, vocabulary: Vocabulary, { active }: ControlState): Said {
  const others = [...active.values()].filter((other) => other.definition.id !== definition.id);
  return {
    sentence: definitionSentence(definition),
    cost: costOf(definition, vocabulary, questionsInForce(others)),
  };
}
