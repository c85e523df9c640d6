/**
 * Numbers for classes of addresses, made from what the classes are.
 *
 *   keys of classes ─[numberClasses]→ number by key
 *
 * Invariants: the same keys get the same numbers, whatever came before, so that a restarted agent and one that has seen every
 * change agree; no two keys share a number; a key that comes or goes changes no other's number, unless both hash alike.
 */
import { firstClass } from './ruleset.ts';

/** A number for the key; other probes give others. */
export type SpreadKey = (key: string, probe: number) => number;

const classCount = 2 ** 30;

/** FNV-1a over the key's characters, then the finalizer of MurmurHash3. Who can choose keys gains only probes. */
export const spreadKey: SpreadKey = (key, probe) => {
  let hash = 0x811c9dc5 ^ probe;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return firstClass + (((hash ^ (hash >>> 16)) >>> 0) % classCount);
};

export interface ClassNumbers {
  readonly byKey: ReadonlyMap<string, number>;
  /** Numbers that a later key wanted as well: when one of them goes, all are to be numbered again. */
  readonly contended: ReadonlySet<number>;
}

/** In the order of keys each takes the first of its numbers that is free. */
export function numberClasses(keys: Iterable<string>, spread: SpreadKey): ClassNumbers {
  const byKey = new Map<string, number>();
  const taken = new Set<number>();
  const contended = new Set<number>();
  for (const key of [...keys].sort()) {
    let probe = 0;
    let number = spread(key, probe);
    while (taken.has(number)) {
      contended.add(number);
      probe++;
      number = spread(key, probe);
    }
    taken.add(number);
    byKey.set(key, number);
  }
  return { byKey, contended };
}
