// Long work in one process with others who want answers: at each of its yields they have their turn.
import { setImmediate } from "node:timers/promises";

/** Of a list, so many are looked at between two breaths. */
export const BREATH_IDS = 2_000;

/** Takes one after the other. What changes between two breaths is seen as far as `items` shows it. */
export async function inBreaths<T>(items: Iterable<T>, take: (item: T, index: number) => void): Promise<void> {
  let index = 0;
  for (const item of items) {
    take(item, index);
    index += 1;
    if (index % BREATH_IDS === 0) await setImmediate();
  }
}

/** What is done before the first yield is done at once. */
export async function breathing<T>(work: Generator<void, T, void>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await setImmediate();
  }
}
