/**
 * A workload, joined to its cluster node the way Calico joins pods: a veth pair whose node end carries no subnet, a host
 * route to each of the pod's addresses, and a link-local next hop that is the same on every node.
 */
import type { Lab } from '../topology/lab-file.ts';
import type { NodeType } from './node.ts';
import { endSystem } from './sysctls.ts';

/** The pods' next hops: Calico's well-known IPv4 one, and a link-local one for IPv6. */
const nextHop4 = '169.254.1.1';
const nextHop6 = 'fe80::1';

export const podNode: NodeType<'pod'> = {
  sysctls: endSystem,
  settle: ({ spec }) => [
    ...spec.addresses.map((address) => `address add ${address} dev eth0 nodad`),
    'link set eth0 up',
    `route add ${nextHop4} dev eth0 scope link`,
    `route add default via ${nextHop4} dev eth0`,
    `route add default via ${nextHop6} dev eth0`,
  ],
  evidence: () => ({}),
};

/** The node's end of a pod's link: Calico names them `cali…`, and its BIRD leaves them out by that name. */
export function podInterface(pod: string): string {
  return `cali-${pod}`.slice(0, 15);
}

/** Lines for `ip -batch` on a cluster node, for the pods that run on it. */
export function joinPods(lab: Lab, node: string): string[] {
  return Object.entries(lab.spec.nodes).flatMap(([pod, spec]) => {
    if (spec.type !== 'pod' || spec.on !== node) return [];
    const port = podInterface(pod);
    return [
      `address add ${nextHop4}/32 dev ${port}`,
      `address add ${nextHop6}/64 dev ${port} nodad`,
      `link set ${port} up`,
      ...spec.addresses.map((address) => `route add ${address} dev ${port}`),
    ];
  });
}
