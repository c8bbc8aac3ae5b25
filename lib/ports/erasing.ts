// What an erasure does to the streams, and what it leaves: a ledger that names every message which it took out of a log, with a
// stand-in that says nothing of anybody. A hole in a log is legal where the ledger names it, and nowhere else.
// Answered by lib/nats and lib/memory, each in erasing.ts and control-erasing.ts; used by actors and by whoever reads a log.
import type { ControlEntry } from "../core/control.ts";
import type { Json, LogKind, LogRecord, Millis, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

/** What readers of a log are given instead of a message that is gone: its place and time, and what others need of it. */
export interface StandIn {
  readonly seq: Seq;
  readonly stamp: Millis;
  readonly kind: LogKind;
  /** JSON. */
  readonly body: string;
  /** Whoever reads it comes to the same as by the message itself: only what means nothing in this log was left out. */
  readonly isAlike?: boolean;
}

/** `listed`: all that goes is named, so it may go. `cleared`: the log is without it. `deleted`: all of it is gone. */
export type ErasurePhase = "listed" | "cleared" | "deleted";

export const PHASES: readonly ErasurePhase[] = ["listed", "cleared", "deleted"];

/** Whether an erasure that is in `phase` has come to `wanted`, or beyond it. */
export function hasComeTo(phase: ErasurePhase | undefined, wanted: ErasurePhase): boolean {
  return phase !== undefined && PHASES.indexOf(phase) >= PHASES.indexOf(wanted);
}

/**
 * Why an erasure is no further in a partition. `others`: they may have something to say of the member still. `folds`: no history may be
 * folded while it deletes. `turn`: another erasure is there first. `work`: it reads the log, or deletes. `retry`: it has failed, and is tried
 * again. `hold`: deltas are kept for services.
 */
export type ErasureWait = "others" | "folds" | "checkpoint" | "turn" | "work" | "retry" | "hold";

/** One that is not over in a partition. */
export interface ErasureStep {
  readonly revision: number;
  readonly waits: ErasureWait;
  /** Of `hold`: until when; null of all others. */
  readonly until: Millis | null;
}

export interface ErasureLedger {
  /** What the last `read` found. */
  readonly book: LedgerBook;
  /** All that is written about this partition's log, through the leader. */
  read(): Promise<LedgerBook>;
  /** Written once: `fenced` where something stands under that number already, which is the same. */
  list(revision: number, chunk: number, standIns: readonly StandIn[]): Promise<Published>;
  /** The same. */
  mark(revision: number, phase: ErasurePhase, note: ErasureNote): Promise<Published>;
  /** A chunk in other words; `fenced` where it is not what the book says it is. What it was is `outdated` from then on. */
  rewrite(chunk: Chunk): Promise<Published>;
}

/** What one message of the ledger lists. */
export interface Chunk {
  readonly name: string;
  readonly standIns: readonly StandIn[];
  /** Its place in the ledger. */
  readonly at: Seq;
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
  /** What stood in the ledger before it was written in other words. */
  fromLedger(at: Seq): Promise<void>;
  /** What was refused of this partition's log, by its place there and its body. */
  rejects(isTheirs: (seq: Seq, body: Uint8Array) => boolean): Promise<number>;
}

/** An entry of the control log as it reads by now. */
export interface HeldEntry {
  readonly entry: ControlEntry;
  /** When the entry was stored. */
  readonly stamp: Millis;
  /** Where its stand-in is in the ledger; 0 where it stands as it was written. */
  readonly at: Seq;
}

/** Takes ids out of the control log: an entry that names one gets a stand-in, which `ControlLog.follow` gives in its place. */
export interface ControlEraser {
  /** The revisions of the erasures after which no entry names the member any more. */
  done(): Promise<ReadonlySet<number>>;
  read(revision: number): Promise<HeldEntry>;
  /** From now on this stands in for the entry; `fenced` where `at` is not where its stand-in is. */
  replace(revision: number, held: HeldEntry): Promise<Published>;
  /** Deletes the entry itself; one that is gone already is no fault. */
  erase(revision: number): Promise<void>;
  /** Deletes the stand-ins that others have replaced. */
  eraseReplaced(): Promise<void>;
  /** Written once: `fenced` where it is written already. */
  markDone(revision: number): Promise<Published>;
}

/**
 * One partition's part of the ledger, taken in message by message. What names one member may name another, too: a stand-in is
 * listed once more for whoever is erased later, and holds from where that erasure is `listed` on.
 */
export class LedgerBook {
  readonly #standIns = new Map<Seq, StandIn>();
  readonly #phases = new Map<number, ErasurePhase>();
  readonly #notes = new Map<number, ErasureNote>();
  /** Of each erasure, by their names. */
  readonly #chunks = new Map<number, Map<string, Chunk>>();
  readonly #outdated = new Set<Seq>();
  /** The highest place in the log whose stand-in is not alike; 0 where there is none. */
  last: Seq = 0;

  /** `name` as entryName and phaseName give it; `at` is its place in the ledger. */
  take(name: string, body: string, at: Seq): void {
    const [what, revisionText, which] = name.split(".");
    const revision = Number(revisionText);
    if (what === "phase") {
      const before = this.#phases.get(revision);
      const phase = which as ErasurePhase;
      this.#notes.set(revision, JSON.parse(body) as ErasureNote);
      if (!hasComeTo(before, phase)) this.#phases.set(revision, phase);
      if (before === undefined) for (const chunk of this.#chunksOf(revision)) this.#apply(chunk);
      return;
    }
    const standIns = (JSON.parse(body) as Row[]).map(standInOf);
    const chunks = this.#chunks.get(revision) ?? new Map<string, Chunk>();
    this.#chunks.set(revision, chunks);
    const before = chunks.get(name);
    if (before !== undefined) this.#outdated.add(before.at);
    const chunk = { name, standIns, at };
    chunks.set(name, chunk);
    if (this.#phases.has(revision)) this.#apply(chunk);
  }

  #apply({ standIns }: Chunk): void {
    for (const standIn of standIns) {
      this.#standIns.set(standIn.seq, standIn);
      if (standIn.isAlike !== true) this.last = Math.max(this.last, standIn.seq);
    }
  }

  #chunksOf(revision: number): Chunk[] {
    return [...(this.#chunks.get(revision)?.values() ?? [])];
  }

  /** Chunks that say something else of what they list than holds by now, in the words that hold. */
  disagreeing(): Chunk[] {
    const all = [...this.#chunks.values()].flatMap((chunks) => [...chunks.values()]);
    return all.flatMap((chunk) => {
      const standIns = chunk.standIns.map((standIn) => this.#standIns.get(standIn.seq) ?? standIn);
      return standIns.every((held, index) => isSame(held, chunk.standIns[index]!)) ? [] : [{ ...chunk, standIns }];
    });
  }

  /** Places in the ledger of what stands there in other words by now. */
  outdated(): Seq[] {
    return [...this.#outdated];
  }

  /** That place was erased. */
  gone(at: Seq): void {
    this.#outdated.delete(at);
  }

  /** Whoever reads the log comes to what it has said before. */
  get isFaithful(): boolean {
    return this.last === 0;
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

  chunkCountOf(revision: number): number {
    return this.#chunksOf(revision).length;
  }

  seqsOf(revision: number): readonly Seq[] {
    return this.#chunksOf(revision).flatMap(({ standIns }) => standIns.map(({ seq }) => seq));
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
      const { stamp, kind, body } = standIn;
      records.push({ seq, stamp, kind, body: Buffer.from(body) });
    }
    return records;
  }
}

function isSame(one: StandIn, other: StandIn): boolean {
  return one === other || entryText([one]) === entryText([other]);
}

export function entryName(revision: number, chunk: number): string {
  return `entry.${revision}.${chunk}`;
}

/** Beside the partitions' numbers: the part of the ledger that is about the control log. */
export const OF_CONTROL_LOG = "definitions";

export function controlEntryName(revision: number | ">"): string {
  return `entry.${revision}`;
}

export function doneName(revision: number | ">"): string {
  return `done.${revision}`;
}

export function phaseName(revision: number, phase: ErasurePhase): string {
  return `phase.${revision}.${phase}`;
}

const STAND_INS_PER_ENTRY = 500;
/** Well below what a server takes by default. A link's that is longer by itself goes alone: as a message it did fit. */
const ENTRY_BYTES = 256 * 1024;
/** Of a stand-in that says in other words what its message said, and may need more of them. */
export const REWORDED_BYTES_MAX = ENTRY_BYTES;

/** In pieces that one message of the ledger holds each. */
export function inChunks(standIns: readonly StandIn[]): StandIn[][] {
  const chunks: StandIn[][] = [];
  let room = 0;
  for (const standIn of standIns) {
    const bytes = Buffer.byteLength(entryText([standIn]));
    const chunk = chunks.at(-1);
    if (chunk !== undefined && bytes <= room && chunk.length < STAND_INS_PER_ENTRY) chunk.push(standIn);
    else {
      chunks.push([standIn]);
      room = ENTRY_BYTES;
    }
    room -= bytes;
  }
  return chunks;
}

/** Bodies are JSON, and stand in it as they are: as texts they would be longer than the messages they stand for. */
export function entryText(standIns: readonly StandIn[]): string {
  const rows = standIns.map(({ seq, stamp, kind, body, isAlike }) => {
    const alike = isAlike === true ? ",1" : "";
    return `[${seq},${stamp},${JSON.stringify(kind)},${body}${alike}]`;
  });
  return `[${rows.join(",")}]`;
}

/** What the ledger holds of an entry's stand-in. */
export function heldText({ entry, stamp }: HeldEntry): string {
  return JSON.stringify({ stamp, entry });
}

export function heldIn(body: Uint8Array, at: Seq): HeldEntry {
  const { entry, stamp } = JSON.parse(Buffer.from(body).toString()) as Omit<HeldEntry, "at">;
  return { entry, stamp, at };
}

type Row = readonly [seq: Seq, stamp: Millis, kind: LogKind, said: Json, isAlike?: 1];

function standInOf([seq, stamp, kind, said, isAlike]: Row): StandIn {
  return { seq, stamp, kind, body: JSON.stringify(said), isAlike: isAlike === 1 };
}
