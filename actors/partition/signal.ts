// One waiter, woken by anybody: how the loops of a partition sleep until there is something to do.

export class Signal {
  private raised = false;
  private wake: (() => void) | undefined;

  raise(): void {
    this.raised = true;
    const wake = this.wake;
    this.wake = undefined;
    wake?.();
  }

  /** Returns at once when it was raised since the last wait. */
  async wait(): Promise<void> {
    if (!this.raised) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.raised = false;
  }
}

/** Grows from `min` to `max` by doubling; `reset` when something went well. */
export class Backoff {
  private readonly minMs: number;
  private readonly maxMs: number;
  private nextMs: number;

  constructor(minMs: number, maxMs: number) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.nextMs = minMs;
  }

  /** `chance` in 0 … 1 spreads those who wait at the same time. */
  next(chance: number): number {
    const delayMs = this.nextMs * (0.5 + chance / 2);
    this.nextMs = Math.min(this.maxMs, this.nextMs * 2);
    return delayMs;
  }

  reset(): void {
    this.nextMs = this.minMs;
  }
}
