/** BGPConfiguration: BGP settings of all nodes, or of one named `node.<name>` (semantics §5.1). */
import {
  asNumber,
  community,
  communityProblem,
  duration,
  interfacePattern,
  ip,
  keyOfSecret,
  prefix,
} from './fields.ts';
import {
  boolean,
  type Check,
  child,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  oneOfAnyCase,
  optional,
  type Parser,
  report,
  required,
  showValue,
  text,
} from './schema.ts';

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

/** How Calico names a password: a key of a Kubernetes Secret; for us also a file. */
export interface SecretKeyRef {
  readonly secretKeyRef: { readonly name: string; readonly key: string };
}

export const secretKeyRef = object<SecretKeyRef>({ secretKeyRef: required(keyOfSecret) });

/** Kernel metrics that Calico may use for a route. */
export const routePriority = integer(1, 2_147_483_646);

const cidrEntries = omitEmpty(list(object<CidrEntry>({ cidr: required(prefix()) })));

const ignoredInterface: Parser<string> = (value, at) =>
  value === '*' ? report(at, 'a lone "*" would ignore every interface: name some') : interfacePattern(value, at);

const meshRules: Check<BgpConfigurationSpec> = (value, at, has) => {
  if (value.nodeToNodeMeshEnabled !== false) return;
  for (const field of ['nodeMeshPassword', 'nodeMeshMaxRestartTime'] as const) {
    if (has(field))
      report(child(at, field), `${field} has no use while nodeToNodeMeshEnabled is false: remove one of them`, 'key');
  }
};

const communityRules: Check<BgpConfigurationSpec> = (value, at, has) => {
  if (has('communities') && !has('prefixAdvertisements')) {
    report(
      child(at, 'communities'),
      'communities are used by prefixAdvertisements only: add those, or remove communities',
      'key',
    );
  }
  if (has('communities') && value.communities === undefined) return; // unsound: its names are not known
  const names = new Set(value.communities?.map((entry) => entry.name));
  for (const [i, advertisement] of (value.prefixAdvertisements ?? []).entries()) {
    for (const [j, used] of advertisement.communities.entries()) {
      if (names.has(used) || communityProblem(used) === undefined) continue;
      report(
        child(at, 'prefixAdvertisements', i, 'communities', j),
        `${showValue(used)} is neither a community value nor a name defined in spec.communities: define it, or write "aa:nn"`,
      );
    }
  }
};

export const bgpConfigurationSchema = object<BgpConfigurationSpec>(
  {
    logSeverityScreen: omitEmpty(oneOfAnyCase('Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal')),
    nodeToNodeMeshEnabled: optional(boolean),
    asNumber: omitEmpty(asNumber),
    serviceLoadBalancerIPs: cidrEntries,
    serviceExternalIPs: cidrEntries,
    serviceClusterIPs: cidrEntries,
    serviceLoadBalancerAggregation: omitEmpty(oneOf('Enabled', 'Disabled')),
    communities: omitEmpty(
      list(
        object<{ readonly name: string; readonly value: string }>({
          name: required(text(undefined, 253)),
          value: required(community),
        }),
        { max: 500 },
      ),
    ),
    prefixAdvertisements: omitEmpty(
      list(
        object<PrefixAdvertisement>({
          cidr: required(prefix()),
          communities: required(list(text(undefined, 253), { min: 1, max: 50 })),
        }),
        { max: 500 },
      ),
    ),
    listenPort: omitEmpty(integer(1, 65535)),
    nodeMeshPassword: optional(secretKeyRef),
    nodeMeshMaxRestartTime: omitEmpty(duration),
    bindMode: omitEmpty(oneOf('None', 'NodeIP')),
    ignoredInterfaces: omitEmpty(list(ignoredInterface, { unique: true })),
    localWorkloadPeeringIPV4: omitEmpty(ip(4)),
    localWorkloadPeeringIPV6: omitEmpty(ip(6)),
    programClusterRoutes: omitEmpty(oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly')),
    ipv4NormalRoutePriority: omitEmpty(routePriority),
    ipv6NormalRoutePriority: omitEmpty(routePriority),
  },
  meshRules,
  communityRules,
);

/** Fields that only the configuration named `default` may set (semantics §5.1). */
export const globalOnlyBgpFields = [
  'nodeToNodeMeshEnabled',
  'asNumber',
  'serviceLoadBalancerIPs',
  'serviceExternalIPs',
  'serviceClusterIPs',
  'nodeMeshPassword',
  'nodeMeshMaxRestartTime',
] as const;
