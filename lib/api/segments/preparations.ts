// What is being prepared, as people watch it: of each batch that waits for its history, how far every partition is, how
// fast it goes, what is left, and why it goes no further.
import type { ControlState } from "../../core/engine/control-state.ts";
import type { Millis, PartitionNo, SegmentId } from "../../core/types.ts";
import type { PartitionStatus } from "../../ports/questions.ts";

/** `waiting`: has not heard of it, or nobody answers. `ready`: its history is folded, the others are waited for. */
export type ShareState = "waiting" | "folding" | "ready" | "failed";

export interface Share {
  readonly partition: PartitionNo;
  readonly state: ShareState;
  /** Messages folded, and how many there are to fold. */
  readonly done: number;
  readonly total: number;
  readonly perSecond: number;
  /** Null while nobody knows. */
  readonly leftMs: Millis | null;
  /** Why it failed. */
  readonly reason: string | null;
}

export interface Preparation {
  readonly revision: number;
  readonly segments: readonly SegmentId[];
  readonly removes: readonly SegmentId[];
  readonly shares: readonly Share[];
  readonly done: number;
  readonly total: number;
  readonly perSecond: number;
  /** Of the slowest owner: its partitions take turns, so what is left of all of them goes at the pace of all of them. */
  readonly leftMs: Millis | null;
  /** One of the reasons. */
  readonly failed: string | null;
}

export function preparationsOf(
  state: ControlState,
  statuses: readonly (PartitionStatus | null)[],
): readonly Preparation[] {
  return state.pendingRevisions().map((revision) => {
    const { define, remove } = state.pending.get(revision)!;
    const shares = statuses.map((status, partition) => shareOf(status, partition, revision));
    return {
      revision,
      segments: [...define.keys()],
      removes: [...remove],
      shares,
      done: sum(shares.map(({ done }) => done)),
      total: sum(shares.map(({ total }) => total)),
      perSecond: sum(shares.map(({ perSecond }) => perSecond)),
      leftMs: leftOf(shares, statuses),
      failed: shares.find(({ reason }) => reason !== null)?.reason ?? null,
    };
  });
}

function leftOf(shares: readonly Share[], statuses: readonly (PartitionStatus | null)[]): Millis | null {
  const byOwner = new Map<string, { left: number; perSecond: number }>();
  for (const { partition, state, done, total, perSecond, leftMs } of shares) {
    if (state === "ready") continue;
    if (leftMs === null) return null;
    const owner = statuses[partition]?.owner ?? "";
    const held = byOwner.get(owner) ?? { left: 0, perSecond: 0 };
    byOwner.set(owner, { left: held.left + total - done, perSecond: held.perSecond + perSecond });
  }
  const lefts = Array.from(byOwner.values(), ({ left, perSecond }) => (left === 0 ? 0 : (left * 1_000) / perSecond));
  return Math.round(Math.max(0, ...lefts));
}

function shareOf(status: PartitionStatus | null, partition: PartitionNo, revision: number): Share {
  const nothing = { partition, done: 0, total: 0, perSecond: 0, leftMs: null, reason: null };
  if (status === null || status.revision < revision) return { ...nothing, state: "waiting" };
  const fold = status.folding.find((folding) => folding.revision === revision);
  if (fold === undefined) {
    // Its history is folded; what it then waits for are the other partitions, by whose flags it reads.
    const state = status.unsettled.includes(revision) ? "waiting" : "ready";
    return { ...nothing, state, done: status.position, total: status.position, leftMs: 0 };
  }
  const total = Math.max(0, status.position - fold.from + 1);
  const done = Math.min(total, Math.max(0, fold.position - fold.from + 1));
  const { perSecond, failed } = fold;
  return {
    partition,
    state: failed === null ? "folding" : "failed",
    done,
    total,
    perSecond,
    leftMs: failed !== null || perSecond === 0 ? null : Math.round(((total - done) * 1_000) / perSecond),
    reason: failed,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
