import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import { describeStore } from './store.ts';

const scratch = mkdtempSync(join(tmpdir(), 'causeway-store-'));
let count = 0;

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describeStore('embedded', async (options) => {
  count += 1;
  const opened = await openEmbeddedStore(join(scratch, String(count)), options);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
});
