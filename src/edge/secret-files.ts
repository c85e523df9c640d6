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

/** `onRefused` hears once of a secret that exists and cannot be used, with the reason, never with its content. */
export function createSecretFiles(folder: string, onRefused: (path: string, reason: string) => void): SecretSource {
  /** Secrets are read four times a minute and more: the reason last heard, by path. */
  const refused = new Map<string, string>();

  function refuse(path: string, reason: string): undefined {
    if (refused.get(path) !== reason) onRefused(path, reason);
    refused.set(path, reason);
  }

  async function readOne(name: string, key: string): Promise<string | undefined> {
    const path = join(folder, name, key);
    if (![name, key].every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..')) return undefined;
    try {
      const facts = await stat(path);
      // Reading a pipe would wait for whoever writes to it.
      if (!facts.isFile()) return refuse(path, 'not a file');
      if ((facts.mode & 0o077) !== 0) {
        return refuse(path, `mode ${(facts.mode & 0o777).toString(8)} lets others read it: chmod 600`);
      }
      if (facts.size > maxSize) return refuse(path, `larger than ${maxSize} bytes`);
      const value = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
      refused.delete(path);
      return value;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT') return refuse(path, code ?? 'unreadable');
      refused.delete(path);
      return undefined;
    }
  }

  return {
    async read(refs) {
      const secrets = new Map<string, string>();
      // Many tunnels may share one.
      const byPath = new Map(refs.map((ref) => [`${ref.name}/${ref.key}`, ref]));
      for (const { name, key } of byPath.values()) {
        const value = await readOne(name, key);
        if (value !== undefined) secrets.set(`${name}/${key}`, value);
      }
      return secrets;
    },
  };
}
