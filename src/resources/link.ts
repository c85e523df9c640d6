/**
 * What carries an Attachment: a device that is there, a tagged sub-interface, IPsec tunnels, or a WireGuard tunnel.
 *
 * Invariant: exactly one key is present; keys and passwords are only ever references to secrets.
 */
import type { SecretRef } from './secret-ref.ts';

export interface AttachmentLink {
  readonly interface?: InterfaceLink;
  readonly vlan?: VlanLink;
  readonly ipsec?: IpsecLink;
  readonly wireguard?: WireguardLink;
}

/** A device that somebody else made. */
export interface InterfaceLink {
  readonly name: string;
  /**
   * What lies behind it; a `subnet` unless said. A VPC peering delivers only what is addressed to the VPC at its other end, the
   * virtual private gateway of the router's own VPC (Direct Connect or VPN) only what is addressed to that one.
   */
  readonly network?: 'subnet' | 'vpc-peering' | 'vpn-gateway';
}

/** IEEE 802.1Q. */
export interface VlanLink {
  readonly parent: string;
  readonly id: number;
}

/** IKEv2 (RFC 7296), route-based: each tunnel is a device of its own, with selectors 0.0.0.0/0 and ::/0. */
export interface IpsecLink {
  /** Of all tunnels that say nothing else. */
  readonly localAddress?: string;
  readonly localID?: string;
  readonly remoteID?: string;
  readonly psk?: { readonly secretRef: SecretRef };
  readonly certificate?: IpsecCertificate;
  readonly ike?: IpsecProposals;
  readonly esp?: IpsecProposals;
  /** Go durations; how long before the end of a lifetime keys are renewed, and by how many percent at most earlier still. */
  readonly rekeyMargin?: string;
  readonly rekeyFuzz?: number;
  /** Packets; 0 switches replay protection off, which is refused. */
  readonly replayWindow?: number;
  /** How often a silent peer is asked, and after how long without an answer it counts as dead: Go durations. */
  readonly dpd?: { readonly delay?: string; readonly timeout?: string };
  /** Whether this router opens the tunnel; on unless said. */
  readonly initiate?: boolean;
  /** UDP encapsulation (RFC 3948) always, or where a NAT is found. */
  readonly natTraversal?: 'auto' | 'always';
  readonly tunnels: readonly IpsecTunnelSpec[];
}

export interface IpsecTunnelSpec {
  /** Of the device; from the Attachment's name unless said. */
  readonly interface?: string;
  /** Outside. */
  readonly localAddress?: string;
  readonly remoteAddress: string;
  readonly localID?: string;
  readonly remoteID?: string;
  readonly psk?: { readonly secretRef: SecretRef };
  /** Inside: this router's addresses with their lengths, and the peer's. */
  readonly addresses?: { readonly local?: readonly string[]; readonly remote?: readonly string[] };
  /** UDP ports where they are not 500 and 4500: both ends must agree. */
  readonly localPort?: number;
  readonly remotePort?: number;
}

/** PEM files in the folder of secrets. */
export interface IpsecCertificate {
  readonly certificate: { readonly secretRef: SecretRef };
  readonly privateKey: { readonly secretRef: SecretRef };
  /** Who may have signed the peer's certificate. */
  readonly authority: { readonly secretRef: SecretRef };
}

export interface IpsecProposals {
  /** In strongSwan's words, strongest first: `aes256gcm16-prfsha384-ecp384`. */
  readonly proposals?: readonly string[];
  readonly lifetime?: string;
}

export interface WireguardLink {
  /** Name of the device; from the Attachment's name unless said. */
  readonly interface?: string;
  /** UDP; 51820 unless said. */
  readonly listenPort?: number;
  /** Base64 of 32 bytes. */
  readonly peerPublicKey: string;
  readonly presharedKey?: { readonly secretRef: SecretRef };
  /** `address:port`, `[address]:port`; absent where the peer roams and comes to us. */
  readonly endpoint?: string;
  /** Where a peer that roams may come from; anywhere unless said. */
  readonly allowFrom?: readonly string[];
  /** Go duration; 25s unless said, `0s` for none. */
  readonly keepalive?: string;
}
