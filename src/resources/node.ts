/** Node: a host that runs BGP, in Calico's form (calico-semantics §1.11). */
export interface NodeSpec {
  readonly bgp?: NodeBgp;
  readonly ipv4VXLANTunnelAddr?: string;
  readonly ipv6VXLANTunnelAddr?: string;
  readonly vxlanTunnelMACAddr?: string;
  readonly vxlanTunnelMACAddrV6?: string;
  readonly orchRefs?: readonly { readonly nodeName?: string; readonly orchestrator: string }[];
  readonly wireguard?: { readonly interfaceIPv4Address?: string; readonly interfaceIPv6Address?: string };
  readonly addresses?: readonly { readonly address: string; readonly type?: string }[];
  readonly interfaces?: readonly { readonly name?: string; readonly addresses?: readonly string[] }[];
}

export interface NodeBgp {
  /** AS number, plain or asdot; the global default when absent. */
  readonly asNumber?: number | string;
  /** CIDR with host bits: the address and its subnet. */
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly ipv4IPIPTunnelAddr?: string;
  readonly routeReflectorClusterID?: string;
}
