// What a checkpoint really holds: a machine made from its blobs, and every member that it knows. Law 2, looked at where a
// picture is stored, and not only where somebody restores from it.
import { productMachinery } from "../../actors/worker/machinery.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import type { PartitionOptions } from "../../lib/core/partition.ts";
import { DEFAULT_LIMITS, type Delta, type Millis } from "../../lib/core/types.ts";

export interface Picture {
  readonly meta: Uint8Array;
  readonly pages: ReadonlyMap<number, Uint8Array>;
  /** All control entries that it knows. */
  readonly entries: readonly ControlEntry[];
}

export interface Shown {
  /** One line a membership, sorted. */
  readonly memberships: readonly string[];
  /** What should have been fired before the picture was taken. */
  readonly overdue: Millis | undefined;
}

/** Throws what the machine throws. */
export function shownBy(picture: Picture, options: PartitionOptions): Shown {
  const machine = productMachinery(DEFAULT_LIMITS).restore(options, picture);
  const { deadline, clock } = machine;
  const lines: string[] = [];
  for (const [page, bytes] of picture.pages) {
    machine.providePage(page, bytes);
    for (const segment of machine.sizes().keys())
      for (const { id, n } of machine.membersOn(page, segment)) lines.push(`${segment} ${id} ${n}`);
  }
  return { memberships: lines.sort(), overdue: deadline <= clock ? deadline : undefined };
}

/** The same, by adding deltas up. */
export function membershipsAfter(deltas: readonly Delta[]): string[] {
  const last = new Map<string, Delta>();
  for (const delta of deltas) last.set(`${delta.segment} ${delta.id}`, delta);
  return [...last.values()]
    .filter(({ change }) => change === "joined")
    .map(({ segment, id, n }) => `${segment} ${id} ${n}`)
    .sort();
}
