/**
 * Nodes as Calico's peering sees them: addresses, AS, port, cluster and labels.
 *
 *   Snapshot, Topology → [calico-nodes] → resolve-calico-peers
 */
import { type Address, equalAddresses, type Family, parseAddress } from '../../net/address.ts';
import type { Asn } from '../../net/asn.ts';
import { parseCidr } from '../../net/prefix.ts';
import type { Labels, Resource } from '../../resources/resource.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Topology } from '../topology/topology.ts';
import { type RoutingSettings, resolveListenPort, resolveNodeAs } from './resolve-settings.ts';

export interface CalicoNode {
  readonly name: string;
  readonly labels: Labels;
  readonly addresses: readonly Address[];
  readonly as: Asn;
  readonly listenPort: number;
  readonly clusterId?: string;
}

/** The router itself as a node: its Node, if any, with the Router's own fields over it. */
export function selfAsNode(topology: Topology, settings: RoutingSettings): CalicoNode {
  const { generated, router } = topology;
  return {
    ...nodeOf(generated.node, settings.localAs, settings.listenPort),
    name: router.name,
    labels: router.labels,
  };
}

/** All other Nodes, by name. */
export function otherNodes(snapshot: Snapshot, topology: Topology): CalicoNode[] {
  const global = snapshot.find('BGPConfiguration', 'default')?.spec;
  return snapshot
    .list('Node')
    .filter((node) => node.metadata.name !== topology.router.name)
    .map((node) => nodeOf(node, resolveNodeAs(node, global), resolveListenPort(snapshot, node.metadata.name)));
}

export function addressOf(node: CalicoNode, family: Family): Address | undefined {
  return node.addresses.find((address) => address.family === family);
}

export function hasAddress(node: CalicoNode, address: Address): boolean {
  return node.addresses.some((own) => equalAddresses(own, address));
}

/** Whether a written selector picks the labels; an absent one picks nothing, nor does one that does not parse. */
export function selects(selector: string | undefined, labels: Labels): boolean {
  if (selector === undefined || selector === '') return false;
  const parsed = parseSelector(selector);
  return parsed.ok && evaluateSelector(parsed.value, labels);
}

function nodeOf(node: Resource<'Node'>, as: Asn, listenPort: number): CalicoNode {
  const bgp = node.spec.bgp;
  const addresses = [bgp?.ipv4Address, bgp?.ipv6Address].flatMap((text) => {
    const address = text === undefined ? undefined : (parseCidr(text)?.address ?? parseAddress(text));
    return address ? [address] : [];
  });
  const clusterId = bgp?.routeReflectorClusterID;
  return {
    name: node.metadata.name,
    labels: node.metadata.labels ?? {},
    addresses,
    as,
    listenPort,
    ...(clusterId === undefined || clusterId === '' ? {} : { clusterId }),
  };
}
