/**
 * Who is joined to whom, as questions about a Lab.
 *
 *   Lab ─[interfacesOf, addressFor, doorOf]→ names and addresses
 */
import { type Family, families, printAddress } from '../../src/net/address.ts';
import { parseCidr } from '../../src/net/prefix.ts';
import { type Lab, linkEnds } from './lab-file.ts';
import type { LinkEnd, NodeSpec } from './lab-schema.ts';

export interface WiredInterface extends LinkEnd {
  /** The node at the other end, and its interface. */
  readonly peer: string;
  readonly peerInterface: string;
}

/** A node's interfaces on links of the file, in its order; a pod's own link is not among them. */
export function interfacesOf(lab: Lab, node: string): readonly WiredInterface[] {
  return lab.spec.links.flatMap((link) => {
    const ends = linkEnds(link);
    const own = ends.find(([name]) => name === node);
    const other = ends.find(([name]) => name !== node);
    if (!own || !other) return [];
    return [{ ...own[1], peer: other[0], peerInterface: other[1].interface }];
  });
}

/**
 * The address by which one node calls another: of a router with many, the one on the side it is met from.
 * Undefined when the node has none of that family there.
 */
export function addressFor(lab: Lab, from: string, to: string, family: Family): string | undefined {
  const spec = lab.spec.nodes[to];
  const door = spec?.type === 'router' ? doorOf(lab, to, from) : undefined;
  const cidrs =
    spec?.type === 'pod'
      ? spec.addresses
      : [
          ...interfacesOf(lab, to)
            .filter((port) => door === undefined || port.interface === door)
            .flatMap((port) => [...port.addresses, ...port.vlans.flatMap(({ addresses }) => addresses)]),
          ...tunnelAddresses(lab, to),
        ];
  const parsed = cidrs.map(parseCidr).find((cidr) => cidr?.address.family === family);
  return parsed && printAddress(parsed.address);
}

export interface Dialled {
  readonly family: Family;
  /** Of the caller, where it is an end system. */
  readonly source: string;
  readonly address: string;
}

/** By which addresses one node calls another: in each family that both have. */
export function dial(lab: Lab, from: string, to: string): readonly Dialled[] {
  return families.flatMap((family) => {
    const source = addressFor(lab, to, from, family);
    const address = addressFor(lab, from, to, family);
    return source === undefined || address === undefined ? [] : [{ family, source, address }];
  });
}

/** Addresses on tunnel devices that come out at a node. */
function tunnelAddresses(lab: Lab, node: string): readonly string[] {
  return Object.values(lab.spec.nodes).flatMap((spec) =>
    spec.type === 'tunnel-endpoint' && spec.device.on === node ? spec.device.addresses : [],
  );
}

/** The interface by which a router meets another node, looking through other routers only where there is no other way. */
export function doorOf(lab: Lab, router: string, node: string): string | undefined {
  return searchDoor(lab, router, node, ({ type }) => type !== 'router') ?? searchDoor(lab, router, node, () => true);
}

function searchDoor(
  lab: Lab,
  router: string,
  node: string,
  isTransparent: (spec: NodeSpec) => boolean,
): string | undefined {
  const start = lab.spec.nodes[node];
  let front: string[] = start?.type === 'pod' ? [start.on] : [node];
  const seen = new Set(front);
  while (front.length > 0) {
    const next: string[] = [];
    for (const here of front) {
      for (const { peer, peerInterface } of neighboursOf(lab, here)) {
        if (peer === router) return peerInterface;
        const spec = lab.spec.nodes[peer];
        if (seen.has(peer) || !spec || !isTransparent(spec)) continue;
        seen.add(peer);
        next.push(peer);
      }
    }
    front = next;
  }
  return undefined;
}

/** Over links, and over tunnels: who is next, and at which of its interfaces. */
function neighboursOf(lab: Lab, node: string): readonly Pick<WiredInterface, 'peer' | 'peerInterface'>[] {
  const behindTunnels = lab.spec.tunnels.flatMap((tunnel) =>
    tunnel[node] === undefined
      ? []
      : Object.entries(tunnel)
          .filter(([end]) => end !== node)
          .map(([peer, peerInterface]) => ({ peer, peerInterface })),
  );
  return [...behindTunnels, ...interfacesOf(lab, node)];
}
