/**
 * A process that commits to an embedded store until it is killed: node store-writer.mjs DIRECTORY NAME.
 *
 * Each transaction writes the same number under two keys of its own and adds one to a counter that all writers share. A
 * line `revision number` goes out after each acknowledged one, by a synchronous write: what was said was acknowledged.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import type { Store } from '../../src/store/store.ts';

const [directory = '', name = ''] = process.argv.slice(2);
const opened = await openEmbeddedStore(directory);
if (!opened.ok) throw new Error(JSON.stringify(opened.error));
const store = opened.value;

let number = Number((await read(store, `/pair/${name}/a`))?.value ?? 0);
for (;;) {
  const total = await read(store, '/total');
  number += 1;
  const committed = await store.commit([
    { kind: 'put', key: `/pair/${name}/a`, value: String(number), expect: 'any' },
    { kind: 'put', key: `/pair/${name}/b`, value: String(number), expect: 'any' },
    {
      kind: 'put',
      key: '/total',
      value: String(Number(total?.value ?? 0) + 1),
      expect: total ? { revision: total.revision } : 'absent',
    },
  ]);
  if (committed.ok) writeSync(1, `${committed.value} ${number}\n`);
  else if (committed.error.kind === 'conflict') number -= 1;
  else throw new Error(JSON.stringify(committed.error));
  // Lets the event loop turn, as real writers do.
  await new Promise((resolve) => setImmediate(resolve));
}

async function read(from: Store, key: string) {
  const found = await from.get(key);
  if (!found.ok) throw new Error(JSON.stringify(found.error));
  return found.value;
}
