// Work on many things: some at a time, so that while one partition's log is on its way another's is computed; or all in one order.
// Used by replay and doctor.

/** Results stand in the order of the items. */
export async function sideBySide<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeTurns));
  return results;
}

/** The items of several sequences in one order, each with the sequence it comes from. Each sequence must be in that order itself. */
export async function* inOrder<T>(
  sources: readonly AsyncIterable<T>[],
  rank: (item: T) => number,
): AsyncGenerator<{ readonly from: number; readonly item: T }> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
  try {
    for (;;) {
      let first: number | undefined;
      for (const [index, head] of heads.entries()) {
        if (head.done === true) continue;
        if (first === undefined || rank(head.value) < rank((heads[first] as IteratorYieldResult<T>).value))
          first = index;
      }
      if (first === undefined) return;
      yield { from: first, item: (heads[first] as IteratorYieldResult<T>).value };
      heads[first] = await iterators[first]!.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
