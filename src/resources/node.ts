/** Node: a host that runs BGP, in Calico's form (semantics §1.11). */
import { asNumber, cidrOrAddress, ip, mac, plainText } from './fields.ts';
import { list, object, omitEmpty, oneOf, optional, report, required } from './schema.ts';

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

export const nodeSchema = object<NodeSpec>({
  bgp: optional(
    object<NodeBgp>(
      {
        asNumber: omitEmpty(asNumber),
        ipv4Address: omitEmpty(cidrOrAddress(4)),
        ipv6Address: omitEmpty(cidrOrAddress(6)),
        ipv4IPIPTunnelAddr: omitEmpty(ip(4)),
        routeReflectorClusterID: omitEmpty(ip(4)),
      },
      (_, at, has) => {
        const fields = [
          'asNumber',
          'ipv4Address',
          'ipv6Address',
          'ipv4IPIPTunnelAddr',
          'routeReflectorClusterID',
        ] as const;
        if (!fields.some(has)) report(at, 'bgp is there but empty: give the node an address, or remove bgp');
      },
    ),
  ),
  ipv4VXLANTunnelAddr: omitEmpty(ip(4)),
  ipv6VXLANTunnelAddr: omitEmpty(ip(6)),
  vxlanTunnelMACAddr: omitEmpty(mac),
  vxlanTunnelMACAddrV6: omitEmpty(mac),
  orchRefs: omitEmpty(
    list(
      object<NonNullable<NodeSpec['orchRefs']>[number]>({
        nodeName: omitEmpty(plainText),
        orchestrator: required(plainText),
      }),
    ),
  ),
  wireguard: optional(
    object<NonNullable<NodeSpec['wireguard']>>({
      interfaceIPv4Address: omitEmpty(ip(4)),
      interfaceIPv6Address: omitEmpty(ip(6)),
    }),
  ),
  addresses: omitEmpty(
    list(
      object<NonNullable<NodeSpec['addresses']>[number]>({
        address: required(cidrOrAddress()),
        type: omitEmpty(oneOf('CalicoNodeIP', 'InternalIP', 'ExternalIP')),
      }),
    ),
  ),
  interfaces: omitEmpty(
    list(
      object<NonNullable<NodeSpec['interfaces']>[number]>({
        name: omitEmpty(plainText),
        addresses: omitEmpty(list(cidrOrAddress())),
      }),
    ),
  ),
});
