/**
 * What tunnels run over: that it is there, leads to their peers, and is not the tunnel itself.
 */
import { type Address, bitLength, parseAddress, printAddress } from '../../net/address.ts';
import { containsAddress, maskAddress, parseCidr, printPrefix } from '../../net/prefix.ts';
import { linkPaths, maxUnderlays } from '../link-paths.ts';
import type { Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { error, missing, type ReferenceCheck, warning } from './finding.ts';
import { outerPeers } from './outer-ends.ts';

type Attachment = Resource<'Attachment'>;

/** An Attachment runs over one of the same Router that has an address to reach its peers with. */
export const underlaysExist: ReferenceCheck = function* (snapshot) {
  const byName = new Map(snapshot.list('Attachment').map((attachment) => [attachment.metadata.name, attachment]));
  for (const attachment of snapshot.list('Attachment')) {
    const { over, router } = attachment.spec;
    if (over === undefined) continue;
    const path = ['spec', 'over'];
    const below = byName.get(over);
    if (!below) yield missing(attachment, path, `Attachment ${over} does not exist: create it, or correct the name`);
    else if (below.spec.router !== router) {
      const reason = `Attachment ${over} is one of Router ${below.spec.router}: a tunnel runs over a link of its own Router, ${router}`;
      yield error(attachment, path, reason);
    } else if (isDeep(attachment, byName)) {
      const reason = `more than ${maxUnderlays} links would lie below this one: each takes its share of every packet, so run over one further down`;
      yield error(attachment, path, reason);
    } else {
      const local = linkPaths(below).flatMap((one) => one.local.flatMap((text) => parseCidr(text)?.address ?? []));
      const stranded = outerPeers(attachment).find(
        ({ address }) => !local.some(({ family }) => family === address.family),
      );
      if (local.length === 0 || !stranded) continue;
      const reason = `Attachment ${over} has no IPv${stranded.address.family} address to reach the peer with: give it one, or write a peer of the other family`;
      yield error(attachment, path, reason);
    }
  }
};

/** On a link with several machines the outer packets need a next hop, or a peer that is one of them. */
export const underlaysLead: ReferenceCheck = function* (snapshot) {
  const byName = new Map(snapshot.list('Attachment').map((attachment) => [attachment.metadata.name, attachment]));
  for (const attachment of snapshot.list('Attachment')) {
    const { over, router } = attachment.spec;
    const below = byName.get(over ?? '');
    if (!below || below.spec.router !== router || below.spec.link.ipsec || below.spec.link.wireguard) continue;
    const ends = linkPaths(below);
    const hops = ends.flatMap(({ remote }) => remote.flatMap((text) => parseAddress(text) ?? []));
    const subnets = ends.flatMap(({ local }) => local.flatMap((text) => parseCidr(text) ?? []));
    const astray = outerPeers(attachment).find(
      ({ address }) =>
        !hops.some(({ family }) => family === address.family) &&
        subnets.some((subnet) => subnet.address.family === address.family) &&
        !subnets.some((subnet) => containsAddress(maskAddress(subnet.address, subnet.length), address)),
    );
    if (!astray) continue;
    const reason = `${printAddress(astray.address)} is in no subnet of Attachment ${below.metadata.name}, which has no remote IPv${astray.address.family} address to lead packets there: write addresses.remote at ${below.metadata.name}`;
    yield warning(attachment, ['spec', 'over'], reason);
  }
};

/**
 * A tunnel's own packets take the host's routes, and none that was learned or written for a Site: one whose peer is in a Site
 * behind another Attachment has to say so.
 */
export const underlaysNamed: ReferenceCheck = function* (snapshot) {
  const sites = new Map(snapshot.list('Site').map(({ metadata, spec }) => [metadata.name, spec.prefixes ?? []]));
  /** Two at most: one of them may be the tunnel itself. */
  const behind = new Map<string, Attachment[]>();
  const connected = new Set<string>();
  for (const attachment of snapshot.list('Attachment')) {
    const { router, site } = attachment.spec;
    for (const text of sites.get(site) ?? []) {
      const key = `${router} ${subnetOf(text)}`;
      const known = behind.get(key) ?? [];
      if (known.length < 2) behind.set(key, [...known, attachment]);
    }
    for (const text of linkPaths(attachment).flatMap(({ local }) => local))
      connected.add(`${router} ${subnetOf(text)}`);
  }
  for (const { metadata, spec } of snapshot.list('Router')) {
    const texts = (spec.interfaces ?? []).flatMap(({ addresses = [] }) => addresses);
    for (const text of texts) connected.add(`${metadata.name} ${subnetOf(text)}`);
  }
  for (const attachment of snapshot.list('Attachment')) {
    const { router, over } = attachment.spec;
    if (over !== undefined) continue;
    for (const { address, path } of outerPeers(attachment)) {
      const around = prefixesAround(address).map((text) => `${router} ${text}`);
      const way = around.find((key) => behind.has(key) || connected.has(key));
      if (way === undefined || connected.has(way)) continue;
      const carrier = behind.get(way)?.find((one) => one !== attachment);
      if (!carrier) continue;
      const reason = `${printAddress(address)} lies in Site ${carrier.spec.site}, which Attachment ${carrier.metadata.name} leads to, and a tunnel's own packets take no route that was learned or written for a Site: write over: ${carrier.metadata.name}, unless the host has a route of its own there`;
      yield warning(attachment, path, reason);
    }
  }
};

function subnetOf(text: string): string {
  const cidr = parseCidr(text);
  return cidr ? printPrefix(maskAddress(cidr.address, cidr.length)) : text;
}

/** All prefixes that hold an address, the narrowest first. */
function prefixesAround(address: Address): string[] {
  const most = bitLength(address.family);
  return Array.from({ length: most + 1 }, (_, i) => printPrefix(maskAddress(address, most - i)));
}

function isDeep(attachment: Attachment, byName: ReadonlyMap<string, Attachment>): boolean {
  let depth = 0;
  const seen = new Set<Attachment>();
  for (let at: Attachment | undefined = attachment; at && !seen.has(at); at = byName.get(at.spec.over ?? '')) {
    seen.add(at);
    if (depth++ > maxUnderlays) return true;
  }
  return false;
}

/** A tunnel whose own packets would enter it carries nothing, and fills the machine with packets that never leave. */
export const tunnelsLeave: ReferenceCheck = function* (snapshot) {
  const below = carriers(snapshot);
  for (const attachment of snapshot.list('Attachment')) {
    const chain = chainTo(attachment, below);
    if (!chain) continue;
    const isSaid = attachment.spec.over !== undefined;
    const names = [attachment, ...chain].map(({ metadata }) => metadata.name);
    const reason = `the packets of this tunnel would be carried by itself: ${names.join(' over ')}; ${isSaid ? 'end the chain at a link that needs no other' : 'its peer lies in the inside subnet of a tunnel, so correct one of the two'}`;
    yield error(attachment, isSaid ? ['spec', 'over'] : ['spec', 'link'], reason);
  }
};

/** What carries an Attachment's outer packets: what it says, and the tunnels whose inside subnet its peer lies in. */
function carriers(snapshot: Snapshot): Map<Attachment, readonly Attachment[]> {
  const byName = new Map(snapshot.list('Attachment').map((attachment) => [attachment.metadata.name, attachment]));
  const insides = new Map<string, Attachment>();
  const lengths = new Set<number>();
  for (const attachment of snapshot.list('Attachment')) {
    const { link, router } = attachment.spec;
    if (!link.ipsec && !link.wireguard) continue;
    for (const text of linkPaths(attachment).flatMap(({ local }) => local)) {
      const cidr = parseCidr(text);
      if (!cidr) continue;
      lengths.add(cidr.length);
      insides.set(`${router} ${printPrefix(maskAddress(cidr.address, cidr.length))}`, attachment);
    }
  }
  const found = new Map<Attachment, readonly Attachment[]>();
  for (const attachment of snapshot.list('Attachment')) {
    const { over, router } = attachment.spec;
    const named = over === undefined ? undefined : byName.get(over);
    const routed = outerPeers(attachment).flatMap(({ address: peer }) =>
      [...lengths]
        .filter((length) => length <= (peer.family === 4 ? 32 : 128))
        .flatMap((length) => insides.get(`${router} ${printPrefix(maskAddress(peer, length))}`) ?? []),
    );
    found.set(attachment, [...(named ? [named] : []), ...routed]);
  }
  return found;
}

/** The shortest way from what carries an Attachment back to itself; longer chains are refused as such. */
function chainTo(
  start: Attachment,
  below: ReadonlyMap<Attachment, readonly Attachment[]>,
): readonly Attachment[] | undefined {
  const seen = new Set<Attachment>();
  let ways: (readonly Attachment[])[] = (below.get(start) ?? []).map((next) => [next]);
  for (let depth = 0; ways.length > 0 && depth <= maxUnderlays; depth++) {
    const longer: (readonly Attachment[])[] = [];
    for (const way of ways) {
      const last = way[way.length - 1];
      if (last === start) return way;
      if (last === undefined || seen.has(last)) continue;
      seen.add(last);
      for (const next of below.get(last) ?? []) longer.push([...way, next]);
    }
    ways = longer;
  }
  return undefined;
}
