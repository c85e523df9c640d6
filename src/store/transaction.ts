/**
 * What every Store driver decides the same way: whether a transaction may happen, what it changes, and how keys sort.
 *
 *   StoreWrite[] ─[planTransaction]→ changes, or the conflict that forbids them
 *
 * Invariant: all preconditions are judged against the state before the transaction; a write that changes nothing
 * (deleting what is not there) makes no change, so that a transaction without changes takes no revision.
 */
import { err, ok, type Result } from '../result.ts';
import type { StoreChange, StoreError, StoreWrite } from './store.ts';

/**
 * Judges the preconditions and says what the transaction changes, in key order.
 *
 * @param revision the one the transaction will get
 * @param revisionOf the revision of a key before it; undefined when absent
 * @throws when a key occurs twice or is empty: the caller is wrong
 */
export function planTransaction(
  writes: readonly StoreWrite[],
  revision: number,
  revisionOf: (key: string) => number | undefined,
): Result<readonly StoreChange[], StoreError> {
  const changes = new Map<string, StoreChange | undefined>();
  for (const write of writes) {
    const { key, expect } = write;
    if (key === '') throw new Error('a key must not be empty');
    if (changes.has(key)) throw new Error(`key occurs twice in a transaction: ${key}`);
    const found = revisionOf(key);
    if (!holds(write, found)) return err({ kind: 'conflict', key, expect, found });
    changes.set(key, changeOf(write, revision, found));
  }
  const changed = [...changes.values()].filter((change) => change !== undefined);
  return ok(changed.sort((a, b) => compareKeys(changedKey(a), changedKey(b))));
}

/** The key a change is about. */
export function changedKey(change: StoreChange): string {
  return change.kind === 'put' ? change.entry.key : change.key;
}

/** Order of the keys' UTF-8 bytes, which every driver sorts by (JavaScript's own order differs above U+FFFF). */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates (code points from U+10000) above the rest of the 16-bit units, as UTF-8 sorts them. */
function byteRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit <= 0xdfff ? unit + 0x2000 : unit - 0x800;
}

function holds({ expect }: StoreWrite, found: number | undefined): boolean {
  if (expect === 'any') return true;
  if (expect === 'absent') return found === undefined;
  if (expect === 'present') return found !== undefined;
  return found === expect.revision;
}

function changeOf(write: StoreWrite, revision: number, found: number | undefined): StoreChange | undefined {
  switch (write.kind) {
    case 'put':
      return { kind: 'put', entry: { key: write.key, value: write.value, revision } };
    case 'delete':
      return found === undefined ? undefined : { kind: 'delete', key: write.key, revision };
    case 'check':
      return undefined;
  }
}
