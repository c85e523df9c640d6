/**
 * What links run over, and what a network can never carry for a router: AWS peering, VLANs in a VPC.
 */
import { type Address, parseAddress } from '../../net/address.ts';
import { maskAddress, parseCidr, printPrefix } from '../../net/prefix.ts';
import { linkPaths, maxUnderlays } from '../link-paths.ts';
import type { Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { error, missing, type ReferenceCheck } from './finding.ts';

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
      const stranded = peersOf(attachment).find((peer) => !local.some(({ family }) => family === peer.family));
      if (local.length === 0 || !stranded) continue;
      const reason = `Attachment ${over} has no IPv${stranded.family} address to reach the peer with: give it one, or write a peer of the other family`;
      yield error(attachment, path, reason);
    }
  }
};

function isDeep(attachment: Attachment, byName: ReadonlyMap<string, Attachment>): boolean {
  let depth = 0;
  const seen = new Set<Attachment>();
  for (let at: Attachment | undefined = attachment; at && !seen.has(at); at = byName.get(at.spec.over ?? '')) {
    seen.add(at);
    if (depth++ > maxUnderlays) return true;
  }
  return false;
}

/** Outside addresses of the other ends. */
function peersOf({ spec: { link } }: Attachment): Address[] {
  const texts = link.ipsec?.tunnels.map(({ remoteAddress }) => remoteAddress) ?? [];
  const endpoint = link.wireguard?.endpoint;
  if (endpoint !== undefined) texts.push(endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1'));
  return texts.flatMap((text) => parseAddress(text) ?? []);
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
    const routed = peersOf(attachment).flatMap((peer) =>
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

/** What reaches a machine depends on where it stands: in a VPC no tag does, in a data center no peering does. */
export const rolesFit: ReferenceCheck = function* (snapshot) {
  const roles = new Map(snapshot.list('Router').map(({ metadata, spec }) => [metadata.name, spec.role]));
  for (const attachment of snapshot.list('Attachment')) {
    const { router, link, profile } = attachment.spec;
    const role = roles.get(router);
    if (role === 'transit' && (link.vlan || profile === 'aws-dx-private-vif')) {
      const reason = `Router ${router} has role transit, and neither a VLAN tag nor the BGP session of a virtual interface reaches a machine in a VPC: attach it to the router in the data center (role: edge), and lead a tunnel from there to ${router}`;
      yield error(attachment, link.vlan ? ['spec', 'link', 'vlan'] : ['spec', 'profile'], reason);
    }
    if (role !== 'edge') continue;
    const isPeering = link.interface?.network === 'vpc-peering';
    if (!isPeering && profile !== 'aws-route-server' && profile !== 'azure-route-server') continue;
    const what = isPeering ? 'a VPC peering' : 'a route server';
    const reason = `Router ${router} has role edge, and ${what} is there for machines in the cloud's own network alone: attach it to a router there (role: transit), or take the role out`;
    yield error(attachment, isPeering ? ['spec', 'link', 'interface', 'network'] : ['spec', 'profile'], reason);
  }
};

/** AWS delivers over a peering what is addressed to the other VPC itself, and nothing else. */
export const peeringsCarryNoTransit: ReferenceCheck = function* (snapshot) {
  const all = snapshot.list('Attachment');
  const exchange = exchanges(snapshot);
  for (const attachment of all) {
    const { link, router, site, bgp } = attachment.spec;
    if (link.interface?.network !== 'vpc-peering') continue;
    const why =
      "a VPC peering delivers only what is addressed to the other VPC's own CIDRs, so nothing from or to a third network crosses it";
    const mend = `lead a tunnel over it (over: ${attachment.metadata.name}), with BGP or static prefixes inside, and keep the other router's address alone here`;
    if (bgp) {
      yield error(attachment, ['spec', 'bgp'], `${why}: routes learned here would lead nowhere; ${mend}`);
      continue;
    }
    const third = all.find(
      ({ spec }) =>
        spec.router === router &&
        spec.over !== attachment.metadata.name &&
        spec.link.interface?.name !== link.interface?.name &&
        exchange(spec.site, site),
    );
    if (!third || all.some(({ spec }) => spec.over === attachment.metadata.name)) continue;
    const reason = `${why}, and Site ${third.spec.site} of Attachment ${third.metadata.name} is one: ${mend}`;
    yield error(attachment, ['spec', 'link', 'interface', 'network'], reason);
  }
};

/** Whether two Sites may learn each other's routes; a Site and itself do not. */
function exchanges(snapshot: Snapshot): (siteA: string, siteB: string) => boolean {
  const segmentOf = new Map(snapshot.list('Site').map(({ metadata, spec }) => [metadata.name, spec.segment ?? '']));
  const segments = new Map(snapshot.list('Segment').map(({ metadata, spec }) => [metadata.name, spec]));
  const names = (from: string, to: string): boolean => segments.get(from)?.exchangeWith?.includes(to) ?? false;
  return (siteA, siteB) => {
    const [a, b] = [segmentOf.get(siteA), segmentOf.get(siteB)];
    if (siteA === siteB || a === undefined || b === undefined) return false;
    return a === b ? segments.get(a)?.isolated !== true : names(a, b) && names(b, a);
  };
}
