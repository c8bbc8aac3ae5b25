// What a partition still has to say, in order, and how far it has said it: the bookkeeping behind speaker.ts, without I/O.
// `done` passes an input only with its last delta, and whatever may be stored beyond `done` lies at or after `from`.
//
//   inputs    … 40        41          42        43 …
//   deltas      a   b     (none)      c   d     e
//               ────confirmed─────────▲ head              done = 41, digest over a and b, from ≤ where c is stored

import type { Trace } from "../../lib/core/trace.ts";
import type { Delta, Millis, Reject, Seq } from "../../lib/core/types.ts";
import type { Saying, StoredSaying, StoredWatermark } from "../../lib/ports/delta-sink.ts";
import type { Fingerprint } from "../../lib/ports/event-log.ts";
import { type Digest, digestText, extendDigest } from "./digest.ts";

/** The replay does not make what was said. */
export class Disagreement extends Error {
  override readonly name = "Disagreement";
}

/** The part of a watermark that says how far a partition has spoken. */
export interface Progress {
  readonly done: Seq;
  readonly from: Seq;
  readonly digest: string;
  readonly fingerprint: Millis | null;
}

interface Entry {
  readonly saying: Saying | undefined;
  readonly reject: Reject | undefined;
  /** The input in whose step it was made. */
  readonly seq: Seq;
  /** Stamp of the input before. */
  readonly stampBefore: Millis;
  /** After this delta, and before the first of its input. */
  readonly digest: Digest;
  readonly inputDigest: Digest;
  /** Stored already: it waits only for what is before it. */
  told: boolean;
}

export interface SpeechStart {
  /** This owner's own record, written before anything was scanned. */
  readonly record: StoredWatermark;
  /** Where the machine starts, and the digest there. */
  readonly position: Fingerprint;
  readonly digest: Digest;
  /** This partition's deltas that are stored from `record.from` on. */
  readonly found: readonly StoredSaying[];
  readonly encode: (delta: Delta) => string;
  readonly deltaId: (delta: Delta) => string;
}

const COMPACT_AFTER = 1_024;

export class Speech {
  /** How far the last stored watermark speaks. */
  stored: Progress;
  /** Sequence of the last stored watermark: what every publish is fenced by. */
  fence: Seq;
  private position: Fingerprint;
  private chain: Digest;
  /** Input whose deltas are being said, and the chain before it. */
  private inputSeq: Seq = 0;
  private inputDigest: Digest;
  private queue: Entry[] = [];
  private head = 0;
  private deltas = 0;
  /** Input and digests of the last delta that is known to be stored. */
  private lastSeq: Seq;
  private lastDigest: Digest;
  private lastInputDigest: Digest;
  /** Where the first stored delta of an input beyond `done` may lie; undefined when there is none. */
  private tailFrom: Seq | undefined;
  /** Highest sequence at which something of ours is known to be stored. */
  private lastKnown: Seq;
  private found: { readonly saying: StoredSaying; readonly input: Seq }[];
  private readonly encode: (delta: Delta) => string;
  private readonly deltaId: (delta: Delta) => string;

  constructor(start: SpeechStart) {
    const { record, position, digest, found } = start;
    const { done, from, fingerprint } = record.value;
    this.stored = { done, from, digest: record.value.digest, fingerprint };
    this.fence = record.seq;
    this.lastKnown = record.seq;
    this.position = position;
    this.chain = digest;
    this.inputDigest = digest;
    this.lastSeq = Math.min(position.seq, done);
    this.lastDigest = digest;
    this.lastInputDigest = digest;
    this.encode = start.encode;
    this.deltaId = start.deltaId;
    this.found = found.map((saying) => ({ saying, input: inputOf(saying) })).filter(({ input }) => input > done);
    this.tailFrom = this.found.length > 0 ? from : undefined;
    this.checkReplay();
  }

  /** Deltas and rejects that nobody has been told yet. */
  get unsaid(): number {
    return this.queue.length - this.head;
  }

  get deltasWaiting(): number {
    return this.deltas;
  }

  get replaying(): boolean {
    return this.position.seq < this.stored.done || this.found.length > 0;
  }

  /** The digest after everything made so far: between two steps, the digest at the position. */
  get digestMade(): string {
    return digestText(this.chain);
  }

  /** Deltas of the input being processed, in order. Throws Disagreement when a replay makes others than were said. */
  say(deltas: readonly Delta[], rejects: readonly Reject[], trace?: Trace): void {
    for (const reject of rejects) {
      this.enterInput(reject.seq);
      if (reject.seq > this.stored.done) this.push(undefined, reject, reject.seq, false);
    }
    for (const delta of deltas) this.sayDelta(delta, trace);
  }

  /** The step of the input at `position` is complete. */
  passed(position: Fingerprint): void {
    this.position = position;
    if (position.seq <= this.stored.done) this.checkReplay();
    const missing = this.found[0];
    if (missing !== undefined && missing.input <= position.seq) {
      throw new Disagreement(
        `delta ${missing.saying.deltaId} was said for input ${missing.input}, the replay does not make it`,
      );
    }
  }

  private sayDelta(delta: Delta, trace: Trace | undefined): void {
    const seq = delta.cause.seq;
    this.enterInput(seq);
    const body = this.encode(delta);
    this.chain = extendDigest(this.chain, body);
    if (seq <= this.stored.done) {
      this.markLast(seq, this.chain, this.inputDigest);
      return;
    }
    const deltaId = this.deltaId(delta);
    const before = this.found.shift();
    if (before !== undefined) {
      if (before.saying.body !== body) {
        throw new Disagreement(
          `input ${seq} made ${deltaId}, but ${before.saying.deltaId} was said, or with another body`,
        );
      }
      // It takes its place in line, told already: a reject before it may still wait, and `done` must not pass that.
      this.push(undefined, undefined, seq, true);
      this.dropTold();
      return;
    }
    const saying = { deltaId, segment: delta.segment, change: delta.change, body };
    // Time fires before the message that moved the clock, and is not that message's doing.
    const isTraced = trace !== undefined && delta.cause.type === "event";
    this.push(isTraced ? { ...saying, trace } : saying, undefined, seq, false);
    this.deltas += 1;
  }

  private push(saying: Saying | undefined, reject: Reject | undefined, seq: Seq, told: boolean): void {
    this.queue.push({
      saying,
      reject,
      seq,
      stampBefore: this.position.stamp,
      digest: this.chain,
      inputDigest: this.inputDigest,
      told,
    });
  }

  private enterInput(seq: Seq): void {
    if (seq === this.inputSeq) return;
    this.inputSeq = seq;
    this.inputDigest = this.chain;
  }

  private checkReplay(): void {
    if (this.position.seq !== this.stored.done) return;
    if (digestText(this.chain) !== this.stored.digest) {
      throw new Disagreement(
        `replayed up to input ${this.stored.done}, the deltas have digest ${digestText(this.chain)}, those that were said ${this.stored.digest}`,
      );
    }
  }

  /** Rejects among the next `window` entries that are not told yet. */
  rejectsToTell(window: number): readonly Reject[] {
    return this.untold(window).map((entry) => entry.reject!);
  }

  /** The first `count` of them are told. More may have come since they were handed out, and wait for their turn. */
  markToldRejects(count: number): void {
    let left = count;
    for (let at = this.head; at < this.queue.length && left > 0; at += 1) {
      const entry = this.queue[at]!;
      if (entry.reject === undefined || entry.told) continue;
      entry.told = true;
      left -= 1;
    }
    this.dropTold();
  }

  private untold(window: number): Entry[] {
    return this.queue.slice(this.head, this.head + window).filter((entry) => entry.reject !== undefined && !entry.told);
  }

  /** The next deltas to say, at most `max`. Nothing untold stands between them. */
  next(max: number): readonly Saying[] {
    const sayings: Saying[] = [];
    for (let at = this.head; at < this.queue.length && sayings.length < max; at += 1) {
      const { saying, told } = this.queue[at]!;
      if (saying !== undefined) sayings.push(saying);
      else if (!told) break;
    }
    return sayings;
  }

  /** What a watermark may say once the next `count` deltas are stored. */
  progressAfter(count: number): Progress {
    const at = this.indexAfter(count);
    const last = at === this.head ? undefined : this.queue[at - 1];
    const next = this.queue[at];
    const limit = next === undefined ? this.position.seq : Math.min(next.seq - 1, this.position.seq);
    const lastSeq = last?.seq ?? this.lastSeq;
    const tail = lastSeq > limit;
    const from =
      this.found.length > 0 ? this.stored.from : tail ? (this.tailFrom ?? this.lastKnown + 1) : this.lastKnown + 1;
    if (limit <= this.stored.done) return { ...this.stored, from: this.replaying ? this.stored.from : from };
    const digest = tail ? (last?.inputDigest ?? this.lastInputDigest) : (last?.digest ?? this.lastDigest);
    const fingerprint = limit === this.position.seq ? this.position.stamp : next!.stampBefore;
    return { done: limit, from, digest: digestText(digest), fingerprint };
  }

  /** The next `count` deltas are stored, the last of them at stream sequence `seq`. */
  confirm(count: number, seq: Seq): void {
    const at = this.indexAfter(count);
    if (count > 0) {
      // A batch's first delta lies behind everything known so far; a single one lies exactly at `seq`.
      this.tailFrom ??= count === 1 ? seq : this.lastKnown + 1;
    }
    for (; this.head < at; this.head += 1) {
      const entry = this.queue[this.head]!;
      if (entry.saying !== undefined) this.deltas -= 1;
      this.markLast(entry.seq, entry.digest, entry.inputDigest);
    }
    this.lastKnown = Math.max(this.lastKnown, seq);
    this.dropTold();
  }

  /** A watermark of ours with this progress is stored at `seq`. */
  confirmWatermark(progress: Progress, seq: Seq): void {
    this.stored = progress;
    this.fence = seq;
    this.lastKnown = Math.max(this.lastKnown, seq);
    if (this.lastSeq <= progress.done && this.found.length === 0) this.tailFrom = undefined;
    // What it said of later inputs holds from now on: an older beginning of the tail is of inputs that are done.
    else if (this.tailFrom !== undefined) this.tailFrom = Math.max(this.tailFrom, progress.from);
  }

  /** From where a delta of ours can be stored that we have no answer for. */
  get unknownFrom(): Seq {
    return this.lastKnown + 1;
  }

  /** After an unknown answer: what was found stored must be the next that we had to say. */
  confirmFound(found: readonly StoredSaying[]): void {
    for (const { deltaId, body, seq } of found) {
      const [next] = this.next(1);
      if (next === undefined || next.deltaId !== deltaId || next.body !== body) {
        throw new Disagreement(
          `${deltaId} is stored at ${seq}, but the next delta to say was ${next?.deltaId ?? "none"}`,
        );
      }
      this.confirm(1, seq);
    }
  }

  /** Index behind the next `count` deltas, and behind the told rejects that follow them. */
  private indexAfter(count: number): number {
    let at = this.head;
    for (let left = count; at < this.queue.length; at += 1) {
      const { saying, told } = this.queue[at]!;
      if (saying === undefined ? !told : left === 0) break;
      if (saying !== undefined) left -= 1;
    }
    return at;
  }

  private dropTold(): void {
    while (this.head < this.queue.length && this.queue[this.head]!.told) {
      const { seq, digest, inputDigest } = this.queue[this.head]!;
      this.markLast(seq, digest, inputDigest);
      this.head += 1;
    }
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > COMPACT_AFTER && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  private markLast(seq: Seq, digest: Digest, inputDigest: Digest): void {
    this.lastSeq = seq;
    this.lastDigest = digest;
    this.lastInputDigest = inputDigest;
  }
}

/** The input that made it, as its body says. Throws Disagreement when it does not say. */
export function inputOf(saying: StoredSaying): Seq {
  const body = JSON.parse(saying.body) as { cause?: { seq?: unknown } };
  const seq = body.cause?.seq;
  if (typeof seq !== "number")
    throw new Disagreement(`stored delta ${saying.deltaId} does not say which input caused it`);
  return seq;
}
