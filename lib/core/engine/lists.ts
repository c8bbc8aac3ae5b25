// Lists by key, as a plan and a step gather them.

/** Adds to the list of a key, which begins with it. */
export function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
