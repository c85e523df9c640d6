/**
 * References of BGP resources: filters, peers, pools (semantics §1.12, §5.2, §5.3).
 */
import { type Address, parseAddress, printAddress } from '../../net/address.ts';
import { comparePrefixes, containsPrefix, type Prefix, parseCidr, parsePrefix } from '../../net/prefix.ts';
import { parsePeerIp } from '../bgp-peer.ts';
import type { Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { error, missing, namesOf, type ReferenceCheck, warning } from './finding.ts';

/** A filter that is missing would let everything in (semantics §5.3), so naming it is an error. */
export const filtersExist: ReferenceCheck = function* (snapshot) {
  const known = namesOf(snapshot.list('BGPFilter'));
  const reason = (name: string): string => `BGPFilter ${name} does not exist: create it, or remove the name`;
  for (const peer of snapshot.list('BGPPeer')) {
    for (const [index, name] of (peer.spec.filters ?? []).entries()) {
      if (!known.has(name)) yield missing(peer, ['spec', 'filters', index], reason(name));
    }
  }
  for (const attachment of snapshot.list('Attachment')) {
    for (const field of ['importFilters', 'exportFilters'] as const) {
      for (const [index, name] of (attachment.spec.bgp?.[field] ?? []).entries()) {
        if (!known.has(name)) yield missing(attachment, ['spec', 'bgp', field, index], reason(name));
      }
    }
  }
};

/** Without asNumber the peer's AS is known only when the peer is one of our nodes (semantics §5.2). */
export const peersHaveAs: ReferenceCheck = function* (snapshot) {
  const nodeAddresses = addressesOfNodes(snapshot);
  for (const peer of snapshot.list('BGPPeer')) {
    const { peerIP, peerSelector, localWorkloadSelector, asNumber } = peer.spec;
    if (peerIP === undefined && peerSelector === undefined && localWorkloadSelector === undefined) {
      yield warning(peer, ['spec'], 'names no peer and has no effect: add peerIP and asNumber, or peerSelector');
    }
    const address = peerIP === undefined ? undefined : parsePeerIp(peerIP)?.address;
    if (!address || asNumber !== undefined || nodeAddresses.has(printAddress(address))) continue;
    yield missing(peer, ['spec', 'peerIP'], `asNumber is needed: ${peerIP} is no node whose AS number is known`);
  }
};

function addressesOfNodes(snapshot: Snapshot): ReadonlySet<string> {
  const texts = snapshot.list('Node').flatMap(({ spec }) => [spec.bgp?.ipv4Address, spec.bgp?.ipv6Address]);
  const ofRouters = snapshot
    .list('Router')
    .flatMap(({ spec }) => (spec.interfaces ?? []).flatMap((entry) => entry.addresses ?? []));
  const addresses = [...texts, ...ofRouters].map(addressOf).filter((address) => address !== undefined);
  return new Set(addresses.map(printAddress));
}

function addressOf(text: string | undefined): Address | undefined {
  return text === undefined ? undefined : (parseCidr(text)?.address ?? parseAddress(text));
}

/** One session per peer: a peer for all nodes comes before one for some, then the smaller name (semantics §5.2.1). */
export const peersUncontested: ReferenceCheck = function* (snapshot) {
  const global = new Map<string, Resource<'BGPPeer'>>();
  const specific = new Map<string, Resource<'BGPPeer'>>();
  for (const peer of snapshot.list('BGPPeer')) {
    const { node, nodeSelector } = peer.spec;
    const claim = claimOf(peer);
    if (claim === undefined) continue;
    const isGlobal = node === undefined && nodeSelector === undefined;
    const claims = isGlobal ? global : specific;
    const key = isGlobal ? claim : `${node ?? `selector ${nodeSelector}`} ${claim}`;
    const first = claims.get(key);
    if (!first) claims.set(key, peer);
    else
      yield warning(
        peer,
        ['spec', 'peerIP'],
        `BGPPeer ${first.metadata.name} claims ${claim} on the same nodes and wins by its smaller name: remove one`,
      );
  }
  for (const peer of snapshot.list('BGPPeer')) {
    if (peer.spec.node === undefined && peer.spec.nodeSelector === undefined) continue;
    const claim = claimOf(peer);
    const first = claim === undefined ? undefined : global.get(claim);
    if (first)
      yield warning(
        peer,
        ['spec', 'peerIP'],
        `BGPPeer ${first.metadata.name}, which is for all nodes, claims ${claim} too and wins: give that one a node or nodeSelector`,
      );
  }
};

function claimOf(peer: Resource<'BGPPeer'>): string | undefined {
  const parsed = peer.spec.peerIP === undefined ? undefined : parsePeerIp(peer.spec.peerIP);
  return parsed && `${printAddress(parsed.address)} port ${parsed.port ?? 'default'}`;
}

/** Pools may not overlap (semantics §1.12). Sorted, every pool that holds another comes before it. */
export const poolsDisjoint: ReferenceCheck = function* (snapshot) {
  const pools = snapshot.list('IPPool').flatMap((pool) => {
    const prefix = parsePrefix(pool.spec.cidr);
    return prefix ? [{ pool, prefix }] : [];
  });
  pools.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  let widest: { readonly pool: Resource<'IPPool'>; readonly prefix: Prefix } | undefined;
  for (const entry of pools) {
    if (widest && containsPrefix(widest.prefix, entry.prefix)) {
      yield error(
        entry.pool,
        ['spec', 'cidr'],
        `${entry.pool.spec.cidr} overlaps IPPool ${widest.pool.metadata.name} (${widest.pool.spec.cidr}): choose disjoint ranges`,
      );
    } else {
      widest = entry;
    }
  }
};
