// How far the numbers of those had come who were erased, for whoever comes back under the same id. Oldest first; beyond what is
// remembered one by one, the highest of the older ones holds for everybody. oracle.ts asks for every newcomer.
import { FLOORS_MAX } from "../core/control.ts";
import type { Member } from "./history.ts";

export class Forgotten {
  readonly #numbers = new Map<string, number>();
  #ofOthers = 0;

  remember(member: Member): void {
    const numbers = [...member.memberships.values()].map(({ n }) => n);
    const highest = Math.max(member.floor, ...numbers);
    if (highest === 0) return;
    const name = nameOf(member);
    this.#numbers.delete(name);
    this.#numbers.set(name, highest);
    if (this.#numbers.size <= FLOORS_MAX) return;
    const [[oldest, number]] = [...this.#numbers] as [[string, number]];
    this.#numbers.delete(oldest);
    this.#ofOthers = Math.max(this.#ofOthers, number);
  }

  floorOf(member: Pick<Member, "kind" | "id">): number {
    return this.#numbers.get(nameOf(member)) ?? this.#ofOthers;
  }
}

function nameOf({ kind, id }: Pick<Member, "kind" | "id">): string {
  return `${kind} ${id}`;
}
