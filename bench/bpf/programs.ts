/**
 * The two XDP programs of the forwarding measurement, as instruction lists.
 *
 *   SenderProgram ─[sendFrames]→ Instruction[] ─[assemble]→ bytes
 *
 * Invariant: the sender writes every byte of the frame each time. The kernel hands the same pages out again, with the
 * TTL lowered and the MAC addresses changed by the router that forwarded them.
 */
import type {
  Condition,
  Instruction,
  Operand,
  Operation,
  Register,
  Width,
} from '../../src/edge/links/bpf-assembler.ts';

/** Bytes on the wire without FCS: the shortest Ethernet frame. */
export const frameLength = 60;
export const sentTtl = 64;

/** Which 5-tuples are sent: source addresses × source ports, one after the other, then again from the start. */
export interface Flows {
  /** Source addresses are this prefix's two upper octets followed by 16 bits counted up from `firstHost`. */
  readonly sourceNetwork: readonly [number, number];
  readonly firstHost: number;
  readonly hosts: number;
  readonly firstPort: number;
  /** Distinct 5-tuples; the ports follow from it. */
  readonly count: number;
  readonly destination: readonly [number, number, number, number];
  readonly destinationPort: number;
}

export interface SenderProgram {
  readonly flows: Flows;
  readonly sourceMac: Buffer;
  readonly destinationMac: Buffer;
  /** The interface, in the sender's namespace, that frames leave by. */
  readonly interfaceIndex: number;
  /** An array map of one u64: how many frames were made so far. */
  readonly counterMap: number;
}

const xdpAborted = 0;
const xdpDrop = 1;
const helperRedirect = 23;
const ethertypeIpv4 = 0x0800;
const protocolUdp = 17;

/** struct xdp_md: data, data_end. */
const dataField = 0;
const dataEndField = 4;

const offsets = { ethertype: 12, identification: 18, ttl: 22, protocol: 23, sourceLow: 28, udpSource: 34 } as const;

/** Writes a whole frame of the next flow, then redirects it out of the sender's interface. */
export function sendFrames(program: SenderProgram): Instruction[] {
  const { flows } = program;
  return [
    ...packetOrJump(frameLength, 'abort'),
    ...writeTemplate(frameTemplate(program)),
    { kind: 'map-value', target: 3, mapFd: program.counterMap, offset: 0 },
    load(8, 1, 3, 0),
    move(4, { register: 1 }),
    alu('add', 4, { constant: 1 }),
    store(8, 4, 3, 0),
    alu('mod', 1, { constant: flows.count }),
    move(2, { register: 1 }),
    alu('mod', 2, { constant: flows.hosts }),
    alu('div', 1, { constant: flows.hosts }),
    alu('add', 1, { constant: flows.firstPort }),
    { kind: 'big-endian', target: 1, bits: 16 },
    store(2, 1, 6, offsets.udpSource),
    alu('add', 2, { constant: flows.firstHost }),
    // Identification is the complement of the address bits that vary: their sum, and so the header checksum, stays.
    move(3, { constant: 0xffff }),
    alu('sub', 3, { register: 2 }),
    { kind: 'big-endian', target: 2, bits: 16 },
    store(2, 2, 6, offsets.sourceLow),
    { kind: 'big-endian', target: 3, bits: 16 },
    store(2, 3, 6, offsets.identification),
    move(1, { constant: program.interfaceIndex }),
    move(2, { constant: 0 }),
    { kind: 'call', helper: helperRedirect },
    { kind: 'exit' },
    { kind: 'label', name: 'abort' },
    move(0, { constant: xdpAborted }),
    { kind: 'exit' },
  ];
}

/** Drops everything; counts the UDP frames whose TTL says that they came by the way that is measured. */
export function countAndDrop(counterMap: number, ttl: number): Instruction[] {
  return [
    ...packetOrJump(offsets.udpSource, 'drop'),
    load(2, 3, 6, offsets.ethertype),
    jumpIf(3, 'ne', { constant: swap16(ethertypeIpv4) }, 'drop'),
    load(2, 3, 6, offsets.ttl), // TTL and protocol are neighbours
    jumpIf(3, 'ne', { constant: ttl | (protocolUdp << 8) }, 'drop'),
    { kind: 'map-value', target: 3, mapFd: counterMap, offset: 0 },
    move(4, { constant: 1 }),
    { kind: 'atomic-add', width: 8, register: 4, base: 3, offset: 0 },
    { kind: 'label', name: 'drop' },
    move(0, { constant: xdpDrop }),
    { kind: 'exit' },
  ];
}

/** A frame with the varying fields (source's low bits, identification, source port) zero and the checksum that fits them all. */
export function frameTemplate(program: Omit<SenderProgram, 'counterMap' | 'interfaceIndex'>): Buffer {
  const { flows } = program;
  const frame = Buffer.alloc(frameLength);
  program.destinationMac.copy(frame, 0);
  program.sourceMac.copy(frame, 6);
  frame.writeUInt16BE(ethertypeIpv4, offsets.ethertype);
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(frameLength - 14, 16);
  frame.writeUInt8(sentTtl, offsets.ttl);
  frame.writeUInt8(protocolUdp, offsets.protocol);
  frame.set(flows.sourceNetwork, 26);
  frame.set(flows.destination, 30);
  frame.writeUInt16BE(flows.destinationPort, 36);
  frame.writeUInt16BE(frameLength - 34, 38);
  // The UDP checksum stays 0, "none", which IPv4 allows. 0xffff is what identification and address add up to.
  frame.writeUInt16BE(ipv4Checksum(frame.subarray(14, 34), 0xffff), 24);
  return frame;
}

/** RFC 1071 over a header whose checksum field is zero, with `extra` added to the sum. */
export function ipv4Checksum(header: Buffer, extra = 0): number {
  let sum = extra;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Leaves the start of the packet in r6, or jumps when it has fewer than `length` bytes. */
function packetOrJump(length: number, label: string): Instruction[] {
  return [
    load(4, 6, 1, dataField),
    load(4, 3, 1, dataEndField),
    move(4, { register: 6 }),
    alu('add', 4, { constant: length }),
    jumpIf(4, 'gt', { register: 3 }, label),
  ];
}

function writeTemplate(frame: Buffer): Instruction[] {
  const program: Instruction[] = [];
  for (let offset = 0; offset + 8 <= frame.length; offset += 8) {
    program.push({ kind: 'constant64', target: 5, value: frame.readBigUInt64LE(offset) }, store(8, 5, 6, offset));
  }
  const rest = frame.length - 4;
  return [...program, move(5, { constant: frame.readInt32LE(rest) }), store(4, 5, 6, rest)];
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function load(width: Width, register: Register, base: Register, offset: number): Instruction {
  return { kind: 'load', width, register, base, offset };
}

function store(width: Width, register: Register, base: Register, offset: number): Instruction {
  return { kind: 'store', width, register, base, offset };
}

function alu(operation: Operation, target: Register, operand: Operand): Instruction {
  return { kind: 'alu', operation, target, operand };
}

function move(target: Register, operand: Operand): Instruction {
  return alu('mov', target, operand);
}

function jumpIf(left: Register, condition: Condition, right: Operand, label: string): Instruction {
  return { kind: 'jump-if', left, condition, right, label };
}
