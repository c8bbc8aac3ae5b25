// How far the numbers of those who were erased had come, so that an id that comes back says none of its changes under a number
// that somebody has heard before. Nobody's id stands in it: a keyed hash of it does, and one number for all segments.
import { FLOORS_MAX } from "../../control.ts";
import { markOf } from "../../erasure.ts";
import type { MemberId, MemberKind } from "../../types.ts";

export interface WrittenFloors {
  readonly key: string | null;
  readonly common: number;
  readonly floors: readonly (readonly [mark: string, n: number])[];
}

/** Bounded: of the oldest ones beyond the bound, the highest number stands for everybody who is not named. */
export class Floors {
  #key: string | undefined;
  #common: number;
  /** By mark; the oldest first. */
  readonly #floors: Map<string, number>;
  readonly #most: number;

  constructor(written: WrittenFloors = { key: null, common: 0, floors: [] }, most = FLOORS_MAX) {
    this.#key = written.key ?? undefined;
    this.#common = written.common;
    this.#floors = new Map(written.floors);
    this.#most = most;
  }

  /** For the checkpoint. */
  get written(): WrittenFloors {
    return { key: this.#key ?? null, common: this.#common, floors: [...this.#floors] };
  }

  /** Of the first erasure; later ones bring theirs in vain. */
  keyed(key: string): void {
    this.#key ??= key;
  }

  /** The number after which a member who is new here goes on. */
  of(kind: MemberKind, id: MemberId): number {
    if (this.#key === undefined) return 0;
    return this.#floors.get(markOf(this.#key, kind, id)) ?? this.#common;
  }

  /** A member is gone whose changes were numbered up to `n`. */
  raise(kind: MemberKind, id: MemberId, n: number): void {
    if (this.#key === undefined || n === 0) return;
    const mark = markOf(this.#key, kind, id);
    this.#floors.delete(mark);
    this.#floors.set(mark, n);
    if (this.#floors.size <= this.#most) return;
    const [oldest, floor] = this.#floors.entries().next().value!;
    this.#floors.delete(oldest);
    this.#common = Math.max(this.#common, floor);
  }
}
