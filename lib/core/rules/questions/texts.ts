// How questions are written down: as canonical text, with the zone where what is asked is a matter of local time.
import type { Vocabulary } from "../../vocabulary.ts";
import type { Path, Test, Where, Window } from "../ast.ts";

/** What a rule is read by besides itself. */
export interface QuestionScope {
  /** A zone's name, or "user". */
  readonly zone: string;
  readonly vocabulary: Vocabulary;
}

export function isLocalWindow(window: Window): boolean {
  if (window.kind === "calendar") return true;
  if (window.kind !== "range") return false;
  return [window.from, window.to].some((bound) => bound !== undefined && "day" in bound);
}

export function isLocalPath(path: Path): boolean {
  return path[0] === "at";
}

export function whereAsksLocalTime(where: Where): boolean {
  switch (where.op) {
    case "all":
    case "any":
    case "none":
      return where.wheres.some(whereAsksLocalTime);
    case "not":
      return whereAsksLocalTime(where.where);
    case "test":
      return isLocalPath(where.path) || testAsksLocalTime(where.test);
  }
}

export function testAsksLocalTime(test: Test): boolean {
  // A date without a time is midnight in the segment's zone, so every date test reads the zone.
  return test.some((part) => part.op === "date" || (part.op === "has" && whereAsksLocalTime(part.where)));
}

/** JSON with the keys of every object in order, so that the text does not depend on how a tree was built. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}
