/**
 * The files BIRD and we share, and what they tell of a BIRD started earlier.
 */
import { copyFile, readFile, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface BirdFiles {
  readonly dir: string;
  readonly config: string;
  readonly next: string;
  readonly socket: string;
  readonly pid: string;
  readonly log: string;
}

/** BIRD's log is cut when it grows beyond this many bytes. */
const longestLog = 8 * 1024 * 1024;

export function birdFiles(dir: string): BirdFiles {
  const at = (name: string): string => join(dir, name);
  return {
    dir,
    config: at('bird.conf'),
    next: at('bird.conf.next'),
    socket: at('bird.ctl'),
    pid: at('bird.pid'),
    log: at('bird.log'),
  };
}

/** Undefined when there is no such file. */
export async function readText(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, 'utf8'));
}

export async function removeFile(path: string): Promise<void> {
  await unlessMissing(unlink(path));
}

/**
 * `running`: the process named by the pid file is a BIRD of ours. `stale`: there is a pid file, but no such process: BIRD
 * removes the file when it ends in order, so it did not.
 */
export async function isBirdAlive(files: BirdFiles, as: 'running' | 'stale'): Promise<boolean> {
  const text = await readText(files.pid);
  if (text === undefined) return false;
  const pid = Number.parseInt(text, 10);
  const isOurs = pid > 1 && (await readText(`/proc/${pid}/cmdline`))?.split('\0').includes(files.socket) === true;
  return as === 'running' ? isOurs : !isOurs;
}

/** Ends a BIRD of ours that does not answer; does nothing when none runs. */
export async function killBird(files: BirdFiles): Promise<void> {
  while (await isBirdAlive(files, 'running')) {
    process.kill(Number.parseInt((await readText(files.pid)) ?? '', 10), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The daemon holds the file open for appending, so it is cut in place; what was there is kept once. `longest`: in bytes. */
export async function trimLog(files: Pick<BirdFiles, 'log'>, longest = longestLog): Promise<void> {
  const facts = await unlessMissing(stat(files.log));
  if (facts === undefined || facts.size <= longest) return;
  await copyFile(files.log, `${files.log}.1`);
  await truncate(files.log, 0);
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
