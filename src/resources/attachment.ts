/** Attachment: one Router joined to one Site over one link. */
import type { AttachmentLink } from './link.ts';
import type { SecretRef } from './secret-ref.ts';

export interface AttachmentSpec {
  readonly router: string;
  readonly site: string;
  readonly link: AttachmentLink;
  /** Another Attachment of the same Router, whose link carries the outer packets of this one's tunnels. */
  readonly over?: string;
  /** What stands at the other end, where it is a cloud's: its timers, limits and quirks are then the defaults. */
  readonly profile?: AttachmentProfile;
  readonly addresses?: {
    /** CIDRs with host bits: this router's addresses on the link. */
    readonly local?: readonly string[];
    /** The other side's addresses, bare. */
    readonly remote?: readonly string[];
  };
  readonly mtu?: number;
  readonly mssClamp?: boolean | number;
  readonly bgp?: AttachmentBgp;
  /** Without BGP: prefixes reached by the link, each inside the Site's. */
  readonly static?: { readonly prefixes: readonly string[] };
}

export const attachmentProfiles = [
  'aws-dx-private-vif',
  'aws-vgw-vpn',
  'aws-route-server',
  'aws-tgw-connect',
  'azure-route-server',
  'gcp-cloud-router',
] as const;
export type AttachmentProfile = (typeof attachmentProfiles)[number];

export interface PrefixLimit {
  /** Most prefixes in this direction and family. */
  readonly limit: number;
  readonly action?: 'warn' | 'block' | 'down';
}

export interface AttachmentBgp {
  /** The peer's AS. */
  readonly asNumber: number | string;
  readonly localASNumber?: number | string;
  readonly password?: { readonly secretRef: SecretRef };
  /** Go durations, such as `90s`. */
  readonly holdTime?: string;
  readonly keepaliveTime?: string;
  readonly bfd?: 'off' | { readonly minInterval?: string; readonly multiplier?: number };
  /** Hops; absent means the peer is on the link. */
  readonly multihop?: number;
  /** GTSM (RFC 5082): most hops the peer may be away. */
  readonly ttlSecurity?: number;
  /** `off`, or the restart time as a Go duration. */
  readonly gracefulRestart?: string;
  readonly maxPrefixes?: {
    /** Of all that the peer sends, refused routes included. */
    readonly receive?: { readonly ipv4?: PrefixLimit; readonly ipv6?: PrefixLimit };
    /** Of what was accepted. */
    readonly import?: { readonly ipv4?: PrefixLimit; readonly ipv6?: PrefixLimit };
    readonly export?: { readonly ipv4?: PrefixLimit; readonly ipv6?: PrefixLimit };
  };
  readonly preference?: 'primary' | 'backup';
  /** How the peer is told: MED unless said, or unless the profile knows better. */
  readonly preferenceBy?: 'med' | 'prepend' | 'communities';
  /** MED of what is advertised; in the place of the one that follows from the preference. */
  readonly med?: number;
  /** LOCAL_PREF of what is learned; in the place of the one that follows from the preference. */
  readonly localPref?: number;
  /** How many times more the local AS stands in what is advertised. */
  readonly prepend?: number;
  /** Added to what is advertised: `aa:nn`, `aa:nn:mm` or a well-known name. */
  readonly communities?: readonly string[];
  /** On unless said. */
  readonly nextHopSelf?: boolean;
  readonly sourceAddress?: string;
  readonly allowLocalAS?: number;
  readonly overrideAS?: boolean;
  readonly aggregate?: readonly string[];
  /** Names of BGPFilters, in order. */
  readonly importFilters?: readonly string[];
  readonly exportFilters?: readonly string[];
  readonly passive?: boolean;
  /** Families that each session carries: that of its own addresses unless said. */
  readonly families?: readonly ('ipv4' | 'ipv6')[];
  /** The router's own role towards the peer (RFC 9234). */
  readonly localRole?: 'provider' | 'customer' | 'peer' | 'rs-server' | 'rs-client';
  /** Refuses a peer that speaks no role. */
  readonly strictRole?: boolean;
  /** Whether the first AS of a path must be the peer's; on unless said, off for `localRole: rs-client`. */
  readonly enforceFirstAS?: boolean;
  /** Learns special-purpose prefixes (RFC 6890) too; off unless said. */
  readonly acceptBogons?: boolean;
  /** Longest AS path that is learned; 64 unless said. */
  readonly maxASPathLength?: number;
  /** Announces the default route, whether there is one or not. */
  readonly defaultOriginate?: boolean;
  /** Functions of the user's own BIRD text (docs/design/routing.md), called for each route. */
  readonly rawFilters?: { readonly import?: string; readonly export?: string };
}
