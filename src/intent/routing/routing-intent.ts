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
import type { SecretRef } from '../../resources/attachment.ts';
import type { BgpFilterRule } from '../../resources/bgp-filter.ts';
import type { Resource } from '../../resources/resource.ts';

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
}

export interface SessionIntent {
  /** BIRD-safe: `[A-Za-z_][A-Za-z0-9_]*`, unique. */
  readonly name: string;
  /** The resource that asked for it: an Attachment, a BGPPeer, the mesh (undefined) or a redundancy group (the Router). */
  readonly origin: Resource | undefined;
  readonly description: string;
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
  readonly import: ImportIntent;
  readonly export: ExportIntent;
}

/**
 * Which prefixes may pass: of all prefixes of both lists that contain a route, the longest decides; a route that none
 * contains is refused.
 *
 * Both lists are sorted, share no prefix, and hold one family.
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
  readonly limit?: { readonly prefixes: number; readonly action: 'warn' | 'block' | 'down' };
  /** What a route that no filter decided meets. */
  readonly default: 'accept' | 'reject';
}

export interface ExportIntent {
  readonly filters: readonly string[];
  /** Exactly the prefixes (and more specifics) that may be passed on; undefined is Calico's built-in export policy. */
  readonly bound?: PrefixBound;
  readonly communities: readonly string[];
  readonly med?: number;
  readonly prepend: number;
  readonly limit?: { readonly prefixes: number; readonly action: 'warn' | 'block' | 'down' };
  /**
   * `reject`: whatever the bound and the filters let through goes out, the rest does not. `calico`: what no filter accepts
   * meets Calico's built-in policy, then reject; a bound, where there is one, comes before both.
   */
  readonly default: 'calico' | 'reject';
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
  readonly target: { readonly kind: 'blackhole' } | { readonly kind: 'via'; readonly nextHop: Address };
  readonly reason: 'attachment' | 'reachable-by' | 'block' | 'service';
}

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
