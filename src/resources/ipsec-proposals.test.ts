/** Which words a proposal may be made of, and what it must not lack. */
import { describe, expect, it } from 'vitest';
import { proposalProblems } from './ipsec-proposals.ts';

const of = (proposal: string, part: 'ike' | 'esp') =>
  proposalProblems(proposal, part).map(({ isRefused, reason }) => `${isRefused ? 'refused' : 'warned'}: ${reason}`);

describe('nothing is said of', () => {
  it.each([
    ['aes256gcm16-prfsha384-ecp384', 'ike'],
    ['aes128gcm128-aes256gcm128-prfsha256-modp2048-curve25519', 'ike'],
    ['aes256-sha2_512-modp4096', 'ike'],
    ['camellia256ccm16-prfsha512-x448-ke1_mlkem768', 'ike'],
    ['chacha20poly1305-x25519', 'esp'],
    ['aes256ctr-aescmac-ecp521-esn', 'esp'],
    ['aes128-sha256_96-ecp256bp', 'esp'],
  ] as const)('%s for %s', (proposal, part) => {
    expect(of(proposal, part)).toEqual([]);
  });
});

describe('said of', () => {
  it.each<[string, 'ike' | 'esp', RegExp]>([
    ['aes256gmac-ecp384', 'esp', /^refused: aes256gmac is broken/],
    ['aes256-sha256-modpnull', 'ike', /^refused: modpnull is broken/],
    ['aes256-sha256-modp2048s256', 'esp', /^warned: modp2048s256 is weak/],
    ['aes256-sha256-modp2048s224', 'ike', /^warned: modp2048s224 is weak/],
    ['aes256-ecp384', 'esp', /^refused: names no integrity/],
    ['aes256-prfsha256-ecp384', 'ike', /^refused: names no integrity/],
    ['aes256gcm16-aes256-sha256-ecp384', 'esp', /^refused: mixes/],
    ['camellia256gcm16-ecp384', 'ike', /^refused: names no pseudo-random/],
    ['aes256-sha256-modpnone', 'ike', /^refused: names no Diffie-Hellman/],
    ['aes256-sha256-modpnone', 'esp', /^warned: names no Diffie-Hellman/],
    ['aes257gcm16-sha256-ecp384', 'esp', /^warned: aes257gcm16 is no word/],
  ])('%s for %s: %s', (proposal, part, reason) => {
    expect(of(proposal, part)).toEqual([expect.stringMatching(reason)]);
  });
});
