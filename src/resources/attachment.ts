/** Attachment: one Router joined to one Site over one link. */
export interface AttachmentSpec {
  readonly router: string;
  readonly site: string;
  readonly link: AttachmentLink;
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

/** Exactly one key is present. Only `interface` is driven today; the others are accepted so that a plan can name them. */
export interface AttachmentLink {
  readonly interface?: { readonly name: string };
  readonly vlan?: { readonly parent: string; readonly id: number };
  readonly ipsec?: Readonly<Record<string, unknown>>;
  readonly wireguard?: Readonly<Record<string, unknown>>;
}

export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

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
    readonly import?: { readonly ipv4?: PrefixLimit; readonly ipv6?: PrefixLimit };
    readonly export?: { readonly ipv4?: PrefixLimit; readonly ipv6?: PrefixLimit };
  };
  readonly preference?: 'primary' | 'backup';
  /** Added to what is advertised: `aa:nn` or `aa:nn:mm`. */
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
}
