/**
 * A lock between processes, kept by the kernel: flock(2) on a file.
 *
 * Invariant: the kernel lets go of it when its holder dies, however that happens; the file's content means nothing. Taking
 * it waits, without turning the event loop: only for work of milliseconds.
 */
import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';

const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)');

const LOCK_EX = 2;
const LOCK_UN = 8;
const EINTR = 4;

export interface FileLock {
  /** Does the work while no other process holds the lock; calls may nest. Throws what the work throws. */
  hold<T>(work: () => T): T;
  close(): void;
}

/** Makes the file (mode 0600) if need be. Throws the file system's error when it cannot be opened for writing. */
export function openFileLock(path: string): FileLock {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  let depth = 0;
  return {
    hold(work) {
      if (depth === 0) take(file, path);
      depth += 1;
      try {
        return work();
      } finally {
        depth -= 1;
        if (depth === 0) flock(file, LOCK_UN);
      }
    },
    close: () => closeSync(file),
  };
}

function take(file: number, path: string): void {
  while (flock(file, LOCK_EX) !== 0) {
    const errno: number = koffi.errno();
    if (errno === EINTR) continue;
    throw Object.assign(new Error(`${path} cannot be locked (errno ${errno})`), { code: 'ELOCK' });
  }
}
