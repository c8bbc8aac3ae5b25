// Folds the log's history for definitions that ask something new, beside the live path and never ahead of it.
//
//   define at 900      shadow reads 1 … beside the live path          close: append `ready`, stored at 5,310
//   live   ──────●──────────────────────────────────────────────────────●────── meets `ready`: waits for the shadow
//   shadow  1 ────────────────────────────────────────────────── 5,309 ─┘       installed, dark, kept up from here on
import type { BackfillJob, PartitionMachine, ShadowFold } from "../../lib/core/partition.ts";
import type { LogRecord, Seq } from "../../lib/core/types.ts";
import { BackfillTrimmed, type Refusal } from "../../lib/ports/errors.ts";
import type { LogReading } from "../../lib/ports/event-log.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { pause } from "../../lib/ports/runtime.ts";
import { insist } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { Pace } from "./pace.ts";
import type { Signal } from "./signal.ts";

const RECORDS_IN_FLIGHT_MAX = 2_000;
/** Looking at the time costs as much as a small step, so it is looked at now and then. */
const RECORDS_PER_LOOK = 16;
const RETRY_MS = 100;

interface Job {
  readonly revision: number;
  readonly segments: BackfillJob["segments"];
  readonly shadow: ShadowFold;
  reading: LogReading | undefined;
  first: Seq;
  readonly pace: Pace;
  folded: number;
  readySaid: boolean;
  failed: Refusal | undefined;
}

export class Backfills {
  private readonly context: PartitionContext;
  private readonly machine: PartitionMachine;
  private readonly signal: Signal;
  /** While an erasure deletes, no fold begins: it waits for a log that stays as it is. */
  private readonly isHeld: () => boolean;
  /** One that was under way is no longer. */
  private readonly onFailed: () => void;
  private readonly jobs = new Map<number, Job>();
  private stopped = false;

  constructor(
    context: PartitionContext,
    machine: PartitionMachine,
    signal: Signal,
    isHeld: () => boolean,
    onFailed: () => void,
  ) {
    this.context = context;
    this.machine = machine;
    this.isHeld = isHeld;
    this.signal = signal;
    this.onFailed = onFailed;
  }

  get folding(): PartitionStatus["folding"] {
    // One that is held back has not begun, and is to be waited for all the same.
    const held = this.machine.backfillJobs().filter(({ revision }) => !this.jobs.has(revision));
    const waiting = held.map(({ revision, segments }) => {
      return { revision, from: 1, position: 0, perSecond: 0, segments, failed: null };
    });
    const begun = [...this.jobs.values()].map((job) => ({
      revision: job.revision,
      from: job.first,
      position: job.shadow.position,
      perSecond: this.rateOf(job),
      segments: job.segments,
      failed: job.failed?.message ?? null,
    }));
    return [...begun, ...waiting];
  }

  /** One that has failed folds no more: it waits for somebody who applies its definition again. */
  get underWay(): boolean {
    return this.machine.backfillJobs().some(({ revision }) => this.jobs.get(revision)?.failed === undefined);
  }

  private rateOf({ folded, pace }: Job): number {
    return pace.perSecond(this.context.runtime.monotonicMs(), folded);
  }

  get problem(): Refusal | undefined {
    return [...this.jobs.values()].find((job) => job.failed !== undefined)?.failed;
  }

  /** After a control or ready message: begins what is new, ends what is over. */
  review(): void {
    const wanted = this.machine.backfillJobs();
    for (const { revision, segments } of wanted) {
      if (!this.jobs.has(revision) && !this.isHeld()) this.begin(revision, segments);
    }
    for (const job of this.jobs.values()) {
      if (!wanted.some(({ revision }) => revision === job.revision)) this.end(job);
    }
  }

  /** A slice of every job; true when there is more to fold at once. */
  work(atLogEnd: boolean): boolean {
    let more = false;
    for (const job of this.jobs.values()) {
      more = this.foldInTurn(job) || more;
      if (atLogEnd) this.sayReadyWhenClose(job);
    }
    return more;
  }

  /** The live path stands before `record`, which installs the shadow: brings the shadow to just before it. */
  async provide(record: LogRecord): Promise<void> {
    const { revision } = JSON.parse(new TextDecoder().decode(record.body)) as { revision: number };
    for (this.review(); this.isHeld() && !this.jobs.has(revision); this.review()) {
      await this.signal.wait();
      if (this.stopped || this.context.halted()) return;
    }
    const job = this.jobs.get(revision);
    if (job === undefined)
      throw new Error(`message ${record.seq} installs revision ${revision}, which has no backfill`);
    while (Math.max(job.shadow.position, job.first - 1) < record.seq - 1) {
      if (job.failed !== undefined) throw job.failed;
      if (this.fold(job, this.context.settings.backfillSliceRecords, record.seq - 1))
        await this.context.runtime.breathe();
      else await this.signal.wait();
      if (this.stopped || this.context.halted()) return;
    }
    this.machine.provideShadow(job.shadow);
    this.end(job);
  }

  stop(): void {
    this.stopped = true;
    for (const job of [...this.jobs.values()]) this.end(job);
  }

  private begin(revision: number, segments: BackfillJob["segments"]): void {
    const shadow = this.machine.shadow(revision);
    const job: Job = {
      revision,
      segments,
      shadow,
      reading: undefined,
      first: 1,
      pace: new Pace(this.context.runtime.monotonicMs()),
      folded: 0,
      readySaid: false,
      failed: undefined,
    };
    this.jobs.set(revision, job);
    this.open(job).catch((error: unknown) => {
      if (error instanceof Halted) return;
      const why = error instanceof Error ? error.message : String(error);
      const what = `the history for revision ${revision} cannot be read: ${why}`;
      this.fail(job, new BackfillTrimmed(this.context.partition, what));
    });
  }

  private fail(job: Job, why: Refusal): void {
    job.failed = why;
    this.onFailed();
  }

  private async open(job: Job): Promise<void> {
    const { world, partition } = this.context;
    const { first } = await insist(this.context, () => world.log.bounds());
    if (this.stopped || this.jobs.get(job.revision) !== job) return;
    job.first = first;
    job.reading = world.log.read({
      after: first > 1 ? { seq: first - 1, stamp: 0 } : undefined,
      recordsMax: RECORDS_IN_FLIGHT_MAX,
      bytesMax: this.context.settings.bytesInFlightMax,
      recordBytesMax: this.context.machine.limits.eventBytesMax,
      onReadable: () => this.signal.raise(),
      onFault: (error) => {
        const why = `the history for revision ${job.revision} could not be read: ${error.message}`;
        const failed = new BackfillTrimmed(partition, why, { cause: error });
        this.context.log.error({ partition, err: failed }, "partition: backfill failed, apply the definition again");
        this.fail(job, failed);
      },
    });
    this.signal.raise();
  }

  private end(job: Job): void {
    job.reading?.stop();
    this.jobs.delete(job.revision);
  }

  /** True when there is more to do, be it only to ask again for a turn. */
  private foldInTurn(job: Job): boolean {
    const { background, runtime, settings } = this.context;
    if (Math.max(job.shadow.position, job.first - 1) >= this.machine.position) return false;
    if (!background.take()) return true;
    const untilMs = runtime.monotonicMs() + settings.backgroundSliceMsMax;
    let folded = 0;
    while (this.fold(job, Math.min(RECORDS_PER_LOOK, settings.backfillSliceRecords), this.machine.position)) {
      folded += RECORDS_PER_LOOK;
      if (folded >= settings.backfillSliceRecords || runtime.monotonicMs() >= untilMs) return true;
    }
    if (folded === 0) background.giveBack();
    return folded > 0;
  }

  private fold(job: Job, recordsMax: number, upTo: Seq): boolean {
    // A log that lost its start begins later than 1; what is not there counts as folded.
    const position = Math.max(job.shadow.position, job.first - 1);
    const max = Math.min(recordsMax, upTo - position);
    const records = max <= 0 ? [] : (job.reading?.take(max) ?? []);
    for (const record of records) job.shadow.apply(record);
    job.folded += records.length;
    if (records.length > 0) job.pace.note(this.context.runtime.monotonicMs(), job.folded);
    return records.length > 0;
  }

  private sayReadyWhenClose(job: Job): void {
    if (job.readySaid || job.failed !== undefined || job.reading === undefined) return;
    if (this.machine.position - job.shadow.position > this.context.settings.readyWithinMessages) return;
    job.readySaid = true;
    void this.sayReady(job);
  }

  private async sayReady(job: Job): Promise<void> {
    const { world, runtime } = this.context;
    const body = JSON.stringify({ revision: job.revision, from: job.first });
    while (!this.stopped && this.jobs.get(job.revision) === job) {
      // Said twice is harmless: the machine heeds the first.
      if ((await world.log.append("ready", body)).kind === "stored") return;
      await pause(runtime, RETRY_MS);
    }
  }
}
