/**
 * A router's BGP intent as plain JSON: what `render --target facts` prints (product contract, command table).
 *
 *   RouterIntent → [facts] → RouterFactsJson
 *
 * Invariant: keys are stable, lists sorted (sessions by family, neighbor and port; filters in their order of evaluation);
 * a password is only ever said to be there or not.
 */
import { compareAddresses, printAddress } from '../../net/address.ts';
import { type Prefix, printPrefix } from '../../net/prefix.ts';
import { resourceId } from '../../resources/resource.ts';
import type { RouterIntent } from '../router-intent.ts';
import {
  type ChannelIntent,
  type GroupIntent,
  isInternal,
  mainChannel,
  type PrefixBound,
  type SessionIntent,
} from './routing-intent.ts';
import { defaultRestart } from './session-timers.ts';

/** What BIRD's `multihop` without a number means (BIRD 2 manual). */
const anyHops = 64;

export interface RoutingFacts {
  readonly router: string;
  readonly routerID: string;
  readonly asNumber: number;
  readonly listenPort: number;
  /** Addresses BGP listens on; empty means all. */
  readonly listenOn: readonly string[];
  readonly sessions: readonly SessionFacts[];
  readonly staticRoutes: readonly { prefix: string; via: string | null; reason: string }[];
  readonly aggregates: readonly { prefix: string; sessions: readonly string[] }[];
  /** Communities that routes inside a prefix go out with. */
  readonly communities: readonly { prefix: string; communities: readonly string[] }[];
  readonly ignoredInterfaces: readonly string[];
  readonly pools: readonly { cidr: string; encapsulation: string; exported: boolean }[];
  /** Never learned from outside, nor anything inside. */
  readonly ownPrefixes: readonly string[];
  readonly group: GroupFacts | null;
  readonly multipath: { on: boolean; reason: string };
  readonly drained: boolean;
}

export interface GroupFacts {
  readonly name: string;
  readonly members: readonly string[];
  /** Which router carries a Site's traffic; null: none is preferred. */
  readonly pins: readonly { site: string; router: string | null; by: string }[];
  readonly stateSync: { interface: string; local: string; port: number; peers: readonly PeerRouter[] } | null;
}

interface PeerRouter {
  readonly router: string;
  readonly address: string;
}

export interface SessionFacts {
  readonly name: string;
  /** `Kind/name` of the resource that asked for it; null for the node-to-node mesh. */
  readonly origin: string | null;
  readonly family: 4 | 6;
  readonly neighbor: string;
  readonly port: number;
  readonly remoteAS: number;
  readonly localAS: number;
  readonly type: 'eBGP' | 'iBGP';
  /** Address the session is opened from; null leaves it to the kernel. */
  readonly source: string | null;
  readonly passive: boolean;
  /** Hops the peer may be away, 64 where no number is asked for (BIRD's bare `multihop`); null: it must be on the link. */
  readonly multihop: number | null;
  readonly ttlSecurity: boolean;
  readonly nextHop: 'default' | 'self' | 'keep';
  readonly rrClient: boolean;
  readonly rrClusterId: string | null;
  /** Seconds that routes are kept for a peer that restarts, 120 unless asked for otherwise; null is off. */
  readonly gracefulRestart: number | null;
  /** Seconds; null is a third of the hold time. */
  readonly keepalive: number | null;
  /** Seconds; null is BIRD's 240. */
  readonly hold: number | null;
  readonly allowLocalAS: number;
  /** Milliseconds; null is off. */
  readonly bfd: { minInterval: number; multiplier: number } | null;
  readonly password: boolean;
  readonly importFilters: readonly string[];
  readonly exportFilters: readonly string[];
  /** What may be learned; null means anything the filters let through. */
  readonly importBound: BoundFacts | null;
  readonly exportBound: BoundFacts | null;
  readonly acceptsDefaultRoute: boolean;
  readonly localPref: number | null;
  readonly med: number | null;
  readonly communities: readonly string[];
  readonly importLimit: { prefixes: number; action: string } | null;
  readonly exportLimit: { prefixes: number; action: string } | null;
  readonly role: { local: string; strict: boolean } | null;
  readonly enforcesFirstAS: boolean;
  /** What it carries, by family; the keys above are those of the session's own family. */
  readonly channels: readonly ChannelFacts[];
}

export interface ChannelFacts {
  readonly family: 4 | 6;
  readonly extendedNextHop: boolean;
  readonly import: {
    readonly filters: readonly string[];
    readonly bound: BoundFacts | null;
    readonly acceptsDefaultRoute: boolean;
    readonly localPref: number | null;
    readonly receiveLimit: { prefixes: number; action: string } | null;
    readonly limit: { prefixes: number; action: string } | null;
    readonly refusesBogons: boolean;
    readonly refusesOwnPrefixes: boolean;
    readonly refusesOwnRoutes: boolean;
    readonly maxPathLength: number | null;
    readonly originMark: MarkFacts | null;
    readonly honorsGracefulShutdown: boolean;
    readonly hook: string | null;
    readonly default: 'accept' | 'reject';
  };
  readonly export: {
    readonly filters: readonly string[];
    readonly bound: BoundFacts | null;
    readonly communities: readonly string[];
    readonly med: number | null;
    readonly localPref: number | null;
    readonly prepend: number;
    readonly limit: { prefixes: number; action: string } | null;
    readonly overridesAS: boolean;
    readonly originatesDefault: boolean;
    readonly originMark: MarkFacts | null;
    readonly aggregates: readonly string[];
    readonly hook: string | null;
    readonly default: 'calico' | 'reject';
  };
}

/** A Site in the large community that marks its routes. */
export interface MarkFacts {
  readonly site: string;
  readonly id: number;
}

/** Of all prefixes that contain a route, the longest decides. */
export interface BoundFacts {
  readonly within: readonly string[];
  readonly except: readonly string[];
}

export function resolveFacts(intent: Pick<RouterIntent, 'router' | 'routing'>): RoutingFacts {
  const { router, routing } = intent;
  const sessions = [...routing.sessions].sort(
    (a, b) => a.family - b.family || compareAddresses(a.neighbor, b.neighbor) || a.port - b.port,
  );
  return {
    router,
    routerID: routing.routerId,
    asNumber: routing.localAs,
    listenPort: routing.listenPort,
    listenOn: routing.listenOn.map(printAddress),
    sessions: sessions.map(sessionFacts),
    staticRoutes: routing.staticRoutes.map(({ prefix, target, reason }) => ({
      prefix: printPrefix(prefix),
      via: target.kind === 'via' ? target.nextHops.map(printAddress).join(' ') : null,
      reason,
    })),
    aggregates: routing.aggregates.map(({ prefix, sessions: names }) => ({
      prefix: printPrefix(prefix),
      sessions: names,
    })),
    communities: routing.prefixAdvertisements.map(({ prefix, communities }) => ({
      prefix: printPrefix(prefix),
      communities,
    })),
    ignoredInterfaces: routing.ignoredInterfaces,
    pools: routing.pools.map(({ prefix, encapsulation, exported }) => ({
      cidr: printPrefix(prefix),
      encapsulation,
      exported,
    })),
    ownPrefixes: routing.ownPrefixes.map(printPrefix),
    group: routing.group ? groupFacts(routing.group) : null,
    multipath: { on: routing.multipath.isOn, reason: routing.multipath.reason },
    drained: routing.isDrained,
  };
}

/** The facts as JSON text, two spaces deep, with a line break at the end. */
export function printFacts(intent: Pick<RouterIntent, 'router' | 'routing'>): string {
  return `${JSON.stringify(resolveFacts(intent), null, 2)}\n`;
}

function sessionFacts(session: SessionIntent): SessionFacts {
  const { origin, sourceAddress, reach } = session;
  const { import: imports, export: exports } = mainChannel(session);
  return {
    name: session.name,
    origin: origin ? resourceId(origin) : null,
    family: session.family,
    neighbor: printAddress(session.neighbor),
    port: session.port,
    remoteAS: session.remoteAs,
    localAS: session.localAs,
    type: isInternal(session) ? 'iBGP' : 'eBGP',
    source: sourceAddress ? printAddress(sourceAddress) : null,
    passive: session.passive,
    multihop: reach === 'direct' ? null : reach === 'any' ? anyHops : reach.hops,
    ttlSecurity: session.ttlSecurity,
    nextHop: session.nextHop,
    rrClient: session.rrClient,
    rrClusterId: session.rrClusterId ?? null,
    gracefulRestart: restartSeconds(session.gracefulRestart),
    keepalive: session.keepalive ?? null,
    hold: session.hold ?? null,
    allowLocalAS: session.allowLocalAs,
    bfd: session.bfd ?? null,
    password: session.password !== undefined,
    importFilters: imports.filters,
    exportFilters: exports.filters,
    importBound: boundFacts(imports.bound),
    exportBound: boundFacts(exports.bound),
    acceptsDefaultRoute: imports.acceptsDefaultRoute,
    localPref: imports.localPref ?? null,
    med: exports.med ?? null,
    communities: exports.communities,
    importLimit: imports.limit ?? null,
    exportLimit: exports.limit ?? null,
    role: session.role ? { local: session.role.local, strict: session.role.isStrict } : null,
    enforcesFirstAS: session.enforcesFirstAs,
    channels: session.channels.map(channelFacts),
  };
}

function channelFacts({ family, extendedNextHop, import: imports, export: exports }: ChannelIntent): ChannelFacts {
  return {
    family,
    extendedNextHop,
    import: {
      filters: imports.filters,
      bound: boundFacts(imports.bound),
      acceptsDefaultRoute: imports.acceptsDefaultRoute,
      localPref: imports.localPref ?? null,
      receiveLimit: imports.receiveLimit ?? null,
      limit: imports.limit ?? null,
      refusesBogons: imports.refusesBogons,
      refusesOwnPrefixes: imports.refusesOwnPrefixes,
      refusesOwnRoutes: imports.refusesOwnRoutes,
      maxPathLength: imports.maxPathLength ?? null,
      originMark: imports.origin ?? null,
      honorsGracefulShutdown: imports.honorsGracefulShutdown,
      hook: imports.hook ?? null,
      default: imports.default,
    },
    export: {
      filters: exports.filters,
      bound: boundFacts(exports.bound),
      communities: exports.communities,
      med: exports.med ?? null,
      localPref: exports.localPref ?? null,
      prepend: exports.prepend,
      limit: exports.limit ?? null,
      overridesAS: exports.overridesAs,
      originatesDefault: exports.originatesDefault,
      originMark: exports.origin ?? null,
      aggregates: exports.aggregates.map(printPrefix),
      hook: exports.hook ?? null,
      default: exports.default,
    },
  };
}

function groupFacts({ name, members, pins, stateSync }: GroupIntent): GroupFacts {
  return {
    name,
    members,
    pins: pins.map(({ site, router, by }) => ({ site, router: router ?? null, by })),
    stateSync: stateSync
      ? {
          interface: stateSync.interfaceName,
          local: printAddress(stateSync.local),
          port: stateSync.port,
          peers: stateSync.peers.map(({ router, address }) => ({ router, address: printAddress(address) })),
        }
      : null,
  };
}

function restartSeconds(restart: SessionIntent['gracefulRestart']): number | null {
  if (restart === 'off') return null;
  return restart === 'default' ? defaultRestart : restart;
}

function boundFacts(bound: PrefixBound | undefined): BoundFacts | null {
  if (!bound) return null;
  const print = (list: readonly Prefix[]): string[] => list.map(printPrefix);
  return { within: print(bound.within), except: print(bound.except) };
}
