// Where questions wait for a position of the log: no lock, no polling. The loop releases those whose position has passed; a
// timer each releases those that have waited long enough. answers.ts parks and answers them.
import type { Seq } from "../../lib/core/types.ts";
import type { Runtime, Timer } from "../../lib/ports/runtime.ts";

interface Parked<T> {
  readonly waits: T;
  readonly after: Seq;
  readonly timer: Timer;
}

export class Parking<T> {
  private readonly runtime: Pick<Runtime, "after">;
  private readonly onLate: (waits: T) => void;
  private parked = new Set<Parked<T>>();
  /** The lowest position that anybody waits for, or one below it: most turns look no further. */
  private nearest = Number.POSITIVE_INFINITY;

  constructor(runtime: Pick<Runtime, "after">, onLate: (waits: T) => void) {
    this.runtime = runtime;
    this.onLate = onLate;
  }

  get count(): number {
    return this.parked.size;
  }

  /** Until `after` has passed, or for `waitMs`. */
  park(waits: T, after: Seq, waitMs: number): void {
    const timer = this.runtime.after(waitMs, () => {
      this.parked.delete(one);
      this.onLate(waits);
    });
    const one: Parked<T> = { waits, after, timer };
    this.parked.add(one);
    this.nearest = Math.min(this.nearest, after);
  }

  /** Those that waited for no more than `position`, in the order in which they came. */
  release(position: Seq): readonly T[] {
    if (position < this.nearest) return [];
    const all = [...this.parked];
    const passed = all.filter(({ after }) => after <= position);
    for (const one of passed) this.leave(one);
    this.nearest = Math.min(Number.POSITIVE_INFINITY, ...[...this.parked].map(({ after }) => after));
    return passed.map(({ waits }) => waits);
  }

  /** All of them; nobody is told that it is late any more. */
  close(): readonly T[] {
    const all = [...this.parked];
    for (const one of all) this.leave(one);
    return all.map(({ waits }) => waits);
  }

  private leave(one: Parked<T>): void {
    one.timer.cancel();
    this.parked.delete(one);
  }
}
