// The partitions of a thread take turns: thirty-two of them that each took a slice in one and the same round of the event loop
// would hold up all else by thirty-two slices. A round has time for some; the others wait in line for the rounds that follow.
// There are two lines, which have a turn about: one of those who were woken, mostly for little, and one of those who go on.
//
//   go on  A B C    woken  x y z
//   rounds  │ x A y B │ z C A │ B C A │ …          │ as soon as its time is used up; nobody twice before all in his line once
import type { Runtime } from "../../lib/ports/runtime.ts";

export class Turns {
  private readonly runtime: Runtime;
  private readonly roundMsMax: number;
  /** When the round's time is used up; undefined before its first turn. */
  private untilMs: number | undefined;
  private takenInBackground = false;
  private readonly woken: (() => void)[] = [];
  private readonly goingOn: (() => void)[] = [];
  private lastWasWoken = false;

  /** A round ends with the first turn that ends after `roundMsMax`; with 0 it has one. */
  constructor(runtime: Runtime, roundMsMax: number) {
    this.runtime = runtime;
    this.roundMsMax = roundMsMax;
  }

  /** At once for the first of a round: how long it will take nobody knows yet, so the others wait for a breath. */
  async take(): Promise<void> {
    const isFirst = this.woken.length === 0 && this.goingOn.length === 0 && this.beginRound();
    if (!isFirst) await this.lineUp(this.woken);
  }

  /** For whoever has had one, and goes on. */
  takeNext(): Promise<void> {
    return this.lineUp(this.goingOn);
  }

  /** For work beside the live path, one slice a round: true for the first who asks; whoever is refused asks again. */
  takeInBackground(): boolean {
    if (this.takenInBackground) return false;
    this.beginRound();
    this.takenInBackground = true;
    return true;
  }

  /** Whoever found nothing to do leaves the round to the others: else one that waits for its data keeps them from theirs. */
  giveBack(): void {
    this.takenInBackground = false;
  }

  private lineUp(line: (() => void)[]): Promise<void> {
    return new Promise((resolve) => {
      line.push(resolve);
      void this.letOneGo();
    });
  }

  /** As often as somebody lines up; it is seldom that one who goes. */
  private async letOneGo(): Promise<void> {
    do await this.runtime.breathe();
    while (!this.hasTime());
    this.lastWasWoken = this.goingOn.length === 0 || (!this.lastWasWoken && this.woken.length > 0);
    const line = this.lastWasWoken ? this.woken : this.goingOn;
    line.shift()!();
  }

  private hasTime(): boolean {
    return this.beginRound() || this.runtime.monotonicMs() < this.untilMs!;
  }

  /** False when it has begun. */
  private beginRound(): boolean {
    if (this.untilMs !== undefined) return false;
    this.untilMs = this.runtime.monotonicMs() + this.roundMsMax;
    void this.runtime.breathe().then(() => {
      this.untilMs = undefined;
      this.takenInBackground = false;
    });
    return true;
  }
}
