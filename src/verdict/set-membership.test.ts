import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PortSetMember } from '../intent/policy/policy-intent.ts';
import { families } from '../net/address.ts';
import { address, prefix } from '../net/literals.fixture.ts';
import { containsAddress, maskAddress, type Prefix, printPrefix } from '../net/prefix.ts';
import { isInAddressSet, isInPortSet } from './set-membership.ts';

const membersOf = (...texts: string[]) => new Map(texts.map((text) => [text, prefix(text)]));

describe('an address', () => {
  it.each([
    ['10.1.2.3', true],
    ['10.9.0.1', true],
    ['192.0.2.1', false],
    ['fd00::1', true],
    ['fd01::1', false],
  ])('%s is in hosts and prefixes of its family: %s', (text, is) => {
    const members = membersOf('10.1.2.3/32', '10.9.0.0/16', 'fd00::/64');
    expect(isInAddressSet({ id: 's', selector: '', members }, address(text))).toBe(is);
  });

  it('is in the set as it is now: members of a running agent move in place', () => {
    const members = membersOf('10.9.0.0/16');
    const set = { id: 's', selector: '', members };
    expect(isInAddressSet(set, address('10.9.0.1'))).toBe(true);
    members.delete('10.9.0.0/16');
    expect(isInAddressSet(set, address('10.9.0.1'))).toBe(false);
    members.set('10.8.0.0/14', prefix('10.8.0.0/14'));
    expect(isInAddressSet(set, address('10.9.0.1'))).toBe(true);
  });

  it('with its port is in the set as it is now', () => {
    const members = new Map<string, PortSetMember>();
    const set = { id: 'p', selector: '', members };
    const asked = () => isInPortSet(set, address('10.9.0.1'), 6, 80);
    expect(asked()).toBe(false);
    members.set('10.9.0.0/16,6:80', { prefix: prefix('10.9.0.0/16'), protocol: 6, port: 80 });
    expect(asked()).toBe(true);
    expect(isInPortSet(set, address('10.9.0.1'), 17, 80)).toBe(false);
    expect(isInPortSet(set, address('10.9.0.1'), 6, 81)).toBe(false);
  });

  it('is in a set, whatever its size, exactly if some member contains it', () => {
    const anyAddress = fc
      .constantFrom(...families)
      .chain((family) =>
        fc.record({ family: fc.constant(family), bits: fc.bigInt(0n, family === 4 ? 0xffffn : 0xffffn) }),
      );
    const anyPrefix: fc.Arbitrary<Prefix> = fc
      .tuple(anyAddress, fc.integer({ min: 0, max: 12 }))
      .map(([each, bits]) => maskAddress(each, (each.family === 4 ? 32 : 128) - bits));
    let inside = 0;
    fc.assert(
      fc.property(fc.array(anyPrefix, { maxLength: 300, size: 'max' }), anyAddress, (prefixes, asked) => {
        const members = new Map(prefixes.map((each) => [printPrefix(each), each]));
        const expected = prefixes.some((each) => containsAddress(each, asked));
        inside += Number(expected);
        expect(isInAddressSet({ id: 's', selector: '', members }, asked)).toBe(expected);
        const ports = new Map(
          prefixes.map((each) => [`${printPrefix(each)},6:80`, { prefix: each, protocol: 6, port: 80 }]),
        );
        expect(isInPortSet({ id: 'p', selector: '', members: ports }, asked, 6, 80)).toBe(expected);
      }),
      { seed: 20261125, numRuns: 500 },
    );
    expect(inside).toBeGreaterThan(50);
    expect(inside).toBeLessThan(450);
  });
});
