// Visits: a user's event times, cut where nothing happened for the idle time (rules.md 4.5).
// history.ts feeds it every event in log order.
import type { Millis } from "../core/types.ts";

export interface Visit {
  start: Millis;
  last: Millis;
}

/** All visits of one user, oldest first. The newest ones can still change; those before them are sealed. */
export class Visits {
  readonly #idleMs: number;
  readonly #changeableMax: number;
  #changeable: Visit[] = [];
  #hasSealed = false;
  /** A visit that was merged into another one points to it. */
  readonly #mergedInto = new Map<Visit, Visit>();

  constructor(idleMs: number, changeableMax: number) {
    this.#idleMs = idleMs;
    this.#changeableMax = changeableMax;
  }

  /** The visit that an event at `time` belongs to; undefined when it is older than all that can change. */
  add(time: Millis): Visit | undefined {
    const oldest = this.#changeable[0];
    const isFull = this.#hasSealed || this.#changeable.length >= this.#changeableMax;
    if (oldest !== undefined && isFull && time < oldest.start) return undefined;
    const touched = this.#changeable.filter(
      (visit) => visit.start - time < this.#idleMs && time - visit.last < this.#idleMs,
    );
    const visit = touched[0] ?? { start: time, last: time };
    visit.start = Math.min(visit.start, time);
    visit.last = Math.max(visit.last, time);
    for (const other of touched.slice(1)) {
      visit.last = Math.max(visit.last, other.last);
      this.#mergedInto.set(other, visit);
    }
    const untouched = this.#changeable.filter((other) => !touched.includes(other));
    this.#changeable = [...untouched, visit].sort((a, b) => a.start - b.start);
    if (this.#changeable.length > this.#changeableMax) {
      this.#changeable.shift();
      this.#hasSealed = true;
    }
    return visit;
  }

  /** The visit that an event's visit has become through later events. */
  now(visit: Visit): Visit {
    let current = visit;
    for (let next = this.#mergedInto.get(current); next !== undefined; next = this.#mergedInto.get(current)) {
      current = next;
    }
    return current;
  }

  get newest(): Visit | undefined {
    return this.#changeable.at(-1);
  }
}
