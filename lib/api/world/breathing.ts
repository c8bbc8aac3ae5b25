// Long work in one process with others who want answers: at each of its yields they have their turn.
import { setImmediate } from "node:timers/promises";

/** What is done before the first yield is done at once. */
export async function breathing<T>(work: Generator<void, T, void>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await setImmediate();
  }
}
