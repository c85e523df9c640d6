/**
 * Whether an address, or an address with its port, is in a set of the intent.
 *
 *   AddressSet, PortSet ─[index, once per set]→ trie and exact keys ─→ yes or no
 *
 * Sets hold up to 100,000 members and a policy asks thousands of times, so each set is indexed at its first question.
 *
 * Invariant: a set is a value: whoever changes its members makes a new map, and so gets a new index.
 */

import type { AddressSet, PortSet } from '../intent/policy/policy-intent.ts';
import type { Address } from '../net/address.ts';
import { hostPrefix, isHost, printPrefix } from '../net/prefix.ts';
import { PrefixTrie } from '../net/prefix-trie.ts';

type NetworkIndex = PrefixTrie<true>;
/** By prefix: the `protocol:port` pairs it has. */
type PortIndex = PrefixTrie<Set<string>>;

const networkIndexes = new WeakMap<AddressSet['members'], NetworkIndex>();
const portIndexes = new WeakMap<PortSet['members'], PortIndex>();

export function isInAddressSet(set: AddressSet, address: Address): boolean {
  // Single addresses, nearly all members of a labelled set, need no index: the map is keyed by printed prefix.
  if (set.members.has(printPrefix(hostPrefix(address)))) return true;
  let networks = networkIndexes.get(set.members);
  if (!networks) {
    networks = indexNetworks(set);
    networkIndexes.set(set.members, networks);
  }
  return networks.longestMatch(address) !== undefined;
}

export function isInPortSet(set: PortSet, address: Address, protocol: number, port: number): boolean {
  let index = portIndexes.get(set.members);
  if (!index) {
    index = indexPorts(set);
    portIndexes.set(set.members, index);
  }
  for (const match of index.matches(address)) if (match.value.has(`${protocol}:${port}`)) return true;
  return false;
}

function indexNetworks(set: AddressSet): NetworkIndex {
  const trie: NetworkIndex = new PrefixTrie();
  for (const prefix of set.members.values()) if (!isHost(prefix)) trie.insert(prefix, true);
  return trie;
}

function indexPorts(set: PortSet): PortIndex {
  const trie: PortIndex = new PrefixTrie();
  for (const { prefix, protocol, port } of set.members.values()) {
    const ports = trie.get(prefix) ?? new Set<string>();
    ports.add(`${protocol}:${port}`);
    trie.insert(prefix, ports);
  }
  return trie;
}
