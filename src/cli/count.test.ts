import { expect, it } from 'vitest';
import { countOf } from './count.ts';

it.each([
  [0, '0 policies'],
  [1, '1 policy'],
  [2, '2 policies'],
])('counts %i policies as people do', (count, said) => {
  expect(countOf(count, 'policy', 'policies')).toBe(said);
});

it('takes the noun with an s for its plural', () => {
  expect([1, 2].map((count) => countOf(count, 'packet'))).toEqual(['1 packet', '2 packets']);
});
