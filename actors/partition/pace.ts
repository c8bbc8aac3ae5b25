// How fast something goes lately: what is said of a fold's pace must follow when it gets more turns, as others end.

/** The pace is that of the last one to two spans. */
const SPAN_MS = 4_000;

interface Mark {
  readonly atMs: number;
  readonly done: number;
}

export class Pace {
  private older: Mark;
  private newer: Mark;

  constructor(nowMs: number) {
    this.older = { atMs: nowMs, done: 0 };
    this.newer = this.older;
  }

  note(nowMs: number, done: number): void {
    if (nowMs - this.newer.atMs < SPAN_MS) return;
    this.older = this.newer;
    this.newer = { atMs: nowMs, done };
  }

  perSecond(nowMs: number, done: number): number {
    const tookMs = nowMs - this.older.atMs;
    return tookMs <= 0 ? 0 : Math.round(((done - this.older.done) * 1_000) / tookMs);
  }
}
