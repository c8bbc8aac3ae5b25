// Waiting that ends at once when a job is told to end. For exports that wait for an owner, and for files that arrive.

/**
 * Nothing of the answer is held afterwards: were it raced against one promise for all answers, that promise would hold each of
 * them until the signal comes, which is the whole of a file that is read piece by piece.
 */
export async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
