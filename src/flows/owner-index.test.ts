import { describe, expect, it } from 'vitest';
import { address } from '../net/literals.fixture.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { makeOwnerLookup } from '../verdict/packet-ends.ts';
import { OwnerIndex } from './owner-index.ts';

const net = (name: string, labels: Record<string, string>, ...nets: string[]) =>
  resource('GlobalNetworkSet', name, { nets }, labels);

const asked = ['10.0.0.1', '10.0.0.2', '10.9.9.9', 'fd00::1', 'fd00::2', '192.0.2.1'].map(address);

const steps: readonly (readonly [string, readonly AnyResource[]])[] = [
  ['nothing', []],
  [
    'owners of hosts and prefixes',
    [net('a', { app: 'a' }, '10.0.0.1/32', 'fd00::1/128'), net('wide', { w: '' }, '10.0.0.0/8', 'fd00::/16')],
  ],
  [
    'two owners of one address',
    [
      net('a', { app: 'a' }, '10.0.0.1/32'),
      net('b', { app: 'b' }, '10.0.0.1/32', '10.0.0.2/32'),
      net('wide', { w: '' }, '10.0.0.0/8'),
    ],
  ],
  ['other labels', [net('a', { app: 'z' }, '10.0.0.1/32'), net('wide', { w: '1' }, '10.0.0.0/8')]],
  ['other addresses', [net('a', { app: 'z' }, '10.0.0.2/32'), net('wide', { w: '1' }, 'fd00::/16')]],
  ['nothing again', []],
];

const never = () => false;

describe('an index that is kept', () => {
  it('answers after each change as one made afresh', () => {
    const index = new OwnerIndex();
    for (const [, resources] of steps) {
      const snapshot = makeSnapshot(resources);
      index.update(snapshot, never);
      const fresh = makeOwnerLookup(snapshot);
      for (const each of asked) {
        const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
        expect(index.find(each).toSorted(byId)).toEqual(fresh(each).toSorted(byId));
      }
    }
  });

  it('gives the owner of the longest prefix first', () => {
    const index = new OwnerIndex();
    index.update(makeSnapshot(steps[1]?.[1] ?? []), never);
    expect(index.find(address('10.0.0.1')).map(({ id }) => id)).toEqual([
      'GlobalNetworkSet/a',
      'GlobalNetworkSet/wide',
    ]);
    expect(index.find(address('192.0.2.1'))).toEqual([]);
  });
});
