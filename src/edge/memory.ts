/**
 * Gives back to the system what a busy time left behind.
 *
 *   quiet, and grown ─[keepMemoryLow]→ a collection of garbage
 *
 * V8 keeps the memory of a start, or of a thousand changes a second, half of it garbage, for as long as little is made anew: a router that
 * is quiet afterwards would hold it for hours.
 * Invariant: only memory that nobody uses goes, and only while nothing else is to be done.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const lookMs = 2000;
const worthwhileBytes = 16 * 1024 * 1024;

/** `stateOf` gives the same value twice while all is quiet, undefined while something is being done. */
export function keepMemoryLow(stateOf: () => number | undefined): { close(): void } {
  const collect = collector();
  let lowest = 0;
  let last: number | undefined;
  const timer = setInterval(() => {
    const now = stateOf();
    const isQuiet = now !== undefined && now === last;
    last = now;
    if (!isQuiet || process.memoryUsage.rss() < lowest + worthwhileBytes) return;
    collect();
    lowest = process.memoryUsage.rss();
  }, lookMs);
  return { close: () => clearInterval(timer) };
}

/**
 * Twice, since what the first run frees frees more; and packed, or half-empty pages would stay. With 100,000 addresses in memory it holds
 * the process up for some 300 ms.
 */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') return () => undefined;
  return () => {
    setFlagsFromString('--compact-on-every-full-gc');
    collect();
    collect();
    setFlagsFromString('--no-compact-on-every-full-gc');
  };
}
