// Third of four phases. Before: restoring.ts. After: draining.ts.
// Hear, decide, tell, remember: one loop a partition, in turns that others can get between. A crash between any two lines
// loses nothing and repeats nothing: what was said is found in SEGMENTS, and the rest is made again from the log.
import { deltaId } from "../../lib/core/deltas.ts";
import type { Need, PartitionMachine } from "../../lib/core/partition.ts";
import type { Trace } from "../../lib/core/trace.ts";
import type { LogRecord, Millis, Seq } from "../../lib/core/types.ts";
import { ControlLogLost, DigestMismatch, MachineFault, Refusal } from "../../lib/ports/errors.ts";
import type { Fingerprint, LogReading } from "../../lib/ports/event-log.ts";
import type { PartitionStatus, Question, Reply } from "../../lib/ports/questions.ts";
import type { Timer } from "../../lib/ports/runtime.ts";
import { Answers } from "./answers.ts";
import { Backfills } from "./backfill.ts";
import { Checkpointer } from "./checkpoint.ts";
import type { Claim } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { Copies } from "./copies.ts";
import { Erasing } from "./erasing.ts";
import { Links } from "./links.ts";
import { definitionsUpTo, type Restored } from "./restoring.ts";
import { SelfAudit } from "./self-audit.ts";
import { Shelf } from "./shelf.ts";
import { Signal } from "./signal.ts";
import { Speaker } from "./speaker.ts";
import { Disagreement, Speech } from "./speech.ts";
import { Ticks } from "./ticks.ts";

const RECORDS_PER_TURN_MAX = 256;
/** Looking at the time costs as much as a small step, so it is looked at now and then. */
const RECORDS_PER_LOOK = 16;
const DELTAS_PER_SLICE = 100;

export class Running {
  readonly machine: PartitionMachine;
  readonly speaker: Speaker;
  readonly links: Links;
  readonly shelf: Shelf;
  readonly checkpointer: Checkpointer;
  readonly backfills: Backfills;
  readonly erasing: Erasing;
  private readonly context: PartitionContext;
  private readonly answers: Answers;
  private readonly audit: SelfAudit;
  private readonly ticks: Ticks;
  private readonly copies: Copies;
  private readonly signal = new Signal();
  private readonly reading: LogReading;
  private readonly forgetBook: () => void;
  private at: Fingerprint;
  private readonly endAtClaim: Seq;
  private fault: Error | undefined;
  private draining = false;
  /** The message under way was refused as bad input. */
  private refused = false;
  /** When there was nothing left to process. */
  private atEndMs: number | undefined;
  /** Until a step ends in which the speaker has found all that was said before. */
  private replaying = true;
  private checkpointWake: Timer | undefined;
  /** The step that has begun and needs pages. */
  private pending: Iterator<Need, void, void> | undefined;

  constructor(context: PartitionContext, claim: Claim, restored: Restored, status: () => PartitionStatus) {
    const wake = (): void => this.signal.raise();
    const fail = (error: Error): void => this.fail(error);
    const { machine, position } = restored;
    this.context = context;
    this.machine = machine;
    this.at = position;
    this.endAtClaim = restored.log.last;
    this.speaker = new Speaker({
      ...context,
      epoch: claim.epoch,
      speech: speechOf(context, claim, restored),
      sink: context.world.sink,
      rejects: context.world.rejects,
      revision: () => machine.controlRevision,
      onProgress: wake,
      onFault: fail,
    });
    this.links = new Links({
      ...context,
      sink: context.world.links,
      batchMax: context.settings.batchMax,
      replaying: () => this.speaker.replaying,
      onProgress: wake,
      onFault: fail,
    });
    this.shelf = new Shelf(context, claim.epoch, restored.generation, restored.directory, wake);
    const lookAgain = (): void => {
      this.erasing.nudge();
      wake();
    };
    this.checkpointer = new Checkpointer(context, claim, restored, this.shelf, this, lookAgain, fail);
    const mayFold = (): void => {
      this.backfills.review();
      wake();
    };
    const serverMs = (): Millis => this.ticks.serverMs;
    const isFolding = (): boolean => this.backfills.underWay;
    this.erasing = new Erasing(context, machine, this.checkpointer, isFolding, mayFold, serverMs, fail);
    this.backfills = new Backfills(context, machine, this.signal, () => this.erasing.holdsFolds, lookAgain);
    this.answers = new Answers({ machine, shelf: this.shelf, runtime: context.runtime, status, wake });
    this.audit = new SelfAudit(context, machine, this.shelf, wake);
    this.ticks = new Ticks(context, claim.record.stamp, wake);
    this.copies = new Copies(context, machine.controlRevision, wake);
    this.forgetBook = context.book.listen(wake);
    this.reading = context.world.log.read({
      after: position.seq === 0 ? undefined : position,
      recordsMax: context.settings.recordsInFlightMax,
      bytesMax: context.settings.bytesInFlightMax,
      recordBytesMax: context.machine.limits.eventBytesMax,
      onReadable: wake,
      onFault: fail,
    });
  }

  /** Messages that the log is known to hold beyond the position. */
  get lag(): number {
    return Math.max(0, this.reading.knownLast - this.at.seq);
  }

  /** How old the first message is that waits: no older than the end of silence, nor than the last that was processed. */
  get lagMs(): number {
    if (this.lag === 0) return 0;
    const { runtime } = this.context;
    const sinceEnd = this.atEndMs === undefined ? Number.POSITIVE_INFINITY : runtime.monotonicMs() - this.atEndMs;
    const sinceStamp = this.at.seq === 0 ? Number.POSITIVE_INFINITY : runtime.wallMs() - this.at.stamp;
    const age = Math.min(sinceEnd, sinceStamp);
    return Number.isFinite(age) ? Math.max(0, Math.round(age)) : 0;
  }

  ask(question: Question): Promise<Reply> {
    const reply = this.answers.ask(question);
    this.signal.raise();
    return reply;
  }

  /** Runs until it is asked to drain. Throws what stops it. */
  async run(): Promise<void> {
    this.speaker.start();
    this.erasing.start();
    this.backfills.review();
    while (!this.draining) {
      this.throwFault();
      if (await this.turn()) await this.context.runtime.breathe();
      else await this.signal.wait();
    }
  }

  /** Pulls no more: `run` returns after the step under way. */
  drain(): void {
    this.draining = true;
    this.signal.raise();
  }

  /** The same, with an error that `run` throws. */
  fail(error: Error): void {
    this.fault ??= error;
    this.signal.raise();
  }

  throwFault(): void {
    if (this.fault !== undefined) throw this.fault;
    if (this.context.halted()) throw new Halted();
    const { book, partition } = this.context;
    if (book.fault !== undefined) throw new ControlLogLost(partition, book.fault.message, { cause: book.fault });
  }

  /** Lets go of everything that could wake or wait. Stopping twice is harmless. */
  stop(): void {
    this.reading.stop();
    this.ticks.stop();
    this.copies.stop();
    this.backfills.stop();
    this.erasing.stop();
    this.audit.stop();
    this.checkpointWake?.cancel();
    this.forgetBook();
    this.speaker.stop();
    this.links.stop();
    this.answers.close("the partition has moved or stopped; ask again");
  }

  wake(): void {
    this.signal.raise();
  }

  /** Resolves when the loop has reason to look again: for draining.ts, which takes the loop over. */
  nextWake(): Promise<void> {
    return this.signal.wait();
  }

  /** All that the inputs up to `seq` made is stored: deltas, and what goes to other partitions. */
  async untilSaid(seq: Seq): Promise<void> {
    await Promise.all([this.speaker.untilDone(seq), this.links.untilSaid(seq)]);
  }

  takeCheckpoint(): void {
    this.checkpointer.begin(this.machine, this.at);
  }

  get position(): Fingerprint {
    return this.at;
  }

  /** One round of everything; true when there is more to do at once. */
  private async turn(): Promise<boolean> {
    let more = await this.hear();
    this.answers.passed(this.at.seq);
    while (this.answers.pending) await this.answers.answerNext();
    if (this.checkpointer.isDue(this.at.seq) && !this.speaker.replaying) this.takeCheckpoint();
    more = this.checkpointer.work() || more;
    if (this.lag === 0) this.atEndMs = this.context.runtime.monotonicMs();
    const atEnd = this.lag === 0 && !this.speaker.replaying;
    // What an owner before has written is behind us once the log's end of then is. A busy log never ends, so that is all
    // that copies and readiness may wait for.
    const heardThem = this.at.seq >= this.endAtClaim && !this.speaker.replaying;
    more = this.backfills.work(heardThem) || more;
    if (!this.speaker.replaying) more = (await this.audit.work()) || more;
    if (heardThem) this.copies.tend(this.machine.controlRevision);
    if (atEnd) {
      this.ticks.tend(this.machine.deadline, this.at.seq);
      this.wakeForCheckpoint();
    }
    return more;
  }

  private async hear(): Promise<boolean> {
    if (this.heldBack()) return false;
    const records = this.reading.take(RECORDS_PER_TURN_MAX);
    const { runtime, settings } = this.context;
    const enteredMs = runtime.monotonicMs();
    let beganMs = enteredMs;
    for (let index = 0; index < records.length; index += 1) {
      const record = records[index]!;
      this.ticks.observe(record, beganMs);
      // The common step waits for nothing; a promise for each would cost as much as the step.
      if (!this.stepNow(record)) await this.finishStep(record);
      if (index % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1 && runtime.monotonicMs() - beganMs > settings.sliceMsMax) {
        await runtime.breathe();
        this.throwFault();
        beganMs = runtime.monotonicMs();
      }
    }
    if (records.length === 0) return false;
    this.context.counters.steps += records.length;
    this.context.counters.evalMs += runtime.monotonicMs() - enteredMs;
    this.shelf.spill(this.machine.evictPages());
    return true;
  }

  /**
   * Whoever listens is slower than we are: what is made and not stored has a bound. A replay has none: nothing is said before
   * it is through, and what it makes beyond `done` is no more than an owner said between two watermarks. What it makes for
   * others it may have to hold until it knows what was said to them before.
   */
  private heldBack(): boolean {
    const { unsaidMax, linksUnsentMax, spillBytesMax } = this.context.settings;
    const { speaker, links } = this;
    const isBehind = !speaker.replaying && speaker.unsaid > unsaidMax;
    const isBehindOthers = links.unsaid > linksUnsentMax && (!speaker.replaying || links.asking);
    return isBehind || isBehindOthers || this.shelf.unstoredBytes > spillBytesMax;
  }

  /** Tries a step that needs nothing from outside; false when it has to be finished with waiting. */
  private stepNow(record: LogRecord): boolean {
    this.pending = undefined;
    if (record.kind === "ready" && this.machine.needsShadow(record)) return false;
    const steps = this.begin(record);
    if (steps !== undefined) {
      this.pending = steps;
      return false;
    }
    const deltas = this.machine.takeDeltas();
    const rejects = this.machine.takeRejects();
    this.refused = rejects.length > 0;
    this.links.take(this.machine.takeLinks(), record.trace);
    if (deltas.length > 0 || rejects.length > 0) this.guard(() => this.speaker.say(deltas, rejects, record.trace));
    this.passed(record);
    return true;
  }

  private async finishStep(record: LogRecord): Promise<void> {
    let steps = this.pending;
    this.pending = undefined;
    if (steps === undefined) {
      await this.backfills.provide(record);
      this.throwFault();
      steps = this.begin(record);
    }
    if (steps !== undefined) await this.drive(record, steps);
    await this.say(record.trace);
    this.passed(record);
  }

  private passed(record: LogRecord): void {
    this.at = { seq: record.seq, stamp: record.stamp };
    try {
      this.speaker.passed(this.at);
    } catch (error) {
      throw this.doubtOf(error);
    }
    if (record.kind === "event") this.countEvent();
    else if (record.kind === "control" || record.kind === "ready") this.stateChanged(record);
    if (record.kind !== "event") this.erasing.passed(record);
    if (this.speaker.replaying) this.context.counters.replayed += 1;
    else if (this.replaying) this.replayed();
  }

  /** Both in one turn, so that their difference never goes back. */
  private countEvent(): void {
    const { counters } = this.context;
    counters.events += 1;
    if (this.refused) counters.eventsRefused += 1;
    this.refused = false;
  }

  /** The last that was said may be found in the midst of a step, so only a step's end tells that the replay is through. */
  private replayed(): void {
    this.replaying = false;
    this.links.wake();
  }

  private begin(record: LogRecord): Iterator<Need, void, void> | undefined {
    try {
      return this.machine.apply(record);
    } catch (error) {
      throw this.machineFault(record, error);
    }
  }

  private async drive(record: LogRecord, steps: Iterator<Need, void, void>): Promise<void> {
    for (;;) {
      let need: IteratorResult<Need, void>;
      try {
        need = steps.next();
      } catch (error) {
        throw this.machineFault(record, error);
      }
      if (need.done === true) return;
      if (need.value === null) {
        // A pass over all pages must not hold them all: those that it is done with leave as others come.
        this.shelf.spill(this.machine.evictPages());
        await this.context.runtime.breathe();
      } else this.machine.providePage(need.value, await this.shelf.load(need.value));
      this.throwFault();
    }
  }

  /** A sweep can make a million deltas at once: they are put in words a slice at a time. */
  private async say(trace: Trace | undefined): Promise<void> {
    const deltas = this.machine.takeDeltas();
    const rejects = this.machine.takeRejects();
    this.refused = rejects.length > 0;
    this.links.take(this.machine.takeLinks(), trace);
    if (deltas.length === 0 && rejects.length === 0) return;
    this.guard(() => this.speaker.say(deltas.length <= DELTAS_PER_SLICE ? deltas : [], rejects, trace));
    if (deltas.length <= DELTAS_PER_SLICE) return;
    for (let from = 0; from < deltas.length; from += DELTAS_PER_SLICE) {
      this.guard(() => this.speaker.say(deltas.slice(from, from + DELTAS_PER_SLICE), [], trace));
      await this.context.runtime.breathe();
      while (this.heldBack()) {
        this.throwFault();
        await this.signal.wait();
      }
    }
  }

  private stateChanged(record: LogRecord): void {
    this.backfills.review();
    if (record.kind === "control") this.assertDefined();
    // Long folds are not to be done again after a crash.
    if (record.kind === "ready") this.checkpointer.hurry();
  }

  /** A copy of an entry that DEFINITIONS does not have: else a new entry would bear its number, and be taken for applied. */
  private assertDefined(): void {
    const { controlRevision } = this.machine;
    if (controlRevision <= this.context.book.revision) return;
    definitionsUpTo(this.context, controlRevision).catch((error: Error) => this.fail(error));
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw this.doubtOf(error);
    }
  }

  private doubtOf(error: unknown): unknown {
    if (!(error instanceof Disagreement)) return error;
    const why =
      `${error.message}. The program, its time-zone tables or its options differ from those of the owner before; ` +
      "run the same version, or start a new data set";
    return new DigestMismatch(this.context.partition, why, { cause: error });
  }

  private machineFault(record: LogRecord, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const what = `message ${record.seq} (${record.kind}) could not be applied; its worker's log says why`;
    return new MachineFault(this.context.partition, what, { cause: error });
  }

  /** An idle partition has nobody else to wake it for a checkpoint that falls due. */
  private wakeForCheckpoint(): void {
    if (this.checkpointWake !== undefined || this.checkpointer.busy || this.at.seq <= this.checkpointer.position)
      return;
    const delayMs = Math.max(1, this.checkpointer.dueMs - this.context.runtime.monotonicMs());
    this.checkpointWake = this.context.runtime.after(delayMs, () => {
      this.checkpointWake = undefined;
      this.signal.raise();
    });
  }
}

function speechOf(context: PartitionContext, claim: Claim, restored: Restored): Speech {
  try {
    return new Speech({
      record: claim.record,
      position: restored.position,
      digest: restored.digest,
      found: restored.found,
      encode: (delta) => context.machinery.encodeDelta(delta),
      deltaId,
    });
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
    throw new DigestMismatch(context.partition, error.message, { cause: error });
  }
}
