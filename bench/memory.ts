/**
 * What this process holds.
 *
 *   process → [memory] → report
 */

export interface Memory {
  /** Live objects after a full garbage collection. */
  readonly liveMiB: number;
  /** Pages the process has, garbage and Node itself included. */
  readonly residentMiB: number;
}

/** Needs node --expose-gc, as scripts/bench.sh starts it. */
export function observeMemory(): Memory {
  const residentMiB = toMiB(process.memoryUsage.rss());
  if (globalThis.gc === undefined)
    throw new Error('node runs without --expose-gc, so live memory cannot be told from garbage');
  globalThis.gc();
  return { liveMiB: toMiB(process.memoryUsage().heapUsed), residentMiB };
}

function toMiB(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
