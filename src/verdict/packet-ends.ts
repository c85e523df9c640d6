/**
 * Who is at both ends of a packet: the resources that own its addresses, with their effective labels.
 *
 *   Snapshot ─[makeOwnerLookup]→ address → AddressOwner[];  Packet ─[packetEnds]→ PacketEnds
 *
 * Invariant: only what rule selectors see is said; an address that nothing owns has no labels, and so meets no positive selector.
 */
import type { Owner } from '../intent/labels/owner.ts';
import { resolveOwners } from '../intent/labels/owners.ts';
import { type Address, printAddress } from '../net/address.ts';
import { PrefixTrie } from '../net/prefix-trie.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { Packet } from './packet.ts';

export interface AddressOwner {
  /** `Kind/name` or `Kind/namespace/name`. */
  readonly id: string;
  /** Inherited and implicit ones included. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface PacketEnd {
  readonly address: string;
  /** Of the longest prefix first. */
  readonly owners: readonly AddressOwner[];
}

export interface PacketEnds {
  readonly source: PacketEnd;
  readonly destination: PacketEnd;
}

export type OwnerLookup = (address: Address) => readonly AddressOwner[];

/** Reads the snapshot's owners once, at the first question. */
export function makeOwnerLookup(snapshot: Snapshot): OwnerLookup {
  let index: PrefixTrie<Owner[]> | undefined;
  return (address) => {
    index ??= indexOwners(snapshot);
    const owners = [...index.matches(address)].reverse().flatMap(({ value }) => value);
    return [...new Set(owners)].map(({ id, labels }) => ({ id, labels: sortedRecord(labels) }));
  };
}

export function packetEnds(findOwners: OwnerLookup, { source, destination }: Packet): PacketEnds {
  const end = (address: Address): PacketEnd => ({ address: printAddress(address), owners: findOwners(address) });
  return { source: end(source), destination: end(destination) };
}

function indexOwners(snapshot: Snapshot): PrefixTrie<Owner[]> {
  const index = new PrefixTrie<Owner[]>();
  for (const owner of resolveOwners(snapshot)) {
    for (const prefix of owner.prefixes) {
      const known = index.get(prefix);
      if (known) known.push(owner);
      else index.insert(prefix, [owner]);
    }
  }
  return index;
}

function sortedRecord(labels: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}
