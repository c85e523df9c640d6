/**
 * The folder of the user's own BIRD text: `*.conf` in alphabetic order.
 *
 *   <folder>/*.conf ─[createBirdSnippets]→ BirdSnippet[], or why one of them cannot be used
 *
 * Invariant: whoever may write such a file commands the router, so only root (and who runs this) may: owner and mode of the folder
 * and of each file are looked at, of the file that is then read. One file that cannot be used makes all of them unusable:
 * half of what was meant may be worse than none.
 */
import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SnippetSource } from '../agent/ports.ts';
import { type BirdSnippet, checkSnippet, printSnippetError } from '../bird/snippets.ts';
import { err, ok, type Result } from '../result.ts';

/** Bytes of one file at most. */
const maxSize = 1024 * 1024;

export function createBirdSnippets(folder: string): SnippetSource {
  return { read: () => readBirdSnippets(folder) };
}

/** A folder that does not exist holds none. Messages begin with the path of the file. */
export async function readBirdSnippets(
  folder: string,
): Promise<Result<readonly BirdSnippet[], { readonly message: string }>> {
  try {
    const facts = await stat(folder).catch(unlessMissing);
    if (facts === undefined) return ok([]);
    if (!facts.isDirectory()) return err({ message: `${folder}: is no folder` });
    const reason = reasonUntrusted(facts);
    if (reason !== undefined) return err({ message: `${folder}: ${reason}` });
    const real = await realpath(folder);
    const names = (await readdir(folder)).filter((name) => /^[^.].*\.conf$/.test(name)).sort();
    const snippets: BirdSnippet[] = [];
    for (const name of names) {
      const snippet = await readSnippet(real, name);
      if (!snippet.ok) return err({ message: `${join(folder, name)}: ${snippet.error}` });
      const checked = checkSnippet(snippet.value);
      if (!checked.ok) return err({ message: join(folder, printSnippetError(checked.error)) });
      snippets.push(snippet.value);
    }
    return ok(snippets);
  } catch (error) {
    return err({ message: `${folder}: ${(error as Error).message}` });
  }
}

async function readSnippet(folder: string, name: string): Promise<Result<BirdSnippet, string>> {
  const path = await realpath(join(folder, name));
  if (dirname(path) !== folder) return err(`is a link to ${path}, outside the folder`);
  // What is looked at is what is read: the name may lead elsewhere a moment later. A pipe must not hold us up.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) return err('is no regular file');
    const reason = reasonUntrusted(facts);
    if (reason !== undefined) return err(reason);
    if (facts.size > maxSize) return err(`larger than ${maxSize} bytes`);
    return ok({ file: name, text: await file.readFile('utf8') });
  } finally {
    await file.close();
  }
}

function reasonUntrusted({ uid, mode }: { readonly uid: number; readonly mode: number }): string | undefined {
  if (uid !== 0 && uid !== process.getuid?.()) return `belongs to user ${uid}: chown root`;
  if ((mode & 0o022) !== 0) return `mode ${(mode & 0o777).toString(8)} lets others write it: chmod go-w`;
  return undefined;
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
