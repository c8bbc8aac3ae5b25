// One stream in memory: sequences, stamps, compare-and-set, roll-ups, all-or-nothing batches, and the ways in which a stream
// on a disk is spoiled. Below server.ts, which decides what of it reaches which client.
import type { Runtime } from "../ports/runtime.ts";

export interface MemoryMessage {
  readonly seq: number;
  readonly stamp: number;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly neverExpires: boolean;
}

export interface NewMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Earlier messages of this subject go. */
  readonly rollup?: boolean;
  /** Age does not remove it. */
  readonly neverExpires?: boolean;
  /** What bears it is stored once within a window, also when that was deleted meanwhile. */
  readonly id?: string;
}

/** A server's own, where nobody says another. */
const ID_WINDOW_MS = 120_000;

export interface Expectation {
  readonly subject: string;
  readonly seq: number;
}

export class MemoryStream {
  /**
   * Moved by what removes messages, and not by a roll-up: the message that opens SEGMENTS in NATS, and keeps its place there,
   * has no counterpart here.
   */
  first = 1;
  last = 0;
  private readonly messages = new Map<number, MemoryMessage>();
  private readonly lastOfSubject = new Map<string, number>();
  /** When what bears an id was stored. */
  private readonly ids = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private readonly readers = new Set<() => void>();
  private readonly runtime: Runtime;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** Stores all or, when the expectation fails, nothing. Returns the last sequence, or undefined when refused. */
  store(messages: readonly NewMessage[], expected?: Expectation): number | undefined {
    if (expected !== undefined && (this.lastOfSubject.get(expected.subject) ?? 0) !== expected.seq) return undefined;
    for (const message of messages) this.storeOne(message);
    for (const listener of [...this.listeners]) listener();
    return this.last;
  }

  storeIfLast(message: NewMessage, expectedLast: number): number | undefined {
    return this.last === expectedLast ? this.store([message]) : undefined;
  }

  private storeOne(message: NewMessage): void {
    if (message.id !== undefined && this.isRepeat(message.id)) return;
    const before = this.lastOfSubject.get(message.subject);
    if (message.rollup === true && before !== undefined) this.messages.delete(before);
    this.last += 1;
    this.messages.set(this.last, {
      seq: this.last,
      stamp: Math.floor(this.runtime.wallMs()),
      subject: message.subject,
      body: message.body,
      headers: message.headers ?? {},
      neverExpires: message.neverExpires ?? false,
    });
    this.lastOfSubject.set(message.subject, this.last);
  }

  private isRepeat(id: string): boolean {
    const now = this.runtime.monotonicMs();
    if (now - (this.ids.get(id) ?? Number.NEGATIVE_INFINITY) < ID_WINDOW_MS) return true;
    this.ids.set(id, now);
    return false;
  }

  at(seq: number): MemoryMessage | undefined {
    return this.messages.get(seq);
  }

  newest(subject: string): MemoryMessage | undefined {
    const seq = this.lastOfSubject.get(subject);
    return seq === undefined ? undefined : this.messages.get(seq);
  }

  *from(seq: number): Generator<MemoryMessage> {
    for (let at = Math.max(seq, this.first); at <= this.last; at += 1) {
      const message = this.messages.get(at);
      if (message !== undefined) yield message;
    }
  }

  subjects(prefix: string): string[] {
    return [...this.lastOfSubject.keys()].filter((subject) => subject.startsWith(prefix));
  }

  /** Removes a subject as if it had never been. */
  purgeSubject(subject: string): void {
    const seq = this.lastOfSubject.get(subject);
    if (seq !== undefined) this.messages.delete(seq);
    this.lastOfSubject.delete(subject);
  }

  /** A purge took everything before `seq`. */
  trim(seq: number): void {
    for (let at = this.first; at < seq; at += 1) this.messages.delete(at);
    this.first = Math.max(this.first, seq);
    this.forgetSubjects();
  }

  /** Age took everything before `seq` but what never expires. */
  expire(seq: number): void {
    for (let at = this.first; at < seq; at += 1)
      if (this.messages.get(at)?.neverExpires === false) this.messages.delete(at);
    this.moveFirst();
    this.forgetSubjects();
  }

  /** One message is gone, as after a flipped bit. */
  drop(seq: number): void {
    this.messages.delete(seq);
    this.moveFirst();
    this.forgetSubjects();
  }

  /** The same, on purpose. What a stream begins with moves only where all before it was removed for good. */
  erase(seq: number): void {
    this.messages.delete(seq);
    this.forgetSubjects();
  }

  /** A power cut: everything after `seq` was never written. Readers begin again, as after the restart that goes with it. */
  loseTail(seq: number): void {
    for (let at = seq + 1; at <= this.last; at += 1) this.messages.delete(at);
    this.last = Math.min(this.last, seq);
    this.first = Math.min(this.first, this.last + 1);
    this.ids.clear();
    this.forgetSubjects();
    this.deleteConsumers();
  }

  /** Whoever reads has to begin again from its own position. */
  deleteConsumers(): void {
    for (const begin of [...this.readers]) begin();
  }

  /** What a backup would hold; nobody listens to it. */
  copy(): MemoryStream {
    const copy = new MemoryStream(this.runtime);
    copy.first = this.first;
    copy.last = this.last;
    for (const [seq, message] of this.messages) copy.messages.set(seq, message);
    for (const [subject, seq] of this.lastOfSubject) copy.lastOfSubject.set(subject, seq);
    return copy;
  }

  /** Told whenever something was stored. */
  listen(run: () => void): () => void {
    return added(this.listeners, run);
  }

  /** Told when a reader of this stream has to begin again, maybe on another stream of this name. */
  listenAsReader(begin: () => void): () => void {
    return added(this.readers, begin);
  }

  private moveFirst(): void {
    while (this.first <= this.last && !this.messages.has(this.first)) this.first += 1;
  }

  /** The newest message of a subject may be among those that are gone: the one before it, if any, is the newest now. */
  private forgetSubjects(): void {
    if ([...this.lastOfSubject.values()].every((seq) => this.messages.has(seq))) return;
    this.lastOfSubject.clear();
    for (const { subject, seq } of this.messages.values()) this.lastOfSubject.set(subject, seq);
  }
}

function added(listeners: Set<() => void>, run: () => void): () => void {
  listeners.add(run);
  return () => {
    listeners.delete(run);
  };
}
