import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { movedKeys, VersionedMap } from './versioned-map.ts';

const keys = ['a', 'b', 'c', 'd', 'e'];
const changes = fc.array(fc.tuple(fc.constantFrom(...keys), fc.option(fc.nat(3), { nil: undefined })), {
  maxLength: 4,
});
/** Each step is made from one of the versions so far, mostly the newest. */
const steps = fc.array(fc.record({ changes, from: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(9)) }), {
  maxLength: 20,
});

const sorted = (map: ReadonlyMap<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('versions of a map', () => {
  it('each say what they said when they were made, in whatever order they are read', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat(20)), (list, reads) => {
        const versions: { readonly map: VersionedMap<string, number>; readonly says: ReadonlyMap<string, number> }[] = [
          { map: VersionedMap.of(new Map([['a', 1]])), says: new Map([['a', 1]]) },
        ];
        for (const step of list) {
          const base = versions[Math.max(0, versions.length - 1 - step.from)];
          if (!base) continue;
          const says = new Map(base.says);
          for (const [key, value] of step.changes) value === undefined ? says.delete(key) : says.set(key, value);
          versions.push({ map: base.map.with(new Map(step.changes)), says });
        }
        for (const index of [...reads, ...versions.keys()]) {
          const version = versions[index % versions.length];
          if (!version) continue;
          expect(keys.map((key) => version.map.get(key))).toEqual(keys.map((key) => version.says.get(key)));
          expect(version.map.size).toBe(version.says.size);
          expect(sorted(version.map)).toEqual(sorted(version.says));
        }
        for (const before of versions) {
          for (const after of versions) {
            const moved = movedKeys(before.map, after.map);
            if (moved === undefined) continue;
            const named = new Set(moved);
            const differ = keys.filter((key) => before.says.get(key) !== after.says.get(key));
            expect(differ.filter((key) => !named.has(key))).toEqual([]);
          }
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('name the keys that moved on the way to the newest, over many steps', () => {
    const first = VersionedMap.of(new Map(keys.map((key) => [key, 0])));
    let last = first;
    for (let i = 1; i <= 1000; i++) last = last.with(new Map([[i % 2 ? 'a' : 'b', i]]));
    expect([...(movedKeys(first, last) ?? [])].sort()).toEqual(['a', 'b']);
    expect(movedKeys(last, first)).toBeUndefined();
  });

  it('are the same object where nothing changed', () => {
    const map = VersionedMap.of(new Map([['a', 1]]));
    expect(map.with(new Map([['a', 1]]))).toBe(map);
    expect(map.with(new Map([['b', undefined]]))).toBe(map);
  });
});
