/** HostEndpoint: an interface of a host that policy protects (calico-semantics §1.8). */
export interface HostEndpointSpec {
  readonly node: string;
  /** A name, or `*` for every interface without an endpoint of its own. */
  readonly interfaceName?: string;
  readonly expectedIPs?: readonly string[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly EndpointPort[];
}

export interface EndpointPort {
  readonly name: string;
  readonly protocol: string | number;
  readonly port: number;
}
