// Law 5: the work an event causes follows what it could flip, not how many segments, people or past events there are.
import { expect, test } from "vitest";
import { createPartition, type PartitionCore } from "../../../lib/core/engine/core.ts";
import type { LogKind } from "../../../lib/core/types.ts";
import { DEFAULT_LIMITS, type Json } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../../lib/core/vocabulary.ts";

const START = Date.UTC(2026, 0, 5);

function partition(define: Json[]): {
  machine: PartitionCore;
  send: (kind: LogKind, body: Json, at?: number) => number;
} {
  const machine = createPartition({
    partition: 0,
    partitions: 1,
    clockMode: "log",
    clockStepMsMax: 86_400_000,
    limits: DEFAULT_LIMITS,
    vocabulary: DEFAULT_VOCABULARY,
    pageCacheBytesMax: 1e9,
    pageBytesMax: 65_536,
  });
  let seq = 0;
  const send = (kind: LogKind, body: Json, at = START): number => {
    seq += 1;
    const record = { seq, stamp: at, kind, body: new TextEncoder().encode(JSON.stringify(body)) };
    if (machine.needsShadow(record)) {
      const shadow = machine.shadow(1);
      for (let past = 1; past < seq; past += 1) shadow.apply({ ...record, seq: past, kind: "clock" });
      machine.provideShadow(shadow);
    }
    const step = machine.apply(record);
    for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
    return machine.takeDeltas().length;
  };
  send("control", { revision: 1, entry: { op: "apply", define, remove: [] } });
  send("ready", { revision: 1, from: 1 });
  send("control", { revision: 2, entry: { op: "activate", revision: 1 } });
  return { machine, send };
}

const seen = (event: string, userId = "u1"): Json => ({ type: "track", event, userId });

test("an event that concerns one rule evaluates one, beside three thousand others", () => {
  const define = Array.from({ length: 3_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { event: { name: `E${index}`, count: { gte: 2 } } },
  }));
  const { machine, send } = partition(define);
  send("event", seen("E7"));
  const before = { ...machine.work };
  expect(send("event", seen("E7"))).toBe(1);
  expect(machine.work.evaluations - before.evaluations).toBe(1);
  expect(machine.work.touches - before.touches).toBe(1);
});

test("thresholds that a count does not pass are not looked at", () => {
  const define = Array.from({ length: 5_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { event: { name: "A", count: { gte: index + 1 } } },
  }));
  const { machine, send } = partition(define);
  for (let n = 1; n <= 20; n += 1) {
    const before = machine.work.evaluations;
    expect(send("event", seen("A"))).toBe(1);
    expect(machine.work.evaluations - before).toBe(1);
  }
});

test("segments that insist on a trait are not looked at for people who have another", () => {
  const define = Array.from({ length: 3_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { all: [{ trait: { plan: `plan-${index}` } }, { event: { name: "A", count: { gte: 1 } } }] },
  }));
  const { machine, send } = partition(define);
  send("event", { type: "identify", userId: "u1", traits: { plan: "plan-42" } });
  const before = machine.work.evaluations;
  expect(send("event", seen("A"))).toBe(1);
  expect(machine.work.evaluations - before).toBe(1);
});

test("silence wakes only those whom it concerns", () => {
  const { machine, send } = partition([
    { id: "busy", name: "busy", rule: { event: { name: "A", count: { gte: 3 }, window: { last: "10s" } } } },
  ]);
  for (let person = 0; person < 500; person += 1) send("event", seen("A", `idle${person}`));
  for (let n = 0; n < 3; n += 1) send("event", seen("A", "busy"));
  const before = machine.work.wakeUps;
  expect(send("clock", {}, START + 3_600_000)).toBe(1);
  expect(machine.work.wakeUps - before).toBe(1);
});
