/**
 * The table of kinds: which API group each belongs to, its plural, whether it is namespaced, and the short names that
 * calicoctl accepts for it (semantics §6.1, §7.2).
 */
import type { Kind } from './resource.ts';

export const calicoApiVersion = 'projectcalico.org/v3';
export const causewayApiVersion = 'causeway.dev/v1';
/** Kubernetes' own API of EndpointSlices. */
export const discoveryApiVersion = 'discovery.k8s.io/v1';

export interface KindEntry {
  readonly kind: Kind;
  readonly apiVersion: typeof calicoApiVersion | typeof causewayApiVersion | typeof discoveryApiVersion;
  /** Lower-case plural, as it stands in store keys. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** True where the fields of the spec stand at the root of the object, beside metadata. */
  readonly isFlat?: true;
  /** Accepted beside kind and plural, all case-insensitive. */
  readonly aliases: readonly string[];
}

export const kinds: readonly KindEntry[] = [
  calico('Tier', 'tiers', []),
  calico('GlobalNetworkPolicy', 'globalnetworkpolicies', ['gnp', 'gnps']),
  calicoNamespaced('NetworkPolicy', 'networkpolicies', ['np', 'nps', 'policy', 'policies', 'pol', 'pols']),
  calico('StagedGlobalNetworkPolicy', 'stagedglobalnetworkpolicies', ['sgnp', 'sgnps']),
  calicoNamespaced('StagedNetworkPolicy', 'stagednetworkpolicies', ['snp', 'snps']),
  calico('GlobalNetworkSet', 'globalnetworksets', ['gns', 'gnetset', 'gnetsets']),
  calicoNamespaced('NetworkSet', 'networksets', ['netset', 'netsets']),
  calico('HostEndpoint', 'hostendpoints', ['hep', 'heps']),
  calicoNamespaced('WorkloadEndpoint', 'workloadendpoints', ['wep', 'weps']),
  calico('Profile', 'profiles', ['pro', 'pros']),
  calico('Node', 'nodes', ['no', 'nos']),
  calico('IPPool', 'ippools', ['ipp', 'ipps', 'pool', 'pools']),
  calico('BGPConfiguration', 'bgpconfigurations', ['bgpconfig', 'bgpconfigs']),
  calico('BGPPeer', 'bgppeers', ['bgpp', 'bgpps', 'bp', 'bps']),
  calico('BGPFilter', 'bgpfilters', ['bgpf', 'bgpfs', 'bf', 'bfs']),
  calico('FelixConfiguration', 'felixconfigurations', ['felixconfig', 'felixconfigs']),
  calico('CalicoNodeStatus', 'caliconodestatuses', ['caliconodestatus']),
  causeway('Router', 'routers', []),
  causeway('Site', 'sites', []),
  causeway('Attachment', 'attachments', ['att', 'atts']),
  causeway('Segment', 'segments', ['seg', 'segs']),
  causeway('Assertion', 'assertions', []),
  causeway('LabelSource', 'labelsources', []),
  {
    kind: 'EndpointSlice',
    apiVersion: discoveryApiVersion,
    plural: 'endpointslices',
    namespaced: true,
    isFlat: true,
    aliases: [],
  },
];

const byName = new Map<string, KindEntry>(
  kinds.flatMap((entry) =>
    [entry.kind.toLowerCase(), entry.plural, ...entry.aliases].map((name): [string, KindEntry] => [name, entry]),
  ),
);
const byKind = new Map<string, KindEntry>(kinds.map((entry) => [entry.kind, entry]));

/** The kind a user means: its name, plural or alias in any case; undefined when there is none. */
export function findKind(name: string): KindEntry | undefined {
  return byName.get(name.toLowerCase());
}

/** The entry of an exact kind name; undefined for text that is none. */
export function kindEntry(kind: string): KindEntry | undefined {
  return byKind.get(kind);
}

function calico(kind: Kind, plural: string, aliases: readonly string[]): KindEntry {
  return { kind, apiVersion: calicoApiVersion, plural, namespaced: false, aliases };
}

function calicoNamespaced(kind: Kind, plural: string, aliases: readonly string[]): KindEntry {
  return { kind, apiVersion: calicoApiVersion, plural, namespaced: true, aliases };
}

function causeway(kind: Kind, plural: string, aliases: readonly string[]): KindEntry {
  return { kind, apiVersion: causewayApiVersion, plural, namespaced: false, aliases };
}
