/**
 * Writes a file so that a reader, or a crash at any instant, sees the old content or the new one, never half of it.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the folder if need be. Both can be read by their owner only. Throws what the file system says. */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  await writeFilesTogether([{ path, text }]);
}

/**
 * As one file, for several: all are on the disk beside their places before the first is put there, so a full disk or a
 * forbidden folder leaves everything as it was.
 */
export async function writeFilesTogether(
  files: readonly { readonly path: string; readonly text: string }[],
): Promise<void> {
  const staged: { readonly path: string; readonly temporary: string }[] = [];
  try {
    for (const { path, text } of files) staged.push({ path, temporary: await stage(path, text) });
    for (const { path, temporary } of staged) await rename(temporary, path);
  } catch (error) {
    // Those that are in place already have no temporary name any more.
    for (const { temporary } of staged) await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Writes beside the place, and gives the name; leaves nothing behind when that fails. */
async function stage(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const there = await lstat(path).catch(() => undefined);
  if (there?.isDirectory()) throw Object.assign(new Error(`is a folder: ${path}`), { code: 'EISDIR', path });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}
