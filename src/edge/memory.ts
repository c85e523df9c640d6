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

const lookMs = 500;
/** A start is over when nothing was done for so long; later, a pause of this program must meet no change. */
const quietMs = { first: 1000, later: 30_000 } as const;
const worthwhileBytes = 48 * 1024 * 1024;

/** `stateOf` gives the same value again while nothing changes, and undefined while something is being done. */
export function keepMemoryLow(stateOf: () => object | undefined): { close(): void } {
  const collect = collector();
  let lowest: number | undefined;
  let last: object | undefined;
  let quiet = 0;
  const timer = setInterval(() => {
    const now = stateOf();
    if (now === undefined) return;
    quiet = now === last ? quiet + lookMs : 0;
    last = now;
    if (quiet < (lowest === undefined ? quietMs.first : quietMs.later)) return;
    if (process.memoryUsage.rss() < (lowest ?? 0) + worthwhileBytes) return;
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
