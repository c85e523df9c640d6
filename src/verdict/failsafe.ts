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

export interface FoundFailsafe {
  /** The list of FelixConfiguration it stands in. */
  readonly list: 'inbound' | 'outbound';
  readonly reason: string;
}

export function findFailsafe(
  failsafes: PolicyIntent['failsafes'],
  stage: VerdictStage,
  interfaceName: string,
  packet: Packet,
): FoundFailsafe | undefined {
  const arrives = stage.endsWith('-ingress');
  const remote = arrives ? packet.source : packet.destination;
  const match = (list: readonly Failsafe[], port: number | undefined): Failsafe | undefined =>
    list.find(
      (failsafe) =>
        failsafe.protocol === packet.protocol &&
        (failsafe.port === undefined || failsafe.port === port) &&
        (failsafe.net === undefined || containsAddress(failsafe.net, remote)) &&
        (failsafe.interfaces === undefined || failsafe.interfaces.includes(interfaceName)),
    );

  const own = arrives ? 'inbound' : 'outbound';
  const asked = match(failsafes[own], packet.destinationPort);
  if (asked) return { list: own, reason: `failsafe ${printFailsafe(asked)}` };
  if (!stage.startsWith('untracked')) return undefined;
  // Replies to failsafe traffic must stay tracked, so the raw stages let the other direction's list through by source port.
  const other = arrives ? 'outbound' : 'inbound';
  const answered = match(failsafes[other], packet.sourcePort);
  return answered && { list: other, reason: `failsafe ${printFailsafe(answered)} (reply)` };
}

function printFailsafe({ protocol, port, attachment }: Failsafe): string {
  const what = port === undefined ? printProtocol(protocol) : `${printProtocol(protocol)}/${port}`;
  return attachment === undefined ? what : `${what} of Attachment ${attachment}`;
}
