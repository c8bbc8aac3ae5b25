// Work beside the live path, one slice a round for all partitions of a thread: thirty-two partitions that each took a slice
// before anybody else's turn would hold up an event by all thirty-two. Backfills and audits ask it.
import type { Runtime } from "../../lib/ports/runtime.ts";

export class BackgroundTurns {
  private readonly runtime: Runtime;
  private taken = false;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** True for the first who asks in a round; whoever is refused asks again in the next. */
  take(): boolean {
    if (this.taken) return false;
    this.taken = true;
    void this.runtime.breathe().then(() => {
      this.taken = false;
    });
    return true;
  }

  /** Whoever found nothing to do leaves the round to the others: else one that waits for its data keeps them from theirs. */
  giveBack(): void {
    this.taken = false;
  }
}
