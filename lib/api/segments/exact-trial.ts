// A definition tried on everybody by what the logs say: exact, for nothing is left unknown, and slower than asking the owners.
// Used by the command line and by the HTTP interface; the logs are played by lib/backtest.
import { backtested, type Candidate, type Playing } from "../../backtest/played.ts";
import type { TrialPart } from "../../core/partition.ts";
import type { MemberId } from "../../core/types.ts";
import { addedUp } from "./trial.ts";

/** `now`: who is in the segment of that id now, as far as it is live. */
export async function triedExactly(
  logs: Playing,
  candidate: Candidate,
  samples: number,
  now: () => Promise<readonly MemberId[]>,
): Promise<TrialPart> {
  const to = Date.now();
  const { parts } = await backtested(logs, candidate, { from: to, to }, (test, moment) => ({
    ...test.endAt(moment),
    trial: test.trial(Number.POSITIVE_INFINITY),
  }));
  const whole = addedUp(
    parts.map(({ trial }) => trial),
    Number.POSITIVE_INFINITY,
  );
  const before = new Set(await now());
  const then = new Set(whole.inSample);
  const joins = whole.inSample.filter((member) => !before.has(member));
  const leaves = [...before].filter((member) => !then.has(member));
  return {
    ...whole,
    joins: joins.length,
    leaves: leaves.length,
    inSample: whole.inSample.slice(0, samples),
    joinSample: joins.slice(0, samples),
    leaveSample: leaves.slice(0, samples),
    nearSample: whole.nearSample.slice(0, samples),
  };
}
