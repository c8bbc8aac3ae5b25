// What is wrong with a definition: where, why, and the word that was probably meant.
// Every parser of this folder reports here instead of throwing; lib/definitions maps paths back to lines.
import type { Limits, MemberKind } from "../../types.ts";

export interface Problem {
  /** Where: `rule.all[1].event.window.last`; a key that is no plain word is written `["a.b"]`. Empty: the whole. */
  readonly path: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** The word that was probably meant, where one is likely. */
  readonly hint?: string;
}

/** A definition can hold one mistake ten thousand times; nobody reads more than this many. */
const PROBLEMS_MAX = 100;
const SUGGESTED_LENGTH_MAX = 64;
const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

export function keyPath(path: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

export function itemPath(path: string, index: number): string {
  return `${path}[${index}]`;
}

/** The steps of a path: `rule.all[1]` is ["rule", "all", 1]. The inverse of keyPath and itemPath. */
export function splitPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([A-Za-z0-9_-]+)/g)) {
    const [, index, quoted, plain] = match;
    if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(JSON.parse(quoted) as string);
    else if (plain !== undefined) steps.push(plain);
  }
  return steps;
}

/** Collects the problems and warnings of one definition, counts its nodes, and knows whose rule is being read. */
export class Report {
  readonly limits: Limits;
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  #nodes = 0;
  #kind: MemberKind = "user";

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Of whom the rule speaks that is being read. */
  get kind(): MemberKind {
    return this.#kind;
  }

  /** Reads something that speaks of that kind, and then goes on with the one before. */
  readingOf<T>(kind: MemberKind, read: () => T): T {
    const before = this.#kind;
    this.#kind = kind;
    const value = read();
    this.#kind = before;
    return value;
  }

  problem(path: string, message: string, hint?: string): undefined {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problemOf(path, message, hint));
    return undefined;
  }

  warn(path: string, message: string, hint?: string): void {
    if (this.warnings.length < PROBLEMS_MAX) this.warnings.push(problemOf(path, message, hint));
  }

  /**
   * True when one more node may stand here. A rule is as deep as its combinations: the where and the tests of a rule
   * stand at its own depth, what is inside all, any, none, not, account, users and has one deeper. Bounds the work too: aliases can
   * make a small file a large tree.
   */
  enter(path: string, depth: number): boolean {
    const { ruleNodesMax, ruleDepthMax } = this.limits;
    this.#nodes += 1;
    if (this.#nodes === ruleNodesMax + 1) {
      this.problem(path, `the rule has more than ${ruleNodesMax} nodes (limits.ruleNodesMax); split it into segments`);
    }
    if (this.#nodes > ruleNodesMax) return false;
    if (depth <= ruleDepthMax) return true;
    this.problem(path, `the rule is nested deeper than ${ruleDepthMax} (limits.ruleDepthMax); split it into segments`);
    return false;
  }
}

export function problemOf(path: string, message: string, hint?: string): Problem {
  return hint === undefined ? { path, message } : { path, message, hint };
}

/** A value as people see it in a message: its type, and the value itself where it is short. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return `the text ${JSON.stringify(shortened(value))}`;
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`;
  if (typeof value === "boolean") return `${value}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

export function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Reports every key of `value` that is not in `allowed`; `synonyms` leads words of other languages to ours. */
export function checkKeys(
  value: Fields,
  path: string,
  report: Report,
  allowed: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): void {
  for (const key of Object.keys(value)) {
    if (allowed.includes(key)) continue;
    if (refuseForbidden(key, path, report)) continue;
    report.problem(
      keyPath(path, key),
      `unknown key ${quoted(key)}; allowed: ${allowed.join(", ")}`,
      suggestion(key, allowed, synonyms),
    );
  }
}

/** True, and reported, when a key is one that JavaScript itself would act on. */
export function refuseForbidden(key: string, path: string, report: Report): boolean {
  if (!FORBIDDEN_KEYS.has(key)) return false;
  report.problem(keyPath(path, key), `the key ${quoted(key)} is refused; choose another name`);
  return true;
}

export function suggestion(
  word: string,
  candidates: Iterable<string>,
  synonyms: Readonly<Record<string, string>> = {},
): string | undefined {
  const lower = word.toLowerCase();
  if (Object.hasOwn(synonyms, lower)) return synonyms[lower];
  return nearest(word, candidates);
}

/** The candidate with the fewest edits, if they are few for the word's length; the first of equals. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > SUGGESTED_LENGTH_MAX) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestEdits = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestEdits) continue;
    const edits = editDistance(lower, candidate.toLowerCase());
    // A two-letter word changed in both letters is another word.
    if (edits >= bestEdits || edits >= Math.max(word.length, candidate.length)) continue;
    best = candidate;
    bestEdits = edits;
  }
  return best;
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, beforeLast[j - 2]! + 1);
      row.push(edits);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
