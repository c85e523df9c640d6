/**
 * Work on many things, a few at a time: one that takes long holds up no other but at the end.
 */

/** Results in the order of the items. Rejects when some work does; what was begun goes on. */
export async function fewAtOnce<T, R>(
  count: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const done: Promise<R>[] = [];
  const rest = items.values();
  const workers = Array.from({ length: count }, async () => {
    for (const item of rest) {
      const begun = work(item);
      done.push(begun);
      await begun;
    }
  });
  await Promise.all(workers);
  return Promise.all(done);
}
