/**
 * Packets as bytes, checksums and all: conntrack looks at them.
 *
 *   NaivePacket, number ─[encodePacket]→ IP packet;  bytes ─[readTrailer]→ number
 *
 * Invariant: the last eight bytes tell a packet from every other: a mark of ours and its number.
 */
import { type NaiveAddress, readAddress } from '../../properties/naive/address.ts';
import type { NaivePacket } from '../../properties/naive/manifest.ts';

const trailerMark = 0x43574159;

export function encodePacket(packet: NaivePacket, number: number): Buffer {
  const source = addressBytes(readAddress(packet.source));
  const destination = addressBytes(readAddress(packet.destination));
  const payload = encodeTransport(packet, number, Buffer.concat([source, destination]));
  return Buffer.concat([header(packet.protocol, payload.length, number, source, destination), payload]);
}

/** The number of the packet, or of the one that is quoted at the end of it. */
export function readTrailer(bytes: Buffer): number | undefined {
  const at = bytes.length - 8;
  return at >= 0 && bytes.readUInt32BE(at) === trailerMark ? bytes.readUInt32BE(at + 4) : undefined;
}

/** The part of an IP header that says from whom, to whom and of what protocol. */
export function identityOf(packet: Buffer): string {
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4;
  const addresses = isIpv4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  return `${packet[isIpv4 ? 9 : 6]} ${addresses.toString('hex')}`;
}

export function addressBytes({ width, value }: NaiveAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(width / 4, '0'), 'hex');
}

function header(protocol: number, length: number, id: number, source: Buffer, destination: Buffer): Buffer {
  if (source.length === 4) {
    const bytes = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]);
    bytes.writeUInt16BE(20 + length, 2);
    bytes.writeUInt16BE(id & 0xffff, 4);
    const whole = Buffer.concat([bytes, source, destination]);
    whole.writeUInt16BE(checksum(whole), 10);
    return whole;
  }
  const bytes = Buffer.from([0x60, 0, 0, 0, 0, 0, protocol, 64]);
  bytes.writeUInt16BE(length, 4);
  return Buffer.concat([bytes, source, destination]);
}

function encodeTransport(packet: NaivePacket, number: number, addresses: Buffer): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32BE(trailerMark, 0);
  trailer.writeUInt32BE(number, 4);
  const { bytes, checksumAt } = transportHeader(packet, number);
  const whole = Buffer.concat([bytes, trailer]);
  const isOverPayloadAlone = packet.protocol === 1;
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(whole.length, 0);
  pseudo.writeUInt32BE(packet.protocol, 4);
  const summed = isOverPayloadAlone ? whole : Buffer.concat([addresses, pseudo, whole]);
  whole.writeUInt16BE(checksum(summed) || 0xffff, checksumAt);
  return whole;
}

function transportHeader(packet: NaivePacket, number: number): { bytes: Buffer; checksumAt: number } {
  const { protocol, sourcePort = 0, destinationPort = 0, icmpType = 0, icmpCode = 0 } = packet;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  if (protocol === 6) {
    // A segment without any flag belongs to no TCP that conntrack knows.
    const flags = packet.ct === 'invalid' ? 0 : 0x02;
    return {
      bytes: Buffer.concat([ports, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 4, 0, 0, 0, 0, 0])]),
      checksumAt: 16,
    };
  }
  if (protocol === 17) return { bytes: Buffer.concat([ports, Buffer.from([0, 16, 0, 0])]), checksumAt: 6 };
  const bytes = Buffer.from([icmpType, icmpCode, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt16BE(number & 0xffff, 4);
  return { bytes, checksumAt: 2 };
}

/** RFC 1071; the fields that hold it are still zero. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
