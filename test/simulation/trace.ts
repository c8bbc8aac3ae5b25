// What happened in a run, line by line: hashed always, so that two runs can be held against each other, and kept on request,
// so that a failure can be told as a story.
import { createHash } from "node:crypto";

const HASH_LENGTH = 16;

export interface TraceLine {
  readonly atMs: number;
  readonly text: string;
}

export class Trace {
  readonly lines: TraceLine[] = [];
  private readonly hash = createHash("sha256");
  private readonly kept: boolean;
  private readonly clock: { readonly nowMs: number };

  constructor(clock: { readonly nowMs: number }, kept: boolean) {
    this.clock = clock;
    this.kept = kept;
  }

  note(text: string): void {
    const { nowMs } = this.clock;
    this.hash.update(`${nowMs} ${text}\n`);
    if (this.kept) this.lines.push({ atMs: nowMs, text });
  }

  /** Over everything noted so far; nothing more can be noted afterwards. */
  digest(): string {
    return this.hash.digest("hex").slice(0, HASH_LENGTH);
  }
}
