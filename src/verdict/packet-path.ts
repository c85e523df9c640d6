/**
 * Whether a packet's flow passes the same routers both ways, from who is at its ends.
 *
 *   PacketEnds, GroupIntent ─[packetPath]→ FlowPath
 */
import { type FlowEndpoint, type FlowPath, flowPath } from '../intent/routing/flow-symmetry.ts';
import type { GroupIntent } from '../intent/routing/routing-intent.ts';
import type { PacketEnd, PacketEnds } from './packet-ends.ts';
import type { Verdict } from './verdict.ts';

const sitePrefix = 'Site/';

/**
 * The Site of the longest prefix counts, as it does for routes. `isSynchronised`: whether the group's routers share connection
 * state, as far as is known.
 */
export function packetPath(
  group: GroupIntent | undefined,
  { source, destination }: PacketEnds,
  verdict: Pick<Verdict, 'stage' | 'trace'>,
  isSynchronised: boolean,
): FlowPath {
  const from: FlowEndpoint = isLocal(verdict) ? { kind: 'router' } : endpointOf(source);
  return flowPath(group, { source: from, destination: endpointOf(destination) }, isSynchronised);
}

/** From the router itself or to it: such a packet meets policy in other stages than a forwarded one. */
function isLocal({ stage, trace }: Pick<Verdict, 'stage' | 'trace'>): boolean {
  return [stage, ...trace.map((step) => step.stage)].some((met) => met === 'normal-ingress' || met === 'normal-egress');
}

function endpointOf({ address, owners }: PacketEnd): FlowEndpoint {
  const site = owners.find(({ id }) => id.startsWith(sitePrefix));
  return site ? { kind: 'site', site: site.id.slice(sitePrefix.length) } : { kind: 'unknown', address };
}
