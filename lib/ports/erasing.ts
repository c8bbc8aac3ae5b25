// What an erasure does to the streams, and what it leaves: a ledger that names every message which it took out of a log, with a
// stand-in that says nothing of anybody. A hole in a log is legal where the ledger names it, and nowhere else.
// Answered by lib/nats/erasing.ts and lib/memory/erasing.ts; used by actors/partition/erasing.ts and by whoever reads a log.
import type { LogKind, LogRecord, Millis, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

/** What readers of a log are given instead of a message that is gone: its place and time, and what others need of it. */
export interface StandIn {
  readonly seq: Seq;
  readonly stamp: Millis;
  readonly kind: LogKind;
  readonly body: string;
}

/** `listed`: all that goes is named, so it may go. `cleared`: the log is without it. `deleted`: all of it is gone. */
export type ErasurePhase = "listed" | "cleared" | "deleted";

const PHASES: readonly ErasurePhase[] = ["listed", "cleared", "deleted"];

export interface ErasureLedger {
  /** What the last `read` found. */
  readonly book: LedgerBook;
  /** All that is written about this partition's log, through the leader. */
  read(): Promise<LedgerBook>;
  /** Written once: `fenced` where something stands under that number already, which is the same. */
  list(revision: number, chunk: number, standIns: readonly StandIn[]): Promise<Published>;
  /** The same. */
  mark(revision: number, phase: ErasurePhase, note: ErasureNote): Promise<Published>;
}

/** The entry's copy in this log: what the member did and said up to there goes. */
export interface ErasureNote {
  readonly seq: Seq;
  readonly stamp: Millis;
}

/** Deletes so that no byte is left in the server's files. Asked again, each goes on where it was. */
export interface StreamEraser {
  fromLog(seq: Seq): Promise<void>;
  /** This partition's deltas of which `isTheirs` holds for the body; gives how many there were. */
  deltas(isTheirs: (body: string) => boolean): Promise<number>;
  /** What was refused at these places of the log. */
  rejects(isTheirs: (seq: Seq) => boolean): Promise<number>;
}

/** One partition's part of the ledger, taken in message by message. */
export class LedgerBook {
  readonly #standIns = new Map<Seq, StandIn>();
  readonly #phases = new Map<number, ErasurePhase>();
  readonly #notes = new Map<number, ErasureNote>();
  readonly #seqs = new Map<number, Seq[]>();
  /** The highest place in the log that was erased; 0 where none was. */
  last: Seq = 0;

  /** `name` as entryName and phaseName give it. */
  take(name: string, body: string): void {
    const [what, revisionText, which] = name.split(".");
    const revision = Number(revisionText);
    if (what === "phase") {
      const before = this.#phases.get(revision) ?? "listed";
      const phase = which as ErasurePhase;
      this.#phases.set(revision, PHASES.indexOf(phase) > PHASES.indexOf(before) ? phase : before);
      this.#notes.set(revision, JSON.parse(body) as ErasureNote);
      return;
    }
    const seqs = this.#seqs.get(revision) ?? [];
    this.#seqs.set(revision, seqs);
    for (const [seq, stamp, kind, text] of JSON.parse(body) as [Seq, Millis, LogKind, string][]) {
      this.#standIns.set(seq, { seq, stamp, kind, body: text });
      seqs.push(seq);
      this.last = Math.max(this.last, seq);
    }
  }

  /** Nothing was ever erased. */
  get isEmpty(): boolean {
    return this.#standIns.size === 0;
  }

  phaseOf(revision: number): ErasurePhase | undefined {
    return this.#phases.get(revision);
  }

  /** Some of what is named may still be there. */
  get isUnderWay(): boolean {
    return [...this.#phases.values()].includes("listed");
  }

  noteOf(revision: number): ErasureNote | undefined {
    return this.#notes.get(revision);
  }

  seqsOf(revision: number): readonly Seq[] {
    return this.#seqs.get(revision) ?? [];
  }

  /** All that was erased. */
  seqs(): Seq[] {
    return [...this.#standIns.keys()];
  }

  stampAt(seq: Seq): Millis | undefined {
    return this.#standIns.get(seq)?.stamp;
  }

  /** Where a log begins of which the server knows `first`: what was erased before that was there. */
  firstBefore(first: Seq): Seq {
    let begins = first;
    while (this.#standIns.has(begins - 1)) begins -= 1;
    return begins;
  }

  /** Stand-ins for all from `from` to `to`; undefined where one of them is not named. */
  standInsFor(from: Seq, to: Seq): LogRecord[] | undefined {
    const records: LogRecord[] = [];
    for (let seq = from; seq <= to; seq += 1) {
      const standIn = this.#standIns.get(seq);
      if (standIn === undefined) return undefined;
      records.push({ ...standIn, body: Buffer.from(standIn.body) });
    }
    return records;
  }
}

export function entryName(revision: number, chunk: number): string {
  return `entry.${revision}.${chunk}`;
}

export function phaseName(revision: number, phase: ErasurePhase): string {
  return `phase.${revision}.${phase}`;
}

export function entryText(standIns: readonly StandIn[]): string {
  return JSON.stringify(standIns.map(({ seq, stamp, kind, body }) => [seq, stamp, kind, body]));
}
