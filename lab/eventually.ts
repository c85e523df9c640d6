/**
 * Waiting for a state of the world, without sleeping for a guessed time.
 *
 * Invariant: the last value read comes back whether it matched or not, so that a failure can say what was seen instead.
 */
import { setTimeout as pause } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds until giving up; a minute unless said, which asserts no speed: it ends what hangs, on a busy machine too. */
  readonly within?: number;
  /** Milliseconds between two looks; 100 unless said. */
  readonly every?: number;
}

/** Reads until the value matches or time is up, and gives the last value read. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  match: (value: Awaited<T>) => boolean,
  { within = 60_000, every = 100 }: Patience = {},
): Promise<Awaited<T>> {
  const deadline = performance.now() + within;
  for (;;) {
    const value = await read();
    if (match(value) || performance.now() >= deadline) return value;
    await pause(every);
  }
}

/** Runs `work` over all items, at most `width` at a time; results in the order of the items. */
export async function mapLimited<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
