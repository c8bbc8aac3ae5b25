// A bug planted on purpose: a change of the compiled program's text, made while a module is loaded (hook.ts), so that no
// production file knows of it. A text that no longer occurs exactly once fails the run.

export interface Mutant {
  readonly name: string;
  /** What is wrong with it, in one line. */
  readonly bug: string;
  /** Below dist/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Environment of the program that looks for it, where that says what to look at: it is found with less work. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Found it once, and is tried before all others; it may have grown old, and then the search is from 1 on. */
  readonly seed?: number;
}

/** The environment holds the bug to plant, as JSON. */
export const MUTANT_VARIABLE = "ROLLCALL_MUTANT";
