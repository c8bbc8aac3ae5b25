// What a part of `npm run chaos` is: it brings up real processes, does one kind of harm to them, and reports what was seen.
// run.ts plays all of them and prints one table; an observation that does not hold fails the run.

/** One row of the report. */
export interface Observation {
  readonly fault: string;
  /** How often it was done. */
  readonly times: number;
  /** What was seen, in words and figures that a reader can check: lost, repeated, refused with which code, healed how. */
  readonly seen: string;
  readonly held: boolean;
}

export interface ScenarioContext {
  readonly seed: number;
  /** Time to spend where more of the same is worth something; a scenario that is done once ignores it. */
  readonly minutes: number;
  /** Says in one line what is going on now. */
  say(line: string): void;
}

export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  /** Throws only when the harm itself could not be done; whatever the product did wrong is an observation. */
  run(context: ScenarioContext): Promise<readonly Observation[]>;
}
