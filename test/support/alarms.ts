// Alarms in the order in which they go off: a binary heap by time, then rank, then the order of setting.
// What virtual time stands on: test/support/virtual-runtime.ts ranks all alike, test/simulation/scheduler.ts by chance.

export interface Alarm {
  readonly atMs: number;
  /** Among alarms of one instant. */
  readonly rank: number;
  readonly order: number;
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;
}

export class Alarms {
  private readonly heap: Alarm[] = [];
  private orders = 0;

  /** When the next one goes off; Infinity when there is none. */
  get nextMs(): number {
    return this.heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  set(atMs: number, rank: number, run: () => void): Alarm {
    this.orders += 1;
    const alarm: Alarm = { atMs, rank, order: this.orders, run };
    const { heap } = this;
    heap.push(alarm);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
    return alarm;
  }

  /** The next one, cancelled or not; there must be one. */
  take(): Alarm {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < heap.length && before(heap[left]!, heap[least]!)) least = left;
      if (right < heap.length && before(heap[right]!, heap[least]!)) least = right;
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function before(a: Alarm, b: Alarm): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.rank === b.rank ? a.order < b.order : a.rank < b.rank;
}

/** Runs every promise that can run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
