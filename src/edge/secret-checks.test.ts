/** What doctor says of the folder of secrets. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSecrets } from './secret-checks.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cw-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function store(name: string, key: string, mode: number): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, key), 'of nobody');
  chmodSync(join(folder, name, key), mode);
}

describe('the folder of secrets', () => {
  it('is fine where their owner alone can read them', async () => {
    store('vpn', 'psk', 0o600);
    store('vpn', 'crt', 0o400);
    expect(await checkSecrets(folder)).toMatchObject({ result: 'fine', found: folder });
  });

  it.each([0o640, 0o604, 0o620])('has a file of mode %o named, and what mends it', async (mode) => {
    store('vpn', 'psk', mode);
    store('dc', 'md5', 0o600);
    expect(await checkSecrets(folder)).toMatchObject({
      result: 'warning',
      found: expect.stringContaining('1 of the files'),
      fix: `chmod 600 ${join(folder, 'vpn', 'psk')}`,
    });
  });

  it('may be missing while none is in use', async () => {
    expect(await checkSecrets(join(folder, 'none'))).toMatchObject({ result: 'fine' });
  });

  it('that is no folder cannot be read', async () => {
    writeFileSync(join(folder, 'file'), '');
    expect(await checkSecrets(join(folder, 'file'))).toMatchObject({ result: 'error' });
  });
});
