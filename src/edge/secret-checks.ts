/**
 * Looks whether agents take the files of secrets, for `causeway doctor`.
 *
 * Invariant: looks at names and modes alone, never into a file.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, fine } from './finding.ts';

/** Of files that are named: whoever has more of them sees the others next time. */
const mostNamed = 5;

export async function checkSecrets(folder: string): Promise<Finding> {
  const check = 'secrets';
  try {
    const open = await openToOthers(folder);
    if (open.length === 0) return fine(check, folder);
    const named = open.slice(0, mostNamed).map((path) => join(folder, path));
    const found = `agents refuse what others can read: ${open.length} of the files in ${folder}`;
    return { check, result: 'warning', found, fix: `chmod 600 ${named.join(' ')}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return fine(check, `${folder} is not there; none in use`);
    const fix = 'sessions and tunnels with a secret stay down: give the agent read access';
    return { check, result: 'error', found: `${folder} cannot be read`, fix };
  }
}

/** `NAME/KEY` of each file that a group or everybody may read or write. */
async function openToOthers(folder: string): Promise<readonly string[]> {
  const open: string[] = [];
  for (const name of await readdir(folder)) {
    // What lies beside the folders of secrets is none; what goes meanwhile is gone.
    for (const key of await readdir(join(folder, name)).catch(() => [])) {
      const facts = await stat(join(folder, name, key)).catch(() => undefined);
      if (facts?.isFile() && (facts.mode & 0o077) !== 0) open.push(join(name, key));
    }
  }
  return open.sort();
}
