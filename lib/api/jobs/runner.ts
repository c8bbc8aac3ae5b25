// Jobs that this process runs: each is written down when it begins, every second while it goes on, and when it ends. Whoever
// wishes one to end writes that into its record, which is how the one that runs it hears. Over lib/ports/jobs.ts.
//
//   waiting ──start──▶ running ──finish──▶ done, failed, cancelled
//
// A process that dies says nothing any more: its heartbeat expires, and readers tell its jobs as failed (book.ts).
import { randomBytes } from "node:crypto";
import type { ExportMade, ImportMade, JobRecord, JobState, JobStore, TargetKind } from "../../ports/jobs.ts";
import { NotPossible } from "../segments/not-possible.ts";
import type { JobSettings } from "./settings.ts";

const ID_BYTES = 6;
const BEAT_EVERY_MS = 2_000;
/** Several beats and a server that restarts. */
const BEAT_EXPIRES_MS = 15_000;
/** The last word of a job is tried for so long. */
const LAST_WORD_MS_MAX = 30_000;
const RETRY_MS = 500;

export interface JobWish {
  readonly kind: JobRecord["kind"];
  readonly target: string;
  readonly targetKind: TargetKind;
  /** As the log of changes names them. */
  readonly by: string;
  readonly unit: string;
  readonly total: number | null;
  readonly export?: ExportMade;
  readonly import?: ImportMade;
}

type Bounds = Pick<JobSettings, "keptMs" | "sayEveryMs">;
/** What a job says of itself beside how far it is. */
export type Told = Partial<Pick<JobRecord, "problem" | "export" | "import">>;

export interface JobOutcome {
  readonly record: JobRecord;
  /** Undefined: it is done. */
  readonly why: Error | undefined;
}

/** Why a job's signal is aborted. */
export class JobEnded extends Error {
  override readonly name = "JobEnded";
  readonly state: Extract<JobState, "failed" | "cancelled">;

  constructor(state: "failed" | "cancelled", message: string) {
    super(message);
    this.state = state;
  }
}

export const CANCELLED = "Somebody has cancelled it.";
const STOPPED = "The process that ran it was stopped. Start it again.";
const DISOWNED = "Others took the process that ran it for gone. Start it again.";

export function isEnded(state: JobState): boolean {
  return state !== "waiting" && state !== "running";
}

export class JobRunner {
  private readonly store: JobStore;
  private readonly bounds: Bounds;
  private readonly process = randomBytes(ID_BYTES).toString("hex");
  private readonly running = new Set<RunningJob>();
  private beating: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(store: JobStore, bounds: Bounds) {
    this.store = store;
    this.bounds = bounds;
  }

  /** Throws JobsMissing where the data set keeps no jobs, NotPossible where NATS does not take the record. */
  async begin(wish: JobWish): Promise<RunningJob> {
    if (this.stopped)
      throw new NotPossible("busy", "not-answered", "This process is being stopped. Ask again: another one answers.");
    const id = `${wish.kind}-${randomBytes(ID_BYTES).toString("hex")}`;
    const now = new Date().toISOString();
    const { kind, target, targetKind, by, unit, total } = wish;
    const record: JobRecord = {
      id,
      kind,
      target,
      targetKind,
      state: "waiting",
      progress: { done: 0, total, unit },
      perSecond: 0,
      createdAt: now,
      startedAt: null,
      updatedAt: now,
      finishedAt: null,
      by,
      process: this.process,
      cancelAsked: false,
      problem: null,
      export: wish.export ?? null,
      import: wish.import ?? null,
    };
    // The heartbeat first, or whoever reads between the two would find a job that nobody runs.
    const beat = await this.store.beat(this.process, BEAT_EXPIRES_MS);
    const ended = beat.kind === "stored" ? await this.store.put(record, 0, this.bounds.keptMs) : beat;
    if (ended.kind !== "stored") {
      await this.store.get(id);
      const reason = ended.kind === "fenced" ? "it was refused" : ended.reason;
      throw new NotPossible("busy", "not-answered", `The bucket JOBS did not take the job: ${reason}. Ask again.`);
    }
    const job = new RunningJob(record, ended.seq, this.store, this.bounds, () => this.forget(job));
    this.running.add(job);
    if (this.stopped) job.abort(new JobEnded("failed", STOPPED));
    this.beating ??= setInterval(() => void this.store.beat(this.process, BEAT_EXPIRES_MS), BEAT_EVERY_MS);
    return job;
  }

  /** Every job is told to end, and has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    const jobs = [...this.running];
    for (const job of jobs) job.abort(new JobEnded("failed", STOPPED));
    await Promise.all(jobs.map((job) => job.ended));
    clearInterval(this.beating);
  }

  private forget(job: RunningJob): void {
    this.running.delete(job);
    if (this.running.size > 0) return;
    clearInterval(this.beating);
    this.beating = undefined;
  }
}

export class RunningJob {
  /** Resolves once its end is written down, or could not be. */
  readonly ended: Promise<void>;
  private readonly store: JobStore;
  private readonly keptMs: number;
  private readonly onEnd: () => void;
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private now: JobRecord;
  private revision: number;
  private startedMs = 0;
  /** Others have ended it, and what they said of it stays. */
  private isLeft = false;
  private writing: Promise<void> | undefined;
  private hasEnded: () => void = () => {};

  constructor(record: JobRecord, revision: number, store: JobStore, bounds: Bounds, onEnd: () => void) {
    this.now = record;
    this.revision = revision;
    this.store = store;
    this.keptMs = bounds.keptMs;
    this.onEnd = onEnd;
    this.ended = new Promise((resolve) => {
      this.hasEnded = resolve;
    });
    this.timer = setInterval(() => this.say(), bounds.sayEveryMs);
  }

  get record(): JobRecord {
    return this.now;
  }

  /** Aborted with a JobEnded when it shall go no further. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(why: JobEnded): void {
    this.controller.abort(why);
  }

  start(): void {
    this.startedMs = performance.now();
    this.now = { ...this.now, state: "running", startedAt: new Date().toISOString() };
    this.say();
  }

  /** Writes it down as it is now, unless that is under way. */
  private say(): void {
    this.writing ??= this.write().then(() => {
      this.writing = undefined;
    });
  }

  /** Written down with the next word. */
  progress(done: number, told: Told & { readonly total?: number | null } = {}): void {
    const { total = this.now.progress.total, ...rest } = told;
    const elapsedS = Math.max(0.001, (performance.now() - this.startedMs) / 1_000);
    this.now = {
      ...this.now,
      ...rest,
      progress: { ...this.now.progress, done, total },
      perSecond: Math.round(done / elapsedS),
    };
  }

  /** The work, from its start to its last word: the record as it then is, and what was thrown. */
  async run(work: () => Promise<Told>): Promise<JobOutcome> {
    try {
      this.signal.throwIfAborted();
      this.start();
      await this.finish("done", await work());
      return { record: this.now, why: this.now.state === "done" ? undefined : (this.signal.reason as Error) };
    } catch (error) {
      const { reason } = this.signal;
      const why = reason instanceof JobEnded ? reason : (error as Error);
      await this.finish(why instanceof JobEnded ? why.state : "failed", { problem: why.message });
      return { record: this.now, why };
    }
  }

  /** Whatever is told, a job that others have ended stays as they left it. */
  private async finish(state: JobState, told: Told): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    const until = performance.now() + LAST_WORD_MS_MAX;
    if (!this.isLeft) this.now = { ...this.now, ...told, state, finishedAt: new Date().toISOString() };
    while (!this.isLeft && !(await this.write()) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.onEnd();
    this.hasEnded();
  }

  /** False: it is not stored, or nobody knows. */
  private async write(): Promise<boolean> {
    this.now = { ...this.now, updatedAt: new Date().toISOString() };
    const ended = await this.store.put(this.now, this.revision, this.keptMs);
    if (ended.kind === "stored") this.revision = ended.seq;
    return ended.kind === "stored" || (ended.kind === "fenced" && (await this.hear()));
  }

  /** Somebody wrote there: we, unheard; or one who wishes it to end, or has ended it. True: there is nothing more to say. */
  private async hear(): Promise<boolean> {
    const stored = await this.store.get(this.now.id).catch(() => undefined);
    if (stored === undefined) return false;
    const { job, revision } = stored;
    this.revision = revision;
    if (isEnded(job.state)) {
      const isOurs = job.state === this.now.state && job.finishedAt === this.now.finishedAt;
      if (!isOurs) this.abort(new JobEnded("failed", DISOWNED));
      this.isLeft = !isOurs;
      this.now = job;
      return true;
    }
    if (job.cancelAsked && !this.now.cancelAsked) {
      this.now = { ...this.now, cancelAsked: true };
      this.abort(new JobEnded("cancelled", CANCELLED));
    }
    return false;
  }
}
