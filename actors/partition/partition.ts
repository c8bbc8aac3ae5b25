// One partition's life on one shard, from the decision to claim it until it is gone. actors/worker/shard.ts decides when.
//
//                    ┌────────── a corrupt checkpoint: once more, with an older one ◄─────┐
//                    ▼                                                                    │
//   idle ──▶ claiming ──▶ restoring ──▶ running ──▶ draining ──▶ released                  │
//               │             │            │            │                                 │
//               ├─────────────┴────────────┴────────────┴──▶ lost      somebody else owns it now
//               ├─────────────┴────────────┴────────────┴──▶ refused   doubt: an operator must look ──┘
//               └─────────────┴────────────┴────────────┴──▶ halted    told to stop at once
import { type Trace, traceIdOf } from "../../lib/core/trace.ts";
import type { PartitionNo } from "../../lib/core/types.ts";
import type { PartitionReport } from "../../lib/ports/cluster.ts";
import { CheckpointCorrupt, DigestMismatch, MachineFault, Refusal } from "../../lib/ports/errors.ts";
import type { Answering, PartitionStatus, Question, Reply } from "../../lib/ports/questions.ts";
import { assertStillOwner, type Claim, claim } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { drain } from "./draining.ts";
import { Pace } from "./pace.ts";
import { restore } from "./restoring.ts";
import { Running } from "./running.ts";

export type Phase =
  | "idle"
  | "claiming"
  | "restoring"
  | "running"
  | "draining"
  | "released"
  | "lost"
  | "refused"
  | "halted";

const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  idle: ["claiming", "halted", "released"],
  claiming: ["restoring", "lost", "refused", "halted"],
  restoring: ["running", "claiming", "lost", "refused", "halted"],
  running: ["draining", "claiming", "lost", "refused", "halted"],
  draining: ["released", "claiming", "lost", "refused", "halted"],
  released: [],
  lost: [],
  refused: ["halted", "released"],
  halted: [],
};

export class Partition {
  readonly partition: PartitionNo;
  phase: Phase = "idle";
  /** Why it was lost or refused. */
  error: Refusal | undefined;
  private readonly context: PartitionContext;
  private readonly answering: Answering;
  private readonly spoiled = new Set<number>();
  private running: Running | undefined;
  private epoch = 0;
  private readonly pace: Pace;
  private readonly eventsBefore: number;
  private drainWanted = false;
  private halted = false;
  private life: Promise<void> | undefined;

  constructor(context: Omit<PartitionContext, "halted">) {
    this.partition = context.partition;
    this.context = { ...context, halted: () => this.halted };
    this.pace = new Pace(context.runtime.monotonicMs());
    this.eventsBefore = context.counters.events;
    this.answering = context.world.desk.answer((question, trace) => {
      if (trace !== undefined) this.noteAsked(question, trace);
      return this.answer(question);
    });
  }

  /** Lives; resolves when the partition is released, lost, refused or halted. Never rejects. */
  start(): Promise<void> {
    this.life ??= this.live();
    return this.life;
  }

  /** Speaks to the end, remembers, lets go. */
  async drain(): Promise<void> {
    this.drainWanted = true;
    this.running?.drain();
    await this.life;
    this.close();
  }

  /** Stops at the next wait, whatever is unsaid. Safe: the next owner finds out what was said. */
  abort(): void {
    this.halted = true;
    this.running?.wake();
    this.running?.stop();
    this.close();
  }

  /** Ends the answers, too: call it when nobody wants to know any more why it was refused. */
  close(): void {
    this.answering.stop();
  }

  get over(): boolean {
    return this.phase === "released" || this.phase === "lost" || this.phase === "refused" || this.phase === "halted";
  }

  /** SEGMENTS ends at `last` now. */
  noteStreamEnd(last: number): void {
    this.running?.speaker.noteStreamEnd(last);
  }

  report(): PartitionReport {
    const running = this.running;
    this.pace.note(this.context.runtime.monotonicMs(), this.eventsHere);
    return {
      partition: this.partition,
      epoch: this.epoch,
      phase: this.phase,
      position: running?.position.seq ?? 0,
      done: running?.speaker.done ?? 0,
      revision: running?.machine.controlRevision ?? 0,
      folding: running === undefined ? [] : unready(running),
    };
  }

  status(): PartitionStatus {
    const running = this.running;
    const machine = running?.machine;
    const work = machine?.work;
    const error = this.error ?? running?.backfills.problem;
    return {
      partition: this.partition,
      phase: this.phase,
      owner: this.context.shard,
      epoch: this.epoch,
      position: running?.position.seq ?? 0,
      done: running?.speaker.done ?? 0,
      clock: machine?.clock ?? 0,
      universe: machine?.universe ?? 0,
      deadline: machine === undefined || !Number.isFinite(machine.deadline) ? null : machine.deadline,
      lag: running?.lag ?? 0,
      lagMs: running?.lagMs ?? 0,
      eventsPerSecond: this.over ? 0 : this.pace.perSecond(this.context.runtime.monotonicMs(), this.eventsHere),
      unsaid: running?.speaker.unsaid ?? 0,
      unsaidLinks: running?.links.unsaid ?? 0,
      checkpointAgeMs: running?.checkpointer.ageMs ?? null,
      checkpointPosition: running?.checkpointer.position ?? 0,
      revision: machine?.controlRevision ?? 0,
      folding: running?.backfills.folding ?? [],
      erasing: running?.erasing.steps ?? [],
      unsettled: machine?.unsettled() ?? [],
      residentBytes: machine?.residentBytes ?? 0,
      problem: running?.speaker.problem ?? running?.links.problem ?? null,
      error: error === undefined ? null : { code: error.code, message: error.message },
      counters: { ...this.context.counters, wakeUps: work?.wakeUps ?? 0, idleWakeUps: work?.idleWakeUps ?? 0 },
    };
  }

  private get eventsHere(): number {
    return this.context.counters.events - this.eventsBefore;
  }

  private async live(): Promise<void> {
    const { log, partition } = this.context;
    while (!this.over) {
      try {
        await this.once();
      } catch (error) {
        this.stopRunning();
        const cause = await this.causeOf(error);
        if (this.mayTryOlder(cause)) {
          log.error({ partition, err: cause }, "partition: a checkpoint is corrupt, restoring from an older one");
          continue;
        }
        this.ended(cause);
      }
    }
  }

  private async once(): Promise<void> {
    if (this.drainWanted) return this.move(this.phase === "idle" ? "released" : "halted");
    this.move("claiming");
    const held = await claim(this.context);
    this.epoch = held.epoch;
    this.move("restoring");
    const running = await this.restoreInto(held);
    this.move("running");
    await running.run();
    this.move("draining");
    const released = await drain(running);
    this.stopRunning();
    this.move(released ? "released" : "halted");
  }

  private async restoreInto(held: Claim): Promise<Running> {
    const restored = await restore(this.context, held, this.spoiled);
    if (this.halted) throw new Halted();
    const { log, partition } = this.context;
    log.debug(
      {
        partition,
        epoch: held.epoch,
        checkpoint: restored.generation,
        position: restored.position.seq,
        end: restored.log.last,
      },
      "partition: restored, replaying",
    );
    this.running = new Running(this.context, held, restored, () => this.status());
    if (this.drainWanted) this.running.drain();
    return this.running;
  }

  /** What it really means when a newer owner has removed pages, or erased from the log what is being replayed. */
  private async causeOf(error: unknown): Promise<unknown> {
    const isDoubt = error instanceof CheckpointCorrupt || error instanceof DigestMismatch;
    if (!isDoubt || this.halted) return error;
    return assertStillOwner(this.context, this.epoch).then(
      () => error,
      (cause: unknown) => cause,
    );
  }

  /** A corrupt generation is left out from now on; without another one the restore says what it needs. */
  private mayTryOlder(error: unknown): boolean {
    if (!(error instanceof CheckpointCorrupt) || this.halted || this.spoiled.has(error.generation)) return false;
    this.spoiled.add(error.generation);
    return true;
  }

  private ended(error: unknown): void {
    const { log, partition, counters } = this.context;
    if (error instanceof Halted || this.halted) {
      this.move("halted");
      return;
    }
    // Whoever asks over HTTP reads these words, and what a fault of ours says of itself is for its log.
    this.error =
      error instanceof Refusal
        ? error
        : new MachineFault(partition, "stopped by a fault of ours; its worker's log says which", { cause: error });
    if (this.error.kind === "lost") {
      log.info({ partition, reason: this.error.message }, "partition: another worker owns it now");
      this.move("lost");
      return;
    }
    counters.faults += 1;
    log.error({ partition, code: this.error.code, err: this.error }, "partition: stopped; the others go on");
    this.move("refused");
  }

  /** What was known at the end stays readable: the status of a refused partition shows it. */
  private stopRunning(): void {
    this.running?.stop();
  }

  private noteAsked({ op }: Question, trace: Trace): void {
    const { partition, log } = this.context;
    log.debug({ partition, op, trace: traceIdOf(trace) }, "partition: asked");
  }

  private answer(question: Question): Promise<Reply> {
    if (question.op === "status") return Promise.resolve({ ok: true, status: this.status() });
    if (this.phase === "running" && this.running !== undefined) return this.running.ask(question);
    const why = this.error?.message ?? `partition ${this.partition} is ${this.phase}; ask again in a moment`;
    return Promise.resolve({ ok: false, error: why });
  }

  private move(to: Phase): void {
    if (!MOVES[this.phase].includes(to))
      throw new Error(`partition ${this.partition}: ${this.phase} may not become ${to}`);
    this.phase = to;
  }
}

/** Revisions that wait for this partition: their history is not folded, or their flags are not known everywhere. */
function unready({ backfills, machine }: Running): readonly number[] {
  const folding = backfills.folding.map(({ revision }) => revision);
  return [...new Set([...folding, ...machine.unsettled()])];
}
