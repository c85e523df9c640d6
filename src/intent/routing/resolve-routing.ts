/**
 * What BGP one router must speak: the whole of RoutingIntent from one snapshot.
 *
 *   Snapshot, Topology → [resolve-routing] → RoutingIntent → bird/compile, facts
 *
 * Invariant: sessions have unique names and are sorted by them; a missing filter, Site or segment narrows what is
 * exchanged; equal input gives an equal intent.
 */
import { printAddress } from '../../net/address.ts';
import { comparePrefixes, containsAddress, type Prefix, parsePrefix, printPrefix } from '../../net/prefix.ts';
import type { IpPoolSpec } from '../../resources/ip-pool.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { resolveOwnPrefixes, warnHiddenSites } from './own-prefixes.ts';
import { warnLoops } from './predict-loops.ts';
import { warnProfiles } from './profile-warnings.ts';
import { resolveAggregates, warnAggregates } from './resolve-aggregates.ts';
import { resolveAttachmentSessions } from './resolve-attachment-sessions.ts';
import { type OwnedPrefix, resolveOwnership } from './resolve-bounds.ts';
import { resolveCalicoSessions } from './resolve-calico-sessions.ts';
import { resolveConfinement } from './resolve-confinement.ts';
import { resolveFilters } from './resolve-filters.ts';
import { groupRouters, resolveGroup, resolveMultipath } from './resolve-group.ts';
import { resolveGroupSessions } from './resolve-group-sessions.ts';
import { resolvePins } from './resolve-pins.ts';
import { type RoutingSettings, resolveSettings } from './resolve-settings.ts';
import { resolveStateSync } from './resolve-state-sync.ts';
import { reflectedRanges, resolveStaticRoutes, serviceRanges } from './resolve-static.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { PoolIntent, RoutingIntent, SessionIntent } from './routing-intent.ts';
import { fastestBfd } from './session-timers.ts';
import { resolveSiteMarks } from './site-marks.ts';

const linkLocalPrefix = parsePrefix('fe80::/10');

export interface RoutingOptions {
  /** IPAM blocks that this node holds; Calico keeps them outside its resources. */
  readonly localBlocks?: readonly Prefix[];
}

/** Total: whatever cannot be honoured is left out and warned of. */
export function resolveRouting(
  snapshot: Snapshot,
  topology: Topology,
  options: RoutingOptions = {},
): { readonly routing: RoutingIntent; readonly warnings: readonly Warning[] } {
  const warnings: Warning[] = [];
  const settings = resolveSettings(snapshot, topology, warnings);
  const ownership = resolveOwnership(topology.sites);
  warnSharedPrefixes(topology, ownership, warnings);
  const marks = resolveSiteMarks(topology.sites, warnings);
  const pins = resolvePins(snapshot, groupRouters(topology), topology.sites, warnings);
  const facts: RoutingFacts = { topology, settings, ownership, marks, rankOf: pins.rankOf };
  const attached = resolveAttachmentSessions(facts, warnings);
  const ours = firstOfEachEnd([...attached, ...resolveGroupSessions(facts, fastestBfd(attached), warnings)], warnings);
  const calico = resolveCalicoSessions(snapshot, topology, settings, ownership, ours, warnings);
  const sessions = withoutLinkLocal([...ours, ...calico], warnings).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (settings.isRouterIdDerived && sessions.length > 0) warnDerivedRouterId(topology, settings, warnings);
  warnAggregates(facts, ours, warnings);
  warnProfiles(topology, settings.localAs, warnings);
  warnLoops(snapshot, topology, settings.localAs, warnings);
  const group = resolveGroup(snapshot, topology, pins, resolveStateSync(snapshot, topology, warnings));
  const ownPrefixes = resolveOwnPrefixes(snapshot, topology);
  warnHiddenSites(ownPrefixes, topology, warnings);
  const multipath = resolveMultipath(topology, group);
  const pools = resolvePools(snapshot);
  const isReflector = topology.generated.node.spec.bgp?.routeReflectorClusterID !== undefined;
  const routing: RoutingIntent = {
    routerId: settings.routerId,
    localAs: settings.localAs,
    listenPort: settings.listenPort,
    listenOn: settings.listenOn,
    sessions,
    filters: resolveFilters(snapshot, sessions, warnings),
    staticRoutes: resolveStaticRoutes(
      topology,
      settings,
      ownership,
      sessions,
      options.localBlocks ?? [],
      multipath,
      warnings,
    ),
    aggregates: resolveAggregates(sessions),
    prefixAdvertisements: settings.prefixAdvertisements,
    ignoredInterfaces: settings.ignoredInterfaces,
    pools,
    kernelRejects: topology.router.resource ? [] : resolveKernelRejects(settings, pools),
    debug: settings.debug,
    learnsKernelRoutes: sessions.some((session) => session.reach !== 'direct'),
    reflectedRanges: isReflector && !topology.router.resource ? reflectedRanges(settings.global) : [],
    ownPrefixes,
    confinement: resolveConfinement(snapshot, topology, ownership),
    group,
    multipath,
    isDrained: false,
  };
  return { routing, warnings };
}

/** A router that speaks to nobody needs no router ID. */
function warnDerivedRouterId({ router }: Topology, { routerId }: RoutingSettings, warnings: Warning[]): void {
  const path = router.resource ? ['spec', 'routerID'] : ['spec', 'bgp', 'ipv4Address'];
  warnings.push({
    code: 'router-id-derived',
    subject: router.resource ?? router.node,
    path,
    message: `no IPv4 address to take a router ID from, so ${routerId} is made from the name: set ${path.join('.')}`,
  });
}

/** Two sessions to one address and port would fight in BIRD: the first, by name of the Attachment, stays. */
function firstOfEachEnd(sessions: readonly SessionIntent[], warnings: Warning[]): SessionIntent[] {
  const byEnd = new Map<string, SessionIntent>();
  for (const session of sessions) {
    const end = `${printAddress(session.neighbor)} ${session.port}`;
    const first = byEnd.get(end);
    if (!first) {
      byEnd.set(end, session);
      continue;
    }
    warnings.push({
      code: 'peer-claimed-twice',
      subject: session.origin,
      path: ['spec', 'addresses', 'remote'],
      message: `${printAddress(session.neighbor)} already has a session from ${first.description}, which wins`,
    });
  }
  return [...byEnd.values()];
}

/** BIRD refuses a whole configuration for one link-local address without its interface. */
function withoutLinkLocal(sessions: readonly SessionIntent[], warnings: Warning[]): SessionIntent[] {
  return sessions.filter((session) => {
    const ends = [session.neighbor, ...(session.sourceAddress ? [session.sourceAddress] : [])];
    const linkLocal = ends.find((address) => linkLocalPrefix && containsAddress(linkLocalPrefix, address));
    if (!linkLocal) return true;
    warnings.push({
      code: 'link-local-session',
      subject: session.origin,
      path: ['spec'],
      message: `no session to ${printAddress(session.neighbor)}: ${printAddress(linkLocal)} means nothing without its interface; give both ends an address that is not link-local`,
    });
    return false;
  });
}

function resolvePools(snapshot: Snapshot): PoolIntent[] {
  return snapshot
    .list('IPPool')
    .flatMap((pool) => {
      const prefix = parsePrefix(pool.spec.cidr);
      if (!prefix) return [];
      return [
        { prefix, encapsulation: encapsulationOf(pool.spec), exported: pool.spec.disableBGPExport !== true } as const,
      ];
    })
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
}

function encapsulationOf(spec: IpPoolSpec): PoolIntent['encapsulation'] {
  if (spec.vxlanMode !== undefined && spec.vxlanMode !== 'Never') return 'vxlan';
  return spec.ipipMode !== undefined && spec.ipipMode !== 'Never' ? 'ipip' : 'none';
}

/**
 * What a Calico node keeps out of the kernel: service ranges, which kube-proxy serves, and pools whose routes its other
 * half programs (semantics §5.6). A Router reaches pods over its attachments, whatever their cluster does inside.
 */
function resolveKernelRejects(settings: RoutingSettings, pools: readonly PoolIntent[]): Prefix[] {
  const programs = settings.global.programClusterRoutes ?? 'EnabledNoEncapOnly';
  const isRejected = (pool: PoolIntent): boolean => {
    switch (pool.encapsulation) {
      case 'vxlan':
        return true;
      case 'ipip':
        return programs !== 'Enabled' && programs !== 'EnabledIPIPOnly';
      case 'none':
        return programs !== 'Enabled' && programs !== 'EnabledNoEncapOnly';
    }
  };
  const ofPools = pools.filter((pool) => pool.prefix.family === 4 && isRejected(pool)).map((pool) => pool.prefix);
  const vxlan6 = pools.filter((pool) => pool.prefix.family === 6 && pool.encapsulation === 'vxlan');
  return [...serviceRanges(settings.global), ...ofPools, ...vxlan6.map((pool) => pool.prefix)].sort(comparePrefixes);
}

function warnSharedPrefixes(topology: Topology, ownership: readonly OwnedPrefix[], warnings: Warning[]): void {
  for (const { prefix, sites } of ownership) {
    if (sites.length < 2) continue;
    const [first] = sites;
    warnings.push({
      code: 'prefix-shared',
      subject: topology.sites.find((site) => site.name === first)?.resource,
      path: ['spec', 'prefixes'],
      message: `${printPrefix(prefix)} is declared by ${sites.join(', ')}: it is passed on only where all of them may be`,
    });
  }
}
