/**
 * Wakes this process when another one has committed: watches one file that every committer writes to.
 *
 * Invariant: it only says "look now"; a poll goes on beside it, so a lost event costs one interval and nothing else.
 */
import { type FSWatcher, watch } from 'node:fs';

export interface Doorbell {
  close(): void;
}

/** @param pollInterval milliseconds between looks when no event comes */
export function openDoorbell(path: string, pollInterval: number, onRing: () => void): Doorbell {
  const timer = setInterval(onRing, pollInterval);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(path, onRing);
    // Inotify may run out of watches, now or later; the poll then does all the work.
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  return {
    close: () => {
      clearInterval(timer);
      watcher?.close();
    },
  };
}
