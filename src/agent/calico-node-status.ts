/**
 * The status of a CalicoNodeStatus: a router's BIRD in the form that Calico's users and tools read.
 *
 *   BirdAbout, SessionStatus[], RibEntry[] → [calicoNodeStatusOf] → CalicoNodeStatus.status → store
 *
 * Calico runs one BIRD for each family; here one speaks both, so `birdV4` and `birdV6` say the same of it.
 * Invariant: a class that was not asked for, or could not be read, is left out: what is unknown is never shown as zero.
 */
import type { BirdAbout } from '../bird/about.ts';
import type { RibEntry, SessionStatus } from '../bird/daemon.ts';
import { type Family, parseAddress } from '../net/address.ts';
import type { CalicoNodeStatusSpec } from '../resources/calico-node-status.ts';

/** Routes of one family in one object at most: a store takes no object of a hundred thousand routes every few seconds. */
export const mostRoutes = 5_000;

/** What was read of BIRD; undefined was not asked for, or could not be read. */
export interface NodeObservation {
  /** RFC 3339. */
  readonly observedAt: string;
  readonly about: BirdAbout | undefined;
  readonly sessions: readonly SessionStatus[] | undefined;
  readonly routes: readonly RibEntry[] | undefined;
}

export interface CalicoNodeStatusStatus {
  readonly lastUpdated: string;
  readonly agent?: { readonly birdV4: BirdInstance; readonly birdV6: BirdInstance };
  readonly bgp?: BgpSection;
  readonly routes?: RoutesSection;
}

/** Times as BIRD prints them, in the router's local time. */
export type BirdInstance =
  | { readonly state: 'NotReady' }
  | ({ readonly state: 'Ready' | 'NotReady' } & Omit<BirdAbout, 'isReady'>);

export interface BgpSection {
  readonly numberEstablishedV4: number;
  readonly numberNotEstablishedV4: number;
  readonly numberEstablishedV6: number;
  readonly numberNotEstablishedV6: number;
  readonly peersV4: readonly CalicoPeer[];
  readonly peersV6: readonly CalicoPeer[];
}

export interface CalicoPeer {
  readonly peerIP: string;
  /** An Attachment's peer and a router of the group are peers of this node: NodePeer. */
  readonly type: 'NodeMesh' | 'NodePeer' | 'GlobalPeer';
  readonly state: Exclude<SessionStatus['state'], 'Down'>;
  readonly since: string;
}

export interface RoutesSection {
  readonly routesV4: readonly CalicoRoute[];
  readonly routesV6: readonly CalicoRoute[];
  /** How many routes were left out, where there are more than fit; not in Calico. */
  readonly omittedV4?: number;
  readonly omittedV6?: number;
}

export interface CalicoRoute {
  /** `FIB`: the route that BIRD prefers for its prefix; `RIB`: one that it only knows. */
  readonly type: 'FIB' | 'RIB';
  readonly destination: string;
  /** Calico's word for a route without one is `N/A`. */
  readonly gateway: string;
  readonly interface: string;
  readonly learnedFrom?: {
    readonly sourceType: 'Kernel' | 'Static' | 'Direct' | 'NodeMesh' | 'BGPPeer';
    readonly peerIP?: string;
  };
}

export function calicoNodeStatusOf(
  classes: CalicoNodeStatusSpec['classes'],
  { observedAt, about, sessions, routes }: NodeObservation,
): CalicoNodeStatusStatus {
  const bird = birdInstance(about);
  return {
    lastUpdated: observedAt,
    ...(classes.includes('Agent') ? { agent: { birdV4: bird, birdV6: bird } } : {}),
    ...(classes.includes('BGP') && sessions ? { bgp: bgpSection(sessions) } : {}),
    ...(classes.includes('Routes') && routes ? { routes: routesSection(routes, sessions ?? []) } : {}),
  };
}

function birdInstance(about: BirdAbout | undefined): BirdInstance {
  if (!about) return { state: 'NotReady' };
  const { isReady, ...rest } = about;
  return { state: isReady ? 'Ready' : 'NotReady', ...rest };
}

function bgpSection(sessions: readonly SessionStatus[]): BgpSection {
  const of = (family: Family): SessionStatus[] =>
    sessions.filter(({ neighbor }) => parseAddress(neighbor)?.family === family);
  const [v4, v6] = [of(4), of(6)];
  const up = (list: readonly SessionStatus[]): number => list.filter(({ state }) => state === 'Established').length;
  return {
    numberEstablishedV4: up(v4),
    numberNotEstablishedV4: v4.length - up(v4),
    numberEstablishedV6: up(v6),
    numberNotEstablishedV6: v6.length - up(v6),
    peersV4: v4.map(peerOf),
    peersV6: v6.map(peerOf),
  };
}

function peerOf({ name, neighbor, state, since }: SessionStatus): CalicoPeer {
  const type = name.startsWith('Mesh_') ? 'NodeMesh' : name.startsWith('Global_') ? 'GlobalPeer' : 'NodePeer';
  return { peerIP: neighbor, type, state: state === 'Down' ? 'Idle' : state, since };
}

function routesSection(routes: readonly RibEntry[], sessions: readonly SessionStatus[]): RoutesSection {
  const peers = new Map(sessions.map(({ name, neighbor }) => [name, neighbor]));
  const of = (isWanted: (prefix: string) => boolean): RibEntry[] => routes.filter(({ prefix }) => isWanted(prefix));
  const v6 = of((prefix) => prefix.includes(':'));
  const v4 = of((prefix) => !prefix.includes(':'));
  const print = (list: readonly RibEntry[]): CalicoRoute[] =>
    list.slice(0, mostRoutes).map((route) => routeOf(route, peers));
  return {
    routesV4: print(v4),
    routesV6: print(v6),
    ...(v4.length > mostRoutes ? { omittedV4: v4.length - mostRoutes } : {}),
    ...(v6.length > mostRoutes ? { omittedV6: v6.length - mostRoutes } : {}),
  };
}

function routeOf(route: RibEntry, peers: ReadonlyMap<string, string>): CalicoRoute {
  const [hop] = route.nextHops;
  const learnedFrom = sourceOf(route, peers);
  return {
    type: route.preferred ? 'FIB' : 'RIB',
    destination: route.prefix,
    gateway: hop?.gateway ?? 'N/A',
    interface: hop?.device ?? route.destination,
    ...(learnedFrom ? { learnedFrom } : {}),
  };
}

/** Undefined for a protocol of the user's own BIRD text: Calico has no word for it. */
function sourceOf(route: RibEntry, peers: ReadonlyMap<string, string>): CalicoRoute['learnedFrom'] {
  const { protocol } = route;
  const neighbor = peers.get(protocol);
  if (neighbor !== undefined) {
    return { sourceType: protocol.startsWith('Mesh_') ? 'NodeMesh' : 'BGPPeer', peerIP: neighbor };
  }
  if (/^kernel[46]$/.test(protocol)) return { sourceType: 'Kernel' };
  if (protocol === 'direct') return { sourceType: 'Direct' };
  if (/^(static|aggregate|default)[46]$/.test(protocol)) return { sourceType: 'Static' };
  return undefined;
}
