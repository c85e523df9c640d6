/**
 * Secrets from files that only the agent may read: `<folder>/<name>/<key>`.
 *
 * Invariant: names cannot leave the folder; a file that others may read is refused, since it is no secret; values are
 * never logged.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretSource } from '../agent/ports.ts';

/** Bytes of a secret file at most: a chain of certificates is the longest. */
const maxSize = 64 * 1024;

/** `onRefused` hears of a secret that exists and cannot be used, with the reason, never with its content. */
export function createSecretFiles(folder: string, onRefused: (path: string, reason: string) => void): SecretSource {
  async function readOne(name: string, key: string): Promise<string | undefined> {
    const path = join(folder, name, key);
    if (![name, key].every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..')) return undefined;
    try {
      const facts = await stat(path);
      if ((facts.mode & 0o077) !== 0) {
        onRefused(path, `mode ${(facts.mode & 0o777).toString(8)} lets others read it: chmod 600`);
        return undefined;
      }
      if (facts.size > maxSize) {
        onRefused(path, `larger than ${maxSize} bytes`);
        return undefined;
      }
      return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT') onRefused(path, code ?? 'unreadable');
      return undefined;
    }
  }

  return {
    async read(refs) {
      const secrets = new Map<string, string>();
      for (const { name, key } of refs) {
        const value = await readOne(name, key);
        if (value !== undefined) secrets.set(`${name}/${key}`, value);
      }
      return secrets;
    },
  };
}
