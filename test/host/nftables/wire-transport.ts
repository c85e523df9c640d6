/**
 * What an IP packet carries, as bytes: transport headers, and the checksums that conntrack holds against them.
 *
 *   NaivePacket, number ─[encodeTransport]→ payload of the IP packet
 *
 * Invariant: the last eight bytes are the trailer, which tells a packet from every other: a mark of ours and its number.
 */
import type { NaivePacket } from '../../properties/naive/manifest.ts';

const trailerMark = 0x43574159;

/** The number of the packet that the bytes end with. */
export function readTrailer(bytes: Buffer): number | undefined {
  const at = bytes.length - 8;
  return at >= 0 && bytes.readUInt32BE(at) === trailerMark ? bytes.readUInt32BE(at + 4) : undefined;
}

/** `addresses` are those of the IP header, as most checksums cover them; `quoted` is the packet an ICMP error is about. */
export function encodeTransport(packet: NaivePacket, number: number, addresses: Buffer, quoted?: Buffer): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32BE(trailerMark, 0);
  trailer.writeUInt32BE(number, 4);
  const { bytes, sum } = transportHeader(packet, number);
  const whole = Buffer.concat([bytes, quoted ?? Buffer.alloc(0), trailer]);
  switch (sum.kind) {
    case 'none':
      break;
    case 'crc32c':
      whole.writeUInt32LE(crc32c(whole), sum.at);
      break;
    case 'internet': {
      const pseudo = Buffer.alloc(8);
      pseudo.writeUInt32BE(whole.length, 0);
      pseudo.writeUInt32BE(packet.protocol, 4);
      const isOverPayloadAlone = packet.protocol === 1;
      const summed = isOverPayloadAlone ? whole : Buffer.concat([addresses, pseudo, whole]);
      whole.writeUInt16BE(checksum(summed) || 0xffff, sum.at);
    }
  }
  return whole;
}

interface TransportHeader {
  readonly bytes: Buffer;
  readonly sum: { readonly kind: 'none' } | { readonly kind: 'internet' | 'crc32c'; readonly at: number };
}

function transportHeader(packet: NaivePacket, number: number): TransportHeader {
  const { protocol, sourcePort = 0, destinationPort = 0, sentTo, icmpType = 0, icmpCode = 0 } = packet;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(sentTo?.destinationPort ?? destinationPort, 2);
  switch (protocol) {
    case 6: {
      // A segment without any flag belongs to no TCP that conntrack knows.
      const flags = packet.ct === 'invalid' ? 0 : packet.ct === 'established' ? 0x12 : 0x02;
      // Four bytes of options, so that all of the header fits into a first fragment (RFC 8200, 4.5) and the trailer is left.
      const acknowledged = packet.ct === 'established' ? 2 : 0;
      const rest = Buffer.from([0, 0, 0, 1, 0, 0, 0, acknowledged, 0x60, flags, 4, 0, 0, 0, 0, 0, 1, 1, 1, 0]);
      return { bytes: Buffer.concat([ports, rest]), sum: { kind: 'internet', at: 16 } };
    }
    case 17:
      return { bytes: Buffer.concat([ports, Buffer.from([0, 16, 0, 0])]), sum: { kind: 'internet', at: 6 } };
    case 136:
      // A coverage of zero is the whole packet (RFC 3828).
      return { bytes: Buffer.concat([ports, Buffer.alloc(4)]), sum: { kind: 'internet', at: 6 } };
    case 132: {
      // INIT alone begins an association; the trailer is a parameter of it, as conntrack wants no chunk beside INIT.
      const tag = Buffer.alloc(8);
      const chunk = Buffer.from([1, 0, 0, 28, 0, 0, 0, 7, 0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
      return { bytes: Buffer.concat([ports, tag, chunk]), sum: { kind: 'crc32c', at: 8 } };
    }
    case 1:
    case 58: {
      const bytes = Buffer.from([icmpType, icmpCode, 0, 0, 0, 0, 0, 0]);
      if (packet.ct !== 'related') bytes.writeUInt16BE(number & 0xffff, 4);
      return { bytes, sum: { kind: 'internet', at: 2 } };
    }
    case 47:
      return { bytes: Buffer.from([0, 0, 8, 0, 0, 0, 0, 0]), sum: { kind: 'none' } };
    default: {
      // Numbers where ESP and AH have their index; no two alike.
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(number + 0x1000, 0);
      return { bytes, sum: { kind: 'none' } };
    }
  }
}

/** RFC 1071; the fields that hold it are still zero. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Castagnoli's, bit by bit (RFC 9260, appendix A). */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
