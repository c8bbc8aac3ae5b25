// The control log as one shard knows it: every entry from the first on, followed as new ones are written.
// Partitions copy from it into their logs; restores and the coordinator read it.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { ControlLog, Following } from "../../lib/ports/control-log.ts";
import { pause, type Runtime } from "../../lib/ports/runtime.ts";
import type { ControlBook, PartitionLog } from "../partition/context.ts";

const WAIT_MS = 20;
/** A server that led a moment ago may know fewer entries, but not for so long. */
const SHORT_MS_MAX = 3_000;

/** DEFINITIONS holds fewer entries than were applied already. */
export class ControlEntriesMissing extends Error {
  override readonly name = "ControlEntriesMissing";
}

export class FollowedControlBook implements ControlBook {
  readonly entries: ControlEntry[] = [];
  private readonly control: ControlLog;
  private readonly runtime: Runtime;
  private readonly listeners = new Set<() => void>();
  private readonly following: Following;
  private stopped = false;
  fault: Error | undefined;

  constructor(control: ControlLog, runtime: Runtime, log: PartitionLog) {
    this.control = control;
    this.runtime = runtime;
    this.following = control.follow(
      ({ entry }) => {
        this.entries.push(entry);
        for (const listener of [...this.listeners]) listener();
      },
      (error) => {
        this.fault = error;
        log.error({ err: error }, "worker: definitions cannot be followed any more");
        for (const listener of [...this.listeners]) listener();
      },
    );
  }

  get revision(): number {
    return this.entries.length;
  }

  async caughtUp(revision: number): Promise<void> {
    let shortSinceMs: number | undefined;
    while (this.revision < revision && !this.stopped) {
      if (this.fault !== undefined) throw this.fault;
      const last = await this.control.lastRevision().catch(() => undefined);
      if (last === undefined || last >= revision) shortSinceMs = undefined;
      else shortSinceMs ??= this.runtime.monotonicMs();
      if (shortSinceMs !== undefined && this.runtime.monotonicMs() - shortSinceMs >= SHORT_MS_MAX) {
        throw new ControlEntriesMissing(
          `revision ${revision} was applied, but DEFINITIONS ends at ${last}: the stream lost its tail or was replaced; restore it from a backup`,
        );
      }
      await pause(this.runtime, WAIT_MS);
    }
  }

  listen(run: () => void): () => void {
    this.listeners.add(run);
    return () => {
      this.listeners.delete(run);
    };
  }

  stop(): void {
    this.stopped = true;
    this.following.stop();
  }
}
