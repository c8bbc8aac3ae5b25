// What an erasure waits for, over all partitions, as docs/privacy.md has it: what owners say of theirs, and who is no owner.
// Beside erasure.ts, which asks.

import { counted, instant } from "../../cli/numbers.ts";
import type { Millis, PartitionNo, SegmentId } from "../../core/types.ts";
import type { ErasureWait } from "../../ports/erasing.ts";
import type { Phases } from "../../ports/erasures.ts";
import type { PartitionStatus } from "../../ports/questions.ts";

/** Beside what owners say: nobody runs the partition; it has not come to the entry; definitions name the member; exports are kept. */
export const WAITS = [
  "owner",
  "entry",
  "others",
  "folds",
  "checkpoint",
  "turn",
  "work",
  "retry",
  "hold",
  "definitions",
  "exports",
] as const;
export type WaitFor = (typeof WAITS)[number];

export interface Wait {
  readonly for: WaitFor;
  /** Those that wait for it; none, where no partition does. */
  readonly partitions: readonly PartitionNo[];
  /** Of `folds`: whose history. */
  readonly segments: readonly SegmentId[];
  /** Of `hold`; else null. */
  readonly until: Millis | null;
  readonly message: string;
}

interface Waiting {
  readonly for: ErasureWait | "owner" | "entry";
  readonly until: Millis | null;
  readonly segments: readonly SegmentId[];
}

/** In the order of `WAITS`. */
export function waitsOf(
  revision: number,
  phases: Phases,
  statuses: readonly (PartitionStatus | null)[],
  isOutOfControlLog: boolean,
  exports: number,
): readonly Wait[] {
  const waiting = statuses.flatMap((status, partition) =>
    phases.get(partition) === "deleted" ? [] : [{ partition, ...waitingOf(revision, status) }],
  );
  return WAITS.flatMap((what): Wait[] => {
    if (what === "definitions") return isOutOfControlLog ? [] : [waitFor(what, [], [], null, "one of the workers")];
    if (what === "exports") return exports === 0 ? [] : [waitFor(what, [], [], null, counted(exports, "export"))];
    const those = waiting.filter((one) => one.for === what);
    if (those.length === 0) return [];
    const partitions = those.map(({ partition }) => partition);
    const segments = [...new Set(those.flatMap((one) => one.segments))];
    const untils = those.flatMap(({ until }) => (until === null ? [] : [until]));
    return [waitFor(what, partitions, segments, untils.length === 0 ? null : Math.max(...untils), named(partitions))];
  });
}

/** As programs are told it. */
export function waitOut({ partitions, segments, until, ...wait }: Wait) {
  const moment = until === null ? null : new Date(until).toISOString();
  return { ...wait, partitions: [...partitions], segments: [...segments], until: moment };
}

function waitingOf(revision: number, status: PartitionStatus | null): Waiting {
  const nothing = { until: null, segments: [] };
  if (status === null || status.phase !== "running") return { for: "owner", ...nothing };
  if (status.revision < revision) return { for: "entry", ...nothing };
  const step = status.erasing.find((one) => one.revision === revision);
  // It is looked for once the one that is at hand gets on.
  if (step === undefined) return { for: "turn", ...nothing };
  const folds = status.folding.filter(({ failed }) => failed === null).flatMap(({ segments }) => segments);
  return { for: step.waits, until: step.until, segments: step.waits === "folds" ? folds : [] };
}

function waitFor(
  what: WaitFor,
  partitions: readonly PartitionNo[],
  segments: readonly SegmentId[],
  until: Millis | null,
  who: string,
): Wait {
  return { for: what, partitions, segments, until, message: `${wordsOf(what, segments, until)}: ${who}` };
}

function wordsOf(what: WaitFor, segments: readonly SegmentId[], until: Millis | null): string {
  switch (what) {
    case "owner":
      return "no owner that runs";
    case "entry":
      return "its log has not come to the erasure yet";
    case "others":
      return "other partitions may still tell of the member";
    case "folds":
      return `history is folded for ${segments.join(", ")}`;
    case "checkpoint":
      return "both checkpoints are written anew";
    case "turn":
      return "another erasure is there first";
    case "work":
      return "the log is read, or messages are deleted";
    case "retry":
      return "it has failed, and is tried again (the worker's log says why)";
    case "hold":
      return `deltas are kept for services until ${instant(Math.ceil(until! / 1_000) * 1_000)}`;
    case "definitions":
      return "entries that put the member on a list are written anew once every partition has come to the erasure";
    case "exports":
      return "what was exported before it is overwritten";
  }
}

const NAMED_MAX = 4;

function named(partitions: readonly PartitionNo[]): string {
  if (partitions.length > NAMED_MAX) return counted(partitions.length, "partition");
  return `${partitions.length === 1 ? "partition" : "partitions"} ${partitions.join(", ")}`;
}
