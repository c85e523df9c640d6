import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isServed, serveApiSocket } from './api-socket.ts';

describe('a served socket', () => {
  let folder: string;
  let path: string;
  const answer = async () => ({ status: 200, body: { fine: true } });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-socket-'));
    path = join(folder, 'agent.sock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is open to its owner alone, as soon as it is there', async () => {
    const before = process.umask(0);
    const serving = serveApiSocket(path, answer);
    const seen: number[] = [];
    for (let turn = 0; turn < 1000 && seen.length === 0; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const mode = statSync(path, { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) seen.push(mode & 0o777);
    }
    const served = await serving;
    expect(process.umask(before)).toBe(0);
    expect(seen).toEqual([0o600]);
    expect(await isServed(path)).toBe(true);
    if (served.ok) await served.value.close();
  });

  it('is taken over from the dead and never from the living', async () => {
    const first = await serveApiSocket(path, answer);
    expect(await serveApiSocket(path, answer)).toMatchObject({ error: { kind: 'in-use', path } });
    if (first.ok) await first.value.close();
    expect(await isServed(path)).toBe(false);
    const second = await serveApiSocket(path, answer);
    expect(second).toMatchObject({ ok: true });
    if (second.ok) await second.value.close();
  });
});
