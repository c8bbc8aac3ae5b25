// A change or a question that cannot be, as a value with a code: what is asked for is not there, is in use, has moved on, is
// wrong. Thrown by the topics of lib/api; refusals.ts makes an answer of it, the command line an exit code.
import type { Problem } from "../../core/rules/parse/problems.ts";

/** `unknown`: it is not there. `conflict`: not as things stand. `moved`: not as whoever asks has last seen it. `bad`: it can be read, and is wrong. `malformed`: it cannot be read. `busy`: not now. */
export type Why = "unknown" | "conflict" | "moved" | "bad" | "malformed" | "busy";

export class NotPossible extends Error {
  override readonly name = "NotPossible";
  readonly why: Why;
  /** For programs: `segment-in-use`. */
  readonly code: string;
  readonly problems: readonly Problem[] | undefined;

  constructor(why: Why, code: string, message: string, problems?: readonly Problem[]) {
    super(message);
    this.why = why;
    this.code = code;
    this.problems = problems;
  }
}

/** The first of several problems as a sentence: with how many more there are, and one full stop. */
export function ended(message: string, more: string): string {
  return more === "" && /[.…]$/.test(message) ? message : `${message.replace(/[.]$/, "")}${more}.`;
}
