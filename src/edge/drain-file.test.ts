/** That a router is drained survives whatever becomes of the agent. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDrainFile } from './drain-file.ts';

describe('the file of a drain', () => {
  let folder: string;
  const path = (): string => join(folder, 'tr1', 'drain.json');
  const record = { since: '2026-11-25T08:00:00.000Z', reason: 'new kernel' };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-drain-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps a drain until it is taken away, however often either is asked for', async () => {
    const file = createDrainFile(path());
    expect(await file.load()).toBeUndefined();
    for (const _ of [1, 2]) expect(await file.save(record)).toMatchObject({ ok: true });
    expect(await createDrainFile(path()).load()).toEqual(record);
    for (const _ of [1, 2]) expect(await file.save(undefined)).toMatchObject({ ok: true });
    expect(await createDrainFile(path()).load()).toBeUndefined();
  });

  it('that is damaged, or cannot be read, still says that the router is drained', async () => {
    const file = createDrainFile(path());
    await file.save(record);
    writeFileSync(path(), '{"since":');
    expect((await file.load())?.reason).toContain('cannot be read');
    rmSync(path());
    writeFileSync(join(folder, 'plain'), '');
    expect(await createDrainFile(folder).load(), 'a folder').toBeDefined();
  });

  it('that cannot be written is no promise', async () => {
    writeFileSync(join(folder, 'plain'), '');
    const saved = await createDrainFile(join(folder, 'plain', 'drain.json')).save(record);
    expect(saved).toMatchObject({ ok: false, error: { message: expect.stringContaining('cannot be written') } });
  });
});
