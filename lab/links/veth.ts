/**
 * A link as a veth pair between the namespaces of two nodes: the one kind of link that every kernel has.
 *
 *   Lab ─[createLinks]→ lines for `ip -batch` in the sandbox      Lab ─[dressLinks]→ lines for one node
 */
import { podInterface } from '../nodes/pod.ts';
import { type Lab, linkEnds } from '../topology/lab-file.ts';
import { interfacesOf } from '../topology/wiring.ts';

/** Pairs for all links of the file and for all pods; both ends are down and bare. */
export function createLinks(lab: Lab): readonly string[] {
  const pairs = lab.spec.links.map((link) => {
    const [a, b] = linkEnds(link).map(([node, end]) => ({ node, interface: end.interface }));
    return a && b ? createPair(a, b) : '';
  });
  const pods = Object.entries(lab.spec.nodes).flatMap(([pod, spec]) =>
    spec.type === 'pod'
      ? [createPair({ node: pod, interface: 'eth0' }, { node: spec.on, interface: podInterface(pod) })]
      : [],
  );
  return [...pairs, ...pods];
}

/** Addresses on a node's links, and the links up. */
export function dressLinks(lab: Lab, node: string): readonly string[] {
  return interfacesOf(lab, node).flatMap((port) => [
    ...port.addresses.map(
      (address) => `address add ${address} dev ${port.interface}${address.includes(':') ? ' nodad' : ''}`,
    ),
    `link set ${port.interface} up`,
  ]);
}

interface End {
  readonly node: string;
  readonly interface: string;
}

function createPair(a: End, b: End): string {
  return `link add ${a.interface} netns ${a.node} type veth peer name ${b.interface} netns ${b.node}`;
}
