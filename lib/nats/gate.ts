// Lets at most so many through at once; the others wait in line. Bounds what one process has open at a server.
// Used by delta-sink.ts for batches, by page-store.ts for pages, and by lib/api for what looks at everybody.

export class Gate {
  private readonly openMax: number;
  private open = 0;
  private readonly line: (() => void)[] = [];

  constructor(openMax: number) {
    this.openMax = openMax;
  }

  /** `signal`: whoever is waited for no more leaves the line, and throws its reason. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.open >= this.openMax) await this.turn(signal);
    else this.open += 1;
    try {
      return await work();
    } finally {
      // The place is handed to the next in line, or given up.
      const next = this.line.shift();
      if (next === undefined) this.open -= 1;
      else next();
    }
  }

  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.line.splice(this.line.indexOf(go), 1);
        reject(signal!.reason as Error);
      };
      this.line.push(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
