// The deadlines of a partition's pages, earliest first: a binary heap in which an entry that was overtaken simply stays
// until it surfaces (pages.ts asks whether it still holds). Entries are pages, not people: a few hundred, not a million.
import type { PageNo } from "../../partition.ts";
import type { Millis } from "../../types.ts";

export class DeadlineHeap {
  readonly #dues: Millis[] = [];
  readonly #pages: PageNo[] = [];

  /** Infinity when there is none. */
  get topDue(): Millis {
    return this.#dues.length === 0 ? Number.POSITIVE_INFINITY : this.#dues[0]!;
  }

  /** Only when there is one. */
  get topPage(): PageNo {
    return this.#pages[0]!;
  }

  push(due: Millis, page: PageNo): void {
    let at = this.#dues.length;
    this.#dues.push(due);
    this.#pages.push(page);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#dues[parent]! <= due) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#dues[at] = due;
    this.#pages[at] = page;
  }

  /** Takes the first away; only when there is one. */
  pop(): PageNo {
    const first = this.#pages[0]!;
    const due = this.#dues.pop()!;
    const page = this.#pages.pop()!;
    const { length } = this.#dues;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#dues[child + 1]! < this.#dues[child]!) child += 1;
      if (this.#dues[child]! >= due) break;
      this.#move(child, at);
      at = child;
    }
    this.#dues[at] = due;
    this.#pages[at] = page;
    return first;
  }

  #move(from: number, to: number): void {
    this.#dues[to] = this.#dues[from]!;
    this.#pages[to] = this.#pages[from]!;
  }
}
