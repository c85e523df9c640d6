/**
 * Who owns an address, kept current across snapshots.
 *
 *   Snapshot ─[OwnerIndex.update]→ index ─[find]→ AddressOwner[]
 *
 * It is brought up to date when somebody asks, by what changed since the last time, so that a thousand label changes a second
 * cost nothing while no packet is told of. A class, because it holds the index.
 * Invariant: it answers as makeOwnerLookup of the newest snapshot would.
 */
import type { Owner } from '../intent/labels/owner.ts';
import { diffOwners } from '../intent/labels/owners.ts';
import type { Address } from '../net/address.ts';
import { isHost, networkAddress, type Prefix } from '../net/prefix.ts';
import { PrefixTrie } from '../net/prefix-trie.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { AddressOwner } from '../verdict/packet-ends.ts';

export class OwnerIndex {
  /** IPv4 addresses as numbers, IPv6 ones as bigints: a hundred thousand of them must not weigh much. */
  readonly #hosts = new Map<number | bigint, readonly Owner[]>();
  readonly #prefixes = new PrefixTrie<readonly Owner[]>();
  readonly #byId = new Map<string, Owner>();
  /** Thousands of records share what is said of an owner. */
  readonly #shown = new WeakMap<Owner, AddressOwner>();
  #indexed: Snapshot | undefined;

  update(snapshot: Snapshot): void {
    if (snapshot === this.#indexed) return;
    const { set, removed } = diffOwners(this.#indexed, snapshot);
    for (const id of removed) this.#forget(id);
    for (const owner of set) {
      this.#forget(owner.id);
      this.#byId.set(owner.id, owner);
      for (const prefix of owner.prefixes) this.#change(prefix, (owners) => [...owners, owner]);
    }
    this.#indexed = snapshot;
  }

  /** Of the longest prefix first. */
  find(address: Address): readonly AddressOwner[] {
    const wide = [...this.#prefixes.matches(address)].reverse().flatMap(({ value }) => value);
    const owners = new Set([...(this.#hosts.get(hostKey(address)) ?? []), ...wide]);
    return [...owners].map((owner) => this.#show(owner));
  }

  #show(owner: Owner): AddressOwner {
    const known = this.#shown.get(owner);
    if (known) return known;
    const labels = Object.fromEntries([...owner.labels].sort(([a], [b]) => (a < b ? -1 : 1)));
    const shown = { id: owner.id, labels };
    this.#shown.set(owner, shown);
    return shown;
  }

  #forget(id: string): void {
    const owner = this.#byId.get(id);
    if (!owner) return;
    this.#byId.delete(id);
    for (const prefix of owner.prefixes) this.#change(prefix, (owners) => owners.filter((each) => each !== owner));
  }

  #change(prefix: Prefix, change: (owners: readonly Owner[]) => readonly Owner[]): void {
    if (!isHost(prefix)) {
      this.#prefixes.insert(prefix, change(this.#prefixes.get(prefix) ?? []));
      return;
    }
    const key = hostKey(networkAddress(prefix));
    const owners = change(this.#hosts.get(key) ?? []);
    if (owners.length === 0) this.#hosts.delete(key);
    else this.#hosts.set(key, owners);
  }
}

/** No two addresses have the same: an IPv6 address is never a number. */
function hostKey({ family, bits }: Address): number | bigint {
  return family === 4 ? Number(bits) : bits;
}
