// The names by which a definition leans on the vocabulary: funnels and their steps, actions and types of items, outcomes.
// Whoever applies definitions asks it, by the vocabulary that they will be read by.
import type { Vocabulary } from "../vocabulary.ts";
import type { Definition } from "./ast.ts";
import { FUNNEL_RELATIONS } from "./grammar.ts";
import { keyPath, nearest, type Problem, problemOf, quoted } from "./problems.ts";
import { labelIn, type WrittenRule, writtenRules } from "./written.ts";

export interface VocabularyCheck {
  /** Funnels and steps that there are not: the definition is refused. */
  readonly problems: readonly Problem[];
  /** Names that no event of the vocabulary yields: lawful, and never true. */
  readonly warnings: readonly Problem[];
}

export function checkAgainstVocabulary(definition: Definition, vocabulary: Vocabulary): VocabularyCheck {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const rule of writtenRules(definition)) {
    if (rule.name === "funnel") problems.push(...checkFunnel(rule, vocabulary));
    if (rule.name === "item") warnings.push(...checkItem(rule, vocabulary));
    if (rule.name === "favorite") warnings.push(...checkType(rule, vocabulary));
    if (rule.name === "campaign") warnings.push(...checkOutcome(rule, vocabulary));
  }
  return { problems, warnings };
}

function checkFunnel({ body, path }: WrittenRule, { funnels }: Vocabulary): Problem[] {
  const id = labelIn(body, "id")!;
  if (!Object.hasOwn(funnels, id)) {
    const message = `the vocabulary has no funnel ${quoted(id)}; ${known("its funnels are", Object.keys(funnels))}`;
    return [problemOf(keyPath(path, "id"), message, nearest(id, Object.keys(funnels)))];
  }
  const names = funnels[id]!.steps.map(({ name }) => name);
  const relation = FUNNEL_RELATIONS.find((key) => labelIn(body, key) !== undefined)!;
  const step = labelIn(body, relation)!;
  if (names.includes(step)) return [];
  const message = `the funnel ${quoted(id)} has no step ${quoted(step)}; ${known("its steps are", names)}`;
  return [problemOf(keyPath(path, relation), message, nearest(step, names))];
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
