/**
 * Prefixes that no peer may announce, whatever its Site declares: they are special-purpose and never routed between networks
 * (RFC 6890 and its registries; RFC 5735 for 240.0.0.0/4; RFC 4291 for multicast and link-local; RFC 3849, RFC 5737, RFC 9637).
 *
 * Private addresses (RFC 1918, RFC 6598, RFC 4193) are not among them: they are what hybrid networks are made of.
 */
import type { Family } from '../net/address.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';

const texts: Readonly<Record<Family, readonly string[]>> = {
  4: [
    '0.0.0.0/8',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/3',
  ],
  6: [
    '::/8',
    '100::/64',
    '2001:2::/48',
    '2001:10::/28',
    '2001:db8::/32',
    '3ffe::/16',
    '3fff::/20',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ],
};

export function bogonPrefixes(family: Family): readonly Prefix[] {
  return texts[family].flatMap((text) => parsePrefix(text) ?? []);
}
