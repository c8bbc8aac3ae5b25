// Tidies up after jobs, now and then and whenever somebody is erased: says of jobs whose process is gone that they have failed,
// overwrites what exports have made once it was kept long enough or may name somebody who was erased since, and forgets the
// oldest. Every process that serves HTTP does so; twice does no harm.
import type { ExportFiles, JobRecord, JobStore, StoredJob } from "../../ports/jobs.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { changeJob, ended, GONE, isExpired, newestErasure } from "./book.ts";
import { isEnded } from "./runner.ts";
import type { JobSettings } from "./settings.ts";

const SWEEP_EVERY_MS = 60_000;
/** What could not be done is tried again sooner. */
const RETRY_MS = 5_000;
const ERASED_SINCE =
  "Somebody was erased after it was made, and it may name them, so its content was overwritten. Export again.";
const EXPIRED = "It was kept as long as exports are kept (exportsKept), and overwritten. Export again.";
const LOST = "Its content is gone from the stream EXPORTS. Export again.";

export interface KeeperOptions {
  readonly store: JobStore;
  readonly files: ExportFiles;
  readonly catalogue: Catalogue;
  readonly settings: JobSettings;
  readonly log: { warn(fields: object, message: string): void };
}

export class JobKeeper {
  private readonly options: KeeperOptions;
  /** Jobs that were found without their process, once. */
  private lost = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(options: KeeperOptions) {
    this.options = options;
    this.soon(0);
    void this.watchErasures();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.sweeping;
  }

  private soon(ms: number): void {
    clearTimeout(this.timer);
    if (!this.isStopped) this.timer = setTimeout(() => this.run(), ms);
  }

  private run(): void {
    this.sweeping = this.sweeping
      .then(() => this.sweep())
      .then(
        () => this.soon(SWEEP_EVERY_MS),
        (error: Error) => {
          // A data set of an older version keeps no jobs until a worker of this one has come.
          if (error.name !== "JobsMissing") this.options.log.warn({ err: error }, "jobs: not tidied up yet");
          this.soon(RETRY_MS);
        },
      );
  }

  private async watchErasures(): Promise<void> {
    const { catalogue } = this.options;
    try {
      for (let known = newestErasure(catalogue); !this.isStopped; known = newestErasure(catalogue)) {
        await catalogue.when(() => newestErasure(catalogue) > known);
        this.soon(0);
      }
    } catch {
      // The control log cannot be followed any more, which others tell; the sweep goes by what is known.
    }
  }

  private async sweep(): Promise<void> {
    const { store, files } = this.options;
    const found = await store.all();
    const jobs = (await this.settleLost(found)) ? await store.all() : found;
    const byId = new Map(jobs.map((stored) => [stored.job.id, stored.job]));
    const kept = await files.kept();
    for (const { id } of kept) {
      // One that has begun since the records were read has its record by now: it is written before any content.
      const why = this.whyNotKept(byId.get(id) ?? (await store.get(id))?.job);
      if (why !== undefined) await this.takeAway(id, why);
    }
    const there = new Set(kept.map(({ id }) => id));
    for (const { job } of jobs) {
      if (job.state === "done" && (job.export?.chunks ?? 0) > 0 && !there.has(job.id)) {
        await this.say(job.id, this.whyNotKept(job) ?? LOST);
      }
    }
    await this.forgetOldest(jobs);
  }

  /** Twice in a row, so that a server that was away for a moment costs nobody their job. True: some were. */
  private async settleLost(jobs: readonly StoredJob[]): Promise<boolean> {
    const lost = jobs.filter(({ job, isAlive }) => !isAlive && !isEnded(job.state)).map(({ job }) => job.id);
    const again = lost.filter((id) => this.lost.has(id));
    this.lost = new Set(lost);
    for (const id of again) {
      await this.change(id, ({ job, isAlive }) =>
        isAlive || isEnded(job.state) ? undefined : ended(job, "failed", GONE),
      );
    }
    return again.length > 0;
  }

  /** Undefined: it stays. One that goes on is its own process's. */
  private whyNotKept(job: JobRecord | undefined): string | undefined {
    if (job === undefined) return LOST;
    if (!isEnded(job.state)) return undefined;
    if (job.state !== "done" || job.export === null) return job.problem ?? LOST;
    if (newestErasure(this.options.catalogue) > job.export.erasures) return ERASED_SINCE;
    return isExpired(job.export) ? EXPIRED : undefined;
  }

  private async takeAway(id: string, why: string): Promise<void> {
    await this.options.files.erase(id);
    await this.say(id, why);
  }

  private async say(id: string, why: string): Promise<void> {
    await this.change(id, ({ job }) => {
      const made = job.export;
      if (made === null || made.chunks === 0) return undefined;
      return { ...job, problem: job.state === "done" ? why : job.problem, export: { ...made, chunks: 0 } };
    }).catch((error: { readonly code?: string }) => {
      if (error.code !== "unknown-job") throw error;
    });
  }

  private change(id: string, edit: (stored: StoredJob) => JobRecord | undefined): Promise<void> {
    const { store, settings } = this.options;
    return changeJob({ store, keptMs: settings.keptMs }, id, edit);
  }

  private async forgetOldest(jobs: readonly StoredJob[]): Promise<void> {
    const { store, settings } = this.options;
    const over = jobs.length - settings.keptMax;
    if (over <= 0) return;
    const oldest = jobs
      .map(({ job }) => job)
      .filter(({ state }) => isEnded(state))
      .sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
    for (const { id } of oldest.slice(0, over)) await store.remove(id);
  }
}
