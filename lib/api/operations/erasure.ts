// Forgetting somebody: the entry that says so, and how far it is. The entry does not say who, so the record of it in the log of
// changes does not, either. What follows from it: actors/partition/erasing.ts.
import { randomBytes } from "node:crypto";
import { erasedOf } from "../../core/erasure.ts";
import type { Limits, MemberId, MemberKind, Millis } from "../../core/types.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import { PHASES } from "../../ports/erasing.ts";
import { countAt, type Erasures, isCleared } from "../../ports/erasures.ts";
import { type ExportFiles, type JobStore, JobsMissing } from "../../ports/jobs.ts";
import type { PartitionStatus } from "../../ports/questions.ts";
import { appendEntry } from "../segments/apply.ts";
import type { Catalogue, KnownErasure } from "../segments/catalogue.ts";
import { type Wait, waitsOf } from "./erasure-waits.ts";

const KEY_BYTES = 16;

type Statuses = readonly (PartitionStatus | null)[];

export interface ErasureState {
  readonly revision: number;
  readonly kind: MemberKind;
  readonly at: Millis;
  readonly partitions: number;
  /**
   * Partitions that have come to the entry, those that have written down what goes, those whose log and checkpoints are without the member,
   * and those of which nothing is left at all. Each counts among those before it, too.
   */
  readonly heard: number;
  readonly listed: number;
  readonly cleared: number;
  readonly deleted: number;
  readonly state: "under way" | "kept for services" | "done";
  readonly waits: readonly Wait[];
}

/** Why an id can be nobody's. */
export class NoSuchId extends RangeError {}

/** Also of an id that nobody knows: what was refused may name it. Gives the revision under which it can be followed. */
export async function forget(
  { control, catalogue, limits }: { control: ControlLog; catalogue: Catalogue; limits: Limits },
  kind: MemberKind,
  id: MemberId,
): Promise<number> {
  if (id === "" || Buffer.byteLength(id) > limits.idBytesMax || /\p{Surrogate}/u.test(id))
    throw new NoSuchId(`An id is valid text of 1 to ${limits.idBytesMax} bytes.`);
  const entry = { op: "erase" as const, ...erasedOf(kind, id, randomBytes(KEY_BYTES).toString("base64url")) };
  // A lost answer may make it twice; the second finds nobody.
  return (await appendEntry(control, catalogue, () => entry))!;
}

/** All that there are by now, also those that the catalogue has not heard of yet. */
export async function erasuresNow(control: ControlLog, catalogue: Catalogue): Promise<readonly KnownErasure[]> {
  const revision = await control.lastRevision();
  await catalogue.when(() => catalogue.state.revision >= revision);
  return catalogue.erasures;
}

/** Newest first. What owners say is asked before the ledger is read: it may know more than they did, and never less. */
export async function erasureStates(
  catalogue: Catalogue,
  erasures: Erasures,
  exported: Exported,
  statuses: Statuses,
): Promise<readonly ErasureState[]> {
  const [phases, outOfControlLog, exports] = await Promise.all([
    erasures.phases(),
    erasures.outOfControlLog(),
    exportsKept(exported),
  ]);
  const { length: partitions } = statuses;
  return catalogue.erasures
    .map(({ revision, kind, at }): ErasureState => {
      const come = phases.get(revision) ?? new Map();
      const [listed, cleared, deleted] = PHASES.map((phase) => countAt(come, phase)) as [number, number, number];
      const exportsBefore = exports.filter((known) => known < revision).length;
      const isOut = outOfControlLog.has(revision);
      const isGone = isCleared(come, partitions) && isOut && exportsBefore === 0;
      const state = !isGone ? "under way" : deleted === partitions ? "done" : "kept for services";
      const waits = waitsOf(revision, come, statuses, isOut, exportsBefore);
      const heard = statuses.filter((status, p) => come.has(p) || (status?.revision ?? 0) >= revision).length;
      return { revision, kind, at, partitions, heard, listed, cleared, deleted, state, waits };
    })
    .reverse();
}

export interface Exported {
  readonly jobs: Pick<JobStore, "all">;
  readonly files: Pick<ExportFiles, "kept">;
}

/** What was exported before an erasure may name whoever was erased. Of each export that is kept, the newest erasure that it knows of. */
async function exportsKept({ jobs, files }: Exported): Promise<readonly number[]> {
  try {
    const kept = await files.kept();
    const known = new Map((await jobs.all()).map(({ job }) => [job.id, job.export?.erasures]));
    return kept.map(({ id }) => known.get(id) ?? 0);
  } catch (error) {
    if (error instanceof JobsMissing) return [];
    throw error;
  }
}
