import { describe, expect, it } from 'vitest';
import { fitInstances, freeShare, instances, smallestOf } from './instances.ts';

const gib = 2 ** 30;
const names = (bytes: number) => smallestOf(fitInstances(bytes)).map(({ name }) => name);

describe('smallestOf', () => {
  it.each([
    ['next to nothing', 0, ['c7gn.medium']],
    ['exactly what 2 GiB carry', 2 * gib * (1 - freeShare), ['c7gn.medium']],
    ['a byte more', Math.ceil(2 * gib * (1 - freeShare)) + 1, ['c7gn.large', 'c6in.large', 'c7i.large']],
    ['5 GiB', 5 * gib, ['m7i.large', 'c7gn.xlarge', 'c6in.xlarge', 'c7i.xlarge']],
    ['more than the largest', 1_000 * gib, []],
  ])('for %s', (_, bytes, expected) => {
    expect(names(bytes)).toEqual(expected);
  });
});

describe('instances', () => {
  it('are named once, each', () => {
    expect(new Set(instances.map(({ name }) => name)).size).toBe(instances.length);
  });

  it('stand smaller before larger', () => {
    const memory = instances.map(({ memoryGiB }) => memoryGiB);
    expect(memory).toEqual([...memory].sort((a, b) => a - b));
  });
});
