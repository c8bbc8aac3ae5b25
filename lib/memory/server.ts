// A server in memory: streams with sequences, stamps, compare-and-set, roll-ups and all-or-nothing batches, and the ways in
// which a real one fails its clients. Below the other files of lib/memory; time and chance come from the Runtime alone.
import { pause, type Runtime } from "../ports/runtime.ts";

export interface MemoryMessage {
  readonly seq: number;
  readonly stamp: number;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface NewMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Earlier messages of this subject go. */
  readonly rollup?: boolean;
}

export interface Expectation {
  readonly subject: string;
  readonly seq: number;
}

export class MemoryStream {
  first = 1;
  last = 0;
  private readonly messages = new Map<number, MemoryMessage>();
  private readonly lastOfSubject = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
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
    const before = this.lastOfSubject.get(message.subject);
    if (message.rollup === true && before !== undefined) this.messages.delete(before);
    this.last += 1;
    this.messages.set(this.last, {
      seq: this.last,
      stamp: Math.floor(this.runtime.wallMs()),
      subject: message.subject,
      body: message.body,
      headers: message.headers ?? {},
    });
    this.lastOfSubject.set(message.subject, this.last);
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

  /** Age or a purge took everything before `seq`. */
  trim(seq: number): void {
    for (let at = this.first; at < seq; at += 1) this.messages.delete(at);
    this.first = Math.max(this.first, seq);
  }

  /** One message is gone, as after a flipped bit. */
  drop(seq: number): void {
    this.messages.delete(seq);
  }

  /** A power cut: everything after `seq` was never written. */
  loseTail(seq: number): void {
    for (let at = seq + 1; at <= this.last; at += 1) this.messages.delete(at);
    this.last = Math.min(this.last, seq);
    this.lastOfSubject.clear();
    for (const message of this.messages.values()) this.lastOfSubject.set(message.subject, message.seq);
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

  listen(run: () => void): () => void {
    this.listeners.add(run);
    return () => {
      this.listeners.delete(run);
    };
  }
}

/** What becomes of one request. `late`: it arrives, but after its sender has given up waiting. */
export type Fate = "ok" | "request-lost" | "reply-lost" | "late" | "retry";

export interface MemoryServerOptions {
  readonly runtime: Runtime;
  /** Decides every request's fate; none means that all go well. `call` names the operation, such as `publish` or `put`. */
  readonly fate?: (client: string, call: string) => Fate;
  readonly latencyMs?: number;
  readonly timeoutMs?: number;
}

/** The client gave up waiting. */
export class TimedOut extends Error {
  override readonly name = "TimedOut";
}

/** The server said no, and did nothing. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

const TIMEOUT_MS = 3_000;

export class MemoryServer {
  readonly runtime: Runtime;
  fate: (client: string, call: string) => Fate;
  private readonly streams = new Map<string, MemoryStream>();
  private readonly subscribers = new Map<string, Set<(payload: unknown) => void>>();
  private readonly cut = new Set<string>();
  private readonly latencyMs: number;
  private readonly timeoutMs: number;

  constructor(options: MemoryServerOptions) {
    this.runtime = options.runtime;
    this.fate = options.fate ?? (() => "ok");
    this.latencyMs = options.latencyMs ?? 0;
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  stream(name: string): MemoryStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream(this.runtime);
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** As if it had been deleted and made anew. */
  replaceStream(name: string): MemoryStream {
    this.streams.delete(name);
    return this.stream(name);
  }

  /** As if it had been restored from a backup. */
  putStream(name: string, stream: MemoryStream): void {
    this.streams.set(name, stream);
  }

  /** Nothing this client sends arrives, and it hears nothing, until it is healed. */
  isolate(client: string): void {
    this.cut.add(client);
  }

  heal(client: string): void {
    this.cut.delete(client);
  }

  isIsolated(client: string): boolean {
    return this.cut.has(client);
  }

  /** One request of a client: on its way, done here, and back, each of which can fail. */
  async call<T>(client: string, name: string, work: () => T): Promise<T> {
    const fate = this.cut.has(client) ? "request-lost" : this.fate(client, name);
    switch (fate) {
      case "ok": {
        await pause(this.runtime, this.latencyMs);
        return work();
      }
      case "retry":
        await pause(this.runtime, this.latencyMs);
        throw new Unavailable(`${name}: not now`);
      case "reply-lost":
        await pause(this.runtime, this.latencyMs);
        work();
        break;
      case "late":
        this.runtime.after(this.timeoutMs * 2, work);
        break;
      case "request-lost":
        break;
    }
    await pause(this.runtime, this.timeoutMs);
    throw new TimedOut(`${name}: no answer`);
  }

  /** Core publish and subscribe: heard by who listens now. */
  tell(client: string, channel: string, payload: unknown): void {
    if (this.cut.has(client)) return;
    for (const listener of [...(this.subscribers.get(channel) ?? [])]) this.runtime.after(0, () => listener(payload));
  }

  listen(client: string, channel: string, run: (payload: never) => void): () => void {
    const listener = (payload: unknown): void => {
      if (!this.cut.has(client)) run(payload as never);
    };
    const listeners = this.subscribers.get(channel) ?? new Set();
    listeners.add(listener);
    this.subscribers.set(channel, listeners);
    return () => {
      listeners.delete(listener);
    };
  }
}
