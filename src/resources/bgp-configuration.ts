/** BGPConfiguration: BGP settings of all nodes, or of one named `node.<name>` (calico-semantics §5.1). */
export interface BgpConfigurationSpec {
  readonly logSeverityScreen?: string;
  readonly nodeToNodeMeshEnabled?: boolean;
  readonly asNumber?: number | string;
  readonly serviceLoadBalancerIPs?: readonly CidrEntry[];
  readonly serviceExternalIPs?: readonly CidrEntry[];
  readonly serviceClusterIPs?: readonly CidrEntry[];
  readonly serviceLoadBalancerAggregation?: 'Enabled' | 'Disabled';
  readonly communities?: readonly { readonly name: string; readonly value: string }[];
  readonly prefixAdvertisements?: readonly PrefixAdvertisement[];
  readonly listenPort?: number;
  readonly nodeMeshPassword?: SecretKeyRef;
  readonly nodeMeshMaxRestartTime?: string;
  readonly bindMode?: 'None' | 'NodeIP';
  readonly ignoredInterfaces?: readonly string[];
  readonly localWorkloadPeeringIPV4?: string;
  readonly localWorkloadPeeringIPV6?: string;
  readonly programClusterRoutes?: 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly';
  readonly ipv4NormalRoutePriority?: number;
  readonly ipv6NormalRoutePriority?: number;
}

export interface CidrEntry {
  readonly cidr: string;
}

export interface PrefixAdvertisement {
  readonly cidr: string;
  readonly communities: readonly string[];
}

/** How Calico names a password: a key of a Kubernetes Secret; for us also a file (product.md §2). */
export interface SecretKeyRef {
  readonly secretKeyRef: { readonly name: string; readonly key: string };
}
