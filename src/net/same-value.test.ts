import { expect, it } from 'vitest';
import { sameItems, sameValue } from './same-value.ts';

it.each<[unknown, unknown, boolean]>([
  [1, 1, true],
  [1, '1', false],
  [1n, 1n, true],
  [Number.NaN, 1, false],
  [null, {}, false],
  [[], {}, false],
  [[1, [2]], [1, [2]], true],
  [[1], [1, 2], false],
  [{ a: 1, b: { c: [1n] } }, { b: { c: [1n] }, a: 1 }, true],
  [{ a: undefined }, {}, true],
  [{ a: 1 }, { a: 1, b: 2 }, false],
  [{ a: 1, b: 2 }, { a: 1 }, false],
  [{}, { toString: 1 }, false],
])('compares plain data field by field, case %#', (a, b, expected) => {
  const same = (x: unknown, y: unknown) => sameValue(x, y);
  expect([same(a, b), same(b, a)]).toEqual([expected, expected]);
});

it('compares the items of lists by identity unless told otherwise', () => {
  expect(sameItems([{}], [{}])).toBe(false);
  expect(sameItems([{}], [{}], sameValue)).toBe(true);
});
