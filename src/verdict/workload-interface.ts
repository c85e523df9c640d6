/**
 * Traffic between the host and its own workloads under a wildcard endpoint, which does not judge it (semantics §4.6, §4.8).
 *
 *   WorkloadInterfaces + Packet ─[judgeWorkload]→ verdict and reason, or undefined where policy goes on as usual
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { isIcmp } from './match-rule.ts';
import type { Packet } from './packet.ts';

export interface WorkloadVerdict {
  readonly verdict: 'accept' | 'drop';
  readonly reason: string;
}

/** Of a packet that belongs to no flow; `stage` tells whether it is to the host or from it. */
export function judgeWorkload(
  { workloads }: PolicyIntent,
  stage: 'normal-ingress' | 'normal-egress',
  interfaceName: string,
  packet: Packet,
): WorkloadVerdict | undefined {
  if (!workloads?.prefixes.some((prefix) => interfaceName.startsWith(prefix))) return undefined;
  const what = `${interfaceName} is a workload's interface, which a wildcard endpoint does not judge`;
  if (stage === 'normal-egress') return { verdict: 'accept', reason: `${what}: the host may reach it` };
  if (workloads.toHost === 'leave') return { verdict: 'accept', reason: `${what}: left to the host's own rules` };
  if (findsNeighbors(packet)) return { verdict: 'accept', reason: `${what}: neighbor discovery` };
  return { verdict: 'drop', reason: `${what}: FelixConfiguration defaultEndpointToHostAction Drop` };
}

/** Multicast listeners, solicitations and neighbour advertisements; never a router's advertisement (semantics §4.11). */
function findsNeighbors(packet: Packet): boolean {
  const type = packet.icmpType ?? -1;
  return packet.source.family === 6 && isIcmp(packet) && type >= 130 && type <= 136 && type !== 134;
}
