// Partitions that are asked about everybody, slice by slice: a few at a time, since others have questions, too, and none further
// once one has failed or nobody waits for the answer. What one request asks so is a scan; of those so many go on at once.

const ASKED_AT_ONCE_MAX = 4;

/** Takes each of them with a few at work. `ask` looks at its signal before each question. Throws what was thrown first. */
export async function askedEach<T>(
  items: Iterable<T>,
  ask: (item: T, until: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const until = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  // One iterator for all who work: each is taken by one of them.
  const waiting = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      until.throwIfAborted();
      await ask(next.value, until);
    }
  };
  const working = Array.from({ length: ASKED_AT_ONCE_MAX }, () =>
    work().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.all(working);
}

/** Whoever comes when so many scans go on waits for a turn, for as long as somebody waits for the answer. */
export class Scans {
  private readonly atOnceMax: number;
  private readonly waiting: (() => void)[] = [];
  private atWork = 0;

  constructor(atOnceMax: number) {
    this.atOnceMax = atOnceMax;
  }

  async run<T>(scan: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.atWork < this.atOnceMax) this.atWork += 1;
    else await this.turn(signal);
    try {
      return await scan();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.atWork -= 1;
      else next();
    }
  }

  /** Whoever is done hands the turn on. */
  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(go), 1);
        reject(signal!.reason as Error);
      };
      this.waiting.push(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
