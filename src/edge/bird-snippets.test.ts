/** Which files of the folder of own BIRD text are used, and why none is. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBirdSnippets } from './bird-snippets.ts';

describe('the folder of own BIRD text', () => {
  let above: string;
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const write = (name: string, text: string, mode = 0o644): void => {
    writeFileSync(at(name), text);
    chmodSync(at(name), mode);
  };

  beforeEach(() => {
    above = mkdtempSync(join(tmpdir(), 'causeway-bird.d-'));
    folder = join(above, 'bird.d');
    mkdirSync(folder, { mode: 0o755 });
  });
  afterEach(() => rmSync(above, { recursive: true }));

  it('may be missing, or empty', async () => {
    expect(await readBirdSnippets(folder)).toEqual({ ok: true, value: [] });
    expect(await readBirdSnippets(at('missing'))).toEqual({ ok: true, value: [] });
  });

  it('gives *.conf by name, and links inside it; nothing else', async () => {
    write('b.conf', 'define user_b = 1;');
    write('a.conf', 'define user_a = 1;');
    write('notes.txt', 'log all;');
    write('.hidden.conf', 'log all;');
    symlinkSync('b.conf', at('c.conf'));
    const read = await readBirdSnippets(folder);
    expect(read.ok && read.value.map(({ file }) => file)).toEqual(['a.conf', 'b.conf', 'c.conf']);
  });

  it.each([
    ['others may write', () => write('x.conf', '', 0o646), 'x.conf: mode 646 lets others write it'],
    ['its group may write', () => write('x.conf', '', 0o664), 'x.conf: mode 664 lets others write it'],
    ['leads out of the folder', () => symlinkSync('/etc/passwd', at('x.conf')), 'x.conf: is a link to /etc/passwd'],
    ['leads nowhere', () => symlinkSync('gone', at('x.conf')), 'no such file'],
    ['is a folder', () => mkdirSync(at('x.conf')), 'x.conf: is no regular file'],
    ['is a pipe', () => execFileSync('mkfifo', ['-m', '644', at('x.conf')]), 'x.conf: is no regular file'],
    ['is too long', () => write('x.conf', '#'.repeat(1024 * 1024 + 1)), 'x.conf: larger than'],
    ['holds what is not for it', () => write('x.conf', '\nlog all;'), 'x.conf:2: log all: only'],
    ['lies where others may write', () => chmodSync(folder, 0o777), 'bird.d: mode 777'],
  ])('is unusable as a whole when a file %s', async (_, make, message) => {
    write('good.conf', 'define user_a = 1;');
    make();
    const read = await readBirdSnippets(folder);
    expect(read).toMatchObject({ ok: false, error: { message: expect.stringContaining(message) } });
  });

  it.runIf(process.getuid?.() === 0)('is unusable when a file belongs to another user', async () => {
    write('x.conf', 'define user_a = 1;');
    chownSync(at('x.conf'), 65534, 0);
    const read = await readBirdSnippets(folder);
    expect(read).toMatchObject({ error: { message: expect.stringContaining('belongs to user 65534') } });
  });
});
