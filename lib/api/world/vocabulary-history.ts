// Every vocabulary that was put in force or waits to be, with its revision and its moment. Catalogue feeds it entry by entry;
// routes/vocabulary.ts shows it, and compares what somebody has seen with what there is.
import type { ControlEntry } from "../../core/control.ts";
import type { ControlOutcome, ControlState } from "../../core/engine/control-state.ts";
import type { Json, Millis } from "../../core/types.ts";

interface Kept {
  readonly revision: number;
  readonly appliedAt: Millis;
  /** As written: what it leaves out is as it is by default. */
  readonly source: Json;
}

export interface VocabularyVersion extends Kept {
  readonly state: "in force" | "waiting" | "past" | "given up";
}

export class VocabularyHistory {
  private readonly kept: Kept[] = [];

  take(entry: ControlEntry, outcome: ControlOutcome, { revision }: ControlState, appliedAt: Millis): void {
    if (entry.op !== "vocabulary" || outcome.type === "rejected") return;
    this.kept.push({ revision, appliedAt, source: entry.vocabulary });
  }

  /** Newest first. `isGivenUp`: what became of those that had to wait. */
  all({ pending }: ControlState, isGivenUp: (revision: number) => boolean): readonly VocabularyVersion[] {
    const isUp = ({ revision }: Kept): boolean => !pending.has(revision) && !isGivenUp(revision);
    const inForce = this.kept.findLast(isUp)?.revision;
    return this.kept
      .map((kept): VocabularyVersion => {
        const { revision } = kept;
        if (pending.has(revision)) return { ...kept, state: "waiting" };
        if (revision === inForce) return { ...kept, state: "in force" };
        return { ...kept, state: isGivenUp(revision) ? "given up" : "past" };
      })
      .reverse();
  }
}
