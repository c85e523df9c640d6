/**
 * Who owns an address, kept current across snapshots.
 *
 *   Snapshot ─[OwnerIndex.update]→ addresses of resources ─[find]→ AddressOwner[]
 *
 * It holds which resource has an address and nothing of its labels: those are resolved for who is asked about. A hundred
 * thousand workloads so take some megabytes, and are read in turns that the caller ends.
 * Invariant: once it is current it answers as makeOwnerLookup of the snapshot would. A class, because it holds the index.
 */
import { isOwner, type OwnerResource, ownerKinds, resolveOwner } from '../intent/labels/owners.ts';
import type { Address } from '../net/address.ts';
import { isHost, networkAddress, type Prefix, parseAddressOrCidr } from '../net/prefix.ts';
import { PrefixTrie } from '../net/prefix-trie.ts';
import { resourceId } from '../resources/resource.ts';
import { compareSnapshots, type Snapshot } from '../resources/snapshot.ts';
import type { AddressOwner } from '../verdict/packet-ends.ts';

/** Nearly all addresses have one. */
type Holders = OwnerResource | readonly OwnerResource[];

/** So many resources between two looks at the time. */
const turnSize = 500;

export class OwnerIndex {
  /** IPv4 addresses as numbers, IPv6 ones as bigints. */
  readonly #hosts = new Map<number | bigint, Holders>();
  readonly #networks = new PrefixTrie<Holders>();
  /** Of the few that are no workloads: what they were indexed under, which other resources may have had a say in. */
  readonly #prefixes = new Map<string, readonly Prefix[]>();
  /** Thousands of records share what is said of an owner. */
  #shown = new WeakMap<OwnerResource, AddressOwner>();
  #indexed: Snapshot | undefined;
  #building: Iterator<void, Snapshot> | undefined;

  /** Goes on until it is current, or `isLate`; whether it is current. */
  update(snapshot: Snapshot, isLate: () => boolean): boolean {
    if (this.#indexed === undefined) {
      this.#building ??= this.#build(snapshot);
      let turn = this.#building.next();
      while (!turn.done && !isLate()) turn = this.#building.next();
      if (!turn.done) return false;
      this.#indexed = turn.value;
      this.#building = undefined;
    }
    if (snapshot !== this.#indexed) this.#move(this.#indexed, snapshot);
    return true;
  }

  /** Of the longest prefix first. */
  find(address: Address): readonly AddressOwner[] {
    const wide = [...this.#networks.matches(address)].reverse().flatMap(({ value }) => listed(value));
    const holders = new Set([...listed(this.#hosts.get(hostKey(address)) ?? []), ...wide]);
    return [...holders].flatMap((resource) => this.#show(resource) ?? []);
  }

  *#build(snapshot: Snapshot): Generator<void, Snapshot> {
    let read = 0;
    for (const kind of ownerKinds) {
      for (const resource of snapshot.list(kind) as readonly OwnerResource[]) {
        this.#add(snapshot, resource);
        if (++read % turnSize === 0) yield;
      }
    }
    return snapshot;
  }

  #move(from: Snapshot, to: Snapshot): void {
    const differences = compareSnapshots(from, to);
    for (const { before } of differences) if (before && isOwner(before)) this.#remove(before);
    for (const { after } of differences) if (after && isOwner(after)) this.#add(to, after);
    this.#indexed = to;
    if (differences.length > 0) this.#shown = new WeakMap();
  }

  #add(snapshot: Snapshot, resource: OwnerResource): void {
    for (const prefix of this.#prefixesOf(snapshot, resource)) {
      this.#change(prefix, (holders) => [...holders, resource]);
    }
  }

  #remove(resource: OwnerResource): void {
    const id = resourceId(resource);
    const prefixes = resource.kind === 'WorkloadEndpoint' ? workloadPrefixes(resource) : this.#prefixes.get(id);
    this.#prefixes.delete(id);
    for (const prefix of prefixes ?? []) {
      this.#change(prefix, (holders) => holders.filter((holder) => holder !== resource));
    }
  }

  #prefixesOf(snapshot: Snapshot, resource: OwnerResource): readonly Prefix[] {
    if (resource.kind === 'WorkloadEndpoint') return workloadPrefixes(resource);
    const prefixes = resolveOwner(snapshot, resource)?.prefixes ?? [];
    this.#prefixes.set(resourceId(resource), prefixes);
    return prefixes;
  }

  #change(prefix: Prefix, change: (holders: readonly OwnerResource[]) => readonly OwnerResource[]): void {
    if (!isHost(prefix)) {
      this.#networks.insert(prefix, change(listed(this.#networks.get(prefix) ?? [])));
      return;
    }
    const key = hostKey(networkAddress(prefix));
    const holders = change(listed(this.#hosts.get(key) ?? []));
    const [only] = holders;
    if (only === undefined) this.#hosts.delete(key);
    else this.#hosts.set(key, holders.length === 1 ? only : holders);
  }

  #show(resource: OwnerResource): AddressOwner | undefined {
    const known = this.#shown.get(resource);
    if (known || !this.#indexed) return known;
    const owner = resolveOwner(this.#indexed, resource);
    if (!owner) return undefined;
    const labels = Object.fromEntries([...owner.labels].sort(([a], [b]) => (a < b ? -1 : 1)));
    const shown = { id: owner.id, labels };
    this.#shown.set(resource, shown);
    return shown;
  }
}

function workloadPrefixes({ spec }: Extract<OwnerResource, { kind: 'WorkloadEndpoint' }>): readonly Prefix[] {
  return (spec.ipNetworks ?? []).flatMap((text) => parseAddressOrCidr(text) ?? []);
}

function listed(holders: Holders): readonly OwnerResource[] {
  return Array.isArray(holders) ? holders : [holders as OwnerResource];
}

/** No two addresses have the same: an IPv6 address is never a number. */
function hostKey({ family, bits }: Address): number | bigint {
  return family === 4 ? Number(bits) : bits;
}
