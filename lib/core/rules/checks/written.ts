// The rules of a definition as somebody wrote them, each with its place: for checks that speak of names after parsing.
// check-vocabulary.ts and seen.ts walk it. What comes in has been parsed, so nothing here looks for mistakes.
import type { Json, MemberKind } from "../../types.ts";
import type { Definition } from "../ast.ts";
import { isObject, itemPath, keyPath } from "../parse/problems.ts";
import { STEPS } from "../words/grammar.ts";

export interface WrittenRule {
  readonly name: string;
  /** Of whom it speaks. */
  readonly kind: MemberKind;
  /** What stands under the name. */
  readonly body: unknown;
  /** Of the body: `rule.all[1].event`. */
  readonly path: string;
}

/** Every rule but those that only hold others, in the order of writing; the steps of a sequence as rules of their own. */
export function writtenRules({ source, kind }: Definition): WrittenRule[] {
  const found: WrittenRule[] = [];
  if (isObject(source)) walkRule(source.rule as Json, "rule", kind, found);
  return found;
}

function walkRule(rule: unknown, path: string, kind: MemberKind, found: WrittenRule[]): void {
  if (!isObject(rule)) return;
  const [name, body] = Object.entries(rule)[0] ?? [];
  if (name === undefined) return;
  const at = keyPath(path, name);
  if (name === "not") walkRule(body, at, kind, found);
  else if (name === "account") walkRule(body, at, "account", found);
  else if (name === "users") walkRule(isObject(body) ? body.rule : undefined, keyPath(at, "rule"), "user", found);
  else if (Array.isArray(body))
    for (const [index, inner] of body.entries()) walkRule(inner, itemPath(at, index), kind, found);
  else if (name === "sequence") walkSteps(body, at, kind, found);
  else found.push({ name, kind, body, path: at });
}

function walkSteps(sequence: unknown, path: string, kind: MemberKind, found: WrittenRule[]): void {
  const steps: unknown = isObject(sequence) ? sequence.steps : undefined;
  if (!Array.isArray(steps)) return;
  for (const [index, step] of steps.entries()) walkStep(step, itemPath(keyPath(path, "steps"), index), kind, found);
}

function walkStep(step: unknown, path: string, kind: MemberKind, found: WrittenRule[]): void {
  if (!isObject(step)) return;
  if (step.absent !== undefined) walkStep(step.absent, keyPath(path, "absent"), kind, found);
  for (const name of STEPS) {
    if (Object.hasOwn(step, name)) found.push({ name, kind, body: step[name], path: keyPath(path, name) });
  }
}

/** The value of a key of a rule, where it is text or a number: names and ids. */
export function labelIn(body: unknown, key: string): string | undefined {
  const value: unknown = isObject(body) ? body[key] : undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
