/**
 * Packets of VICI on their stream: each with its length in four bytes, its type, a name where the type has one, and a message.
 *
 *   ViciPacket ─[encodePacket]→ bytes → socket → bytes ─[packetReader]→ ViciPacket*
 *
 * Format: README of strongSwan's vici plugin, "Packet layer".
 * Invariant: a stream that is no VICI is noticed, not waited for: a reader that threw must not be fed again.
 */
import type { ViciSection } from '../../links/ipsec/vici-message.ts';
import { decodeMessage, encodeMessage, shortText } from './vici-codec.ts';

export type ViciPacket =
  | { readonly type: 'request'; readonly name: string; readonly message: ViciSection }
  | { readonly type: 'response'; readonly message: ViciSection }
  | { readonly type: 'unknown-request' }
  | { readonly type: 'register' | 'unregister'; readonly name: string }
  | { readonly type: 'confirm' }
  | { readonly type: 'unknown-event' }
  | { readonly type: 'event'; readonly name: string; readonly message: ViciSection };

const numbers = {
  request: 0,
  response: 1,
  'unknown-request': 2,
  register: 3,
  unregister: 4,
  confirm: 5,
  'unknown-event': 6,
  event: 7,
} as const satisfies Record<ViciPacket['type'], number>;

const types: ReadonlyMap<number, ViciPacket['type']> = new Map(
  Object.entries(numbers).map(([type, number]) => [number, type as ViciPacket['type']]),
);

/** Bytes; what charon itself keeps to. */
const maxPacket = 512 * 1024;
const lengthBytes = 4;

/** Throws a RangeError on what is longer than the format allows; it holds nothing of that. */
export function encodePacket(packet: ViciPacket): Buffer {
  const name = 'name' in packet ? shortText(packet.name) : Buffer.alloc(0);
  const message = 'message' in packet ? encodeMessage(packet.message) : Buffer.alloc(0);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(1 + name.length + message.length);
  if (length.readUInt32BE() > maxPacket) throw new RangeError(`a VICI packet is longer than ${maxPacket} bytes`);
  return Buffer.concat([length, Buffer.of(numbers[packet.type]), name, message]);
}

/** Takes pieces of a stream as they come and gives the packets that are whole by then; throws on what is no VICI. */
export function packetReader(): (piece: Buffer) => ViciPacket[] {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    const packets: ViciPacket[] = [];
    while (rest.length >= lengthBytes) {
      const length = rest.readUInt32BE(0);
      if (length > maxPacket) throw new RangeError(`a VICI packet of ${length} bytes`);
      if (rest.length < lengthBytes + length) break;
      const packet = decodePacket(rest.subarray(lengthBytes, lengthBytes + length));
      if (packet === undefined) throw new RangeError('bytes that are no VICI packet');
      packets.push(packet);
      rest = rest.subarray(lengthBytes + length);
    }
    return packets;
  };
}

function decodePacket(bytes: Buffer): ViciPacket | undefined {
  const type = types.get(bytes[0] ?? -1);
  switch (type) {
    case undefined:
      return undefined;
    case 'confirm':
    case 'unknown-event':
    case 'unknown-request':
      return { type };
    case 'response': {
      const message = decodeMessage(bytes.subarray(1));
      return message && { type, message };
    }
    case 'register':
    case 'unregister':
    case 'request':
    case 'event': {
      const end = 2 + (bytes[1] ?? 0);
      if (bytes.length < end) return undefined;
      const name = bytes.toString('utf8', 2, end);
      if (type === 'register' || type === 'unregister') return { type, name };
      const message = decodeMessage(bytes.subarray(end));
      return message && { type, name, message };
    }
  }
}
