/**
 * Whether an address, or an address with its port, is in a set of the intent.
 *
 *   AddressSet, PortSet → the printed prefixes that hold the address, looked up among the members ─→ yes or no
 *
 * Sets hold up to 100,000 members and a policy asks thousands of times about one packet, so what can be asked for is printed
 * once for each address.
 *
 * Invariant: the answer is that of the members as they are now: a running agent moves them in place, so nothing of them is kept.
 */

import type { AddressSet, PortSet } from '../intent/policy/policy-intent.ts';
import { type Address, bitLength, equalAddresses } from '../net/address.ts';
import { containsAddress, maskAddress, printPrefix } from '../net/prefix.ts';

export function isInAddressSet({ members, networks = members }: AddressSet, address: Address): boolean {
  const prefixes = prefixesOf(address);
  if (prefixes[0] !== undefined && members.has(prefixes[0])) return true;
  if (networks.size > prefixes.length) return prefixes.some((prefix) => networks.has(prefix));
  for (const prefix of networks.values()) if (containsAddress(prefix, address)) return true;
  return false;
}

export function isInPortSet(
  { members, networks = members }: PortSet,
  address: Address,
  protocol: number,
  port: number,
): boolean {
  const prefixes = prefixesOf(address);
  if (members.has(`${prefixes[0]},${protocol}:${port}`)) return true;
  if (networks.size > prefixes.length) return prefixes.some((prefix) => networks.has(`${prefix},${protocol}:${port}`));
  for (const member of networks.values()) {
    if (member.protocol === protocol && member.port === port && containsAddress(member.prefix, address)) return true;
  }
  return false;
}

interface Printed {
  readonly address: Address;
  /** Of every length, the address itself first: that is what nearly all members are. */
  readonly prefixes: readonly string[];
}

/** Of the addresses asked about last: a packet has two. */
let latest: readonly Printed[] = [];

function prefixesOf(address: Address): readonly string[] {
  const known = latest.find((printed) => printed.address === address || equalAddresses(printed.address, address));
  if (known) return known.prefixes;
  const longest = bitLength(address.family);
  const lengths = Array.from({ length: longest + 1 }, (_, i) => longest - i);
  const prefixes = lengths.map((length) => printPrefix(maskAddress(address, length)));
  latest = [{ address, prefixes }, ...latest.slice(0, 1)];
  return prefixes;
}
