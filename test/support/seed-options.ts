// What programs that play seeds take on their command line: a number, and a range of seeds.
// Used by test/laws/run.ts and test/simulation/run.ts.
import { InvalidArgumentError } from "commander";

/** Both ends are played. */
export interface SeedRange {
  readonly from: number;
  readonly to: number;
}

/** A whole number from 1 on. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("a whole number from 1 on is wanted");
  return value;
}

/** As in 1..2000. */
export function seedRange(text: string): SeedRange {
  const [from, to, ...more] = text.split("..").map(positive);
  if (from === undefined || to === undefined || more.length > 0 || to < from)
    throw new InvalidArgumentError("two numbers are wanted, as in 1..2000");
  return { from, to };
}
