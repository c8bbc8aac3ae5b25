// What a definition costs to bring into force: nothing new, counters of its own, or a reading of all history.
// `segments apply` and `segments show` say it; what is asked, questions.ts decides.
import type { Vocabulary } from "../../vocabulary.ts";
import type { Definition } from "../ast.ts";
import { type Flag, flagsIn } from "../questions/flags.ts";
import { questionKeys } from "../questions/questions.ts";

export interface Cost {
  /** `light`: what it reads is kept already. `stateful`: new counters. `history`: these are made from all history first. */
  readonly class: "light" | "stateful" | "history";
  readonly why: string;
}

/** `asked`: the questions and flags of the other segments in force. `hasHistory`: false while nobody is known yet. */
export function costOf(
  definition: Definition,
  vocabulary: Vocabulary,
  asked: ReadonlySet<string>,
  hasHistory = true,
): Cost {
  const keys = questionKeys(definition, vocabulary);
  const fresh = keys.filter((key) => !asked.has(key)).length;
  const across = flagsIn(definition, vocabulary).filter(({ key }) => !asked.has(key));
  if (fresh === 0 && across.length > 0) return { class: "stateful", why: whyAcross(across) };
  if (keys.length === 0) {
    return { class: "light", why: "it reads only what is kept of everybody, and counts nothing of its own" };
  }
  if (fresh === 0) return { class: "light", why: "all that it counts is counted already, for other segments" };
  const counts = `it counts ${fresh === 1 ? "one thing" : `${fresh} things`} that no other segment counts`;
  if (!hasHistory) return { class: "stateful", why: `${counts}; there is no history yet to read for that` };
  return { class: "history", why: `${counts}, so history is read for that before it is in force` };
}

function whyAcross(flags: readonly Flag[]): string {
  const sides = new Set(flags.map(({ side }) => side));
  const whom = sides.size > 1 ? "accounts and users" : sides.has("account") ? "accounts" : "the users of accounts";
  return `it asks ${whom} what no other segment asks, so that is worked out for all of them before it is in force`;
}

/** What one side is asked by the other already. */
export function flagsInForce(segments: Iterable<InForce>): Set<string> {
  const asked = new Set<string>();
  for (const { definition, vocabulary } of segments) {
    for (const { key } of flagsIn(definition, vocabulary)) asked.add(key);
  }
  return asked;
}

interface InForce {
  readonly definition: Definition;
  readonly vocabulary: Vocabulary;
}

/** What is asked already: each segment in force, read by its own vocabulary. */
export function questionsInForce(segments: Iterable<InForce>): Set<string> {
  const asked = new Set<string>();
  for (const { definition, vocabulary } of segments) {
    for (const key of questionKeys(definition, vocabulary)) asked.add(key);
  }
  return asked;
}
