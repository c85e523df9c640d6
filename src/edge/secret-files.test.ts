/** Secrets as files: which are read, and what is said of those that cannot be. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretFiles } from './secret-files.ts';

describe('secrets from files', () => {
  const psk = { name: 'vpn', key: 'psk' };
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-secrets-'));
    mkdirSync(join(folder, 'vpn'));
    file = join(folder, 'vpn', 'psk');
    writeFileSync(file, 'of both\n', { mode: 0o600 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are what stands in the file, without the end of its line; those that are missing are left out', async () => {
    const secrets = createSecretFiles(folder, () => undefined);
    const read = await secrets.read([psk, { name: 'vpn', key: 'missing' }, { name: '..', key: 'vpn' }]);
    expect([...read]).toEqual([['vpn/psk', 'of both']]);
  });

  it('say once why one cannot be used, however often and by however many it is asked for, and once more when it is so again', async () => {
    const said: string[] = [];
    const secrets = createSecretFiles(folder, (path, reason) => void said.push(`${path}: ${reason}`));
    const refused = `${file}: mode 644 lets others read it: chmod 600`;
    chmodSync(file, 0o644);
    for (let i = 0; i < 10; i++) expect((await secrets.read([psk, psk, psk])).size).toBe(0);
    expect(said).toEqual([refused]);
    chmodSync(file, 0o600);
    expect((await secrets.read([psk])).size).toBe(1);
    chmodSync(file, 0o644);
    expect((await secrets.read([psk])).size).toBe(0);
    expect(said).toEqual([refused, refused]);
  });

  it('wait for no pipe in the place of one', async () => {
    const said: string[] = [];
    const secrets = createSecretFiles(folder, (_path, reason) => void said.push(reason));
    rmSync(file);
    execFileSync('mkfifo', ['-m', '600', file]);
    expect((await secrets.read([psk])).size).toBe(0);
    expect(said).toEqual(['not a file']);
  });
});
