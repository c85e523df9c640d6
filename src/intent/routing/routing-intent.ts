/**
 * What BGP one router must speak, in domain terms.
 *
 *   Snapshot ─[resolve-routing]→ RoutingIntent → bird/compile, `render --target facts`
 *
 * Invariant: complete and sorted: no session lacks an import or an export policy, and a missing filter, secret or Site
 * narrows what is exchanged.
 */
import type { Address, Family } from '../../net/address.ts';
import type { Asn } from '../../net/asn.ts';
import type { Prefix } from '../../net/prefix.ts';
import type { BgpFilterRule } from '../../resources/bgp-filter.ts';
import type { Resource } from '../../resources/resource.ts';
import type { SecretRef } from '../../resources/secret-ref.ts';

export interface RoutingIntent {
  /** Dotted quad. */
  readonly routerId: string;
  readonly localAs: Asn;
  readonly listenPort: number;
  /** Addresses to listen on; empty means all. */
  readonly listenOn: readonly Address[];
  /** Sorted by name. */
  readonly sessions: readonly SessionIntent[];
  readonly filters: ReadonlyMap<string, FilterIntent>;
  /** Static routes of Attachments, reachableBy hosts, Calico's own blocks and service ranges. */
  readonly staticRoutes: readonly StaticRoute[];
  /** Advertised only while a more specific route inside exists. */
  readonly aggregates: readonly AggregateIntent[];
  readonly prefixAdvertisements: readonly { readonly prefix: Prefix; readonly communities: readonly string[] }[];
  /** Interface patterns that the direct protocol leaves out, as BIRD writes them without quotes. */
  readonly ignoredInterfaces: readonly string[];
  /** Pools as Calico's built-in export and kernel policy see them (semantics §5.5, §5.6). */
  readonly pools: readonly PoolIntent[];
  /** Prefixes never put into the kernel. */
  readonly kernelRejects: readonly Prefix[];
  readonly debug: 'off' | 'events' | 'all';
  /**
   * Whether next hops may resolve through routes that others put into the kernel: needed as soon as one peer is not on the
   * link. Such routes are never passed on, unless a hand-written export filter accepts them as in Calico.
   */
  readonly learnsKernelRoutes?: boolean;
  /** Ranges inside which a route reflector passes on everything (LoadBalancer and external service addresses). */
  readonly reflectedRanges?: readonly Prefix[];
  /** Subnets of the router and of its group, sorted: never learned from outside, nor anything inside them. */
  readonly ownPrefixes: readonly Prefix[];
  /** What no default route may carry, of both families: what is forwarded to it has a longer prefix to go by, or goes nowhere. */
  readonly confinement: PrefixBound;
  /** The redundancy group; undefined for a router that stands alone. */
  readonly group: GroupIntent | undefined;
  /** Whether the kernel gets all of several equal paths. */
  readonly multipath: MultipathIntent;
  /** Being taken out of service: peers are asked to go round it (RFC 8326), and it goes round its own peers. */
  readonly isDrained: boolean;
}

/** Routers that back each other up, as one of them sees it. */
export interface GroupIntent {
  readonly name: string;
  /** All Routers of the group, this one included, sorted. */
  readonly members: readonly string[];
  /** Of every Site that a Router of the group is attached to, sorted by Site. */
  readonly pins: readonly SitePin[];
  /** How connection state is shared; undefined where it is not. */
  readonly stateSync: StateSyncIntent | undefined;
}

/**
 * Which router of the group carries a Site's traffic, in both directions: all routers prefer the routes it learned, and it
 * tells the Site so. Flows between two pinned Sites pass the same routers both ways.
 */
export interface SitePin {
  readonly site: string;
  /** Undefined: several routers are equally preferred, so the two halves of a flow may pass different ones. */
  readonly router: string | undefined;
  /** What decided; `none` for a Site that is not pinned. */
  readonly by: 'only-router' | 'attachment' | 'site' | 'name' | 'none';
}

/** Conntrack events of all routers of a group, over a link of their own (conntrackd). */
export interface StateSyncIntent {
  readonly interfaceName: string;
  readonly local: Address;
  /** The other routers' addresses on that link, sorted. */
  readonly peers: readonly { readonly router: string; readonly address: Address }[];
  /** UDP. */
  readonly port: number;
}

/** Several paths may be used when each router sees both halves of every flow, or knows the state of all. */
export interface MultipathIntent {
  readonly isOn: boolean;
  /** For people: why. */
  readonly reason: string;
}

export interface SessionIntent {
  /** BIRD-safe: `[A-Za-z_][A-Za-z0-9_]*`, unique. */
  readonly name: string;
  /** The resource that asked for it: an Attachment, a BGPPeer, the mesh (undefined), or the Router of the group that it goes to. */
  readonly origin: Resource | undefined;
  readonly description: string;
  /** Of the neighbor's address. */
  readonly family: Family;
  readonly neighbor: Address;
  readonly port: number;
  readonly remoteAs: Asn;
  readonly localAs: Asn;
  readonly sourceAddress?: Address;
  readonly passive: boolean;
  /** On the link, or so many hops away; `any` is BIRD's bare `multihop`. */
  readonly reach: 'direct' | 'any' | { readonly hops: number };
  /** GTSM on (RFC 5082). */
  readonly ttlSecurity: boolean;
  readonly nextHop: 'default' | 'self' | 'keep';
  readonly rrClient: boolean;
  readonly rrClusterId?: string;
  /** Seconds; undefined leaves BIRD's default, 'off' switches it off. */
  readonly gracefulRestart: number | 'default' | 'off';
  /** Seconds. */
  readonly keepalive?: number;
  readonly hold?: number;
  readonly allowLocalAs: number;
  /** Liveness by BFD (RFC 5880, 5881, 5883); milliseconds. Absent: by hold time alone. */
  readonly bfd?: { readonly minInterval: number; readonly multiplier: number };
  readonly password?: SecretRef;
  /** Characters that the peer's own must have at least; any number where absent. */
  readonly shortestPassword?: number;
  /** The router's own role towards the peer (RFC 9234); with `isStrict` a peer that speaks none is refused. */
  readonly role?: { readonly local: BgpRole; readonly isStrict: boolean };
  /** Whether the first AS of a path must be the peer's (RFC 4271 §6.3): not so for route servers. */
  readonly enforcesFirstAs: boolean;
  /** At least one, at most one for each family, sorted by family. */
  readonly channels: readonly ChannelIntent[];
}

/** The channel of the family that the session itself runs over, else its first: there is always one. */
export function mainChannel(session: SessionIntent): ChannelIntent {
  const [first] = session.channels;
  const main = session.channels.find((channel) => channel.family === session.family) ?? first;
  if (!main) throw new Error(`session ${session.name} carries no family`);
  return main;
}

/** iBGP: both ends are of one AS, that of the session where it has its own. */
export function isInternal({ remoteAs, localAs }: SessionIntent): boolean {
  return remoteAs === localAs;
}

export type BgpRole = 'provider' | 'customer' | 'peer' | 'rs-server' | 'rs-client';

/** What a session carries of one family (RFC 4760). */
export interface ChannelIntent {
  readonly family: Family;
  /** IPv4 with an IPv6 next hop (RFC 8950), where the session runs over IPv6. */
  readonly extendedNextHop: boolean;
  readonly import: ImportIntent;
  readonly export: ExportIntent;
}

export interface PrefixLimit {
  readonly prefixes: number;
  readonly action: 'warn' | 'block' | 'down';
}

/**
 * Which prefixes may pass: of all prefixes of both lists that contain a route, the longest decides; a route that none
 * contains is refused.
 *
 * Both lists are sorted and share no prefix; those of a session hold one family.
 */
export interface PrefixBound {
  readonly within: readonly Prefix[];
  readonly except: readonly Prefix[];
}

export interface ImportIntent {
  /** Names of filters in order; a name missing from RoutingIntent.filters rejects everything that reaches it. */
  readonly filters: readonly string[];
  /** Nothing outside these prefixes is learned, nor inside `except`; undefined is Calico's: anything. */
  readonly bound?: PrefixBound;
  readonly acceptsDefaultRoute: boolean;
  readonly localPref?: number;
  /** Of all routes the peer sends, whatever becomes of them. */
  readonly receiveLimit?: PrefixLimit;
  /** Of routes that were accepted. */
  readonly limit?: PrefixLimit;
  /** Refuses what no peer may announce: special-purpose addresses (RFC 6890), and the router's own subnets. */
  readonly refusesBogons: boolean;
  readonly refusesOwnPrefixes: boolean;
  /** Longest AS path, in AS numbers. */
  readonly maxPathLength?: number;
  /** Refuses routes that carry our mark of a Site: they are our own, come back. */
  readonly refusesOwnRoutes: boolean;
  /** Marks what is learned as this Site's, by a large community (docs/design/routing.md). */
  readonly origin?: SiteMark;
  /** De-prefers what the peer says it is about to withdraw (RFC 8326 §4.2). */
  readonly honorsGracefulShutdown: boolean;
  /** A function of the user's own BIRD text, called after the bound and before the filters. */
  readonly hook?: string;
  /** What a route that no filter decided meets. */
  readonly default: 'accept' | 'reject';
}

export interface ExportIntent {
  readonly filters: readonly string[];
  /** Exactly the prefixes (and more specifics) that may be passed on; undefined is Calico's built-in export policy. */
  readonly bound?: PrefixBound;
  /** `aa:nn` or `aa:nn:mm`, well-known names already as numbers. */
  readonly communities: readonly string[];
  readonly med?: number;
  /** LOCAL_PREF towards a peer of the same AS. */
  readonly localPref?: number;
  readonly prepend: number;
  readonly limit?: PrefixLimit;
  /** Puts the local AS in the place of the peer's in the path, so that Sites of one AS hear each other. */
  readonly overridesAs: boolean;
  /**
   * Takes marks of Sites off: they are for the group. A peer gets them only where its own AS is taken out of paths, which else
   * would show a loop. On a Calico node such communities are the user's own, and stay.
   */
  readonly hidesMarks: boolean;
  /** Announces the default route, whether there is one or not. */
  readonly originatesDefault: boolean;
  /** Routes of the Site itself, which never go back to it. */
  readonly origin?: SiteMark;
  /** Announced in the place of what is more specific, as long as there is anything more specific; sorted. */
  readonly aggregates: readonly Prefix[];
  readonly hook?: string;
  /**
   * `reject`: whatever the bound and the filters let through goes out, the rest does not. `calico`: what no filter accepts
   * meets Calico's built-in policy, then reject; a bound, where there is one, comes before both.
   */
  readonly default: 'calico' | 'reject';
}

/** A Site in a large community. */
export interface SiteMark {
  readonly site: string;
  /** 32 bits, from the Site's name. */
  readonly id: number;
}

export interface FilterIntent {
  readonly name: string;
  /** By direction and family; the JSON form of BGPFilter's rules, validated. */
  readonly rules: {
    readonly importV4: readonly BgpFilterRule[];
    readonly exportV4: readonly BgpFilterRule[];
    readonly importV6: readonly BgpFilterRule[];
    readonly exportV6: readonly BgpFilterRule[];
  };
}

export interface StaticRoute {
  readonly prefix: Prefix;
  /** Next hops, at least one, are used together; one that is not reachable is left out. */
  readonly target: { readonly kind: 'blackhole' } | { readonly kind: 'via'; readonly nextHops: readonly Address[] };
  readonly reason: 'attachment' | 'reachable-by' | 'block' | 'service';
}

/** A prefix that is announced while a more specific route inside is known. */
export interface AggregateIntent {
  readonly prefix: Prefix;
  /** Sessions it is advertised to. */
  readonly sessions: readonly string[];
}

export interface PoolIntent {
  readonly prefix: Prefix;
  readonly encapsulation: 'none' | 'ipip' | 'vxlan';
  readonly exported: boolean;
}
