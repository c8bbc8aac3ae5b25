// What a bench is: a question, sizes, and rows that put two sides and their ratio beside a goal.
// Every *.bench.ts gives one; run.ts and cli.ts run them, table.ts prints them.

export type Sizes = Readonly<Record<string, number>>;

/** A goal as a bound on the ratio. */
export interface Goal {
  readonly least: number;
  readonly aim: number;
  /** "more": the ratio must reach the bound. "less": it must stay at or below it. */
  readonly better: "more" | "less";
}

export interface Side {
  readonly name: string;
  /** With its unit: "231 k/s". */
  readonly value: string;
}

/** Medians over rounds; low and high are the smallest and the largest round. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Row {
  readonly question: string;
  readonly goal?: Goal;
  readonly left: Side;
  readonly right: Side;
  readonly ratio: Ratio;
  /** Crossings and flips per event, CPU, or whatever else the reader needs to judge the row. */
  readonly notes?: readonly string[];
}

export interface Result {
  readonly rows: readonly Row[];
  /** What was found equal to what, so that a fast wrong answer is none. */
  readonly checked: readonly string[];
  /** Of everything the bench computed that must not change from run to run with the same sizes. */
  readonly hash: string;
}

export type Progress = (text: string) => void;

export interface Bench {
  readonly name: string;
  readonly question: string;
  /** `full` for the record, `quick` for a look, `tiny` for the test suite. */
  readonly sizes: { readonly full: Sizes; readonly quick: Sizes; readonly tiny: Sizes };
  run(sizes: Sizes, progress: Progress): Promise<Result>;
}

/** A size that the bench must have been given. */
export function size(sizes: Sizes, key: string): number {
  const value = sizes[key];
  if (value === undefined) throw new RangeError(`the bench needs a size named ${key}`);
  return value;
}
