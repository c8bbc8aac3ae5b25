// Exports of this process: each waits for its turn, reads all members page by page, and keeps what it makes in pieces for a while.
//
// It names nobody who was erased before it began: it waits until every partition has heard of those erasures. When somebody is
// erased while it goes on it ends; what is erased later takes its content with it (keeper.ts).
import { setTimeout as sleep } from "node:timers/promises";
import type { MemberKind, SegmentId } from "../../core/types.ts";
import type { ExportFiles, ExportFormat, ExportMade, JobRecord } from "../../ports/jobs.ts";
import type { Audience } from "../audience/audience.ts";
import { columnsAsked, columnWords, type MemberAsk, type MemberPage, type MemberPlace } from "../audience/members.ts";
import { HttpError } from "../http/http-error.ts";
import { type Masking, membersMasked } from "../security/masking.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { newestErasure } from "./book.ts";
import { ContentWriter } from "./content.ts";
import { exportTexts, PAGE_MEMBERS } from "./export-text.ts";
import { JobEnded, type JobRunner, type JobWish, type RunningJob } from "./runner.ts";
import type { JobSettings } from "./settings.ts";

/** Of one process; more are refused. */
const WAITING_MAX = 100;
const PATIENCE_MS = 60_000;
const HEARD_EVERY_MS = 250;
export const ERASED_MEANWHILE =
  "Somebody was erased while it was made, and it may name them, so nothing of it is kept. Start it again.";

export interface ExportWish {
  readonly segment: SegmentId;
  readonly format: ExportFormat;
  readonly columns: string | undefined;
  readonly masking: Masking;
  readonly by: string;
}

export interface ExportsOptions {
  readonly runner: JobRunner;
  readonly files: ExportFiles;
  readonly audience: Pick<Audience, "members" | "segment" | "partitions">;
  readonly catalogue: Catalogue;
  readonly settings: JobSettings;
}

export class Exports {
  private readonly options: ExportsOptions;
  private readonly waiting: (() => void)[] = [];
  private atWork = 0;

  constructor(options: ExportsOptions) {
    this.options = options;
  }

  /** Gives the job as it was written down; undefined: there is no such segment. */
  async begin(wish: ExportWish): Promise<JobRecord | undefined> {
    const { segment, format, masking, by } = wish;
    const columns = columnWords(wish.columns);
    columnsAsked(wish.columns);
    if (this.waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} exports wait for their turn already; ask again when some are done.`;
      throw new HttpError(429, "too-many-jobs", message);
    }
    const found = await this.options.audience.segment(segment);
    if (found === undefined) return undefined;
    const job = await this.options.runner.begin({
      ...exportWish(segment, found.kind, { format, columns, personal: masking.personal }),
      by,
      total: found.size,
    });
    const { record } = job;
    void this.inTurn(job, () => this.work(job, wish, columns));
    return record;
  }

  private async inTurn(job: RunningJob, work: () => Promise<{ export: ExportMade }>): Promise<void> {
    const isTurn = await this.turn(job.signal);
    const { record } = await job.run(work);
    // What could not be taken away here is found by the keeper.
    if (record.state !== "done") await this.options.files.erase(record.id).catch(() => 0);
    if (!isTurn) return;
    const next = this.waiting.shift();
    if (next === undefined) this.atWork -= 1;
    else next();
  }

  /** False: it was told to end before its turn came. Whoever is done hands the turn on. */
  private turn(signal: AbortSignal): Promise<boolean> {
    if (this.atWork < this.options.settings.exportsAtOnceMax) {
      this.atWork += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener("abort", leave);
        resolve(true);
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(go), 1);
        resolve(false);
      };
      this.waiting.push(go);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  private async work(job: RunningJob, wish: ExportWish, columns: readonly string[]): Promise<{ export: ExportMade }> {
    const { files, settings, catalogue } = this.options;
    const { signal } = job;
    const erasures = await this.heard(signal);
    let made: ExportMade = { ...job.record.export!, erasures };
    const writer = new ContentWriter(files, job.record.id, settings.exportBytesMax, signal);
    const ask = { order: "any", limit: PAGE_MEMBERS, ...columnsAsked(wish.columns) } as const;
    const page = (from: MemberPlace | undefined) => this.page(wish, { ...ask, from });
    const source = { page, signal, patienceMs: PATIENCE_MS };
    for await (const { text, rows, total } of exportTexts(source, wish.format, columns)) {
      if (newestErasure(catalogue) > erasures) throw new JobEnded("failed", ERASED_MEANWHILE);
      await writer.add(text);
      made = { ...made, rows, bytes: writer.bytes };
      job.progress(rows, { total, export: made });
    }
    const content = await writer.end();
    if (newestErasure(catalogue) > erasures) throw new JobEnded("failed", ERASED_MEANWHILE);
    job.progress(made.rows, { total: made.rows });
    const expiresAt = new Date(Date.now() + settings.exportsKeptMs).toISOString();
    return { export: { ...made, ...content, expiresAt } };
  }

  private async page({ segment, masking }: ExportWish, ask: MemberAsk): Promise<MemberPage> {
    const members = await this.options.audience.members(segment, ask);
    if (members !== undefined) return membersMasked(members, masking);
    throw new JobEnded("failed", "The segment was deleted while its members were read.");
  }

  /** Every partition has applied the erasures there are; gives the newest of them. */
  private async heard(signal: AbortSignal): Promise<number> {
    const { audience, catalogue } = this.options;
    const newest = newestErasure(catalogue);
    const until = performance.now() + PATIENCE_MS;
    while (newest > 0) {
      const statuses = await audience.partitions();
      const late = statuses.findIndex((status) => status === null || status.revision < newest);
      if (late < 0) break;
      if (performance.now() > until) {
        const why = `Somebody was erased, and partition ${late} has not said yet that it knows`;
        throw new JobEnded("failed", `${why}: see whether its worker runs (GET /v1/partitions), and start it again.`);
      }
      await sleep(HEARD_EVERY_MS, undefined, { signal });
    }
    return newest;
  }
}

/** As it is written down when it begins. */
export function exportWish(
  target: SegmentId,
  kind: MemberKind,
  asked: Pick<ExportMade, "format" | "columns" | "personal">,
): Omit<JobWish, "by" | "total"> & { readonly export: ExportMade } {
  const nothingYet = { erasures: 0, rows: 0, bytes: 0, sha256: null, chunks: 0, expiresAt: null };
  const unit = kind === "account" ? "accounts" : "members";
  return { kind: "export", target, targetKind: "segment", unit, export: { ...asked, ...nothingYet } };
}
