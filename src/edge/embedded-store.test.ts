import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { afterAll, describe, expect, it } from 'vitest';
import type { Store, WatchEvent } from '../store/store.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const scratch = mkdtempSync(join(tmpdir(), 'causeway-edge-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const folder = (name: string) => join(scratch, name);

async function open(directory: string, options = {}): Promise<Store> {
  const opened = await openEmbeddedStore(directory, options);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}

async function whyNot(directory: string): Promise<string> {
  const opened = await openEmbeddedStore(directory);
  if (opened.ok) throw new Error('it opened');
  return opened.error.kind === 'unavailable' ? opened.error.message : opened.error.kind;
}

describe('openEmbeddedStore', () => {
  it('makes folder and files readable by their owner alone, whatever the name looks like', async () => {
    const directory = folder('deep/er/store.d');
    const store = await open(directory);
    const modes = ['', 'data.mdb', 'lock.mdb', 'doorbell'].map((name) => statSync(join(directory, name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
    await store.close();
  });

  it('keeps what was written, and counts on, when it is opened again', async () => {
    const first = await open(folder('again'));
    await first.commit([{ kind: 'put', key: '/a', value: '1', expect: 'absent' }]);
    await first.close();
    const second = await open(folder('again'));
    expect(await second.commit([{ kind: 'put', key: '/a', value: '2', expect: { revision: 1 } }])).toMatchObject({
      value: 2,
    });
    await second.close();
  });

  it('opens twice in one process, and each sees the other', async () => {
    const one = await open(folder('twice'));
    const two = await open(folder('twice'), { pollInterval: 50 });
    const seen: WatchEvent[] = [];
    two.watch('/', 0, (event) => seen.push(event));
    await one.commit([{ kind: 'put', key: '/a', value: '1', expect: 'absent' }]);
    await expect.poll(() => seen).toMatchObject([{ kind: 'changes', revision: 1 }]);
    await one.close();
    expect((await two.get('/a')).ok).toBe(true);
    await two.close();
  });

  it.each([
    ['a folder that holds something else as data.mdb', 'not an LMDB file', () => writeFile('junk', 'x'.repeat(9000))],
    ['a short file as data.mdb', 'not an LMDB file', () => writeFile('short', 'x')],
    ['a file instead of a folder', 'ENOTDIR', () => writePlain('plain')],
    ['a folder that cannot be made', '/proc', () => '/proc/none/store'],
  ])('says why it cannot use %s', async (_, reason, make) => {
    expect(await whyNot(make())).toContain(reason);
  });

  it('leaves a database of others alone', async () => {
    const other = openLmdb({ path: folder('other'), noSubdir: false, overlappingSync: false });
    other.putSync('theirs', 1);
    await other.close();
    expect(await whyNot(folder('other'))).toContain('not ours');
  });

  it('refuses a store of another format', async () => {
    const root = openLmdb({ path: folder('newer'), noSubdir: false, overlappingSync: false, keyEncoding: 'binary' });
    const meta = root.openDB({ name: 'meta', encoding: 'string', keyEncoding: 'binary' });
    meta.putSync(Buffer.from('meta'), '{"format":2}');
    await root.close();
    expect(await whyNot(folder('newer'))).toContain('format is 2');
  });

  it('refuses a data file that was cut short, instead of crashing', async () => {
    const store = await open(folder('cut'));
    await store.commit([{ kind: 'put', key: '/a', value: 'x'.repeat(100_000), expect: 'any' }]);
    await store.close();
    truncateSync(join(folder('cut'), 'data.mdb'), 8192 + 100);
    expect(await whyNot(folder('cut'))).toContain('cut short');
  });

  it('tells watchers when its files are replaced underneath it', async () => {
    const store = await open(folder('gone'), { pollInterval: 20 });
    const seen: WatchEvent[] = [];
    store.watch('/', 0, (event) => seen.push(event));
    rmSync(folder('gone'), { recursive: true });
    await expect.poll(() => seen).toMatchObject([{ kind: 'failed', error: { kind: 'unavailable' } }]);
    await store.close();
  });

  it('drops the oldest of the log by bytes too, but never the newest', async () => {
    const store = await open(folder('bytes'), { keptBytes: 1000 });
    for (let at = 0; at < 5; at += 1) {
      await store.commit([{ kind: 'put', key: '/a', value: 'x'.repeat(2000), expect: 'any' }]);
    }
    const late: WatchEvent[] = [];
    const newest: WatchEvent[] = [];
    store.watch('/', 3, (event) => late.push(event));
    store.watch('/', 4, (event) => newest.push(event));
    await expect.poll(() => late).toMatchObject([{ kind: 'failed', error: { kind: 'compacted' } }]);
    await expect.poll(() => newest).toMatchObject([{ kind: 'changes', revision: 5 }]);
    await store.close();
  });
});

function writeFile(name: string, text: string): string {
  mkdirSync(folder(name));
  writeFileSync(join(folder(name), 'data.mdb'), text);
  return folder(name);
}

function writePlain(name: string): string {
  writeFileSync(folder(name), '');
  return folder(name);
}
