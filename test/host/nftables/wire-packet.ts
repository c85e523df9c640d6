/**
 * IP packets as bytes, in every form that one may come in.
 *
 *   NaivePacket, number, form ─[encodePacket]→ one IP packet, or its fragments
 *
 * Invariant: the last of them in place, if not in order, ends with the trailer.
 */
import { type NaiveAddress, readAddress } from '../../properties/naive/address.ts';
import type { NaivePacket } from '../../properties/naive/manifest.ts';
import { checksum, encodeTransport } from './wire-transport.ts';

/** `options`: those of IPv4, a hop-by-hop header of IPv6. */
export const packetForms = ['whole', 'fragments', 'last fragment first', 'options', 'options, fragments'] as const;
export type PacketForm = (typeof packetForms)[number];

const fragmentHeader = 44;
const extensionHeaders = new Set([0, 60, 43, fragmentHeader]);

/** Of NAT the packet as it was sent. */
export function encodePacket(
  packet: NaivePacket,
  number: number,
  form: PacketForm = 'whole',
  quoted?: Buffer,
): readonly Buffer[] {
  const source = addressBytes(readAddress(packet.source));
  const destination = addressBytes(readAddress(packet.sentTo?.destination ?? packet.destination));
  const payload = encodeTransport(packet, number, Buffer.concat([source, destination]), quoted);
  const header = { protocol: packet.protocol, id: number, source, destination, hasOptions: form.startsWith('options') };
  if (form === 'whole' || form === 'options') return [encodeIp(header, payload)];
  // All but the last eight bytes or less: ports are in the first fragment alone, the trailer in the second.
  const cut = Math.floor((payload.length - 8) / 8) * 8;
  const first = encodeIp({ ...header, fragment: { at: 0, isLast: false } }, payload.subarray(0, cut));
  const second = encodeIp({ ...header, fragment: { at: cut, isLast: true } }, payload.subarray(cut));
  return form === 'last fragment first' ? [second, first] : [first, second];
}

/** From whom, to whom and of what protocol an IP packet says it is. */
export function identityOf(packet: Buffer): string {
  if ((packet[0] ?? 0) >> 4 === 4) return `${packet[9]} ${packet.subarray(12, 20).toString('hex')}`;
  let protocol = packet[6] ?? 0;
  let at = 40;
  while (extensionHeaders.has(protocol)) {
    const length = protocol === fragmentHeader ? 8 : ((packet[at + 1] ?? 0) + 1) * 8;
    protocol = packet[at] ?? 255;
    at += length;
  }
  return `${protocol} ${packet.subarray(8, 40).toString('hex')}`;
}

/** What `identityOf` says of the packet where it arrives. */
export function identityAfterNat({ protocol, source, destination }: NaivePacket): string {
  const addresses = [source, destination].map((text) => addressBytes(readAddress(text)).toString('hex'));
  return `${protocol} ${addresses.join('')}`;
}

export function addressBytes({ width, value }: NaiveAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(width / 4, '0'), 'hex');
}

interface IpHeader {
  readonly protocol: number;
  readonly id: number;
  readonly source: Buffer;
  readonly destination: Buffer;
  readonly hasOptions: boolean;
  readonly fragment?: { readonly at: number; readonly isLast: boolean };
}

function encodeIp(header: IpHeader, payload: Buffer): Buffer {
  return header.source.length === 4 ? encodeIpv4(header, payload) : encodeIpv6(header, payload);
}

function encodeIpv4({ protocol, id, source, destination, hasOptions, fragment }: IpHeader, payload: Buffer): Buffer {
  const options = Buffer.from(hasOptions ? [1, 1, 1, 0] : []);
  const length = 20 + options.length;
  const bytes = Buffer.from([0x40 | (length / 4), 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]);
  bytes.writeUInt16BE(length + payload.length, 2);
  bytes.writeUInt16BE(id & 0xffff, 4);
  if (fragment) bytes.writeUInt16BE((fragment.at >> 3) | (fragment.isLast ? 0 : 0x2000), 6);
  const whole = Buffer.concat([bytes, source, destination, options]);
  whole.writeUInt16BE(checksum(whole), 10);
  return Buffer.concat([whole, payload]);
}

function encodeIpv6({ protocol, id, source, destination, hasOptions, fragment }: IpHeader, payload: Buffer): Buffer {
  const next = fragment ? fragmentHeader : protocol;
  // PadN of four bytes of padding.
  const options = Buffer.from(hasOptions ? [next, 0, 1, 4, 0, 0, 0, 0] : []);
  const piece = Buffer.alloc(fragment ? 8 : 0);
  if (fragment) {
    piece[0] = protocol;
    piece.writeUInt16BE(fragment.at | (fragment.isLast ? 0 : 1), 2);
    piece.writeUInt32BE(id, 4);
  }
  const bytes = Buffer.from([0x60, 0, 0, 0, 0, 0, hasOptions ? 0 : next, 64]);
  bytes.writeUInt16BE(options.length + piece.length + payload.length, 4);
  return Buffer.concat([bytes, source, destination, options, piece, payload]);
}
