/**
 * The headers of a packet as they came over a wire.
 *
 *   bytes from the IP header on ─[decodePacket]→ DecodedPacket → verdict/
 *
 * IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200, RFC 4302); ports where the four protocols that have them keep them.
 * Invariant: any bytes give an answer. What is cut off or stands in another fragment is left out, never guessed: a rule that
 * asks for it does not match, as in the kernel.
 */
import type { Address, Family } from '../net/address.ts';
import { hasPorts, protocolNumbers } from '../net/ip-protocol.ts';
import type { Packet } from '../verdict/packet.ts';

export interface DecodedPacket {
  readonly packet: Omit<Packet, 'ctState' | 'beforeNat'>;
  /** Not the first fragment: it has no ports. */
  readonly isLaterFragment: boolean;
  /** The bytes end before what the headers promise of ports or type and code. */
  readonly isCutOff: boolean;
}

/** Undefined where there is no whole IP header. */
export function decodePacket(bytes: Uint8Array): DecodedPacket | undefined {
  switch ((bytes[0] ?? 0) >> 4) {
    case 4:
      return decodeIpv4(bytes);
    case 6:
      return decodeIpv6(bytes);
    default:
      return undefined;
  }
}

/** Where the transport header begins. */
interface Transport {
  readonly protocol: number;
  readonly at: number;
  readonly isLaterFragment: boolean;
}

function decodeIpv4(bytes: Uint8Array): DecodedPacket | undefined {
  const headerBytes = ((bytes[0] ?? 0) & 0x0f) * 4;
  if (bytes.length < 20 || headerBytes < 20) return undefined;
  const fragmentOffset = u16(bytes, 6) & 0x1fff;
  const transport = { protocol: bytes[9] ?? 0, at: headerBytes, isLaterFragment: fragmentOffset !== 0 };
  return finish(bytes, readAddress(bytes, 4, 12), readAddress(bytes, 4, 16), transport);
}

function decodeIpv6(bytes: Uint8Array): DecodedPacket | undefined {
  if (bytes.length < 40) return undefined;
  return finish(bytes, readAddress(bytes, 6, 8), readAddress(bytes, 6, 24), findIpv6Transport(bytes));
}

const extension = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60 } as const;

/** Passes over the extension headers that the kernel passes over (ipv6_find_hdr); ESP and unknown ones end the search. */
function findIpv6Transport(bytes: Uint8Array): Transport {
  let protocol = bytes[6] ?? 0;
  let at = 40;
  for (;;) {
    if (at + 8 > bytes.length) return { protocol, at, isLaterFragment: false };
    const next = bytes[at] ?? 0;
    const length = bytes[at + 1] ?? 0;
    switch (protocol) {
      case extension.hopByHop:
      case extension.routing:
      case extension.destination:
        at += (length + 1) * 8;
        break;
      case extension.authentication:
        at += (length + 2) * 4;
        break;
      case extension.fragment:
        if ((u16(bytes, at + 2) & 0xfff8) !== 0) return { protocol: next, at: at + 8, isLaterFragment: true };
        at += 8;
        break;
      default:
        return { protocol, at, isLaterFragment: false };
    }
    protocol = next;
  }
}

function finish(bytes: Uint8Array, source: Address, destination: Address, transport: Transport): DecodedPacket {
  const { protocol, at, isLaterFragment } = transport;
  const base = { source, destination, protocol };
  const isIcmp = protocol === (source.family === 4 ? protocolNumbers.ICMP : protocolNumbers.ICMPv6);
  if (isLaterFragment || !(isIcmp || hasPorts(protocol))) return { packet: base, isLaterFragment, isCutOff: false };
  if (at + (isIcmp ? 2 : 4) > bytes.length) return { packet: base, isLaterFragment, isCutOff: true };
  const fields = isIcmp
    ? { icmpType: bytes[at] ?? 0, icmpCode: bytes[at + 1] ?? 0 }
    : { sourcePort: u16(bytes, at), destinationPort: u16(bytes, at + 2) };
  return { packet: { ...base, ...fields }, isLaterFragment, isCutOff: false };
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function readAddress(bytes: Uint8Array, family: Family, at: number): Address {
  let bits = 0n;
  for (let i = at; i < at + (family === 4 ? 4 : 16); i++) bits = (bits << 8n) | BigInt(bytes[i] ?? 0);
  return { family, bits };
}
