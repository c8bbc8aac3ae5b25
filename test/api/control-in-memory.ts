// A control log in an array, with somebody else who writes in between on request. For tests of whoever applies.
import type { ControlCopy, ControlEntry } from "../../lib/core/control.ts";
import type { ControlLog } from "../../lib/ports/control-log.ts";
import type { Published } from "../../lib/ports/publishing.ts";

export class ControlInMemory implements ControlLog {
  readonly entries: ControlEntry[] = [];
  entryBytesMax = Number.POSITIVE_INFINITY;
  /** Runs before the next append is looked at. */
  meanwhile: (() => void) | undefined;
  /** The next append is stored, and its answer lost. */
  loseNextAnswer = false;
  private heldBack: (() => void)[] | undefined;
  private appendsToFailure = Number.POSITIVE_INFINITY;
  private readonly listeners = new Set<(copy: ControlCopy, storedAt: number) => void>();

  async lastRevision(): Promise<number> {
    return this.entries.length;
  }

  follow(onEntry: (copy: ControlCopy, storedAt: number) => void) {
    for (const [index, entry] of this.entries.entries()) onEntry({ revision: index + 1, entry }, index + 1);
    this.listeners.add(onEntry);
    return { stop: () => void this.listeners.delete(onEntry) };
  }

  /** The `nth` append from now on finds no server; 1 is the next one. */
  failAppend(nth: number): void {
    this.appendsToFailure = nth;
  }

  async append(entry: ControlEntry, expectedLast: number): Promise<Published> {
    this.appendsToFailure -= 1;
    if (this.appendsToFailure === 0) throw new Error("no server answers");
    const { meanwhile } = this;
    this.meanwhile = undefined;
    meanwhile?.();
    if (expectedLast !== this.entries.length) return { kind: "fenced" };
    this.write(entry);
    const lost = this.loseNextAnswer;
    this.loseNextAnswer = false;
    return lost ? { kind: "unknown", reason: "no answer" } : { kind: "stored", seq: this.entries.length };
  }

  write(entry: ControlEntry): void {
    this.entries.push(entry);
    const revision = this.entries.length;
    const tell = (): void => {
      for (const listener of this.listeners) listener({ revision, entry }, revision);
    };
    if (this.heldBack === undefined) tell();
    else this.heldBack.push(tell);
  }

  /** Who follows hears of what is written from now on when the answer is called. */
  holdBack(): () => void {
    const heldBack: (() => void)[] = [];
    this.heldBack = heldBack;
    return () => {
      this.heldBack = undefined;
      for (const tell of heldBack) tell();
    };
  }
}
