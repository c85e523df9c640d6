import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoint, policyIntent } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { diffDigests, observedDigests, readRuleset, verifyObserved } from './read.ts';

const table = { table: { family: 'inet', name: 'causeway', handle: 1 } };
const inTable = { family: 'inet', table: 'causeway' };
const rule = (handle: number, packets: number, more: object = {}) => ({
  rule: {
    ...inTable,
    chain: 'c',
    handle,
    comment: 'a',
    expr: [{ counter: { packets, bytes: packets } }, { drop: null }],
    ...more,
  },
});
const set = (elements: readonly unknown[]) => ({
  set: { ...inTable, name: 's', type: 'ipv4_addr', handle: 4, elem: elements },
});

function listing(...objects: readonly object[]): string {
  return JSON.stringify({ nftables: [{ metainfo: {} }, table, { chain: { ...inTable, name: 'c' } }, ...objects] });
}

function digests(...objects: readonly object[]): Readonly<Record<string, string>> {
  const observed = readRuleset(listing(...objects));
  if (!observed) throw new Error('no table');
  return observedDigests(observed);
}

describe('a listing', () => {
  it('without our table is no table', () => {
    expect(readRuleset('{"nftables": [{"metainfo": {}}]}')).toBeUndefined();
    expect(readRuleset(JSON.stringify({ nftables: [{ table: { family: 'ip', name: 'causeway' } }] }))).toBeUndefined();
  });

  it('gives an answer whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"nftables":[${json}]}`),
        ),
        (text) => {
          const observed = readRuleset(text);
          if (observed) observedDigests(observed);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it('is the same when only counters, handles and the order of elements differ', () => {
    const before = digests(
      rule(5, 0),
      set(['10.0.0.1', { elem: { val: '10.0.0.2', counter: { packets: 0, bytes: 0 } } }]),
    );
    const after = digests(
      rule(9, 77),
      set([{ elem: { val: '10.0.0.2', counter: { packets: 3, bytes: 9 } } }, '10.0.0.1']),
    );
    expect(diffDigests(before, after)).toEqual([]);
  });

  it.each([
    ['a rule went', [set(['10.0.0.1'])], ['chain c']],
    ['a rule changed', [rule(5, 0, { expr: [{ accept: null }] }), set(['10.0.0.1'])], ['chain c']],
    ['a comment changed', [rule(5, 0, { comment: 'b' }), set(['10.0.0.1'])], ['chain c']],
    ['an element changed', [rule(5, 0), set(['10.0.0.2'])], ['set s']],
    ['a set went', [rule(5, 0)], ['set s']],
    ['a chain came', [rule(5, 0), set(['10.0.0.1']), { chain: { ...inTable, name: 'd' } }], ['chain d']],
    [
      'an object of another sort came',
      [rule(5, 0), set(['10.0.0.1']), { flowtable: { ...inTable, name: 'f' } }],
      ['flowtable f'],
    ],
  ])('differs when %s', (_, objects, changed) => {
    expect(diffDigests(digests(rule(5, 0), set(['10.0.0.1'])), digests(...objects))).toEqual(changed);
  });
});

it('names what the kernel does not hold as compiled', () => {
  const observed = readRuleset(listing(rule(1, 0)));
  const ruleset = compileRuleset(policyIntent({ endpoints: [endpoint('eth0', ['eth0'])] }));
  const discrepancies = observed ? verifyObserved(ruleset, observed) : [];
  expect(discrepancies).toContain('chain filter-input is missing');
  expect(discrepancies).toContain('chain c is not ours');
  expect(discrepancies).toContain('map local-in-interfaces is missing');
});
