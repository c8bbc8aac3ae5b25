// Erases from what is stored whom the control log forgets: renews the checkpoints, writes into the ledger what goes, deletes it.
// Beside running.ts; whoever owns the partition goes on where the one before stopped. Each step may be done twice.
//
//   both checkpoints after it ──▶ no history is being folded ──▶ ledger: listed ──▶ deleted from log and rejects ──▶
//   ledger: cleared ──▶ once services had their time to hear of it, deleted from SEGMENTS ──▶ ledger: deleted

import type { ControlEntry } from "../../lib/core/control.ts";
import { decodeDelta } from "../../lib/core/deltas.ts";
import { isMeant } from "../../lib/core/erasure.ts";
import { idsNamed } from "../../lib/core/named.ts";
import type { PartitionMachine } from "../../lib/core/partition.ts";
import type { LogRecord, Millis, Seq } from "../../lib/core/types.ts";
import {
  type ErasureNote,
  type ErasurePhase,
  type ErasureStep,
  type ErasureWait,
  inChunks,
  type LedgerBook,
  type StandIn,
} from "../../lib/ports/erasing.ts";
import { LogTruncated, Refusal } from "../../lib/ports/errors.ts";
import type { Fingerprint } from "../../lib/ports/event-log.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import { pause } from "../../lib/ports/runtime.ts";
import type { Checkpointer } from "./checkpoint.ts";
import { insist } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { ErasureScan } from "./erasure-scan.ts";
import { Backoff, Signal } from "./signal.ts";

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 5_000;
const RECORDS_IN_FLIGHT_MAX = 500;
const DELETES_UNDER_WAY_MAX = 16;
/** A word that ends an erasure's links is short: longer messages are not looked into. */
const WORD_BYTES_MAX = 160;
/** Timers do not reach far, and the server's clock may be set. */
const HOLD_LOOK_MS = 60_000;

type Entry = Extract<ControlEntry, { op: "erase" }>;

interface Job {
  readonly revision: number;
  readonly entry: Entry;
}

/** How far the log was read for an erasure. */
interface Scanning {
  readonly job: Job;
  readonly scan: ErasureScan;
  last: Fingerprint;
}

interface Scanned {
  readonly standIns: readonly StandIn[];
  /** From there on nothing of the member comes any more. */
  readonly settled: Seq;
  readonly copy: ErasureNote;
}

export class Erasing {
  private readonly context: PartitionContext;
  private readonly machine: PartitionMachine;
  private readonly checkpointer: Checkpointer;
  /** Whether any history is being folded, or is about to be. */
  private readonly isFolding: () => boolean;
  /** Wakes the partition's own loop. */
  private readonly wake: () => void;
  private readonly serverMs: () => Millis;
  private readonly onFault: (error: Refusal) => void;
  private readonly signal = new Signal();
  private book: LedgerBook | undefined;
  private deleting = false;
  private stopped = false;
  private looked = 0;
  private open: Job[] = [];
  private scanning: Scanning | undefined;
  /** The one that is at hand, and why it is no further. */
  private atHand: { readonly job: Job; readonly waits: ErasureWait } | undefined;
  private lastReady: Seq = 0;
  /** Counts the words that may have settled an erasure. */
  private words = 0;

  constructor(
    context: PartitionContext,
    machine: PartitionMachine,
    checkpointer: Checkpointer,
    isFolding: () => boolean,
    wake: () => void,
    serverMs: () => Millis,
    onFault: (error: Refusal) => void,
  ) {
    this.context = context;
    this.machine = machine;
    this.checkpointer = checkpointer;
    this.isFolding = isFolding;
    this.wake = wake;
    this.serverMs = serverMs;
    this.onFault = onFault;
  }

  /**
   * No history may be folded: a fold gives what a log with all or with none of an erasure's holes gives, and never what one
   * with some of them would, or the same fold after a crash would come to something else.
   */
  get holdsFolds(): boolean {
    return this.book === undefined || this.deleting || this.book.isUnderWay;
  }

  /** Those that are not over. */
  get steps(): readonly ErasureStep[] {
    return this.open.map((job) => this.stepOf(job));
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.signal.raise();
  }

  /** A checkpoint was written, an entry was applied, a history installed: look again. */
  nudge(): void {
    this.signal.raise();
  }

  /** After the step of that message. */
  passed(record: LogRecord): void {
    if (record.kind === "ready") this.lastReady = record.seq;
    const isWord = record.kind === "link" && record.body.length <= WORD_BYTES_MAX && hasWord(record.body);
    if (isWord) this.words += 1;
    if (isWord || record.kind === "control" || record.kind === "ready") this.signal.raise();
  }

  private async run(): Promise<void> {
    const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
    while (!this.stopped) {
      try {
        await this.readLedger();
        if (await this.getOn()) backoff.reset();
        else await this.rest();
      } catch (error) {
        if (error instanceof Halted || this.stopped) return;
        if (error instanceof Refusal) {
          this.onFault(error);
          return;
        }
        const { log, partition, runtime } = this.context;
        log.warn({ partition, err: error }, "partition: an erasure did not get on, trying again");
        await pause(runtime, backoff.next(runtime.random()));
      }
    }
  }

  private async readLedger(): Promise<void> {
    if (this.book !== undefined) return;
    this.book = await insist(this.context, () => this.context.world.ledger.read());
    this.wake();
  }

  /** False when there is nothing to do, or it has to wait for something that others do. */
  private async getOn(): Promise<boolean> {
    this.lookForJobs();
    const job = this.nextJob();
    this.atHand = undefined;
    if (job === undefined) return false;
    this.nowAt(job, "work");
    try {
      return await (this.isRipe(job) ? this.deleteDeltas(job) : this.clear(job));
    } catch (error) {
      this.nowAt(job, "retry");
      // Whatever is wrong with this one, the others need not wait for it.
      this.scanning = undefined;
      this.open = [...this.open.filter((one) => one !== job), job];
      throw error;
    }
  }

  private nowAt(job: Job, waits: ErasureWait): void {
    this.atHand = { job, waits };
  }

  private stepOf(job: Job): ErasureStep {
    const { revision } = job;
    if (job === this.atHand?.job) return { revision, waits: this.atHand.waits, until: null };
    const isKept = this.book!.phaseOf(revision) === "cleared" && !this.isRipe(job);
    return { revision, waits: isKept ? "hold" : "turn", until: isKept ? this.keptUntil(job) : null };
  }

  /**
   * One after the other: what two erasures do to one log is done one after the other, too. What may be half deleted comes first, for all
   * folds wait for it; whoever took the partition over may find many that are ripe beside it.
   */
  private nextJob(): Job | undefined {
    const inPhase = (phase: ErasurePhase | undefined): Job | undefined =>
      this.open.find(({ revision }) => this.book!.phaseOf(revision) === phase);
    return inPhase("listed") ?? this.open.find((job) => this.isRipe(job)) ?? inPhase(undefined);
  }

  /** Its deltas were kept for as long as they are. */
  private isRipe(job: Job): boolean {
    return this.leftMs(job) <= 0;
  }

  /** Until somebody nudges, or until the deltas of somebody may go. */
  private async rest(): Promise<void> {
    const leftMs = Math.min(...this.open.map((job) => this.leftMs(job)), Number.POSITIVE_INFINITY);
    if (leftMs === Number.POSITIVE_INFINITY) {
      await this.signal.wait();
      return;
    }
    const timer = this.context.runtime.after(Math.min(leftMs, HOLD_LOOK_MS), () => this.signal.raise());
    await this.signal.wait();
    timer.cancel();
  }

  /** How long the deltas of somebody are still kept; Infinity while the log is not cleared. */
  private leftMs(job: Job): number {
    const { revision, entry } = job;
    if (this.book!.phaseOf(revision) !== "cleared") return Number.POSITIVE_INFINITY;
    if (!this.isHome(entry) || this.context.settings.erasureHoldMs === 0) return 0;
    return this.keptUntil(job) - this.serverMs();
  }

  private keptUntil({ revision }: Job): Millis {
    return this.noteOf(revision).stamp + this.context.settings.erasureHoldMs;
  }

  private isHome({ hash }: Entry): boolean {
    return hash % this.context.machine.partitions === this.context.partition;
  }

  private noteOf(revision: number): ErasureNote {
    const note = this.book!.noteOf(revision);
    if (note === undefined) throw new Error(`the erasure of revision ${revision} is not listed`);
    return note;
  }

  private lookForJobs(): void {
    const { entries } = this.context.book;
    for (; this.looked < Math.min(entries.length, this.machine.controlRevision); this.looked += 1) {
      const entry = entries[this.looked];
      if (entry?.op === "erase") this.open.push({ revision: this.looked + 1, entry });
    }
    this.open = this.open.filter(({ revision }) => this.book!.phaseOf(revision) !== "deleted");
  }

  /** False when it has to wait for something that others do. */
  private async clear(job: Job): Promise<boolean> {
    if (this.book!.phaseOf(job.revision) === undefined && !(await this.list(job))) return false;
    // What was read of the log is no longer what it says.
    this.scanning = undefined;
    await this.deleteListed(job);
    await this.mark(job, "cleared");
    this.deleting = false;
    this.wake();
    return true;
  }

  private async mark({ revision }: Job, phase: ErasurePhase, note = this.noteOf(revision)): Promise<void> {
    const { ledger } = this.context.world;
    await this.write(() => ledger.mark(revision, phase, note));
    this.book = await insist(this.context, () => ledger.read());
  }

  // ── before anything is deleted ────────────────────────────────────────────────────────────────────────────────────

  private async list(job: Job): Promise<boolean> {
    const { words } = this;
    const scan = await this.scan(job);
    if (scan === undefined) {
      this.nowAt(job, "others");
      // A word that came while the log was read may have been the last one.
      if (words !== this.words) this.signal.raise();
      return false;
    }
    await this.renewed(job, scan.settled);
    await this.foldsAreOver(job);
    this.nowAt(job, "work");
    await this.name(job, scan.standIns);
    await this.mark(job, "listed", scan.copy);
    return true;
  }

  /** Whatever the ledger does not name yet. An owner before may have named some of it, and in other pieces: its log began elsewhere. */
  private async name({ revision }: Job, standIns: readonly StandIn[]): Promise<void> {
    const { ledger } = this.context.world;
    for (;;) {
      this.book = await insist(this.context, () => ledger.read());
      const named = new Set(this.book.seqsOf(revision));
      const missing = standIns.filter(({ seq }) => !named.has(seq));
      if (missing.length === 0) return;
      const before = this.book.chunkCountOf(revision);
      for (const [index, some] of inChunks(missing).entries())
        await this.write(() => ledger.list(revision, before + index, some));
    }
  }

  /** Reads on where it stopped before. Undefined while something of the member may still come. */
  private async scan(job: Job): Promise<Scanned | undefined> {
    const scanning = this.scanning?.job === job ? this.scanning : this.beginScan(job);
    const { scan } = scanning;
    const until = this.machine.position;
    while (scan.settled === undefined && scanning.last.seq < until) await this.readOn(scanning, until);
    const { settled, copy, standIns } = scan;
    return settled === undefined || copy === undefined ? undefined : { standIns, settled, copy };
  }

  private beginScan(job: Job): Scanning {
    const scan = new ErasureScan(job.revision, job.entry, this.context.machine);
    this.scanning = { job, scan, last: { seq: 0, stamp: 0 } };
    return this.scanning;
  }

  /** To there, or to where the log has lost what comes next: what aged out need not be erased. */
  private async readOn(scanning: Scanning, until: Seq): Promise<void> {
    const { world, settings, machine, runtime } = this.context;
    const { first } = await insist(this.context, () => world.log.bounds());
    const { scan } = scanning;
    if (scanning.last.seq < first - 1) scanning.last = { seq: first - 1, stamp: 0 };
    const arrived = new Signal();
    let fault: Refusal | undefined;
    const reading = world.log.read({
      after: scanning.last.seq > 0 ? scanning.last : undefined,
      recordsMax: RECORDS_IN_FLIGHT_MAX,
      bytesMax: settings.bytesInFlightMax,
      recordBytesMax: machine.limits.eventBytesMax,
      onReadable: () => arrived.raise(),
      onFault: (error) => {
        fault = error;
        arrived.raise();
      },
    });
    try {
      while (scanning.last.seq < until && scan.settled === undefined) {
        if (fault instanceof LogTruncated) return;
        if (fault !== undefined) throw fault;
        if (this.stopped || this.context.halted()) throw new Halted();
        const records = reading.take(RECORDS_IN_FLIGHT_MAX);
        if (records.length === 0) await this.either(arrived);
        for (const record of records) {
          if (record.seq > until || scan.settled !== undefined) break;
          scan.take(record);
          scanning.last = { seq: record.seq, stamp: record.stamp };
        }
        await runtime.breathe();
      }
    } finally {
      reading.stop();
    }
  }

  /** Whichever comes first: records, or the end of all. */
  private async either(arrived: Signal): Promise<void> {
    const timer = this.context.runtime.after(RETRY_MS_MAX, () => arrived.raise());
    await arrived.wait();
    timer.cancel();
  }

  /** Both generations stand at or after that place, and no older page is kept. */
  private async renewed(job: Job, seq: Seq): Promise<void> {
    this.nowAt(job, "checkpoint");
    this.checkpointer.renew(seq);
    this.wake();
    while (!this.checkpointer.isRenewed(seq)) await this.look();
  }

  /** None is under way, and none that was finished would be done again after a crash. */
  private async foldsAreOver(job: Job): Promise<void> {
    while (this.isFolding() || !this.checkpointer.isRenewed(this.lastReady)) {
      this.nowAt(job, this.isFolding() ? "folds" : "checkpoint");
      if (!this.isFolding()) this.checkpointer.renew(this.lastReady);
      this.wake();
      await this.look();
    }
    // Nothing is waited for between the look and this: the next fold finds itself held.
    this.deleting = true;
  }

  private async look(): Promise<void> {
    await this.signal.wait();
    if (this.stopped || this.context.halted()) throw new Halted();
  }

  // ── deleting ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private async deleteListed(job: Job): Promise<void> {
    const { eraser } = this.context.world;
    const { revision } = job;
    const seqs = this.book!.seqsOf(revision);
    for (let at = 0; at < seqs.length; at += DELETES_UNDER_WAY_MAX) {
      if (this.stopped) throw new Halted();
      const some = seqs.slice(at, at + DELETES_UNDER_WAY_MAX);
      await Promise.all(some.map((seq) => insist(this.context, () => eraser.fromLog(seq))));
    }
    await this.deleteRejects(job, new Set(seqs));
    await this.renewLedger();
  }

  /** Of what went from the log; and of what has aged out of it, where nobody has found it. */
  private async deleteRejects({ revision, entry }: Job, gone: ReadonlySet<Seq>): Promise<void> {
    const { log, eraser } = this.context.world;
    const { first } = await insist(this.context, () => log.bounds());
    const before = Math.min(first, this.noteOf(revision).seq);
    const isTheirs = (seq: Seq, body: Uint8Array): boolean =>
      gone.has(seq) || (seq < before && idsNamed(body, entry.kind).some((id) => isMeant(entry, id)));
    if (gone.size > 0 || first > 1) await insist(this.context, () => eraser.rejects(isTheirs));
  }

  /** A stand-in from before may name the member, as long as what it stood in for named others who were erased before. */
  private async renewLedger(): Promise<void> {
    const { ledger, eraser } = this.context.world;
    for (const chunk of this.book!.disagreeing()) await this.write(() => ledger.rewrite(chunk));
    this.book = await insist(this.context, () => ledger.read());
    for (const at of this.book.outdated()) {
      await insist(this.context, () => eraser.fromLedger(at));
      this.book.gone(at);
    }
  }

  private async deleteDeltas(job: Job): Promise<true> {
    const { entry, revision } = job;
    const { world, log, partition } = this.context;
    const { seq } = this.noteOf(revision);
    const isTheirs = (body: string): boolean => {
      const { kind, id, cause } = decodeDelta(body);
      return kind === entry.kind && cause.seq <= seq && isMeant(entry, id);
    };
    if (this.isHome(entry)) await insist(this.context, () => world.eraser.deltas(isTheirs));
    await this.mark(job, "deleted");
    log.info({ partition, revision }, "partition: somebody was erased from what is stored");
    return true;
  }

  private async write(put: () => Promise<Published>): Promise<void> {
    const { runtime, log, partition } = this.context;
    const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
    for (;;) {
      const outcome = await put();
      if (outcome.kind === "stored" || outcome.kind === "fenced") return;
      if (this.stopped || this.context.halted()) throw new Halted();
      log.warn({ partition, reason: outcome.reason }, "partition: the ledger of erasures took no entry, trying again");
      await pause(runtime, backoff.next(runtime.random()));
    }
  }
}

function hasWord(body: Uint8Array): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.length).includes('"op":"erased"');
}
