/** Router: one machine that forwards (product.md §2). */
export interface RouterSpec {
  readonly role?: 'edge' | 'transit';
  readonly asNumber: number | string;
  /** Dotted quad; when absent, the first IPv4 address of the interfaces. */
  readonly routerID?: string;
  readonly interfaces?: readonly RouterInterface[];
  /** Routers of one group back each other up and peer with each other over a subnet they share. */
  readonly redundancyGroup?: string;
  readonly forwarding?: {
    /** What happens to a forwarded packet that no policy speaks of; Deny unless said. */
    readonly defaultAction?: 'Allow' | 'Deny';
  };
  readonly management?: {
    /** Interfaces over which the router itself may be administered. */
    readonly interfaces?: readonly string[];
    /** Prefixes from which it may be administered (ssh). */
    readonly allowFrom?: readonly string[];
  };
}

export interface RouterInterface {
  readonly name: string;
  /** CIDRs with host bits, as on the interface. */
  readonly addresses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}
