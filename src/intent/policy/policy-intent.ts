/**
 * What policy one router must enforce, in domain terms: no nft in here, no Calico resource either.
 *
 *   Snapshot ─[resolve-policy]→ PolicyIntent → nftables/compile, verdict/
 *
 * Invariant: everything is resolved and ordered; whoever walks it needs no other input. Lists are in evaluation order,
 * maps iterate in the byte order of their keys.
 */
import type { Family } from '../../net/address.ts';
import type { PortRange } from '../../net/port-range.ts';
import type { InterfaceAddress, Prefix } from '../../net/prefix.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';

/** An interface of the router as far as policy cares: offline from resources, live from the kernel. */
export interface InterfaceFacts {
  readonly name: string;
  readonly addresses: readonly InterfaceAddress[];
  /** Bytes, as the kernel has it; absent offline. */
  readonly mtu?: number;
}

export interface PolicyIntent {
  /** Router.forwarding.defaultAction: what happens to a forwarded packet that no policy allowed or denied. */
  readonly forwardDefault: 'Allow' | 'Deny';
  /** What a Deny does in input, output and forward; in earlier hooks it always drops. */
  readonly denyVerdict: 'drop' | 'reject';
  /** Whether packets that conntrack calls invalid are denied on endpoints (FelixConfiguration.disableConntrackInvalidCheck). */
  readonly dropsInvalid: boolean;
  /** Calico's prefix for Log rules, its % specifiers unexpanded. */
  readonly logPrefix: string;
  /** FelixConfiguration.logActionRateLimit: how often each Log rule may write; absent is without a limit. */
  readonly logRate?: LogRate;
  /** True for a Router: ND (ICMPv6 133-137) to and from the router itself is never policed. False: exactly Calico. */
  readonly exemptsNeighborDiscovery: boolean;
  /** True for a Router: a wildcard endpoint does not cover `lo`. False: exactly Calico. */
  readonly exemptsLoopback: boolean;
  /** Of a Calico Node alone that has a wildcard endpoint: the interfaces it does not judge; absent otherwise. */
  readonly workloads?: WorkloadInterfaces;
  readonly failsafes: { readonly inbound: readonly Failsafe[]; readonly outbound: readonly Failsafe[] };
  /** Sorted by interface; absent where no link clamps. */
  readonly mssClamps?: readonly MssClamp[];
  /**
   * Interfaces that lead to the one router that shares the state of connections with this one, sorted; absent where there are
   * none. Both see for themselves what passes there.
   */
  readonly pairInterfaces?: readonly string[];
  /** Sorted by name. At most one has `interfaces: '*'`; no interface is in two. */
  readonly endpoints: readonly EndpointIntent[];
  readonly policies: ReadonlyMap<PolicyId, PolicyRules>;
  /** By profile name; a name that endpoints use and that is missing here denies everything. */
  readonly profiles: ReadonlyMap<string, PolicyRules>;
  readonly addressSets: ReadonlyMap<SetId, AddressSet>;
  readonly portSets: ReadonlyMap<SetId, PortSet>;
  /** What staged policies would change; absent where they concern no endpoint. */
  readonly staged?: StagedPolicy;
}

/** Most bytes that TCP's ends may put into a segment which passes the interface, either way. */
export interface MssClamp {
  readonly interfaceName: string;
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Never enforced: only what is reported beside the verdict comes of it. */
export interface StagedPolicy {
  /** The policy as it would be with all of them in force; its sets hold those of staged rules too. */
  readonly policy: PolicyIntent;
  /** Those that concern an endpoint, sorted by id. */
  readonly changes: readonly StagedChange[];
}

export interface StagedChange {
  /** `StagedGlobalNetworkPolicy/name`. */
  readonly id: PolicyId;
  readonly action: 'Set' | 'Delete';
  /** The enforced policy that it would replace or take away. */
  readonly target?: PolicyId;
}

/** A stage and direction in which an endpoint would meet other policies. */
export interface StagedPoint {
  readonly stage: Stage;
  readonly direction: Direction;
}

/** At most `count` in each unit of time, after a first burst of `burst` packets. */
export interface LogRate {
  readonly count: number;
  readonly per: 'second' | 'minute' | 'hour' | 'day';
  readonly burst: number;
}

/**
 * Interfaces of workloads on this machine (semantics §4.6, §4.8, §10.6). Under a wildcard endpoint the host reaches them
 * freely, and what they send to the host is for Calico's agent to judge; forwarded and preDNAT policy of the wildcard holds.
 */
export interface WorkloadInterfaces {
  /** What their names begin with: 1 to 15 characters each, sorted. */
  readonly prefixes: readonly string[];
  /** FelixConfiguration.defaultEndpointToHostAction: `drop` drops new flows to the host, `leave` leaves them to others. */
  readonly toHost: 'drop' | 'leave';
}

/** `Kind/name`, byte-stable. */
export type PolicyId = string;

/** Derived from the selector's canonical text, so equal selectors share a set: `s:<hash>` or `p:<hash>`. */
export type SetId = string;

export type Direction = 'ingress' | 'egress';
export type Stage = 'untracked' | 'preDNAT' | 'normal' | 'forward';

export interface EndpointIntent {
  readonly name: string;
  /** The interfaces it won, sorted, or every interface that no other endpoint won. */
  readonly interfaces: readonly string[] | '*';
  readonly profiles: readonly string[];
  readonly tiers: {
    readonly [S in Stage]: { readonly ingress: readonly TierIntent[]; readonly egress: readonly TierIntent[] };
  };
  /** Where staged policy would give it other tiers; absent where nowhere. */
  readonly stagedIn?: readonly StagedPoint[];
}

/** A tier as one endpoint, stage and direction sees it: never empty of policies, never of staged ones only. */
export interface TierIntent {
  readonly name: string;
  readonly defaultAction: 'Pass' | 'Deny';
  readonly policies: readonly PolicyId[];
}

export interface PolicyRules {
  readonly id: PolicyId;
  /** The resource it came from; locate positions of its rules by `RuleIntent.path`. Undefined for built-ins. */
  readonly resource: Resource | undefined;
  readonly kind: string;
  readonly name: string;
  /** Null for a profile. */
  readonly tier: string | null;
  readonly ingress: readonly RuleIntent[];
  readonly egress: readonly RuleIntent[];
}

export interface RuleIntent {
  readonly action: 'Allow' | 'Deny' | 'Pass' | 'Log';
  /** Index in the resource's list for its direction. */
  readonly index: number;
  readonly path: FieldPath;
  /** Families the rule can match at all (ipVersion, families of nets, ICMP kind); never empty: such a rule is left out. */
  readonly families: readonly Family[];
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: SideMatch;
  readonly destination: SideMatch;
}

/** `code` only ever with `type`. */
export interface IcmpMatch {
  readonly type?: number;
  readonly code?: number;
}

/** All given terms must hold (semantics §3.3). */
export interface SideMatch {
  /** Address in any of them. */
  readonly nets?: readonly Prefix[];
  /** Address in none of them. */
  readonly notNets?: readonly Prefix[];
  /** Positive selectors, namespaces and service accounts, folded into one set. */
  readonly addressSet?: SetId;
  /** notSelector: address not in the set. */
  readonly notAddressSet?: SetId;
  readonly ports?: PortMatch;
  readonly notPorts?: PortMatch;
}

/** Port in any range, or (address, protocol, port) in any set. */
export interface PortMatch {
  readonly ranges: readonly PortRange[];
  readonly portSets: readonly SetId[];
}

export interface AddressSet {
  readonly id: SetId;
  /** Canonical selector text, for comments and explanations. */
  readonly selector: string;
  /** Keyed by printed prefix; iteration order is not meaningful: sort when printing. */
  readonly members: ReadonlyMap<string, Prefix>;
  /** Those members that are no single addresses, by the same keys; absent where nobody keeps them apart. */
  readonly networks?: ReadonlyMap<string, Prefix>;
}

export interface PortSetMember {
  readonly prefix: Prefix;
  readonly protocol: number;
  readonly port: number;
}

export interface PortSet {
  readonly id: SetId;
  /** Port name and canonical selector text. */
  readonly selector: string;
  /** Keyed by `prefix,protocol:port`. */
  readonly members: ReadonlyMap<string, PortSetMember>;
  /** Those members whose addresses are no single ones, by the same keys; absent where nobody keeps them apart. */
  readonly networks?: ReadonlyMap<string, PortSetMember>;
}

export interface Failsafe {
  readonly protocol: number;
  /** Of the destination; absent means all of the protocol. */
  readonly port?: number;
  /** The remote side; absent means any address of both families. */
  readonly net?: Prefix;
  /** Only on these interfaces; absent means all. */
  readonly interfaces?: readonly string[];
  /** Only echo requests, where the protocol is ICMP or ICMPv6; absent means all of the protocol. */
  readonly icmp?: 'echo';
  /** Sorted; absent where it is open because settings or Calico's own list say so. */
  readonly purposes?: readonly FailsafePurpose[];
}

/** Why a failsafe is open, and whose Attachment asks for it; `attachment` is absent where the router as a whole does. */
export interface FailsafePurpose {
  readonly what: 'ssh' | 'DHCP' | 'BGP' | 'BFD' | 'connection state' | 'IKE' | 'ESP' | 'WireGuard' | 'doctor';
  readonly attachment?: string;
}
