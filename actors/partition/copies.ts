// Brings the control log into the partition's log: the owner appends each entry's copy in order, one at a time.
// A copy that was made twice is harmless: the machine applies exactly the next revision and ignores older ones.
import type { ControlCopy } from "../../lib/core/control.ts";
import { pause } from "../../lib/ports/runtime.ts";
import type { PartitionContext } from "./context.ts";
import { Backoff } from "./signal.ts";

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

export class Copies {
  private readonly context: PartitionContext;
  private readonly wake: () => void;
  private readonly backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
  private copied: number;
  private outstanding = false;
  private stopped = false;

  constructor(context: PartitionContext, revision: number, wake: () => void) {
    this.context = context;
    this.copied = revision;
    this.wake = wake;
  }

  /** Only at the log's end: before it, the copies of earlier owners are still to be read. */
  tend(revision: number): void {
    this.copied = Math.max(this.copied, revision);
    const next = this.copied + 1;
    if (this.stopped || this.outstanding || next > this.context.book.revision) return;
    this.outstanding = true;
    void this.copy({ revision: next, entry: this.context.book.entries[next - 1]! });
  }

  stop(): void {
    this.stopped = true;
  }

  private async copy(copy: ControlCopy): Promise<void> {
    const { world, runtime, counters } = this.context;
    const outcome = await world.log.append("control", JSON.stringify(copy));
    if (outcome.kind === "stored") {
      counters.controls += 1;
      this.copied = copy.revision;
      this.backoff.reset();
    } else await pause(runtime, this.backoff.next(runtime.random()));
    this.outstanding = false;
    this.wake();
  }
}
