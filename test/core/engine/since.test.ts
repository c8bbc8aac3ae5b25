// Where a log has lost its beginning, what a rule counts is known only from there on: explain says so, after a restart, too.
import { expect, test } from "vitest";
import type { ControlEntry } from "../../../lib/core/control.ts";
import { createPartition, type PartitionCore, restorePartition } from "../../../lib/core/engine/core.ts";
import { DEFAULT_LIMITS, type Json, type LogKind, type LogRecord } from "../../../lib/core/types.ts";

const START = Date.UTC(2026, 0, 5);
const OPTIONS = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 86_400_000,
  limits: DEFAULT_LIMITS,
  pageCacheBytesMax: 1e9,
  pageBytesMax: 65_536,
} as const;
const ENTRIES: ControlEntry[] = [
  { op: "apply", define: [{ id: "seen", rule: { event: { name: "Ping", count: { gte: 2 } } } }], remove: [] },
  { op: "activate", revision: 1 },
];

function recordOf(seq: number, kind: LogKind, body: Json): LogRecord {
  return { seq, stamp: START + seq * 1_000, kind, body: new TextEncoder().encode(JSON.stringify(body)) };
}

/** A log from `first` on: one event, then the definition, folded over what there is. */
function played(first: number): PartitionCore {
  const machine = createPartition(OPTIONS);
  const log = [
    recordOf(first, "event", { type: "track", userId: "u1", event: "Ping" }),
    recordOf(first + 1, "control", { revision: 1, entry: ENTRIES[0] as unknown as Json }),
    recordOf(first + 2, "ready", { revision: 1, from: first }),
    recordOf(first + 3, "control", { revision: 2, entry: ENTRIES[1] as unknown as Json }),
  ];
  for (const record of log) {
    if (machine.needsShadow(record)) {
      const shadow = machine.shadow(1);
      for (const past of log) if (past.seq < record.seq) shadow.apply(past);
      machine.provideShadow(shadow);
    }
    const step = machine.apply(record);
    for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
  }
  return machine;
}

const sinceOf = (machine: PartitionCore) => machine.explain("seen", "u1")!.nodes![0]!.since;

test("nothing is said of a log that is whole", () => {
  expect(sinceOf(played(1))).toBeUndefined();
});

test("a log that begins later says from when on it counts, and still does after a restart", () => {
  const machine = played(50);
  expect(sinceOf(machine)).toBe(START + 50_000);
  const { meta, pages, next } = machine.freeze();
  const restored = restorePartition(OPTIONS, { meta, entries: ENTRIES });
  const [page] = pages;
  restored.providePage(page!, next()!.bytes);
  expect(sinceOf(restored)).toBe(START + 50_000);
});
