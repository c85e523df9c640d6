import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readOrMakeKey } from './wireguard-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'cw-wireguard-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

it('a key is made once, for the agent alone, in the form of "wg genkey"', async () => {
  const path = join(folder, 'made', 'wg0.key');
  const first = await readOrMakeKey(path);
  expect(first.ok).toBe(true);
  expect(await readOrMakeKey(path)).toEqual(first);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const bytes = Buffer.from(readFileSync(path, 'utf8'), 'base64');
  expect([bytes.length, (bytes[0] ?? 0) & 7, (bytes[31] ?? 0) >> 6]).toEqual([32, 0, 1]);
});

it.each([
  // RFC 7748 §6.1
  [
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  ],
  [
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  ],
])('the public key of %s is %s', async (privateKey, publicKey) => {
  const path = join(folder, 'known.key');
  writeFileSync(path, base64(privateKey), { mode: 0o600 });
  expect(await readOrMakeKey(path)).toMatchObject({ ok: true, value: { publicKey: base64(publicKey) } });
});

it.each([
  ['that others may read', 0o640, base64('01'.repeat(31).concat('40')), 'chmod 600'],
  ['that is no key', 0o600, 'secret words', 'no WireGuard key'],
])('a file %s is refused and stays as it is', async (_what, mode, text, reason) => {
  const path = join(folder, 'bad.key');
  writeFileSync(path, text);
  chmodSync(path, mode);
  const read = await readOrMakeKey(path);
  expect(read).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
  expect(JSON.stringify(read)).not.toContain(text);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

const known = join(folder, 'elsewhere.key');
const keyText = base64('01'.repeat(31).concat('40'));

it.each<[string, (path: string) => void, string]>([
  ['leads elsewhere', (path) => symlinkSync(known, path), 'is a symbolic link'],
  ['is a folder', (path) => mkdirSync(path), 'is no file'],
])('what %s is refused as a key file', async (what, make, reason) => {
  writeFileSync(known, keyText, { mode: 0o600 });
  const path = join(folder, `${what}.key`);
  make(path);
  expect(await readOrMakeKey(path)).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
});

it.runIf(process.getuid?.() === 0)("another user's key file is refused", async () => {
  const path = join(folder, 'theirs.key');
  writeFileSync(path, keyText, { mode: 0o600 });
  chownSync(path, 1234, 0);
  expect(await readOrMakeKey(path)).toMatchObject({
    ok: false,
    error: expect.stringContaining('belongs to user 1234'),
  });
});
