// The names by which a definition leans on the vocabulary: actions and types of items, outcomes of campaigns.
// Whoever applies definitions asks it, by the vocabulary that they will be read by.
import type { Vocabulary } from "../../vocabulary.ts";
import type { Definition } from "../ast.ts";
import { keyPath, nearest, type Problem, problemOf, quoted } from "../parse/problems.ts";
import { labelIn, type WrittenRule, writtenRules } from "./written.ts";

/** Names that no event of the vocabulary yields: lawful, and never true. Unknown funnels are refused: check-funnels.ts. */
export function warningsByVocabulary(definition: Definition, vocabulary: Vocabulary): Problem[] {
  return writtenRules(definition).flatMap((rule) => {
    if (rule.name === "item") return checkItem(rule, vocabulary);
    if (rule.name === "favorite") return checkType(rule, vocabulary);
    return rule.name === "campaign" ? checkOutcome(rule, vocabulary) : [];
  });
}

function checkItem(rule: WrittenRule, vocabulary: Vocabulary): Problem[] {
  const action = labelIn(rule.body, "action")!;
  const actions = [...new Set(Object.values(vocabulary.items.events).map((event) => event.action))];
  const unknown = actions.includes(action)
    ? []
    : [never(rule, "action", `the action ${quoted(action)}`, action, actions)];
  return [...unknown, ...checkType(rule, vocabulary)];
}

function checkType(rule: WrittenRule, { items }: Vocabulary): Problem[] {
  const type = labelIn(rule.body, "type");
  if (type === undefined || items.types.includes(type)) return [];
  const message = `never true: the vocabulary has no item type ${quoted(type)}; ${known("its types are", items.types)}`;
  return [problemOf(keyPath(rule.path, "type"), message, nearest(type, items.types))];
}

function checkOutcome(rule: WrittenRule, { campaigns }: Vocabulary): Problem[] {
  const outcome = labelIn(rule.body, "outcome")!;
  const outcomes = [...new Set(Object.values(campaigns))];
  return outcomes.includes(outcome)
    ? []
    : [never(rule, "outcome", `the outcome ${quoted(outcome)}`, outcome, outcomes)];
}

function never({ path }: WrittenRule, key: string, what: string, name: string, names: readonly string[]): Problem {
  const message = `never true: no event of the vocabulary makes ${what}; ${known("there are", names)}`;
  return problemOf(keyPath(path, key), message, nearest(name, names));
}

const LISTED_MAX = 12;

function known(lead: string, names: readonly string[]): string {
  if (names.length === 0) return "it has none";
  const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : "";
  return `${lead} ${names.slice(0, LISTED_MAX).join(", ")}${more}`;
}
