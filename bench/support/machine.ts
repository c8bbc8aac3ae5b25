// A partition's machine in this process, with definitions in force and everybody in memory: the hot path without a network.

import type { ControlCopy, ControlEntry } from "../../lib/core/control.ts";
import { createPartition, type PartitionCore } from "../../lib/core/engine/core.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { PartitionOptions } from "../../lib/core/partition.ts";
import { DEFAULT_LIMITS, type Json, type LogRecord } from "../../lib/core/types.ts";
import { type LoadEvent, START } from "./load.ts";

export const MACHINE_OPTIONS: PartitionOptions = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 30 * 86_400_000,
  limits: DEFAULT_LIMITS,
  pageCacheBytesMax: Number.POSITIVE_INFINITY,
  pageBytesMax: 64 * 1024,
};

/** Sequence of the first event: the definitions come before it. */
export const FIRST_EVENT_SEQ = 4;

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** The messages that put definitions in force: apply, ready, activate. */
export function controlRecords(definitions: readonly Json[]): LogRecord[] {
  const control = (seq: number, revision: number, entry: ControlEntry): LogRecord => {
    const copy: ControlCopy = { revision, entry };
    return { seq, stamp: START, kind: "control", body: json(copy) };
  };
  return [
    control(1, 1, { op: "apply", define: definitions, remove: [] }),
    { seq: 2, stamp: START, kind: "ready", body: json({ revision: 1, from: 1 }) },
    control(3, 2, { op: "activate", revision: 1 }),
  ];
}

export function machineWith(definitions: readonly Json[], options: Partial<PartitionOptions> = {}): PartitionCore {
  const machine = createPartition({ ...MACHINE_OPTIONS, ...options });
  const records = controlRecords(definitions);
  for (const record of records) {
    if (machine.needsShadow(record)) {
      const shadow = machine.shadow(1);
      for (const past of records) if (past.seq < record.seq) shadow.apply(past);
      machine.provideShadow(shadow);
    }
    drive(machine, record);
  }
  if (machine.takeRejects().length > 0) throw new Error("a definition of the bench was refused");
  return machine;
}

/** One step, with every page at hand. */
export function drive(machine: PartitionCore, record: LogRecord): void {
  const step = machine.apply(record);
  if (step === undefined) return;
  for (let need = step.next(); need.done !== true; need = step.next()) {
    if (need.value !== null) throw new Error(`page ${need.value} is not in memory`);
  }
}

export interface Prepared {
  readonly record: LogRecord;
  readonly userId: string;
  readonly isMain: boolean;
}

/** Events as the log would hold them, of one partition of so many. */
export function prepare(events: Iterable<LoadEvent>, partition = 0, partitions = 1): Prepared[] {
  const prepared: Prepared[] = [];
  for (const { userId, at, isMain, body } of events) {
    if (partitions > 1 && partitionOf(userId, partitions) !== partition) continue;
    const seq = FIRST_EVENT_SEQ + prepared.length;
    prepared.push({ userId, isMain, record: { seq, stamp: at, kind: "event", body: Buffer.from(body) } });
  }
  return prepared;
}

/** Applies what comes before the load proper; returns the rest, and forgets the work counted so far. */
export function introduce(machine: PartitionCore, prepared: readonly Prepared[]): readonly Prepared[] {
  const first = prepared.findIndex(({ isMain }) => isMain);
  for (const { record } of prepared.slice(0, first)) drive(machine, record);
  Object.assign(machine.work, { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 });
  return prepared.slice(first);
}
