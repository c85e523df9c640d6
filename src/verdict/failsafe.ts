/**
 * Failsafe ports: what keeps a router reachable when policy would cut it off (semantics §4.10).
 *
 *   Failsafe[] + stage + Packet ─[findFailsafe]→ the failsafe that lets the packet through, in words
 *
 * Invariant: a failsafe exempts in the hook it is asked in and nowhere else, and never a packet in a forward stage.
 */

import { nameFailsafe, printOpening, printPurposes } from '../intent/policy/failsafe-words.ts';
import type { Failsafe, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { echoTypes } from '../net/ip-protocol.ts';
import { containsAddress } from '../net/prefix.ts';
import type { Packet } from './packet.ts';
import type { VerdictStage } from './verdict.ts';

export interface FoundFailsafe {
  /** The list of FelixConfiguration it stands in. */
  readonly list: 'inbound' | 'outbound';
  /** `failsafe inbound: IKE of Attachment vpn`. */
  readonly name: string;
  /** `failsafe udp/500, IKE of Attachment vpn`. */
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
  const match = (list: readonly Failsafe[], port: number | undefined, isReply: boolean): Failsafe | undefined =>
    list.find(
      (failsafe) =>
        failsafe.protocol === packet.protocol &&
        (failsafe.port === undefined || failsafe.port === port) &&
        (failsafe.icmp === undefined || isEcho(packet, isReply ? 'reply' : 'request')) &&
        (failsafe.net === undefined || containsAddress(failsafe.net, remote)) &&
        (failsafe.interfaces === undefined || failsafe.interfaces.includes(interfaceName)),
    );

  const own = arrives ? 'inbound' : 'outbound';
  const asked = match(failsafes[own], packet.destinationPort, false);
  if (asked) return found(own, asked, '');
  if (!stage.startsWith('untracked')) return undefined;
  // Replies to failsafe traffic must stay tracked, so the raw stages let the other direction's list through by source port.
  const other = arrives ? 'outbound' : 'inbound';
  const answered = match(failsafes[other], packet.sourcePort, true);
  return answered && found(other, answered, ' (reply)');
}

function isEcho(packet: Packet, kind: 'request' | 'reply'): boolean {
  return packet.icmpType === echoTypes[packet.source.family][kind] && packet.icmpCode === 0;
}

function found(list: FoundFailsafe['list'], failsafe: Failsafe, suffix: string): FoundFailsafe {
  const { purposes } = failsafe;
  const words = [printOpening(failsafe), printPurposes(purposes)].filter(Boolean).join(', ');
  return { list, name: nameFailsafe(list, purposes), reason: `failsafe ${words}${suffix}` };
}

/** Of a tunnel that goes over another link: who it is for, and the device that its outer packets leave by. */
export interface OuterWay {
  readonly purpose: string;
  readonly interfaceName: string;
}

/** By which link the packet leaves where it is the outer one of a tunnel, which routes have no say in. */
export function findOuterWay({ outbound }: PolicyIntent['failsafes'], packet: Packet): OuterWay | undefined {
  for (const { protocol, port, net, interfaces, purposes } of outbound) {
    const [interfaceName] = interfaces ?? [];
    const isOuter = (purposes ?? []).some(({ what }) => what === 'IKE' || what === 'ESP' || what === 'WireGuard');
    if (!isOuter || interfaceName === undefined || !net || !containsAddress(net, packet.destination)) continue;
    if (protocol !== packet.protocol || (port !== undefined && port !== packet.destinationPort)) continue;
    return { purpose: printPurposes(purposes), interfaceName };
  }
  return undefined;
}
