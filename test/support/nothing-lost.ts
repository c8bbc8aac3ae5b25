// The end of a test with real processes: everything is recomputed and compared, and nothing may differ.
// Stands beside real-cluster.ts, which knows no test framework.
import { expect } from "vitest";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import type { Alternation } from "./alternation.ts";
import type { Load } from "./load.ts";
import { differencesOf, figuresOf, type RealCluster, tell, total } from "./real-cluster.ts";

/** Ends the load, waits for the last word, recomputes everything, and prints both sides; `ear` heard all of it. */
export async function expectNothingLost(
  cluster: RealCluster,
  load: Load,
  what: string,
  more: Readonly<Record<string, number | string>> = {},
  ear?: Alternation,
): Promise<readonly PartitionStatus[]> {
  await load.stop();
  const statuses = await cluster.everyPartitionRuns();
  await cluster.caughtUp();
  const report = await cluster.verify();
  const events = await cluster.eventsStored();
  tell(what, {
    ...more,
    "events/s": load.perSecond,
    acknowledged: load.stored,
    "events in the logs": events,
    "take-overs": total(statuses, ({ epoch }) => epoch - 1),
    ...figuresOf(report),
    ...(ear === undefined ? {} : { "heard by a subscriber": ear.heard }),
  });
  expect(differencesOf(report)).toEqual([]);
  expect(report.equal).toBe(true);
  if (ear !== undefined) {
    expect(ear.faults, "each delta heard once, in order").toEqual([]);
    expect(ear.heard).toBeGreaterThanOrEqual(report.deltas.actual);
  }
  expect(events, "each acknowledged event stands in a log, once").toBe(load.stored);
  expect(report.deltas.expected).toBeGreaterThan(1_000);
  return statuses;
}
