/**
 * A flow as conntrack knows it, and its wire format (linux/netfilter/nfnetlink_conntrack.h).
 *
 *   kernel ─dump─▶ Message ─[readTrackedFlow]→ TrackedFlow ─[encodeDeleteFlow]→ datagram ─▶ kernel
 *
 * Invariant: a flow is deleted by its whole original tuple, zone and id: never another one that took its place.
 */
import type { Address, Family } from '../../net/address.ts';
import { type AttributeWriter, readAttributes, readU16, readU32 } from '../../netlink/attributes.ts';
import { type Message, messageFlags, subsystems, writeMessage } from '../../netlink/message.ts';
import type { Packet } from '../../verdict/packet.ts';

/** One direction of a flow. Ports, or ICMP type and code, exist where the protocol has them. */
export type FlowTuple = Omit<Packet, 'ctState' | 'beforeNat'>;

export interface TrackedFlow {
  /** As the first packet was sent. */
  readonly original: FlowTuple;
  /** As answers come: the addresses after translation, the other way round. */
  readonly reply: FlowTuple;
  readonly hasReply: boolean;
  /** Kept as they came, to name the flow when it is deleted. */
  readonly wire: { readonly tuple: Uint8Array; readonly zone: number; readonly id: number };
}

const messages = { new: 0, get: 1, delete: 2 } as const;
const attribute = { original: 1, reply: 2, status: 3, id: 12, zone: 18 } as const;
const tupleAttribute = { ip: 1, protocol: 2 } as const;
const addressAttribute = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const protocolAttribute = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const icmpAttribute = { 4: { type: 5, code: 6 }, 6: { type: 8, code: 9 } } as const;
/** IPS_SEEN_REPLY */
const seenReply = 1 << 1;
/** NFPROTO_IPV4, NFPROTO_IPV6; conntrack dumps all families for NFPROTO_UNSPEC. */
const netfilterFamily = { 4: 2, 6: 10 } as const;

export function encodeDumpFlows(writer: AttributeWriter, sequence: number): void {
  writeMessage(
    writer,
    { subsystem: subsystems.conntrack, type: messages.get, flags: messageFlags.dump, sequence, family: 0 },
    () => undefined,
  );
}

/** The kernel answers ENOENT where the flow is there no more, which is what was wanted. */
export function encodeDeleteFlow(writer: AttributeWriter, sequence: number, { original, wire }: TrackedFlow): void {
  const family = netfilterFamily[original.source.family];
  const flags = messageFlags.acknowledge;
  writeMessage(writer, { subsystem: subsystems.conntrack, type: messages.delete, flags, sequence, family }, () => {
    const tuple = writer.open(attribute.original);
    writer.append(wire.tuple);
    writer.close(tuple);
    writer.u32(attribute.id, wire.id);
    if (wire.zone !== 0) writer.u16(attribute.zone, wire.zone);
  });
}

/** Undefined where the message is no flow, or one of a protocol family we do not route. */
export function readTrackedFlow(message: Message): TrackedFlow | undefined {
  if (message.kind !== 'data' || message.subsystem !== subsystems.conntrack || message.type !== messages.new) {
    return undefined;
  }
  const attributes = readAttributes(message.attributes);
  const tuple = attributes.get(attribute.original);
  const original = tuple && readTuple(tuple);
  const replyTuple = attributes.get(attribute.reply);
  const reply = replyTuple && readTuple(replyTuple);
  const id = attributes.get(attribute.id);
  if (!tuple || !original || !reply || !id) return undefined;
  const zone = attributes.get(attribute.zone);
  const status = attributes.get(attribute.status);
  return {
    original,
    reply,
    hasReply: status !== undefined && (readU32(status) & seenReply) !== 0,
    wire: { tuple: tuple.slice(), zone: zone === undefined ? 0 : readU16(zone), id: readU32(id) },
  };
}

/** The original tuple in the attributes of a flow; undefined where there is none. */
export function readOriginalTuple(flow: Uint8Array): FlowTuple | undefined {
  const tuple = readAttributes(flow).get(attribute.original);
  return tuple && readTuple(tuple);
}

function readTuple(bytes: Uint8Array): FlowTuple | undefined {
  const parts = readAttributes(bytes);
  const ip = readAttributes(parts.get(tupleAttribute.ip) ?? new Uint8Array());
  const transport = readAttributes(parts.get(tupleAttribute.protocol) ?? new Uint8Array());
  const family: Family = ip.has(addressAttribute[4].source) ? 4 : 6;
  const source = readAddress(family, ip.get(addressAttribute[family].source));
  const destination = readAddress(family, ip.get(addressAttribute[family].destination));
  const protocol = transport.get(protocolAttribute.number)?.[0];
  if (!source || !destination || protocol === undefined) return undefined;
  const sourcePort = transport.get(protocolAttribute.sourcePort);
  const destinationPort = transport.get(protocolAttribute.destinationPort);
  const icmpType = transport.get(icmpAttribute[family].type)?.[0];
  const icmpCode = transport.get(icmpAttribute[family].code)?.[0];
  return {
    source,
    destination,
    protocol,
    ...(sourcePort && destinationPort
      ? { sourcePort: readU16(sourcePort), destinationPort: readU16(destinationPort) }
      : {}),
    ...(icmpType !== undefined && icmpCode !== undefined ? { icmpType, icmpCode } : {}),
  };
}

function readAddress(family: Family, bytes: Uint8Array | undefined): Address | undefined {
  if (!bytes || bytes.length !== (family === 4 ? 4 : 16)) return undefined;
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  return { family, bits };
}
