/**
 * What carries each Attachment of one router, in domain terms.
 *
 *   Topology ─[resolve-links]→ LinkIntent[] → links/ (devices, tunnels), policy/ (who may speak IKE, ESP, WireGuard)
 *
 * Invariant: everything is resolved: a device has its name before it exists, a tunnel its peer, its MTU and what carries
 * it. What cannot work is left out and warned of. Sorted by interface name, each name once.
 */
import type { Address } from '../../net/address.ts';
import type { InterfaceAddress, Prefix } from '../../net/prefix.ts';
import type { SecretRef } from '../../resources/secret-ref.ts';

export type LinkIntent = DeviceLink | VlanLinkIntent | IpsecTunnelIntent | WireguardLinkIntent;
export type LinkKind = LinkIntent['kind'];

interface LinkBase {
  /** Of the Attachment. */
  readonly attachment: string;
  /** Of the device. */
  readonly interfaceName: string;
  /** Inside: what the device is given. */
  readonly addresses: readonly InterfaceAddress[];
  /** Inside: the other end. */
  readonly remotes: readonly Address[];
  /** Bytes of an IP packet inside; undefined leaves the device as it is. */
  readonly mtu: number | undefined;
  /** Most bytes of TCP payload in one segment, both ways, for each family; undefined where nothing is clamped. */
  readonly mssClamp: { readonly ipv4: number; readonly ipv6: number } | undefined;
}

/** A device that somebody else made: only its MTU is ours. */
export interface DeviceLink extends LinkBase {
  readonly kind: 'interface';
}

export interface VlanLinkIntent extends LinkBase {
  readonly kind: 'vlan';
  readonly parent: string;
  /** 1 to 4094. */
  readonly id: number;
}

interface TunnelBase extends LinkBase {
  /** The Attachment whose link carries the outer packets; undefined where the router's own routes do. */
  readonly underlay: Underlay | undefined;
}

export interface Underlay {
  readonly attachment: string;
  readonly interfaceName: string;
  /** Next hops on it, one per family at most: the underlay's remote addresses. */
  readonly gateways: readonly Address[];
}

export interface IpsecTunnelIntent extends TunnelBase {
  readonly kind: 'ipsec';
  /** Outside; undefined lets the kernel choose by route. */
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address;
  /** IKE identities; the addresses where undefined. */
  readonly localId: string | undefined;
  readonly remoteId: string | undefined;
  readonly authentication:
    | {
        readonly kind: 'psk';
        readonly secret: SecretRef;
        /** Whose rules a key has to keep, where the other end is known to have some. */
        readonly rules?: 'aws';
      }
    | {
        readonly kind: 'certificate';
        readonly certificate: SecretRef;
        readonly privateKey: SecretRef;
        readonly authority: SecretRef;
      };
  /** Never empty, strongest first, in strongSwan's words. */
  readonly ikeProposals: readonly string[];
  readonly espProposals: readonly string[];
  /** Seconds. */
  readonly ikeLifetime: number;
  readonly espLifetime: number;
  /** Seconds before the end of a lifetime, and percent of the margin by which it is varied. */
  readonly rekeyMargin: number;
  readonly rekeyFuzz: number;
  /** Packets. */
  readonly replayWindow: number;
  /** Seconds. */
  readonly dpd: { readonly delay: number; readonly timeout: number };
  readonly initiates: boolean;
  readonly encapsulates: 'auto' | 'always';
  /** UDP; undefined is 500 and 4500. */
  readonly localPort: number | undefined;
  readonly remotePort: number | undefined;
  /** Of the XFRM interface and of all states and policies that belong to it: 1 to 2^32 - 1, from the name. */
  readonly ifId: number;
}

export interface WireguardLinkIntent extends TunnelBase {
  readonly kind: 'wireguard';
  readonly listenPort: number;
  readonly peer: {
    /** Base64. */
    readonly publicKey: string;
    readonly presharedKey: SecretRef | undefined;
    /** Undefined where the peer comes to us. */
    readonly endpoint: { readonly address: Address; readonly port: number } | undefined;
    /** Where it may come from; empty means anywhere. */
    readonly allowFrom: readonly Prefix[];
    /** Seconds; 0 for none. */
    readonly keepalive: number;
  };
}
