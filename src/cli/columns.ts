/**
 * The columns of each kind's table: those of calicoctl for Calico's kinds (semantics §7.2), like ones for ours.
 *
 * Invariant: every kind has columns, and the first one that is not NAMESPACE names the resource.
 */
import { serviceNameLabel } from '../resources/endpoint-slice.ts';
import { linkPaths } from '../resources/link-paths.ts';
import type { AnyResource, Kind, Resource } from '../resources/resource.ts';
import type { Column } from './table.ts';

/** What a table may need beyond its own rows. */
export interface TableContext {
  /** The AS of nodes that name none (BGPConfiguration `default`). */
  readonly defaultAs: string;
}

type Columns<K extends Kind> = readonly Column<Resource<K>>[];
type ColumnsOf<K extends Kind> = (context: TableContext) => Columns<K>;

interface KindColumns<K extends Kind> {
  readonly table: ColumnsOf<K>;
  /** The same as `table` where absent. */
  readonly wide?: ColumnsOf<K>;
}

const name: Column<AnyResource> = { title: 'NAME', cell: ({ metadata }) => metadata.name };
const labels: Column<AnyResource> = { title: 'LABELS', cell: ({ metadata }) => pairs(metadata.labels) };
const namespace: Column<AnyResource> = { title: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace ?? '' };

type PolicyKind = 'GlobalNetworkPolicy' | 'NetworkPolicy' | 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy';

const policyColumns = <K extends PolicyKind>(): KindColumns<K> => {
  const table: Columns<PolicyKind> = [name, { title: 'TIER', cell: ({ spec }) => spec.tier ?? 'default' }];
  const wide: Columns<PolicyKind> = [
    ...table,
    { title: 'ORDER', cell: ({ spec }) => text(spec.order) },
    { title: 'SELECTOR', cell: ({ spec }) => spec.selector ?? '' },
  ];
  return { table: () => table as Columns<K>, wide: () => wide as Columns<K> };
};

const netSetColumns = <K extends 'GlobalNetworkSet' | 'NetworkSet'>(): KindColumns<K> => {
  const nets: Column<Resource<'GlobalNetworkSet' | 'NetworkSet'>> = {
    title: 'NETS',
    cell: ({ spec }) => cut(list(spec.nets), 80),
  };
  return { table: () => [name] as Columns<K>, wide: () => [name, nets] as Columns<K> };
};

const onlyName = { table: () => [name] };

export const columnsByKind: { readonly [K in Kind]: KindColumns<K> } = {
  Tier: { table: () => [name, { title: 'ORDER', cell: ({ spec }) => text(spec.order) }] },
  GlobalNetworkPolicy: policyColumns(),
  NetworkPolicy: policyColumns(),
  StagedGlobalNetworkPolicy: policyColumns(),
  StagedNetworkPolicy: policyColumns(),
  GlobalNetworkSet: netSetColumns(),
  NetworkSet: netSetColumns(),
  HostEndpoint: {
    table: () => [name, { title: 'NODE', cell: ({ spec }) => spec.node }],
    wide: () => [
      name,
      { title: 'NODE', cell: ({ spec }) => spec.node },
      { title: 'INTERFACE', cell: ({ spec }) => spec.interfaceName ?? '' },
      { title: 'IPS', cell: ({ spec }) => list(spec.expectedIPs) },
      { title: 'PROFILES', cell: ({ spec }) => list(spec.profiles) },
    ],
  },
  WorkloadEndpoint: {
    table: () => workload,
    wide: () => [
      name,
      ...workload,
      { title: 'PROFILES', cell: ({ spec }) => list(spec.profiles) },
      { title: 'NATS', cell: ({ spec }) => list(spec.ipNATs?.map(({ externalIP }) => externalIP ?? '')) },
    ],
  },
  Profile: {
    table: () => [name],
    wide: () => [name, { title: 'LABELS', cell: ({ spec }) => pairs(spec.labelsToApply) }],
  },
  Node: {
    table: () => [name],
    wide: ({ defaultAs }) => [
      name,
      { title: 'ASN', cell: ({ spec }) => text(spec.bgp?.asNumber) || `(${defaultAs})` },
      { title: 'IPV4', cell: ({ spec }) => spec.bgp?.ipv4Address ?? '' },
      { title: 'IPV6', cell: ({ spec }) => spec.bgp?.ipv6Address ?? '' },
    ],
  },
  IPPool: {
    table: () => [
      name,
      { title: 'CIDR', cell: ({ spec }) => spec.cidr },
      { title: 'SELECTOR', cell: ({ spec }) => spec.nodeSelector ?? 'all()' },
    ],
    wide: () => [
      name,
      { title: 'CIDR', cell: ({ spec }) => spec.cidr },
      { title: 'NAT', cell: ({ spec }) => String(spec.natOutgoing ?? false) },
      { title: 'IPIPMODE', cell: ({ spec }) => spec.ipipMode ?? 'Never' },
      { title: 'VXLANMODE', cell: ({ spec }) => spec.vxlanMode ?? 'Never' },
      { title: 'DISABLED', cell: ({ spec }) => String(spec.disabled ?? false) },
      { title: 'DISABLEBGPEXPORT', cell: ({ spec }) => String(spec.disableBGPExport ?? false) },
      { title: 'SELECTOR', cell: ({ spec }) => spec.nodeSelector ?? 'all()' },
      { title: 'ASSIGNMENTMODE', cell: ({ spec }) => spec.assignmentMode ?? 'Automatic' },
    ],
  },
  BGPConfiguration: {
    table: () => [
      name,
      { title: 'LOGSEVERITY', cell: ({ spec }) => spec.logSeverityScreen ?? '-' },
      { title: 'MESHENABLED', cell: ({ spec }) => text(spec.nodeToNodeMeshEnabled) || '-' },
      { title: 'ASNUMBER', cell: ({ spec }) => text(spec.asNumber) || '-' },
    ],
  },
  BGPPeer: {
    table: () => [
      name,
      { title: 'PEERIP', cell: ({ spec }) => spec.peerIP ?? '' },
      { title: 'NODE', cell: ({ spec }) => spec.node || spec.nodeSelector || '(global)' },
      { title: 'ASN', cell: ({ spec }) => text(spec.asNumber) },
    ],
  },
  BGPFilter: {
    table: () => [
      name,
      { title: 'NUMEXPORTV4', cell: ({ spec }) => String(spec.exportV4?.length ?? 0) },
      { title: 'NUMIMPORTV4', cell: ({ spec }) => String(spec.importV4?.length ?? 0) },
      { title: 'NUMEXPORTV6', cell: ({ spec }) => String(spec.exportV6?.length ?? 0) },
      { title: 'NUMIMPORTV6', cell: ({ spec }) => String(spec.importV6?.length ?? 0) },
    ],
  },
  FelixConfiguration: onlyName,
  CalicoNodeStatus: onlyName,
  Router: {
    table: () => routerColumns,
    wide: () => [
      ...routerColumns,
      { title: 'INTERFACES', cell: ({ spec }) => list(spec.interfaces?.map((each) => each.name)) },
      { title: 'FORWARDING', cell: ({ spec }) => spec.forwarding?.defaultAction ?? 'Deny' },
      labels,
    ],
  },
  Site: {
    table: () => siteColumns,
    wide: () => [...siteColumns, { title: 'PREFIXES', cell: ({ spec }) => cut(list(spec.prefixes), 80) }, labels],
  },
  Attachment: {
    table: () => attachmentColumns,
    wide: () => [
      ...attachmentColumns,
      { title: 'INTERFACES', cell: (one) => list(linkPaths(one).map(({ interfaceName }) => interfaceName)) },
      { title: 'OVER', cell: ({ spec }) => spec.over ?? '' },
      { title: 'LOCAL', cell: (one) => list(linkPaths(one).flatMap(({ local }) => local)) },
      { title: 'REMOTE', cell: (one) => list(linkPaths(one).flatMap(({ remote }) => remote)) },
      { title: 'PREFERENCE', cell: ({ spec }) => spec.bgp?.preference ?? '' },
    ],
  },
  Segment: {
    table: () => [
      name,
      { title: 'EXCHANGEWITH', cell: ({ spec }) => list(spec.exchangeWith) },
      { title: 'ISOLATED', cell: ({ spec }) => String(spec.isolated ?? false) },
    ],
  },
  Assertion: {
    table: () => [
      name,
      { title: 'EXPECT', cell: ({ spec }) => spec.expect },
      { title: 'VIA', cell: ({ spec }) => spec.via ?? '' },
    ],
  },
  LabelSource: onlyName,
  EndpointSlice: {
    table: () => [
      name,
      { title: 'SERVICE', cell: ({ metadata }) => metadata.labels?.[serviceNameLabel] ?? '' },
      { title: 'ADDRESSTYPE', cell: ({ spec }) => spec.addressType },
      { title: 'ENDPOINTS', cell: ({ spec }) => String(spec.endpoints?.length ?? 0) },
    ],
  },
};

const workload: Columns<'WorkloadEndpoint'> = [
  { title: 'WORKLOAD', cell: ({ spec }) => spec.workload ?? spec.pod ?? '' },
  { title: 'NODE', cell: ({ spec }) => spec.node ?? '' },
  { title: 'NETWORKS', cell: ({ spec }) => list(spec.ipNetworks) },
  { title: 'INTERFACE', cell: ({ spec }) => spec.interfaceName ?? '' },
];

const routerColumns: Columns<'Router'> = [
  name,
  { title: 'ROLE', cell: ({ spec }) => spec.role ?? '' },
  { title: 'ASN', cell: ({ spec }) => text(spec.asNumber) },
  { title: 'GROUP', cell: ({ spec }) => spec.redundancyGroup ?? '' },
];

const siteColumns: Columns<'Site'> = [
  name,
  { title: 'TYPE', cell: ({ spec }) => spec.type },
  { title: 'SEGMENT', cell: ({ spec }) => spec.segment ?? '' },
];

const attachmentColumns: Columns<'Attachment'> = [
  name,
  { title: 'ROUTER', cell: ({ spec }) => spec.router },
  { title: 'SITE', cell: ({ spec }) => spec.site },
  { title: 'LINK', cell: ({ spec }) => spec.link.interface?.name ?? Object.keys(spec.link)[0] ?? '' },
  { title: 'PEERASN', cell: ({ spec }) => text(spec.bgp?.asNumber) },
];

/** The columns of a kind, with NAMESPACE first where several namespaces may show. */
export function columnsFor(
  kind: Kind,
  context: TableContext,
  shape: { readonly wide: boolean; readonly namespace: boolean },
): readonly Column<AnyResource>[] {
  // The table of a kind is only ever given rows of that kind.
  const { table, wide } = columnsByKind[kind] as unknown as KindColumns<Kind>;
  const columns = ((shape.wide ? wide : undefined) ?? table)(context) as unknown as readonly Column<AnyResource>[];
  return shape.namespace ? [namespace, ...columns] : columns;
}

function text(value: string | number | boolean | undefined): string {
  return value === undefined ? '' : String(value);
}

function list(values: readonly string[] | undefined): string {
  return (values ?? []).join(',');
}

function pairs(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function cut(value: string, length: number): string {
  return value.length > length ? `${value.slice(0, length - 3)}...` : value;
}
