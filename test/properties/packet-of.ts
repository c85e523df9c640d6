/**
 * Packets and ways of the naive evaluator as the product's own.
 *
 *   NaivePacket → Packet;  NaiveWay → Passage
 */
import { address } from '../../src/net/literals.fixture.ts';
import type { Packet, Passage } from '../../src/verdict/packet.ts';
import type { NaivePacket, NaiveWay } from './naive/manifest.ts';

export function passageOf({ in: inbound, out: outbound }: NaiveWay): Passage {
  if (inbound === undefined) return { kind: 'local-out', outbound: outbound ?? '' };
  return outbound === undefined ? { kind: 'local-in', inbound } : { kind: 'forward', inbound, outbound };
}

export function packetOf({ source, destination, ct, sentTo, ...rest }: NaivePacket): Packet {
  const ends = { source: address(source), destination: address(destination) };
  if (!sentTo) return { ...rest, ...ends, ctState: ct };
  return { ...rest, ...ends, ctState: ct, beforeNat: { ...sentTo, destination: address(sentTo.destination) } };
}
