// All jobs as people and programs see them: what is written down of imports and exports, and the backfills that go on. Read by
// routes and by the command line; what runs jobs is runner.ts, what tidies up after them keeper.ts.
import type {
  ExportMade,
  ImportMade,
  JobProgress,
  JobRecord,
  JobState,
  JobStore,
  StoredJob,
  TargetKind,
} from "../../ports/jobs.ts";
import { cursorOf, whereOf } from "../http/cursors.ts";
import { shown } from "../http/refusals.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { NotPossible } from "../segments/not-possible.ts";
import type { Desk } from "../segments/segment-changes.ts";
import { backfills, cancelBackfill, revisionOf, type Statuses } from "./backfills.ts";
import { isEnded } from "./runner.ts";

export const GONE = "The process that ran it is gone. Start it again.";

export const JOB_KINDS = ["backfill", "import", "export"] as const;
export type JobKind = (typeof JOB_KINDS)[number];

export interface ExportView extends Omit<ExportMade, "erasures" | "chunks"> {
  /** Where its content is; null: it is not whole yet, is not kept here, or not any more. */
  readonly link: string | null;
}

export interface BackfillView {
  readonly revision: number;
  readonly segments: readonly string[];
  readonly removes: readonly string[];
}

export interface JobView {
  readonly id: string;
  readonly kind: JobKind;
  readonly target: string;
  readonly targetKind: TargetKind;
  readonly state: JobState;
  readonly progress: JobProgress;
  readonly perSecond: number;
  readonly leftMs: number | null;
  readonly createdAt: string | null;
  readonly startedAt: string | null;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  /** Null where nobody wrote it down: of a backfill, the log of changes says who. */
  readonly by: string | null;
  readonly problem: string | null;
  readonly backfill: BackfillView | null;
  readonly export: ExportView | null;
  readonly import: ImportMade | null;
}

export interface JobsAsked {
  readonly kind?: JobKind;
  readonly state?: JobState;
  readonly limit: number;
  readonly cursor?: string;
}

export interface JobPage {
  readonly items: readonly JobView[];
  readonly next: string | null;
}

export interface JobBookOptions extends Desk {
  readonly store: JobStore;
  readonly keptMs: number;
  readonly statuses: Statuses;
}

const ATTEMPTS_MAX = 8;

export class JobBook {
  private readonly options: JobBookOptions;

  constructor(options: JobBookOptions) {
    this.options = options;
  }

  /** Newest first. */
  async page({ kind, state, limit, cursor }: JobsAsked): Promise<JobPage> {
    const after = whereOf(cursor, isPlace);
    const all = (await this.all(kind)).filter(
      (job) =>
        (state === undefined || job.state === state) && (after === undefined || compare(placeOf(job), after) > 0),
    );
    const items = all.slice(0, limit);
    return { items, next: all.length > limit ? cursorOf(placeOf(items.at(-1)!)) : null };
  }

  async job(id: string): Promise<JobView> {
    if (revisionOf(id) !== undefined) {
      const found = (await this.backfills()).find((job) => job.id === id);
      if (found !== undefined) return found;
      throw noJob(id, "It is in force, or was given up; the segment's history says which.");
    }
    return viewOf(await this.stored(id));
  }

  stored(id: string): Promise<StoredJob> {
    return storedJob(this.options.store, id);
  }

  /** Of one that goes on; its process hears of it within seconds. */
  async cancel(id: string): Promise<JobView> {
    const before = await this.job(id);
    const revision = revisionOf(id);
    if (revision !== undefined) {
      await cancelBackfill(this.options, revision);
      return { ...before, state: "cancelled", leftMs: null, finishedAt: new Date().toISOString() };
    }
    await changeJob(this.options, id, ({ job, isAlive }) => {
      if (isEnded(job.state)) {
        throw new NotPossible("conflict", "job-ended", `${id} has ended already: ${job.state}.`);
      }
      return isAlive ? { ...job, cancelAsked: true } : ended(job, "failed", GONE);
    });
    return this.job(id);
  }

  private backfills(): Promise<readonly JobView[]> {
    return backfills(this.options.catalogue, this.options.statuses);
  }

  private async all(kind: JobKind | undefined): Promise<readonly JobView[]> {
    const records = kind === "backfill" ? [] : (await this.options.store.all()).map(viewOf);
    const live = kind === undefined || kind === "backfill" ? await this.backfills() : [];
    return [...records.filter((job) => kind === undefined || job.kind === kind), ...live].sort((left, right) =>
      compare(placeOf(left), placeOf(right)),
    );
  }
}

async function storedJob(store: JobStore, id: string): Promise<StoredJob> {
  const stored = isOurs(id) ? await store.get(id) : undefined;
  if (stored !== undefined) return stored;
  throw noJob(id, "GET /v1/jobs lists those that are kept.");
}

/** Says of a record what `edit` makes of it, on top of whatever was written meanwhile; undefined: nothing is to be said. */
export async function changeJob(
  { store, keptMs }: Pick<JobBookOptions, "store" | "keptMs">,
  id: string,
  edit: (stored: StoredJob) => JobRecord | undefined,
): Promise<void> {
  let reason = "others kept changing it";
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const stored = await storedJob(store, id);
    const after = edit(stored);
    if (after === undefined) return;
    const { kind, ...told } = await store.put(after, stored.revision, keptMs);
    if (kind === "stored") return;
    if ("reason" in told) reason = told.reason;
  }
  throw new NotPossible("busy", "not-answered", `The bucket JOBS did not take the change: ${reason}. Ask again.`);
}

/** As whoever reads it sees it: of a process that is gone nothing more will come. */
export function viewOf({ job, isAlive }: StoredJob): JobView {
  const isLost = !isAlive && !isEnded(job.state);
  const { id, kind, target, targetKind, progress, createdAt, startedAt, updatedAt, by, perSecond } = job;
  const { total, done } = progress;
  const state = isLost ? "failed" : job.state;
  const isKnown = state === "running" && total !== null && perSecond > 0;
  return {
    id,
    kind,
    target,
    targetKind,
    state,
    progress,
    perSecond,
    leftMs: isKnown ? Math.round((Math.max(0, total - done) * 1_000) / perSecond) : null,
    createdAt,
    startedAt,
    updatedAt,
    finishedAt: isLost ? updatedAt : job.finishedAt,
    by,
    problem: isLost ? GONE : job.problem,
    backfill: null,
    export: job.export === null ? null : exportView(job, job.export, state),
    import: job.import,
  };
}

function exportView({ id }: JobRecord, made: ExportMade, state: JobState): ExportView {
  const { erasures: _, chunks, ...rest } = made;
  const isThere = state === "done" && chunks > 0 && !isExpired(made);
  return { ...rest, link: isThere ? `/v1/exports/${id}/file` : null };
}

export function isExpired({ expiresAt }: ExportMade, now = Date.now()): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}

export function ended(job: JobRecord, state: JobState, problem: string): JobRecord {
  const now = new Date().toISOString();
  return { ...job, state, problem, updatedAt: now, finishedAt: now };
}

/** The newest erasure there is; 0: there is none. */
export function newestErasure({ erasures }: Pick<Catalogue, "erasures">): number {
  return erasures.at(-1)?.revision ?? 0;
}

function noJob(id: string, hint: string): NotPossible {
  return new NotPossible("unknown", "unknown-job", `There is no job ${shown(id)}. ${hint}`);
}

/** What else is asked for was never given: it may not even be a key of the bucket. */
function isOurs(id: string): boolean {
  return /^(import|export)-[0-9a-f]{12}$/.test(id);
}

type Place = readonly [string, string];

function placeOf({ createdAt, id }: JobView): Place {
  return [createdAt ?? "", id];
}

/** Newest first; what nobody knows the beginning of comes last. */
function compare([at, id]: Place, [otherAt, otherId]: Place): number {
  if (at !== otherAt) return at > otherAt ? -1 : 1;
  return id < otherId ? -1 : id > otherId ? 1 : 0;
}

function isPlace(where: unknown): where is [string, string] {
  return Array.isArray(where) && where.length === 2 && where.every((one) => typeof one === "string");
}
