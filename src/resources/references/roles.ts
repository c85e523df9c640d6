/**
 * What a network can never carry for a router, by where the router stands: VPC peerings and gateways, VLANs in a VPC.
 */
import { isHost, parsePrefix } from '../../net/prefix.ts';
import type { InterfaceLink } from '../link.ts';
import type { Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { error, type Finding, type ReferenceCheck, warning } from './finding.ts';

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
    const behind = narrowNetwork(link.interface);
    if (!behind && profile !== 'aws-route-server' && profile !== 'azure-route-server') continue;
    const what = behind ?? 'a route server';
    const reason = `Router ${router} has role edge, and ${what} is there for machines in the cloud's own network alone: attach it to a router there (role: transit), or take the role out`;
    yield error(attachment, behind ? ['spec', 'link', 'interface', 'network'] : ['spec', 'profile'], reason);
  }
};

/** What AWS lets carry nothing but packets to the own CIDRs of the VPC at its end; undefined where it may carry anything. */
function narrowNetwork(link: InterfaceLink | undefined): string | undefined {
  switch (link?.network) {
    case 'vpc-peering':
      return 'a VPC peering';
    case 'vpn-gateway':
      return 'the virtual private gateway of a VPC';
    case 'subnet':
    case undefined:
      return undefined;
  }
}

/** No transitive peering, no edge-to-edge routing: a third network's packets, or the answers to them, are dropped. */
export const peeringsCarryNoTransit: ReferenceCheck = function* (snapshot) {
  const all = snapshot.list('Attachment');
  const exchange = exchanges(snapshot);
  for (const attachment of all) {
    const { link, router, site, bgp } = attachment.spec;
    const what = narrowNetwork(link.interface);
    if (what === undefined) continue;
    const why = `${what} delivers only what is addressed to a VPC's own CIDRs, so nothing from or to a third network crosses it`;
    const mend = `lead a tunnel over it (over: ${attachment.metadata.name}), with BGP or static prefixes inside, and keep the other router's address alone here`;
    if (bgp) {
      yield error(attachment, ['spec', 'bgp'], `${why}: routes learned here would lead nowhere; ${mend}`);
      continue;
    }
    const third = all.find(
      ({ spec }) =>
        spec.router === router &&
        spec.over !== attachment.metadata.name &&
        // The subnet that both stand on is the VPC's own; a second peering is behind the same device.
        (spec.link.interface?.name !== link.interface?.name || narrowNetwork(spec.link.interface) !== undefined) &&
        exchange(spec.site, site),
    );
    if (!third) continue;
    if (!all.some(({ spec }) => spec.over === attachment.metadata.name)) {
      const reason = `${why}, and Site ${third.spec.site} of Attachment ${third.metadata.name} is one: ${mend}`;
      yield error(attachment, ['spec', 'link', 'interface', 'network'], reason);
    } else yield* outsideOfTunnels(attachment, third.spec.site);
  }
};

/** Beside a tunnel only its peer belongs here: what a wider prefix sends past the tunnel meets the same end as without one. */
function* outsideOfTunnels(attachment: Resource<'Attachment'>, third: string): Iterable<Finding> {
  for (const [i, text] of (attachment.spec.static?.prefixes ?? []).entries()) {
    const prefix = parsePrefix(text);
    if (!prefix || isHost(prefix)) continue;
    const reason = `${text} sends past the tunnel over ${attachment.metadata.name} what no longer prefix inside it covers, and AWS drops answers to Site ${third} there: write the other router's address alone here, and ${text} at the tunnel`;
    yield warning(attachment, ['spec', 'static', 'prefixes', i], reason);
  }
}

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
