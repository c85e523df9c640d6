/**
 * BGP settings of one router: what BGPConfiguration `default` and `node.<name>`, the Node and the Router say together.
 *
 *   Snapshot, Topology → [resolve-settings] → RoutingSettings → resolve-routing, resolve-calico-peers
 *
 * On `node.<name>` only listenPort, logSeverityScreen and prefixAdvertisements (with its own communities) count, as in
 * Calico; its advertisements replace the global ones, family by family (semantics §5.1, §10.11).
 */
import { families, printAddress } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import { type Prefix, parseCidr, parsePrefix } from '../../net/prefix.ts';
import type { BgpConfigurationSpec } from '../../resources/bgp-configuration.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import type { RoutingIntent } from './routing-intent.ts';

export const calicoDefaultAs = 64512 as Asn;
export const bgpPort = 179;
/** Calico's default metric of a route. */
const normalRoutePriority = 1024;

export interface RoutingSettings {
  readonly routerId: string;
  /** Whether the router ID is made from the name, for want of an IPv4 address. */
  readonly isRouterIdDerived: boolean;
  readonly localAs: Asn;
  readonly listenPort: number;
  readonly listenOn: RoutingIntent['listenOn'];
  readonly prefixAdvertisements: RoutingIntent['prefixAdvertisements'];
  readonly ignoredInterfaces: readonly string[];
  readonly debug: RoutingIntent['debug'];
  /** BGPConfiguration `default`, empty when there is none. */
  readonly global: BgpConfigurationSpec;
}

export function resolveSettings(snapshot: Snapshot, topology: Topology, warnings: Warning[]): RoutingSettings {
  const global = snapshot.find('BGPConfiguration', 'default');
  const own = snapshot.find('BGPConfiguration', `node.${topology.router.name}`);
  if (global) warnWithoutEffect(global, warnings);
  return {
    ...resolveRouterId(topology),
    localAs: resolveLocalAs(topology, global?.spec),
    listenPort: own?.spec.listenPort ?? global?.spec.listenPort ?? bgpPort,
    listenOn: global?.spec.bindMode === 'NodeIP' ? listenAddresses(topology) : [],
    prefixAdvertisements: resolveAdvertisements(global, own, warnings),
    // Calico always leaves these two out: pod interfaces and kube-proxy's service addresses.
    ignoredInterfaces: [...new Set([...(global?.spec.ignoredInterfaces ?? []), 'cali*', 'kube-ipvs*'])],
    debug: resolveDebug(own?.spec.logSeverityScreen ?? global?.spec.logSeverityScreen),
    global: global?.spec ?? {},
  };
}

/** What Calico does with these and we do not (docs/calico-compatibility.md). */
function warnWithoutEffect(global: Resource<'BGPConfiguration'>, warnings: Warning[]): void {
  const { spec } = global;
  const warn = (field: keyof BgpConfigurationSpec, message: string): void => {
    warnings.push({ code: 'bgp-setting-without-effect', subject: global, path: ['spec', field], message });
  };
  for (const field of ['ipv4NormalRoutePriority', 'ipv6NormalRoutePriority'] as const) {
    if ((spec[field] ?? normalRoutePriority) === normalRoutePriority) continue;
    warn(
      field,
      `${field} has no effect: kernel routes have one metric here, and 1024 is the priority of a node's routes`,
    );
  }
  if (spec.serviceLoadBalancerAggregation === 'Disabled' && (spec.serviceLoadBalancerIPs ?? []).length > 0) {
    warn(
      'serviceLoadBalancerAggregation',
      'no LoadBalancer address is announced while this is Disabled: single Services are not read; write Enabled to announce the ranges',
    );
  }
}

/** AS of a Node: its own, the global default, Calico's default (semantics §5.1). */
export function resolveNodeAs(node: Resource<'Node'>, global: BgpConfigurationSpec | undefined): Asn {
  return parseAsn(node.spec.bgp?.asNumber ?? global?.asNumber ?? calicoDefaultAs) ?? calicoDefaultAs;
}

/** Port a Node listens on: `node.<name>`, global, 179. */
export function resolveListenPort(snapshot: Snapshot, node: string): number {
  const own = snapshot.find('BGPConfiguration', `node.${node}`)?.spec.listenPort;
  return own ?? snapshot.find('BGPConfiguration', 'default')?.spec.listenPort ?? bgpPort;
}

function resolveLocalAs(topology: Topology, global: BgpConfigurationSpec | undefined): Asn {
  const declared = topology.router.resource?.spec.asNumber;
  return (declared === undefined ? undefined : parseAsn(declared)) ?? resolveNodeAs(topology.generated.node, global);
}

function resolveRouterId(topology: Topology): Pick<RoutingSettings, 'routerId' | 'isRouterIdDerived'> {
  const declared = topology.router.resource?.spec.routerID;
  if (declared !== undefined) return { routerId: declared, isRouterIdDerived: false };
  const interfaces = topology.router.resource?.spec.interfaces ?? [];
  const written = [
    ...interfaces.flatMap((one) => one.addresses ?? []),
    topology.generated.node.spec.bgp?.ipv4Address ?? '',
  ];
  for (const text of written) {
    const address = parseCidr(text)?.address ?? parseCidr(`${text}/32`)?.address;
    if (address?.family === 4) return { routerId: printAddress(address), isRouterIdDerived: false };
  }
  const local = topology.attachments.flatMap((attachment) => attachment.local).find((one) => one.address.family === 4);
  if (local) return { routerId: printAddress(local.address), isRouterIdDerived: false };
  return { routerId: hashedRouterId(topology.router.name), isRouterIdDerived: true };
}

/** A dotted quad from a name, never 0.0.0.0 and never in a range that could be an address in use (240.0.0.0/4). */
function hashedRouterId(name: string): string {
  let value = 0;
  for (let i = 0; i < name.length; i++) value = (Math.imul(value, 31) + name.charCodeAt(i)) & 0x0fffffff;
  return printAddress({ family: 4, bits: BigInt(0xf0000000 + Math.min(value, 0x0ffffffe)) });
}

function listenAddresses(topology: Topology): RoutingIntent['listenOn'] {
  if (topology.router.resource) return topology.router.addresses;
  const bgp = topology.generated.node.spec.bgp;
  return [bgp?.ipv4Address, bgp?.ipv6Address].flatMap((text) => {
    const address =
      text === undefined ? undefined : (parseCidr(text) ?? parseCidr(`${text}/${text.includes(':') ? 128 : 32}`));
    return address ? [address.address] : [];
  });
}

/** Calico traces states, routes, filters and events at Info; routes and filters are left out here: one line per route. */
function resolveDebug(severity: string | undefined): RoutingIntent['debug'] {
  const level = (severity ?? 'Info').toLowerCase();
  return level === 'debug' ? 'all' : level === 'info' ? 'events' : 'off';
}

function resolveAdvertisements(
  global: Resource<'BGPConfiguration'> | undefined,
  own: Resource<'BGPConfiguration'> | undefined,
  warnings: Warning[],
): RoutingIntent['prefixAdvertisements'] {
  const ofGlobal = advertisementsOf(global, warnings);
  const ofNode = advertisementsOf(own, warnings);
  return families.flatMap((family) => {
    const isOfFamily = (entry: { prefix: Prefix }): boolean => entry.prefix.family === family;
    const replacing = ofNode.filter(isOfFamily);
    return replacing.length > 0 ? replacing : ofGlobal.filter(isOfFamily);
  });
}

function advertisementsOf(
  resource: Resource<'BGPConfiguration'> | undefined,
  warnings: Warning[],
): { prefix: Prefix; communities: readonly string[] }[] {
  const named = new Map((resource?.spec.communities ?? []).map(({ name, value }) => [name, value]));
  return (resource?.spec.prefixAdvertisements ?? []).flatMap((entry, index) => {
    const prefix = parsePrefix(entry.cidr);
    if (!prefix) return [];
    const communities = entry.communities.flatMap((text) => {
      const value = named.get(text) ?? text;
      if (/^[0-9]+(:[0-9]+){1,2}$/.test(value)) return [value];
      warnings.push({
        code: 'unknown-community',
        subject: resource,
        path: ['spec', 'prefixAdvertisements', index, 'communities'],
        message: `no community is named ${text}, so routes in ${entry.cidr} go out without it`,
      });
      return [];
    });
    return [{ prefix, communities }];
  });
}
