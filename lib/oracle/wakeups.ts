// Who is to be looked at next, and when: by instant, then accounts before users, then by the bytes of the member's id.
// oracle.ts plans a member anew after each evaluation; an older plan of the same member is dropped on sight.
import type { Millis } from "../core/types.ts";
import { inOrder, type Member } from "./history.ts";

interface Wakeup {
  readonly member: Member;
  readonly at: Millis;
}

export class Wakeups {
  /** A binary heap: every wake-up is before its two children, at 2i + 1 and 2i + 2. */
  readonly #heap: Wakeup[] = [];
  readonly #planned = new Map<Member, Wakeup>();

  /** In place of what was planned for the member before; Infinity is never. */
  plan(member: Member, at: Millis): void {
    if (this.#planned.get(member)?.at === at) return;
    this.#planned.delete(member);
    if (at === Number.POSITIVE_INFINITY) return;
    const wakeup = { member, at };
    this.#planned.set(member, wakeup);
    this.#push(wakeup);
  }

  /** The next wake-up at or before `until`, taken out. */
  takeUntil(until: Millis): Wakeup | undefined {
    for (let top = this.#heap[0]; top !== undefined && top.at <= until; top = this.#heap[0]) {
      this.#pop();
      if (this.#planned.get(top.member) !== top) continue;
      this.#planned.delete(top.member);
      return top;
    }
    return undefined;
  }

  #push(wakeup: Wakeup): void {
    const heap = this.#heap;
    let index = heap.push(wakeup) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(wakeup, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = wakeup;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Wakeup, b: Wakeup): boolean {
  return a.at !== b.at ? a.at < b.at : inOrder(a.member, b.member) < 0;
}
