import { expect, it } from 'vitest';
import { parsePrefix } from '../net/prefix.ts';
import type { BirdFilter, PrefixPattern } from './config.ts';
import { shareSets } from './share-sets.ts';

function members(count: number, from = 0): PrefixPattern[] {
  return Array.from({ length: count }, (_, i) => {
    const prefix = parsePrefix(`10.${from + i}.0.0/16`);
    if (!prefix) throw new Error();
    return { prefix, low: 16, high: 32 };
  });
}

function filter(name: string, set: readonly PrefixPattern[]): BirdFilter {
  const when = { kind: 'not', operand: { kind: 'all', operands: [{ kind: 'net-in', set }] } } as const;
  return { name, comment: '', body: [{ kind: 'if', when, body: [{ kind: 'reject' }] }] };
}

it('writes equal long sets once, different ones apart, and leaves short ones alone', () => {
  const input = [filter('a', members(9)), filter('b', members(9)), filter('c', members(9, 1)), filter('d', members(8))];
  const { filters, sets } = shareSets(input);
  expect(sets.map((set) => set.members.length)).toEqual([9, 9]);
  expect(filters[0]?.body).toEqual(filters[1]?.body);
  expect(filters[2]?.body).not.toEqual(filters[0]?.body);
  expect(filters[3]).toEqual(input[3]);
});
