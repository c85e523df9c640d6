/**
 * Secrets of a lab: made up when it comes up, gone with it, so that no key ever stands in a file of an example.
 *
 *   names ─[makeSecrets]→ /run/lab/secrets/NAME/KEY, where routers look for them
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathInside, type Sandbox } from './sandbox.ts';

/** Inside; `CAUSEWAY_SECRETS_DIR` of every program of a lab. */
export const secretsFolder = '/run/lab/secrets';

export function secretFile(name: string): string {
  return `${secretsFolder}/${name}`;
}

/** 32 letters and digits each: what every cloud takes for a pre-shared key, and TCP MD5 for a password. */
export function makeSecrets(sandbox: Sandbox, names: readonly string[]): void {
  for (const name of names) {
    const file = pathInside(sandbox, secretFile(name));
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `a${randomBytes(16).toString('hex').slice(1)}`, { mode: 0o600 });
  }
}
