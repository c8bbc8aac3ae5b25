// Rules that one side evaluates for the other: what stands inside `account:` the accounts, inside `users:` the users. Each
// is known by one text, as questions are; the control log numbers them, and the sides tell each other how they turn.
import type { MemberKind } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import { type AccountRule, type Definition, type Rule, rulesInside, type UsersRule } from "../ast.ts";
import { otherSide } from "./questions.ts";
import { canonical, type QuestionScope } from "./texts.ts";
import { vocabularyTextOfRule } from "./vocabulary-reads.ts";

export interface Flag {
  /** Who evaluates it. */
  readonly side: MemberKind;
  readonly key: string;
  /** What is evaluated: the rule inside. */
  readonly rule: Rule;
  /** In which zone it is read; "UTC" on accounts where the definition's is "user". */
  readonly zone: string;
  readonly vocabulary: Vocabulary;
  /** 0: it holds no flag; else 1 + that of the deepest flag that it holds. */
  readonly depth: number;
}

/** Of all that is inside: an inner flag before the one that holds it, each key once. */
export function flagsIn(definition: Definition, vocabulary: Vocabulary): Flag[] {
  const flags = new Map<string, Flag>();
  collectFlags(definition.rule, { zone: definition.zone, vocabulary }, flags);
  return [...flags.values()];
}

/** Gives how deep the flags inside are nested: 0 where there are none. */
function collectFlags(rule: Rule, scope: QuestionScope, flags: Map<string, Flag>): number {
  if (rule.op !== "account" && rule.op !== "users") {
    return Math.max(0, ...rulesInside(rule).map((inner) => collectFlags(inner, scope, flags)));
  }
  const inside = otherSide(rule, scope);
  const depth = collectFlags(rule.rule, inside.scope, flags);
  const flag = { side: inside.side, key: flagKey(rule, scope), rule: rule.rule, ...inside.scope, depth };
  if (!flags.has(flag.key)) flags.set(flag.key, flag);
  return depth + 1;
}

/** The text of the flag by which such a rule is decided; `scope`: that by which the rule itself is read. */
export function flagKey(rule: AccountRule | UsersRule, scope: QuestionScope): string {
  const { side, scope: inside } = otherSide(rule, scope);
  const vocabulary = vocabularyTextOfRule(rule.rule, inside.vocabulary);
  return canonical({ side, rule: rule.rule, zone: inside.zone, vocabulary });
}
