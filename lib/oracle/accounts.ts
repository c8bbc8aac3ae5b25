// What ties a user to an account, and what an account knows of its users: their number and, by flag, for how many it holds.
// Members of history.ts carry one or the other; oracle.ts changes them as group calls and links are heard.
import type { FlagId } from "../core/links.ts";
import type { MemberId, PartitionNo, Seq } from "../core/types.ts";

/** The account that a user is in. */
export interface Tie {
  readonly account: MemberId;
  /** The place in his log of the group call that made him its user. */
  readonly join: Seq;
  /** Its flags that hold, as far as it has told; undefined until its answer to that join is there. */
  on: Set<FlagId> | undefined;
}

export class Crowd {
  /** Flags are counted as they are told: of one that this log does not know yet, the log has still to hear. */
  readonly #holds = new Map<FlagId, number>();
  readonly #users = new Map<PartitionNo, number>();

  join(from: PartitionNo, on: readonly FlagId[]): void {
    this.#users.set(from, this.usersIn(from) + 1);
    for (const flag of on) this.count(flag, 1);
  }

  leave(from: PartitionNo, on: readonly FlagId[]): void {
    this.#users.set(from, this.usersIn(from) - 1);
    for (const flag of on) this.count(flag, -1);
  }

  count(flag: FlagId, by: number): void {
    this.#holds.set(flag, this.holds(flag) + by);
  }

  holds(flag: FlagId): number {
    return this.#holds.get(flag) ?? 0;
  }

  usersIn(partition: PartitionNo): number {
    return this.#users.get(partition) ?? 0;
  }

  get size(): number {
    return [...this.#users.values()].reduce((sum, users) => sum + users, 0);
  }
}
