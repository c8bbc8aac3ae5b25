// Says what the machine decided: at most one publish outstanding, so that what is stored is always a prefix of it.
// The bookkeeping is speech.ts; here are the four answers of a publish and what each of them means.
//
//   stored   confirm, go on
//   retry    not stored: the same again, after a pause
//   fenced   somebody wrote the watermark: was it an unanswered record of mine? Else I am no longer the owner
//   unknown  compare-and-set a new watermark, scan up to it, confirm what is found, go on under the new fence
//            (resending under the old fence would store twice when a paused server wakes)
import type { Trace } from "../../lib/core/trace.ts";
import type { Delta, PartitionNo, Reject, Seq } from "../../lib/core/types.ts";
import type { DeltaSink, Watermark } from "../../lib/ports/delta-sink.ts";
import { DigestMismatch, DuplicateWorkerName, OwnershipLost, Refusal } from "../../lib/ports/errors.ts";
import type { Fingerprint } from "../../lib/ports/event-log.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import type { Counters } from "../../lib/ports/questions.ts";
import type { Rejects } from "../../lib/ports/rejects.ts";
import type { Runtime, Timer } from "../../lib/ports/runtime.ts";
import { Retries } from "./retries.ts";
import type { PartitionSettings } from "./settings.ts";
import { Signal } from "./signal.ts";
import { Disagreement, type Progress, type Speech } from "./speech.ts";

/** More deltas waiting than this are said as one batch. */
const SINGLES_MAX = 8;
/** When SEGMENTS has grown by so much since our last record, it is written again: no restore scans a longer tail. */
const TAIL_MESSAGES_MAX = 100_000;
const REJECTS_AT_ONCE_MAX = 100;

export interface SpeakerOptions {
  readonly partition: PartitionNo;
  readonly shard: string;
  readonly epoch: number;
  readonly speech: Speech;
  readonly sink: DeltaSink;
  readonly rejects: Rejects;
  readonly runtime: Runtime;
  readonly counters: Counters;
  readonly settings: Pick<PartitionSettings, "watermarkDelayMs" | "batchMax">;
  /** Last control revision applied, for the watermark. */
  revision(): number;
  /** Less waits than before, or `done` moved. */
  onProgress(): void;
  /** Nothing more will be said. Called once. */
  onFault(error: Refusal): void;
}

interface DoneWaiter {
  readonly seq: Seq;
  resolve(): void;
}

export class Speaker {
  private readonly options: SpeakerOptions;
  private readonly speech: Speech;
  private readonly signal = new Signal();
  private readonly retries: Retries;
  private waiters: DoneWaiter[] = [];
  private watermarkDue = false;
  private watermarkTimer: Timer | undefined;
  private releasing = false;
  private stopped = false;
  private ended: Promise<void> = Promise.resolve();

  constructor(options: SpeakerOptions) {
    this.options = options;
    this.speech = options.speech;
    this.retries = new Retries(options.runtime, options.counters);
  }

  start(): void {
    this.ended = this.run();
  }

  /** Every delta of inputs up to here is stored, and a stored watermark says so. */
  get done(): Seq {
    return this.speech.stored.done;
  }

  /** Why the last publish has to be tried again. */
  get problem(): string | undefined {
    return this.retries.problem;
  }

  get unsaid(): number {
    return this.speech.unsaid;
  }

  get replaying(): boolean {
    return this.speech.replaying;
  }

  get digestMade(): string {
    return this.speech.digestMade;
  }

  /** What the step of one input made, or a slice of it, and the trace that came with the input. */
  say(deltas: readonly Delta[], rejects: readonly Reject[], trace?: Trace): void {
    if (deltas.length === 0 && rejects.length === 0) return;
    this.speech.say(deltas, rejects, trace);
    this.signal.raise();
  }

  passed(position: Fingerprint): void {
    this.speech.passed(position);
    if (this.waiters.length > 0) this.signal.raise();
  }

  /** Resolves when a stored watermark has passed `seq`; never when the speaker stops before. */
  untilDone(seq: Seq): Promise<void> {
    if (this.done >= seq) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push({ seq, resolve });
      this.signal.raise();
    });
  }

  /** SEGMENTS ends at `last` now. */
  noteStreamEnd(last: Seq): void {
    // It ends before our own record: it went back, or a replica that lags was asked. Writing the record tells.
    const wentBack = last < this.speech.fence;
    if (!wentBack && last - this.speech.fence < TAIL_MESSAGES_MAX) return;
    this.watermarkDue = true;
    this.signal.raise();
  }

  /** The last word: a watermark without an owner. Everything must have been said before. */
  async release(): Promise<void> {
    this.releasing = true;
    this.watermarkDue = true;
    this.signal.raise();
    await this.ended;
  }

  /** Says nothing more from the next answer on. Stopping twice is harmless. */
  stop(): void {
    this.stopped = true;
    this.watermarkTimer?.cancel();
    this.signal.raise();
  }

  private async run(): Promise<void> {
    try {
      while (!this.stopped) {
        if (!(await this.speakOnce())) await this.signal.wait();
      }
    } catch (error) {
      this.stop();
      this.options.onFault(this.refusalOf(error));
    }
  }

  /** One publish and its consequences; false when there is nothing to say. */
  private async speakOnce(): Promise<boolean> {
    if (this.speech.replaying) return false;
    if (await this.tellRejects()) return true;
    const waiting = this.speech.deltasWaiting;
    if (this.watermarkWanted()) await this.sayWatermark();
    else if (waiting === 0) return false;
    else if (waiting > SINGLES_MAX) await this.sayBatch();
    else await this.saySingle();
    return true;
  }

  private watermarkWanted(): boolean {
    if (this.watermarkDue) return true;
    const reachable = this.waiters.length === 0 ? 0 : this.speech.progressAfter(0).done;
    return reachable > this.done && this.waiters.some(({ seq }) => seq <= reachable);
  }

  private async tellRejects(): Promise<boolean> {
    const rejects = this.speech.rejectsToTell(REJECTS_AT_ONCE_MAX);
    if (rejects.length === 0) return false;
    if (await this.options.rejects.tell(rejects)) {
      this.speech.markToldRejects(rejects.length);
      this.options.counters.rejects += rejects.length;
      this.wentWell();
    } else await this.retries.holdBack("rejects");
    return true;
  }

  /** Within JSON text no id can look like this: its quotation marks are escaped. */
  private countDeltas(stored: readonly { readonly body: string }[]): void {
    const { counters } = this.options;
    counters.deltas += stored.length;
    for (const { body } of stored) if (body.includes('"change":"joined"')) counters.joined += 1;
  }

  private async saySingle(): Promise<void> {
    const [saying] = this.speech.next(1);
    if (saying === undefined) return;
    const outcome = await this.options.sink.publish(this.speech.fence, saying);
    if (outcome.kind !== "stored") return this.recover(outcome);
    this.options.counters.singles += 1;
    this.countDeltas([saying]);
    this.speech.confirm(1, outcome.seq);
    this.watermarkTimer ??= this.options.runtime.after(this.options.settings.watermarkDelayMs, () => {
      this.watermarkTimer = undefined;
      this.watermarkDue = true;
      this.signal.raise();
    });
    this.wentWell();
  }

  private async sayBatch(): Promise<void> {
    const { sink, counters, settings } = this.options;
    const sayings = this.speech.next(Math.min(settings.batchMax, sink.batchMax - 1));
    const progress = this.speech.progressAfter(sayings.length);
    const watermark = this.watermarkOf(progress);
    const outcome = await sink.publishBatch(this.speech.fence, sayings, watermark);
    const confirm = (seq: Seq): void => {
      counters.batches += 1;
      this.countDeltas(sayings);
      this.speech.confirm(sayings.length, seq - 1);
      this.watermarkStored(progress, seq);
    };
    if (outcome.kind === "stored") confirm(outcome.seq);
    else await this.recover(outcome, { nonce: watermark.nonce, scan: false, confirm });
  }

  private async sayWatermark(): Promise<void> {
    const progress = this.speech.progressAfter(0);
    const watermark = this.watermarkOf(progress);
    const outcome = await this.options.sink.putWatermark(this.speech.fence, watermark);
    const confirm = (seq: Seq): void => this.watermarkStored(progress, seq);
    if (outcome.kind === "stored") confirm(outcome.seq);
    else await this.recover(outcome, { nonce: watermark.nonce, scan: true, confirm });
  }

  private watermarkStored(progress: Progress, seq: Seq): void {
    this.options.counters.watermarks += 1;
    this.speech.confirmWatermark(progress, seq);
    this.watermarkDue = false;
    this.watermarkTimer?.cancel();
    this.watermarkTimer = undefined;
    const reached = this.waiters.filter((waiter) => waiter.seq <= this.done);
    this.waiters = this.waiters.filter((waiter) => waiter.seq > this.done);
    for (const waiter of reached) waiter.resolve();
    this.wentWell();
    if (this.releasing) this.stop();
  }

  private watermarkOf(progress: Progress): Watermark {
    const { epoch, shard, runtime, revision } = this.options;
    const owner = this.releasing ? null : shard;
    return { epoch, owner, nonce: runtime.nonce(), ...progress, revision: revision() };
  }

  /** What became of a publish that was not simply stored. `mine` is the watermark that it carried. */
  private async recover(outcome: Published, mine?: Unanswered): Promise<void> {
    switch (outcome.kind) {
      case "stored":
        return;
      case "retry":
        return this.retries.holdBack(outcome.reason);
      case "fenced":
        throw this.lost();
      case "unknown":
        this.options.counters.publishTimeouts += 1;
        return this.settle(mine === undefined ? [] : [mine]);
    }
  }

  /** Nobody knows whether the last publish is stored. A new watermark ends the doubt, one way or the other. */
  private async settle(unanswered: Unanswered[]): Promise<void> {
    const { sink } = this.options;
    const from = this.speech.unknownFrom;
    while (!this.stopped) {
      const progress = this.speech.progressAfter(0);
      const watermark = this.watermarkOf(progress);
      const confirm = (seq: Seq): void => this.watermarkStored(progress, seq);
      unanswered.push({ nonce: watermark.nonce, scan: true, confirm });
      const outcome = await sink.putWatermark(this.speech.fence, watermark);
      if (outcome.kind === "stored") {
        await this.confirmScanned(from, outcome.seq);
        confirm(outcome.seq);
        return;
      }
      if (outcome.kind === "fenced" && (await this.adopt(unanswered, from))) return;
      await this.retries.holdBack("an unanswered publish is being settled");
    }
  }

  /** The watermark is not the one expected: it is one of those that were never answered, or somebody else's. */
  private async adopt(unanswered: readonly Unanswered[], from: Seq): Promise<boolean> {
    const record = await this.options.sink.readWatermark().catch(() => undefined);
    if (record === undefined) return false;
    const { epoch, nonce, owner } = record.value;
    const mine = epoch === this.options.epoch ? unanswered.find((one) => one.nonce === nonce) : undefined;
    if (mine === undefined) {
      throw owner === this.options.shard && epoch !== this.options.epoch ? this.duplicate() : this.lost();
    }
    if (mine.scan) await this.confirmScanned(from, record.seq);
    mine.confirm(record.seq);
    return true;
  }

  private async confirmScanned(from: Seq, to: Seq): Promise<void> {
    for (;;) {
      if (this.stopped) return;
      try {
        const found = await this.options.sink.scan(from, to);
        if (found === undefined) throw this.lost();
        this.speech.confirmFound(found);
        this.countDeltas(found);
        return;
      } catch (error) {
        if (error instanceof Refusal || error instanceof Disagreement) throw error;
        await this.retries.holdBack("scanning SEGMENTS");
      }
    }
  }

  private wentWell(): void {
    this.retries.wentWell();
    this.options.onProgress();
  }

  private refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const why = error instanceof Error ? error.message : String(error);
    return new DigestMismatch(this.options.partition, why, { cause: error });
  }

  private lost(): OwnershipLost {
    return new OwnershipLost(this.options.partition, `another owner took over after epoch ${this.options.epoch}`);
  }

  private duplicate(): DuplicateWorkerName {
    return new DuplicateWorkerName(
      this.options.partition,
      `another running worker also calls itself ${this.options.shard}; give each its own name`,
    );
  }
}

/** A watermark that was sent and not answered, and what its being stored means. */
interface Unanswered {
  readonly nonce: string;
  /** A batch carries its deltas; under a bare watermark a single may hide that was never answered. */
  readonly scan: boolean;
  readonly confirm: (seq: Seq) => void;
}
