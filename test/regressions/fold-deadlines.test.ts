// A fault of the past: two folds of history wait for their activation, and the deadlines of the first came back, long past,
// when its page was restored before the second was handed over. A picture taken then held them.
import { expect, test } from "vitest";
import { DEFAULT_LIMITS, type Json, type LogKind } from "../../lib/core/types.ts";
import { Rig } from "../laws/rig.ts";

const START = Date.UTC(2026, 0, 1);
/** Seconds: what the vocabulary by default counts for the score lies in the last thirty days. */
const A_CYCLE_LATER = 31 * 86_400;

test("what is handed over while another fold waits has no deadline in the past", () => {
  const rig = new Rig({
    partition: 0,
    partitions: 1,
    clockMode: "log",
    clockStepMsMax: 86_400_000,
    limits: DEFAULT_LIMITS,
    pageCacheBytesMax: 100_000_000,
    pageBytesMax: 65_536,
  });
  let seq = 0;
  const hear = (second: number, kind: LogKind, body: Json): void => {
    seq += 1;
    rig.apply({ seq, stamp: START + second * 1_000, kind, body: new TextEncoder().encode(JSON.stringify(body)) });
  };
  const apply = (revision: number, id: string, rule: Json): void =>
    hear(2, "control", { revision, entry: { op: "apply", define: [{ id, rule }], remove: [] } });

  hear(1, "event", { type: "track", userId: "ann", event: "Product Viewed" });
  apply(1, "engaged", { engagement: { score: { gte: 1 } } });
  apply(2, "asked", { event: { name: "Other", window: { last: "1h" } } });
  hear(3, "ready", { revision: 1, from: 1 });
  rig.beginCheckpoint();
  rig.finishCheckpoint();
  rig.restart();
  hear(A_CYCLE_LATER, "event", { type: "track", userId: "bob", event: "Else" });
  hear(A_CYCLE_LATER, "ready", { revision: 2, from: 1 });

  expect(rig.machine.deadline).toBeGreaterThan(rig.machine.clock);
});
