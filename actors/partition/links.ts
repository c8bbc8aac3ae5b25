// Carries what the machine says to other partitions into their logs: in order, numbered without a hole, each once. Beside
// speaker.ts, which carries deltas. One queue a target, one publish outstanding; the targets do not wait for each other.
//
// The messages are a function of the log, so nobody's is a wrong one, also not a stale owner's: the compare-and-set on the
// last message there is the whole fence. Whoever finds another last message than expected reads it, and leaves out what it
// says has been said; so does whoever begins, and whoever got no answer.
//
//   stored   that many are said, go on
//   retry    not stored: the same again, after a pause
//   fenced   read the last again: another owner of this partition, or an unanswered publish of mine, was first
//   unknown  the same; what comes late then is refused, for its own subject has moved
import { decodeLink, type LinkMessage } from "../../lib/core/links.ts";
import type { Trace } from "../../lib/core/trace.ts";
import type { PartitionNo, Seq } from "../../lib/core/types.ts";
import { DigestMismatch, LinkRegressed, MachineFault, Refusal } from "../../lib/ports/errors.ts";
import type { LinkSink } from "../../lib/ports/link-sink.ts";
import type { Counters } from "../../lib/ports/questions.ts";
import type { Runtime } from "../../lib/ports/runtime.ts";
import { Retries } from "./retries.ts";
import { Signal } from "./signal.ts";

/** More waiting than this go as one batch. */
const SINGLES_MAX = 8;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** So many go one by one after a batch that was refused, before the next is tried. */
const SINGLES_AFTER_REFUSAL = 500;
const COMPACT_AFTER = 1_024;

export interface LinksOptions {
  readonly partition: PartitionNo;
  readonly sink: LinkSink;
  readonly runtime: Runtime;
  readonly counters: Pick<Counters, "links" | "publishRetries" | "publishTimeouts">;
  readonly batchMax: number;
  /** While it does, nothing is sent: the replay has yet to show that it makes what was made before. */
  replaying(): boolean;
  /** Less waits than before. */
  onProgress(): void;
  /** Nothing more will be sent. Called once. */
  onFault(error: Refusal): void;
}

export class Links {
  private readonly options: LinksOptions;
  private readonly lanes = new Map<PartitionNo, Lane>();
  private waiters: { readonly seq: Seq; resolve(): void }[] = [];
  private stopped = false;

  constructor(options: LinksOptions) {
    this.options = options;
  }

  /** Messages that are not known to be stored. */
  get unsaid(): number {
    let count = 0;
    for (const lane of this.lanes.values()) count += lane.waiting;
    return count;
  }

  /** Whether some of them wait for nothing but to learn that they were said before. */
  get asking(): boolean {
    for (const lane of this.lanes.values()) if (lane.asking) return true;
    return false;
  }

  /** Why the last publish, or reading, has to be tried again. */
  get problem(): string | undefined {
    for (const { problem } of this.lanes.values()) if (problem !== undefined) return problem;
    return undefined;
  }

  /** What the step of one input made, and the trace that came with it. */
  take(messages: readonly LinkMessage[], trace?: Trace): void {
    for (const message of messages) {
      const isTraced = trace !== undefined && message.isOfTime !== true;
      this.laneTo(message.to).add(isTraced ? { ...message, trace } : message);
    }
  }

  /** A replay may be through: what waited for that goes out. */
  wake(): void {
    for (const lane of this.lanes.values()) lane.wake();
  }

  /** Resolves when all messages of inputs up to `seq` that were taken are stored; never when it is stopped before. */
  untilSaid(seq: Seq): Promise<void> {
    if (this.saidUpTo(seq)) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push({ seq, resolve });
    });
  }

  /** Sends nothing more from the next answer on. Stopping twice is harmless. */
  stop(): void {
    this.stopped = true;
    this.wake();
  }

  private saidUpTo(seq: Seq): boolean {
    for (const lane of this.lanes.values()) if (lane.oldest <= seq) return false;
    return true;
  }

  private laneTo(to: PartitionNo): Lane {
    let lane = this.lanes.get(to);
    if (lane === undefined) {
      lane = new Lane(to, {
        ...this.options,
        stopped: () => this.stopped,
        onProgress: () => this.progressed(),
        onFault: (error) => this.fail(error),
      });
      this.lanes.set(to, lane);
    }
    return lane;
  }

  private progressed(): void {
    const reached = this.waiters.filter(({ seq }) => this.saidUpTo(seq));
    this.waiters = this.waiters.filter((waiter) => !reached.includes(waiter));
    for (const waiter of reached) waiter.resolve();
    this.options.onProgress();
  }

  private fail(error: Refusal): void {
    if (this.stopped) return;
    this.stop();
    this.options.onFault(error);
  }
}

interface Outgoing extends LinkMessage {
  readonly trace?: Trace;
}

interface LaneOptions extends LinksOptions {
  stopped(): boolean;
}

/** What stands last in the target's log, as far as is known. */
interface Last {
  readonly seq: Seq;
  readonly n: number;
  /** Undefined where its beginning was trimmed, and the message with it. */
  readonly body: string | undefined;
}

/** All that one partition says to one other. */
class Lane {
  private readonly to: PartitionNo;
  private readonly options: LaneOptions;
  private queue: Outgoing[] = [];
  private head = 0;
  /** Undefined until it is read, and whenever it has to be read again. */
  private last: Last | undefined;
  private singlesDue = 0;
  private readonly signal = new Signal();
  private readonly retries: Retries;

  constructor(to: PartitionNo, options: LaneOptions) {
    this.to = to;
    this.options = options;
    this.retries = new Retries(options.runtime, options.counters);
    void this.run();
  }

  get problem(): string | undefined {
    return this.retries.problem;
  }

  get waiting(): number {
    return this.queue.length - this.head;
  }

  /** The input of the first message that waits. */
  get oldest(): Seq {
    return this.queue[this.head]?.seq ?? Number.POSITIVE_INFINITY;
  }

  get asking(): boolean {
    return this.waiting > 0 && this.last === undefined;
  }

  add(message: Outgoing): void {
    // A replay makes again what was said long ago; that need not wait for its turn.
    if (this.waiting === 0 && this.last !== undefined && message.n <= this.last.n) {
      if (message.n === this.last.n) this.assertSame(message, this.last);
      return;
    }
    this.queue.push(message);
    this.signal.raise();
  }

  wake(): void {
    this.signal.raise();
  }

  private async run(): Promise<void> {
    const { options } = this;
    try {
      while (!options.stopped()) {
        if (this.waiting === 0) await this.signal.wait();
        else if (this.last === undefined) await this.readLast();
        else if (options.replaying()) await this.signal.wait();
        else await this.send(this.last);
      }
    } catch (error) {
      options.onFault(this.refusalOf(error));
    }
  }

  private async send(last: Last): Promise<void> {
    const messages = this.next();
    this.assertFollows(last.n, messages[0]!);
    const bodies = messages.map(({ body }) => body);
    const traces = messages.map(({ trace }) => trace);
    const outcome = await this.options.sink.publish(this.to, last.seq, bodies, traces);
    switch (outcome.kind) {
      case "stored":
        this.singlesDue = Math.max(0, this.singlesDue - messages.length);
        this.options.counters.links += messages.length;
        this.last = lastOf(messages.at(-1)!, outcome.seq);
        this.drop(messages.length);
        return;
      case "retry":
        if (messages.length > 1) this.singlesDue = SINGLES_AFTER_REFUSAL;
        return this.retries.holdBack(outcome.reason);
      case "fenced":
        this.last = undefined;
        return;
      case "unknown":
        this.options.counters.publishTimeouts += 1;
        this.last = undefined;
        return;
    }
  }

  /**
   * Few go one by one: a batch takes the server ten times as long as a single message. So do those after a batch that was
   * refused: a stream has room for 50 open ones, and whoever may send it events can keep them all.
   */
  private next(): readonly Outgoing[] {
    const { batchMax, sink } = this.options;
    if (this.waiting <= SINGLES_MAX || this.singlesDue > 0) return [this.queue[this.head]!];
    const most = this.queue.slice(this.head, this.head + Math.min(batchMax, sink.batchMax));
    let bytes = 0;
    const fitting = most.findIndex(({ body }) => {
      bytes += body.length;
      return bytes > BATCH_BYTES_MAX;
    });
    return fitting < 0 ? most : most.slice(0, Math.max(1, fitting));
  }

  /** What the last message there says was said is left out, and must be what is made here. */
  private async readLast(): Promise<void> {
    let last: Last;
    try {
      last = await this.lastThere();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      return this.retries.holdBack("reading what was said last");
    }
    const said = Math.max(0, Math.min(this.waiting, last.n - this.queue[this.head]!.n + 1));
    this.last = last;
    this.drop(said);
  }

  private async lastThere(): Promise<Last> {
    const stored = await this.options.sink.last(this.to);
    const first = this.queue[this.head]!;
    if (stored === undefined) return this.lastTrimmed(first);
    const n = decodeLink(parsed(stored.body))?.n;
    if (n === undefined) throw this.regressed(`holds something else at ${stored.seq} than a partition says`);
    const last = { seq: stored.seq, n, body: stored.body };
    if (n < first.n) this.assertFollows(n, first);
    else if (n < first.n + this.waiting) this.assertSame(this.queue[this.head + n - first.n]!, last);
    return last;
  }

  /**
   * Nothing of ours is there. Where the log has lost its beginning, by its age, all that was made of messages younger than
   * that is there still; so what is gone is what the checkpoint covers.
   */
  private async lastTrimmed(first: LinkMessage): Promise<Last> {
    if (first.n > 1 && (await this.options.sink.bounds(this.to)).first <= 1) this.assertFollows(0, first);
    return { seq: 0, n: first.n - 1, body: undefined };
  }

  private assertFollows(n: number, first: LinkMessage): void {
    if (first.n === n + 1) return;
    throw this.regressed(`holds ${n} messages of this partition, but ${first.n - 1} were said`);
  }

  private assertSame(made: LinkMessage, said: Last): void {
    if (said.body === undefined || said.body === made.body) return;
    throw new DigestMismatch(
      this.options.partition,
      `input ${made.seq} makes message ${made.n} to partition ${this.to}, but another was said under that number: ` +
        "the program, its time-zone tables or its options differ from those of the owner before; " +
        "run the same version, or start a new data set",
    );
  }

  private regressed(what: string): LinkRegressed {
    const why = `the log of partition ${this.to} ${what}: that stream lost its tail or was replaced; restore it from a backup`;
    return new LinkRegressed(this.options.partition, why);
  }

  private drop(count: number): void {
    this.head += count;
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > COMPACT_AFTER && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    this.retries.wentWell();
    this.options.onProgress();
  }

  private refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const why = error instanceof Error ? error.message : String(error);
    return new MachineFault(this.options.partition, `links to partition ${this.to}: ${why}`, { cause: error });
  }
}

function lastOf({ n, body }: Outgoing, seq: Seq): Last {
  return { seq, n, body };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
