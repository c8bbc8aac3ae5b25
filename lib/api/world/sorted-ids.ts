// Ids in their order, in short runs: one more, or one less, moves the ids of one run and no others. Used by list-members.ts.
import type { MemberId } from "../../core/types.ts";

/** Moving so many in memory costs no more than finding their place. */
const RUN_MAX = 1_024;

export class SortedIds {
  /** None is empty, and each goes on where the one before it ends. */
  private readonly runs: MemberId[][] = [];

  add(id: MemberId): void {
    const at = Math.min(this.runOf(id), Math.max(this.runs.length - 1, 0));
    this.runs[at] ??= [];
    const run = this.runs[at];
    const place = placeOf(run, id);
    if (run[place] === id) return;
    run.splice(place, 0, id);
    if (run.length > RUN_MAX) this.runs.splice(at + 1, 0, run.splice(RUN_MAX / 2));
  }

  delete(id: MemberId): void {
    const at = this.runOf(id);
    const run = this.runs[at];
    if (run === undefined) return;
    const place = placeOf(run, id);
    if (run[place] !== id) return;
    run.splice(place, 1);
    if (run.length === 0) this.runs.splice(at, 1);
  }

  /** At most so many of those after an id; undefined: from the first on. */
  after(id: MemberId | undefined, limit: number): MemberId[] {
    const found: MemberId[] = [];
    let at = id === undefined ? 0 : this.runOf(id);
    let from = id === undefined ? 0 : placeOf(this.runs[at] ?? [], id);
    if (id !== undefined && this.runs[at]?.[from] === id) from += 1;
    for (; at < this.runs.length && found.length < limit; at += 1) {
      for (const next of this.runs[at]!.slice(from, from + limit - found.length)) found.push(next);
      from = 0;
    }
    return found;
  }

  /** The first that ends with an id or after it: where the id is, if it is anywhere. */
  private runOf(id: MemberId): number {
    return firstOf(this.runs.length, (index) => this.runs[index]!.at(-1)! >= id);
  }
}

function placeOf(run: readonly MemberId[], id: MemberId): number {
  return firstOf(run.length, (index) => run[index]! >= id);
}

/** Of so many the first that holds, as all after it do; so many when none does. */
function firstOf(count: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
