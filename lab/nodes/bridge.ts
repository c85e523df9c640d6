/** A VPC's subnet or a switch: a namespace of its own with one bridge that all its links are ports of. */
import { interfacesOf } from '../topology/wiring.ts';
import type { NodeType } from './node.ts';
import { endSystem } from './sysctls.ts';

export const bridgeNode: NodeType<'bridge'> = {
  sysctls: { ...endSystem, 'net/ipv6/conf/default/disable_ipv6': 1 },
  settle: ({ lab, name }) => [
    'link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0',
    'link set br0 up',
    ...interfacesOf(lab, name).map((port) => `link set ${port.interface} master br0`),
  ],
  evidence: () => ({ 'fdb.txt': ['bridge', 'fdb', 'show'] }),
};
