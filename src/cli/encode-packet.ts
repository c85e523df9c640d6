/**
 * A packet as bytes, with right checksums: conntrack calls one with a wrong sum invalid.
 *
 *   Packet ─[encodePacket]→ WirePacket
 *
 * Invariant: TCP is a SYN, SCTP an INIT, others carry a few zero bytes: the first packet of a flow.
 */
import type { WirePacket } from '../edge/send-packet.ts';
import type { Address } from '../net/address.ts';
import type { Packet } from '../verdict/packet.ts';

const hopLimit = 64;

export function encodePacket(packet: Packet): WirePacket {
  const { family } = packet.source;
  const source = addressBytes(packet.source);
  const destination = addressBytes(packet.destination);
  const transport = encodeTransport(packet, Buffer.concat([source, destination]));
  const header = family === 4 ? ipv4Header(packet.protocol, transport.length) : ipv6Header(packet.protocol, transport);
  const whole = Buffer.concat([header, source, destination, transport]);
  if (family === 4) whole.writeUInt16BE(checksum(whole.subarray(0, 20)), 10);
  return { family, protocol: packet.protocol, source, destination, transport, whole };
}

/** 4 or 16 bytes, most significant first. */
export function addressBytes({ family, bits }: Address): Uint8Array {
  return Buffer.from(bits.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}

function ipv4Header(protocol: number, length: number): Buffer {
  const header = Buffer.from([0x45, 0, 0, 0, 0, 1, 0, 0, hopLimit, protocol, 0, 0]);
  header.writeUInt16BE(20 + length, 2);
  return header;
}

function ipv6Header(protocol: number, { length }: Buffer): Buffer {
  const header = Buffer.from([0x60, 0, 0, 0, 0, 0, protocol, hopLimit]);
  header.writeUInt16BE(length, 4);
  return header;
}

function encodeTransport(packet: Packet, addresses: Buffer): Buffer {
  const bytes = transportBytes(packet);
  const { protocol } = packet;
  if (protocol === 132) {
    bytes.writeUInt32LE(crc32c(bytes), 8);
    return bytes;
  }
  const at = checksumOffset(protocol, packet.source.family);
  if (at === undefined) return bytes;
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(bytes.length, 0);
  pseudo.writeUInt32BE(protocol, 4);
  const sum = checksum(protocol === 1 ? bytes : Buffer.concat([addresses, pseudo, bytes]));
  // A UDP checksum of 0 would say that there is none.
  bytes.writeUInt16BE(sum === 0 && protocol === 17 ? 0xffff : sum, at);
  return bytes;
}

function transportBytes(packet: Packet): Buffer {
  const { protocol, sourcePort = 0, destinationPort = 0, icmpType, icmpCode = 0 } = packet;
  if (icmpType !== undefined) return Buffer.from([icmpType, icmpCode, 0, 0, 0, 1, 0, 1]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  switch (protocol) {
    case 6: // sequence 1, 20 bytes of header, SYN, a window
      return Buffer.concat([ports, Buffer.from('000000010000000050020400', 'hex'), Buffer.alloc(4)]);
    case 17:
    case 136:
      return Buffer.concat([ports, Buffer.from([0, 8, 0, 0])]);
    case 132: // no verification tag, checksum, INIT of 20 bytes: tag, window, streams
      return Buffer.concat([ports, Buffer.alloc(8), Buffer.from('0100001400000001000010000001000100000001', 'hex')]);
    default:
      return Buffer.alloc(8);
  }
}

function checksumOffset(protocol: number, family: 4 | 6): number | undefined {
  switch (protocol) {
    case 6:
      return 16;
    case 17:
    case 136:
      return 6;
    case 1:
      return family === 4 ? 2 : undefined;
    case 58:
      return family === 6 ? 2 : undefined;
    default:
      return undefined;
  }
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 9260, appendix A: the Castagnoli polynomial, reflected. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
