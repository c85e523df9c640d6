/**
 * Keeps memory out of core files: a router's processes have keys of sessions and tunnels in theirs.
 *
 * Whatever a process starts afterwards inherits it, over fork and execve (core(5)).
 */
import { writeFile } from 'node:fs/promises';

/** Its core file, or what a program gets in the place of one, holds no kind of memory. */
export async function withholdDump(process: number | 'self'): Promise<void> {
  // Not there in a kernel that writes no core files.
  await writeFile(`/proc/${process}/coredump_filter`, '0').catch(() => undefined);
}
