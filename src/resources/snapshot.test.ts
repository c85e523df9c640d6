import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resource } from './resource.fixture.ts';
import type { AnyResource } from './resource.ts';
import { compareSnapshots, makeSnapshot, type ResourceChange, type Snapshot, updateSnapshot } from './snapshot.ts';

const set = (name: string, net: string) => resource('NetworkSet', name, { nets: [net] }, {}, 'n');
const tier = (name: string, order: number) => resource('Tier', name, { order });
const there = (added: AnyResource): ResourceChange => ({ is: 'there', resource: added });
const gone = (kind: 'NetworkSet' | 'Tier', name: string): ResourceChange => ({
  is: 'gone',
  kind,
  name,
  namespace: kind === 'NetworkSet' ? 'n' : undefined,
});

/** Everything a snapshot says of the names there can be. */
function read(snapshot: Snapshot) {
  const names = ['a', 'b', 'c', 'd'];
  return {
    lists: [snapshot.list('NetworkSet'), snapshot.list('Tier')],
    found: names.flatMap((name) => [snapshot.find('NetworkSet', name, 'n'), snapshot.find('Tier', name)]),
  };
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const change: fc.Arbitrary<ResourceChange> = fc.oneof(
  fc.tuple(name, fc.constantFrom('10.0.0.0/8', '10.1.0.0/16')).map(([n, net]) => there(set(n, net))),
  fc.tuple(name, fc.nat(2)).map(([n, order]) => there(tier(n, order))),
  name.map((n) => gone('NetworkSet', n)),
  name.map((n) => gone('Tier', n)),
);

describe('a snapshot after changes', () => {
  it('reads as one made from nothing, while those before read as they did; any of them may be changed again', () => {
    const step = fc.record({ from: fc.nat(), changes: fc.array(change, { maxLength: 4 }), isRead: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const models: ReadonlyMap<string, AnyResource>[] = [new Map()];
        const snapshots = [makeSnapshot([])];
        for (const { from, changes, isRead } of steps) {
          // Mostly the newest one, sometimes an old one.
          const at = from % 3 === 0 ? from % snapshots.length : snapshots.length - 1;
          const model = new Map(models[at]);
          for (const one of changes) {
            if (one.is === 'there') model.set(`${one.resource.kind}/${one.resource.metadata.name}`, one.resource);
            else model.delete(`${one.kind}/${one.name}`);
          }
          models.push(model);
          snapshots.push(updateSnapshot(snapshots[at] as Snapshot, changes, snapshots.length));
          if (isRead) read(snapshots.at(-1) as Snapshot);
        }
        for (const [i, snapshot] of snapshots.entries()) {
          expect(read(snapshot)).toEqual(read(makeSnapshot((models[i] as Map<string, AnyResource>).values())));
        }
        for (const [i, before] of snapshots.entries()) {
          for (const [j, after] of snapshots.entries()) {
            const keys = new Set([...(models[i]?.keys() ?? []), ...(models[j]?.keys() ?? [])]);
            const expected = [...keys]
              .sort()
              .map((key) => ({ before: models[i]?.get(key), after: models[j]?.get(key) }))
              .filter((pair) => pair.before !== pair.after);
            expect(compareSnapshots(before, after)).toEqual(expected);
          }
        }
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it('keeps the list of a kind that did not change, and every object that did not', () => {
    const before = makeSnapshot([set('a', '10.0.0.0/8'), tier('a', 1), tier('b', 2)]);
    before.list('Tier');
    const after = updateSnapshot(before, [there(set('a', '10.1.0.0/16'))], 2);
    expect(after.list('Tier')).toBe(before.list('Tier'));
    const third = updateSnapshot(after, [there(tier('c', 3))], 3);
    expect(third.list('Tier').slice(0, 2)).toEqual(before.list('Tier'));
    expect(third.list('Tier')[0]).toBe(before.list('Tier')[0]);
  });

  it('is sorted by namespace and name, also where a list is too long to be kept sorted', () => {
    const many = Array.from({ length: 5000 }, (_, i) => tier(`t${i}`, i));
    const before = makeSnapshot(many);
    before.list('Tier');
    const after = updateSnapshot(before, [there(tier('a', 0)), gone('Tier', 't7')], 2);
    const names = after.list('Tier').map(({ metadata }) => metadata.name);
    expect(names).toEqual([...names].sort());
    expect(names).toHaveLength(5000);
    expect(names).not.toContain('t7');
  });
});
