// Lets at most so many through at once; the others wait in line. Bounds what one process has open at a server.
// Used by delta-sink.ts for batches and by page-store.ts for pages.

export class Gate {
  private readonly openMax: number;
  private open = 0;
  private readonly line: (() => void)[] = [];

  constructor(openMax: number) {
    this.openMax = openMax;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.open >= this.openMax) {
      await new Promise<void>((resolve) => {
        this.line.push(resolve);
      });
    } else this.open += 1;
    try {
      return await work();
    } finally {
      // The place is handed to the next in line, or given up.
      const next = this.line.shift();
      if (next === undefined) this.open -= 1;
      else next();
    }
  }
}
