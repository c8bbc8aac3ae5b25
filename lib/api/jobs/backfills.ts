// Backfills as jobs: what reads its history now, as the partitions say at the moment they are asked. Nothing is written down of
// them here; one that has ended stands in the segment's history. The figures are lib/api/segments/preparations.ts.
import type { PartitionStatus } from "../../ports/questions.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { type Preparation, preparationsOf } from "../segments/preparations.ts";
import { cancelled, type Desk } from "../segments/segment-changes.ts";
import type { JobView } from "./book.ts";

const ID = /^backfill-([1-9]\d{0,14})$/;

export type Statuses = () => Promise<readonly (PartitionStatus | null)[]>;

/** Newest first. */
export async function backfills(catalogue: Catalogue, statuses: Statuses): Promise<readonly JobView[]> {
  const { state } = catalogue;
  if (state.pending.size === 0) return [];
  return preparationsOf(state, await statuses())
    .map((preparation) => viewOf(preparation, catalogue))
    .reverse();
}

/** Undefined for an id of another kind. */
export function revisionOf(id: string): number | undefined {
  const [, revision] = ID.exec(id) ?? [];
  return revision === undefined ? undefined : Number(revision);
}

export async function cancelBackfill(desk: Desk, revision: number): Promise<void> {
  await cancelled(desk, revision);
}

function viewOf(preparation: Preparation, catalogue: Catalogue): JobView {
  const { revision, segments, removes, done, total, perSecond, leftMs, failed, shares } = preparation;
  const at = appliedAt(preparation, catalogue);
  const isWaiting = done === 0 && shares.every(({ state }) => state === "waiting");
  const heardOf = shares.some(({ state }) => state !== "waiting");
  return {
    id: `backfill-${revision}`,
    kind: "backfill",
    target: [...segments, ...removes].join(", "),
    targetKind: "segment",
    state: failed !== null ? "failed" : isWaiting ? "waiting" : "running",
    progress: { done, total: heardOf ? total : null, unit: "messages" },
    perSecond,
    leftMs,
    createdAt: at,
    startedAt: at,
    updatedAt: new Date().toISOString(),
    finishedAt: null,
    by: null,
    problem: failed === null ? null : `${failed}. POST /v1/segments/ID/retry begins anew, once its cause is mended.`,
    backfill: { revision, segments, removes },
    export: null,
    import: null,
  };
}

/** Undefined stands for a change of the vocabulary, whose own history says when it was put. */
function appliedAt({ revision, segments }: Preparation, catalogue: Catalogue): string | null {
  const version = segments.flatMap((id) => catalogue.versions(id)).find((one) => one.revision === revision);
  const at = version?.appliedAt ?? catalogue.vocabularies().find((one) => one.revision === revision)?.appliedAt;
  return at === undefined ? null : new Date(at).toISOString();
}
