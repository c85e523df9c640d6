/**
 * Interfaces between the two routers of a pair that shares the state of connections.
 *
 *   Topology, ControlPeers.stateSync ─[resolvePairInterfaces]→ PolicyIntent.pairInterfaces → nftables/
 *
 * Invariant: sorted; none that a Site is reached by, and none in a group of three, where a third router may have to take over
 * what the first two see.
 */
import type { Topology } from '../topology/topology.ts';
import type { ControlPeers } from './resolve-failsafes.ts';

export function resolvePairInterfaces(
  { groupMembers, attachments }: Pick<Topology, 'groupMembers' | 'attachments'>,
  stateSync: ControlPeers['stateSync'],
): string[] {
  const [other, ...others] = groupMembers;
  if (!stateSync || !other || others.length > 0) return [];
  const toSites = new Set(attachments.flatMap(({ paths }) => paths.map(({ interfaceName }) => interfaceName)));
  const names = new Set(other.shared.map(({ interfaceName }) => interfaceName));
  return [...names].filter((name) => !toSites.has(name)).sort();
}
