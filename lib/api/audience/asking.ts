// Partitions that are asked about everybody, slice by slice: a few at a time, since others have questions, too, and none further
// once one has failed or nobody waits for the answer.

const ASKED_AT_ONCE_MAX = 4;

/** Takes each of them with a few at work. `ask` looks at its signal before each question. Throws what was thrown first. */
export async function askedEach<T>(
  items: Iterable<T>,
  ask: (item: T, until: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const until = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  // One iterator for all who work: each is taken by one of them.
  const waiting = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      until.throwIfAborted();
      await ask(next.value, until);
    }
  };
  const working = Array.from({ length: ASKED_AT_ONCE_MAX }, () =>
    work().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.all(working);
}
