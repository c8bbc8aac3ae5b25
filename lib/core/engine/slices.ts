// Putting much in order without holding anybody up: a step that concerns a hundred thousand people gives the event loop a
// breath every few thousand.

/** Items handled between two breaths. */
const SLICE = 2_000;

/** Calls `take` with every item in order; those that compare equal keep theirs. */
export function* inOrder<T>(
  items: T[],
  compare: (left: T, right: T) => number,
  take: (item: T) => void,
): Generator<null, void, void> {
  if (items.length <= SLICE) {
    for (const item of items.sort(compare)) take(item);
    return;
  }
  let runs: T[][] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    runs.push(items.slice(from, from + SLICE).sort(compare));
    yield null;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      const right = runs[at + 1];
      merged.push(right === undefined ? runs[at]! : yield* merge(runs[at]!, right, compare));
    }
    runs = merged;
  }
  let taken = 0;
  for (const item of runs[0]!) {
    take(item);
    taken += 1;
    if (taken % SLICE === 0) yield null;
  }
}

function* merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<null, T[], void> {
  const merged: T[] = [];
  for (let [l, r] = [0, 0]; l < left.length || r < right.length; ) {
    const takesLeft = r >= right.length || (l < left.length && compare(left[l]!, right[r]!) <= 0);
    merged.push(takesLeft ? left[l++]! : right[r++]!);
    if (merged.length % SLICE === 0) yield null;
  }
  return merged;
}
