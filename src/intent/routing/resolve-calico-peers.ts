/**
 * Sessions that BGPPeers and the node-to-node mesh ask for.
 *
 *   Snapshot, Topology → [resolve-calico-peers] → PeerClaim[] → resolve-calico-sessions
 *
 * The expansion is Calico's (semantics §5.2.1), made deterministic: global BGPPeers, then those of the node, each by name,
 * then what other nodes' BGPPeers imply here, then local workloads, then the mesh. The first to claim an address and
 * port has it. A Router without a Node of its name counts as local side of a BGPPeer, but is no member of the mesh.
 */
import { type Address, type Family, families, parseAddress, printAddress } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import { networkAddress, parseAddressOrCidr } from '../../net/prefix.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { addressOf, type CalicoNode, hasAddress, selects } from './calico-nodes.ts';
import { bgpPort } from './resolve-settings.ts';

/** One session before its attributes are settled. */
export interface PeerClaim {
  readonly sort: 'Global' | 'Node' | 'Local_Workload' | 'Mesh';
  /** The BGPPeer; undefined for the mesh. */
  readonly peer: Resource<'BGPPeer'> | undefined;
  readonly neighbor: Address;
  readonly port: number;
  readonly remoteAs: Asn;
  /** The Node at the other end, where there is one. */
  readonly node?: CalicoNode;
  /** Whether this end waits for the other to connect. */
  readonly passive: boolean;
  /** Follows from another node's BGPPeer: gives way to what is written without a word. */
  readonly isImplied?: boolean;
  /** Whether BGPPeer's local AS fields count: not where the peer was found by selector. */
  readonly honorsLocalAs: boolean;
}

export interface PeerWorld {
  readonly snapshot: Snapshot;
  readonly self: CalicoNode;
  readonly others: readonly CalicoNode[];
  readonly inMesh: boolean;
  /** Whether other nodes' BGPPeers create sessions here; not on a Router without a Node, whose Attachments say it all. */
  readonly answersOthers: boolean;
  /** Whether it has BGP in a family at all: a Calico node needs an address there. */
  speaks(family: Family): boolean;
  /** Whether an address is the router's own. */
  isOwnAddress(address: Address): boolean;
}

/** Claims in order of precedence; two may claim the same address and port. */
export function resolvePeerClaims(world: PeerWorld, warnings: Warning[]): PeerClaim[] {
  const peers = world.snapshot.list('BGPPeer');
  const global = peers.filter((peer) => isGlobal(peer));
  const own = peers.filter((peer) => !isGlobal(peer) && isLocalSide(peer, world.self));
  return [
    ...global.flatMap((peer) => forwardClaims(world, peer, 'Global', warnings)),
    ...own.flatMap((peer) => forwardClaims(world, peer, 'Node', warnings)),
    ...(world.answersOthers ? peers.flatMap((peer) => reverseClaims(world, peer)) : []).map((claim) => ({
      ...claim,
      isImplied: true,
    })),
    ...[...global, ...own].flatMap((peer) => workloadClaims(world, peer)),
    ...meshClaims(world),
  ];
}

/** Whether the router takes part in the mesh: it is a Calico Node, the mesh is on, and it is no route reflector. */
export function isMeshMember(topology: Topology, self: CalicoNode, meshEnabled: boolean | undefined): boolean {
  return topology.router.node !== undefined && (meshEnabled ?? true) && self.clusterId === undefined;
}

/** `IP`, `v4:port` or `[v6]:port`. */
export function parsePeerIp(
  text: string,
): { readonly address: Address; readonly port: number | undefined } | undefined {
  const match = /^(?:\[([^\]]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  const address = parseAddress(match ? (match[1] ?? match[2] ?? '') : text);
  const port = match ? Number(match[3]) : undefined;
  if (!address || (port !== undefined && (port < 1 || port > 65535))) return undefined;
  return { address, port };
}

function isGlobal(peer: Resource<'BGPPeer'>): boolean {
  return !peer.spec.node && !peer.spec.nodeSelector;
}

function isLocalSide(peer: Resource<'BGPPeer'>, node: CalicoNode): boolean {
  if (isGlobal(peer)) return true;
  return peer.spec.node ? peer.spec.node === node.name : selects(peer.spec.nodeSelector, node.labels);
}

function forwardClaims(
  world: PeerWorld,
  peer: Resource<'BGPPeer'>,
  sort: 'Global' | 'Node',
  warnings: Warning[],
): PeerClaim[] {
  if (peer.spec.peerSelector) {
    const matching = world.others.filter((node) => selects(peer.spec.peerSelector, node.labels));
    return matching.flatMap((node) => nodeClaims(world, peer, sort, node));
  }
  const target = peer.spec.peerIP ? parsePeerIp(peer.spec.peerIP) : undefined;
  if (!target || !world.speaks(target.address.family) || world.isOwnAddress(target.address)) return [];
  const declared = peer.spec.asNumber === undefined ? undefined : parseAsn(peer.spec.asNumber);
  const node = world.others.find((other) => hasAddress(other, target.address));
  const remoteAs = declared ?? node?.as;
  if (remoteAs === undefined || remoteAs === 0) {
    warnings.push({
      code: 'peer-without-as',
      subject: peer,
      path: ['spec', 'asNumber'],
      message: `no session to ${peer.spec.peerIP}: no AS number is given and no Node has the address`,
    });
    return [];
  }
  const ofNode = node && node.as === remoteAs ? node : undefined;
  return [
    {
      sort,
      peer,
      neighbor: target.address,
      port: target.port ?? ofNode?.listenPort ?? bgpPort,
      remoteAs,
      ...(node ? { node } : {}),
      passive: sort === 'Global' && node !== undefined && isLower(world.self, target.address),
      honorsLocalAs: true,
    },
  ];
}

/** Sessions to a Node, one for each family in which both have an address. */
function nodeClaims(
  world: PeerWorld,
  peer: Resource<'BGPPeer'>,
  sort: PeerClaim['sort'],
  node: CalicoNode,
): PeerClaim[] {
  return families.flatMap((family) => {
    const neighbor = sharedAddress(world.self, node, family);
    if (!neighbor) return [];
    return [
      { sort, peer, neighbor, port: node.listenPort, remoteAs: node.as, node, passive: false, honorsLocalAs: false },
    ];
  });
}

/** What this node owes to other nodes whose BGPPeer points here. */
function reverseClaims(world: PeerWorld, peer: Resource<'BGPPeer'>): PeerClaim[] {
  if (peer.spec.reversePeering === 'Manual' || peer.spec.localWorkloadSelector) return [];
  const localSide = world.others.filter((node) => isLocalSide(peer, node));
  const sort = isGlobal(peer) ? 'Global' : 'Node';
  if (peer.spec.peerSelector) {
    if (!selects(peer.spec.peerSelector, world.self.labels)) return [];
    return localSide.flatMap((node) => nodeClaims(world, peer, sort, node));
  }
  const target = peer.spec.peerIP ? parsePeerIp(peer.spec.peerIP) : undefined;
  if (!target || !hasAddress(world.self, target.address)) return [];
  if (peer.spec.asNumber !== undefined && parseAsn(peer.spec.asNumber) !== world.self.as) return [];
  if (target.port !== undefined && target.port !== world.self.listenPort) return [];
  // The other end may speak under another AS of its own choosing.
  const declared = peer.spec.localASNumber === undefined ? undefined : parseAsn(peer.spec.localASNumber);
  return localSide.flatMap((node) =>
    nodeClaims(world, peer, sort, node)
      .filter((claim) => claim.neighbor.family === target.address.family)
      .map((claim) => ({ ...claim, remoteAs: declared ?? claim.remoteAs })),
  );
}

function workloadClaims(world: PeerWorld, peer: Resource<'BGPPeer'>): PeerClaim[] {
  const remoteAs = peer.spec.asNumber === undefined ? undefined : parseAsn(peer.spec.asNumber);
  if (!peer.spec.localWorkloadSelector || remoteAs === undefined) return [];
  return world.snapshot
    .list('WorkloadEndpoint')
    .filter((workload) => workload.spec.node === world.self.name)
    .filter((workload) => selects(peer.spec.localWorkloadSelector, workload.metadata.labels ?? {}))
    .flatMap((workload) => workload.spec.ipNetworks ?? [])
    .flatMap((text) => {
      const prefix = parseAddressOrCidr(text);
      if (!prefix) return [];
      const neighbor = networkAddress(prefix);
      return [{ sort: 'Local_Workload', peer, neighbor, port: bgpPort, remoteAs, passive: true, honorsLocalAs: true }];
    });
}

function meshClaims(world: PeerWorld): PeerClaim[] {
  if (!world.inMesh) return [];
  return world.others
    .filter((node) => node.clusterId === undefined)
    .flatMap((node) =>
      families.flatMap((family): PeerClaim[] => {
        const neighbor = sharedAddress(world.self, node, family);
        if (!neighbor) return [];
        const passive = isLower(world.self, neighbor);
        const { listenPort: port, as: remoteAs } = node;
        return [{ sort: 'Mesh', peer: undefined, neighbor, port, remoteAs, node, passive, honorsLocalAs: false }];
      }),
    );
}

function sharedAddress(self: CalicoNode, node: CalicoNode, family: Family): Address | undefined {
  return addressOf(self, family) && addressOf(node, family);
}

/** Calico compares the addresses' texts, not their numbers; the lower one waits (semantics §5.2.2). */
function isLower(self: CalicoNode, neighbor: Address): boolean {
  const own = addressOf(self, neighbor.family);
  return own !== undefined && printAddress(own) < printAddress(neighbor);
}
