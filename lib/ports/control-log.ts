// The control log: DEFINITIONS, one total order of everything that changes what events mean.
// Answered by lib/nats/control-log.ts and lib/memory/control-log.ts; used by actors/worker and by whoever applies segments.
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import type { Millis } from "../core/types.ts";
import type { Published } from "./publishing.ts";

export interface Following {
  stop(): void;
}

export interface ControlLog {
  /** The revision of the newest entry, 0 when there is none. Through the leader. */
  lastRevision(): Promise<number>;
  /**
   * Gives every entry from revision 1 on, in order, then each new one, with the time at which it was stored (for people
   * to read). `onFault` once, when the log is not what it was.
   */
  follow(onEntry: (copy: ControlCopy, storedAt: Millis) => void, onFault: (error: Error) => void): Following;
  /** JSON bytes of an entry that can be stored at all; undefined where there is no bound. */
  readonly entryBytesMax?: number;
  /** Stored only when the newest entry still is `expectedLast`; else `fenced`. */
  append(entry: ControlEntry, expectedLast: number): Promise<Published>;
}
