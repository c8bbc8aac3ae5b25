// How long whoever is refused is told to wait: about as long as it has lasted, so that a moment costs a second, and libraries that
// try a dozen times outlast an hour. Asked by storing.ts.

const RETRY_S_MAX = 30;
const SECOND_MS = 1_000;

export class Trouble {
  private sinceMs = 0;
  /** When whoever was told to wait should have come back twice. */
  private overMs = Number.NEGATIVE_INFINITY;

  /** What was refused now had begun at `begunMs`. 1, 2, 4 … seconds for one who does as told. */
  retryAfterS(begunMs: number, nowMs: number, least = 1): number {
    if (begunMs > this.overMs) this.sinceMs = begunMs;
    const lastedS = Math.ceil((nowMs - this.sinceMs) / SECOND_MS);
    const seconds = Math.min(Math.max(lastedS, least), RETRY_S_MAX);
    this.overMs = Math.max(this.overMs, nowMs + 2 * seconds * SECOND_MS);
    return seconds;
  }
}
