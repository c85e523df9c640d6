/**
 * Routes that no peer announces: Attachments without BGP, peers behind a next hop, Calico's own blocks and service ranges.
 *
 *   Snapshot, Topology → [resolve-static] → RoutingIntent.staticRoutes
 */
import { equalAddresses, parseAddress, printAddress } from '../../net/address.ts';
import { comparePrefixes, hostPrefix, isHost, type Prefix, parsePrefix, printPrefix } from '../../net/prefix.ts';
import type { BgpConfigurationSpec } from '../../resources/bgp-configuration.ts';
import type { BgpPeerSpec } from '../../resources/bgp-peer.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts, Topology } from '../topology/topology.ts';
import { isWithinBound, type OwnedPrefix, resolveImportBound } from './resolve-bounds.ts';
import type { RoutingSettings } from './resolve-settings.ts';
import type { MultipathIntent, SessionIntent, StaticRoute } from './routing-intent.ts';

/** Sorted by prefix, one route for each. `localBlocks` are the IPAM blocks that this node holds. */
export function resolveStaticRoutes(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  sessions: readonly SessionIntent[],
  localBlocks: readonly Prefix[],
  multipath: MultipathIntent,
  warnings: Warning[],
): StaticRoute[] {
  const routes: StaticRoute[] = [
    ...topology.attachments.flatMap((attachment) => attachmentRoutes(attachment, ownership, multipath.isOn, warnings)),
    ...sessions.flatMap(reachableByRoute),
    // A /32 block is a single borrowed address, which needs no aggregate.
    ...localBlocks.filter((block) => !isHost(block)).map((prefix) => blackhole(prefix, 'block')),
    ...(topology.router.resource ? [] : serviceRanges(settings.global).map((prefix) => blackhole(prefix, 'service'))),
  ];
  const byPrefix = new Map<string, StaticRoute>();
  for (const route of routes) {
    const text = printPrefix(route.prefix);
    const first = byPrefix.get(text);
    if (!first) byPrefix.set(text, route);
    else if (!isSameTarget(first, route)) warnTwice(text, warnings);
  }
  return [...byPrefix.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
}

/** Ranges of service addresses that a Calico node announces; LoadBalancer ones only while they are aggregated. */
export function serviceRanges(global: BgpConfigurationSpec): Prefix[] {
  const aggregated = global.serviceLoadBalancerAggregation !== 'Disabled';
  return prefixesOf([
    ...(global.serviceClusterIPs ?? []),
    ...(global.serviceExternalIPs ?? []),
    ...(aggregated ? (global.serviceLoadBalancerIPs ?? []) : []),
  ]);
}

/** Ranges inside which a route reflector passes everything on (semantics §5.5, step 9). */
export function reflectedRanges(global: BgpConfigurationSpec): Prefix[] {
  return prefixesOf([...(global.serviceLoadBalancerIPs ?? []), ...(global.serviceExternalIPs ?? [])]);
}

function prefixesOf(entries: readonly { readonly cidr: string }[]): Prefix[] {
  return entries.flatMap(({ cidr }) => parsePrefix(cidr) ?? []).sort(comparePrefixes);
}

/** `isShared` uses all tunnels of an Attachment together. */
function attachmentRoutes(
  attachment: AttachmentFacts,
  ownership: readonly OwnedPrefix[],
  isShared: boolean,
  warnings: Warning[],
): StaticRoute[] {
  return (attachment.resource.spec.static?.prefixes ?? []).flatMap((text, index) => {
    const prefix = parsePrefix(text);
    if (!prefix) return [];
    // One for each device: a tunnel that is down is left out by BIRD, and the others carry what it did.
    const hops = attachment.paths.flatMap(({ remote }) => remote.find(({ family }) => family === prefix.family) ?? []);
    const nextHops = isShared ? hops : hops.slice(0, 1);
    const isOwned = isWithinBound(resolveImportBound(ownership, attachment.site.name, prefix.family), prefix);
    if (nextHops.length > 0 && isOwned) {
      if (nextHops.length < hops.length) warnings.push(warnOfFirst(attachment, index, text));
      return [{ prefix, target: { kind: 'via', nextHops }, reason: 'attachment' }];
    }
    warnings.push({
      code: isOwned ? 'static-without-next-hop' : 'static-outside-site',
      subject: attachment.resource,
      path: ['spec', 'static', 'prefixes', index],
      message: isOwned
        ? `no route for ${text}: addresses.remote has no address of its family to send it to`
        : `no route for ${text}: it does not belong to Site ${attachment.site.name} alone; correct the Site's prefixes`,
    });
    return [];
  });
}

function warnOfFirst({ resource, paths }: AttachmentFacts, index: number, prefix: string): Warning {
  return {
    code: 'static-by-one-tunnel',
    subject: resource,
    path: ['spec', 'static', 'prefixes', index],
    message: `${prefix} goes by ${paths[0]?.interfaceName} alone and by none while that is down, since equal paths are not used together here (forwarding.multipath, redundancyGroup): attach the Site by BGP`,
  };
}

function reachableByRoute(session: SessionIntent): StaticRoute[] {
  if (session.origin?.kind !== 'BGPPeer') return [];
  const text = (session.origin.spec as BgpPeerSpec).reachableBy;
  const nextHop = text === undefined ? undefined : parseAddress(text);
  if (!nextHop || nextHop.family !== session.family || equalAddresses(nextHop, session.neighbor)) return [];
  return [
    { prefix: hostPrefix(session.neighbor), target: { kind: 'via', nextHops: [nextHop] }, reason: 'reachable-by' },
  ];
}

function blackhole(prefix: Prefix, reason: StaticRoute['reason']): StaticRoute {
  return { prefix, target: { kind: 'blackhole' }, reason };
}

function isSameTarget(a: StaticRoute, b: StaticRoute): boolean {
  return targetText(a) === targetText(b);
}

function targetText(route: StaticRoute): string {
  return route.target.kind === 'via' ? route.target.nextHops.map(printAddress).join(' ') : 'blackhole';
}

function warnTwice(prefix: string, warnings: Warning[]): void {
  warnings.push({
    code: 'static-twice',
    subject: undefined,
    path: [],
    message: `${prefix} has more than one static route; the first, by name of the resource, is used`,
  });
}
