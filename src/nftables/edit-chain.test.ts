import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ChainEdit, editChain } from './edit-chain.ts';
import type { Chain, Rule } from './ruleset.ts';

const rule = (comment: string): Rule => ({ matches: [], statements: [], comment });
const chain = (letters: string): Chain => ({ name: 'c', rules: [...letters].map(rule) });

/** What the kernel does with an edit: rules that go, and rules that come before a position or at the end. */
function edited(before: Chain, edit: ChainEdit | undefined): string {
  const come = (place: number | undefined) =>
    (edit?.added ?? []).filter(({ before: at }) => at === place).flatMap(({ rules }) => rules);
  const rules = before.rules.flatMap((each, at) => [...come(at), ...(edit?.removed.includes(at) ? [] : [each])]);
  return [...rules, ...come(undefined)].map(({ comment }) => comment).join('');
}

it.each([
  ['nothing', 'abc', 'abc', 0],
  ['a rule that comes first', 'abc', 'xabc', 1],
  ['a rule that comes last', 'abc', 'abcx', 1],
  ['a rule that goes', 'abc', 'ac', 1],
  ['a rule that changes', 'abc', 'axc', 2],
  ['a rule that changes places', 'abcde', 'bcdea', 2],
  ['all rules', 'abc', 'xyz', 6],
  ['the first rules of a chain', '', 'abc', 3],
  ['the last rules of a chain', 'abc', '', 3],
  ['one of several that are the same', 'aaa', 'aa', 1],
  ['one more of several that are the same', 'aba', 'abaa', 1],
])('an edit of %s touches as many rules as it must: %s to %s', (_, before, after, touched) => {
  const edit = editChain(chain(before), chain(after));
  const added = edit?.added.flatMap(({ rules }) => rules) ?? [];
  expect((edit?.removed.length ?? 0) + added.length).toBe(touched);
  expect(edited(chain(before), edit)).toBe(after);
});

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'e'), maxLength: 12 });

it('an edit leads from any chain to any other, before rules that stay', () => {
  fc.assert(
    fc.property(letters, letters, (before, after) => {
      const edit = editChain(chain(before), chain(after));
      expect(edited(chain(before), edit)).toBe(after);
      expect(edit === undefined).toBe(before === after);
      for (const { before: place } of edit?.added ?? []) expect(edit?.removed).not.toContain(place);
    }),
    { seed: 20261125, numRuns: 2000 },
  );
});

it('an edit of different rules keeps a longest run of them', () => {
  const orders = fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  fc.assert(
    fc.property(orders, orders, (before, after) => {
      const edit = editChain(chain(before.join('')), chain(after.join('')));
      const kept = before.length - (edit?.removed.length ?? 0);
      expect(kept).toBe(longestCommon(before, after));
    }),
    { seed: 20261125, numRuns: 500 },
  );
});

/** By trying everything. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  const [first, ...rest] = a;
  if (first === undefined || b.length === 0) return 0;
  const at = b.indexOf(first);
  const without = longestCommon(rest, b);
  return at < 0 ? without : Math.max(without, 1 + longestCommon(rest, b.slice(at + 1)));
}
