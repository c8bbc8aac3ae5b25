// One partition's log: read from a position, append, and be certain that its past is the one remembered.
// Answered by lib/nats/event-log.ts and lib/memory/event-log.ts; used by actors/partition.
import type { LogKind, LogRecord, Millis, Seq } from "../core/types.ts";
import type { Refusal } from "./errors.ts";
import type { Published } from "./publishing.ts";

/** Sequence and stamp of one message: whoever finds another stamp there looks at another past. */
export interface Fingerprint {
  readonly seq: Seq;
  readonly stamp: Millis;
}

/** An empty log has last = first − 1. */
export interface LogBounds {
  readonly first: Seq;
  readonly last: Seq;
}

export interface ReadOptions {
  /** The first record to give is the one after it; undefined reads from sequence 1. Checked whenever reading (re)starts. */
  readonly after: Fingerprint | undefined;
  /** Records that may wait here or be on their way at any time. */
  readonly recordsMax: number;
  /** The same in bytes of their bodies, where that is less: a record on its way counts as `recordBytesMax`. */
  readonly bytesMax?: number;
  readonly recordBytesMax?: number;
  /** Called when records wait that did not before. */
  onReadable(): void;
  /** Called once, when the log is not the one remembered. Reading has stopped. */
  onFault(error: Refusal): void;
}

export interface LogReading {
  /** At most `max` records, in order, without a hole; empty when none waits. */
  take(max: number): readonly LogRecord[];
  /** The highest sequence that the log is known to have. */
  readonly knownLast: Seq;
  stop(): void;
}

export interface EventLog {
  /** Through the leader. */
  bounds(): Promise<LogBounds>;
  /** Stamp of the message at `seq`, through the leader; undefined when there is none. */
  stampAt(seq: Seq): Promise<Millis | undefined>;
  read(options: ReadOptions): LogReading;
  append(kind: Exclude<LogKind, "link">, body: string): Promise<Published>;
}
