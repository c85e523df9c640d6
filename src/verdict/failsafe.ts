/**
 * Failsafe ports: what keeps a router reachable when policy would cut it off (semantics §4.10).
 *
 *   Failsafe[] + stage + Packet ─[findFailsafe]→ the failsafe that lets the packet through, in words
 *
 * Invariant: a failsafe exempts in the hook it is asked in and nowhere else, and never a packet in a forward stage.
 */

import type { Failsafe, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { printProtocol } from '../net/ip-protocol.ts';
import { containsAddress } from '../net/prefix.ts';
import type { Packet } from './packet.ts';
import type { VerdictStage } from './verdict.ts';

export function findFailsafe(
  failsafes: PolicyIntent['failsafes'],
  stage: VerdictStage,
  interfaceName: string,
  packet: Packet,
): string | undefined {
  const arrives = stage.endsWith('-ingress');
  const remote = arrives ? packet.source : packet.destination;
  const match = (list: readonly Failsafe[], port: number | undefined): Failsafe | undefined =>
    list.find(
      (failsafe) =>
        failsafe.protocol === packet.protocol &&
        failsafe.port === port &&
        (failsafe.net === undefined || containsAddress(failsafe.net, remote)) &&
        (failsafe.interfaces === undefined || failsafe.interfaces.includes(interfaceName)),
    );

  const asked = match(arrives ? failsafes.inbound : failsafes.outbound, packet.destinationPort);
  if (asked) return `failsafe ${printFailsafe(asked)}`;
  if (!stage.startsWith('untracked')) return undefined;
  // Replies to failsafe traffic must stay tracked, so the raw stages let the other direction's list through by source port.
  const answered = match(arrives ? failsafes.outbound : failsafes.inbound, packet.sourcePort);
  return answered && `failsafe ${printFailsafe(answered)} (reply)`;
}

function printFailsafe({ protocol, port }: Failsafe): string {
  return `${printProtocol(protocol)}/${port}`;
}
