import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, bitLength, type Family, printAddress } from './address.ts';
import { address, prefix } from './literals.fixture.ts';
import { containsAddress, maskAddress, printPrefix } from './prefix.ts';
import { PrefixTrie } from './prefix-trie.ts';

function trieOf(...texts: string[]): PrefixTrie<string> {
  return new PrefixTrie(texts.map((text) => [prefix(text), text] as const));
}

describe('longest match', () => {
  const trie = trieOf(
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.1.0/24',
    '10.1.1.7/32',
    '2001:db8::/32',
    '2001:db8:1::/48',
  );

  it.each([
    ['10.1.1.7', '10.1.1.7/32'],
    ['10.1.1.8', '10.1.1.0/24'],
    ['10.1.2.8', '10.1.0.0/16'],
    ['10.2.2.8', '10.0.0.0/8'],
    ['192.0.2.1', '0.0.0.0/0'],
    ['2001:db8:1::1', '2001:db8:1::/48'],
    ['2001:db8:2::1', '2001:db8::/32'],
    ['2001:db9::1', undefined],
  ])('of %s is %s', (text, expected) => {
    expect(trie.longestMatch(address(text))?.value).toBe(expected);
  });

  it('is nothing in an empty trie', () => {
    expect(trieOf().longestMatch(address('10.0.0.1'))).toBeUndefined();
  });

  it('lists every prefix around an address, the widest first', () => {
    expect([...trie.matches(address('10.1.1.9'))].map((match) => match.value)).toEqual([
      '0.0.0.0/0',
      '10.0.0.0/8',
      '10.1.0.0/16',
      '10.1.1.0/24',
    ]);
  });
});

it('replaces the value of a prefix inserted twice', () => {
  const trie = trieOf('10.0.0.0/8');
  trie.insert(prefix('10.0.0.0/8'), 'again');
  expect(trie.size).toBe(1);
  expect(trie.get(prefix('10.0.0.0/8'))).toBe('again');
  expect(trie.get(prefix('10.0.0.0/9'))).toBeUndefined();
});

it('lists its prefixes in order, both families', () => {
  const trie = trieOf('::/0', '10.1.0.0/16', '10.0.0.0/8', '9.0.0.0/8', '10.0.0.0/16');
  expect([...trie.entries()].map((entry) => printPrefix(entry.prefix))).toEqual([
    '9.0.0.0/8',
    '10.0.0.0/8',
    '10.0.0.0/16',
    '10.1.0.0/16',
    '::/0',
  ]);
});

/** Addresses that share many leading bits, so that prefixes nest and branch at every depth. */
const nearAddresses: fc.Arbitrary<Address> = fc
  .tuple(fc.constantFrom<Family>(4, 6), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.nat(128))
  .map(([family, bits, kept]) => {
    const width = bitLength(family);
    const base = family === 4 ? 0x0a010100n : 0x20010db8000000010000000000000100n;
    const low = bits & ((1n << BigInt(Math.min(kept, width))) - 1n);
    return { family, bits: base ^ low };
  });

const nearPrefixes = fc
  .tuple(nearAddresses, fc.nat(128))
  .map(([at, length]) => maskAddress(at, length % (bitLength(at.family) + 1)));

it('agrees with a linear scan', () => {
  fc.assert(
    fc.property(
      fc.array(nearPrefixes, { maxLength: 40 }),
      fc.array(nearAddresses, { maxLength: 20 }),
      (all, probes) => {
        const trie = new PrefixTrie(all.map((each) => [each, printPrefix(each)] as const));
        const distinct = new Map(all.map((each) => [printPrefix(each), each]));
        expect(trie.size).toBe(distinct.size);
        for (const [text, each] of distinct) expect(trie.get(each)).toBe(text);
        for (const probe of probes) {
          const around = [...distinct.values()]
            .filter((each) => containsAddress(each, probe))
            .sort((a, b) => a.length - b.length)
            .map(printPrefix);
          expect(
            [...trie.matches(probe)].map((match) => match.value),
            printAddress(probe),
          ).toEqual(around);
          expect(trie.longestMatch(probe)?.value).toBe(around.at(-1));
        }
      },
    ),
    { seed: 20261125, numRuns: 300 },
  );
});
