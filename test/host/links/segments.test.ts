/**
 * TCP's segments are made to fit into a link: SYNs sent through a router in the kernel, and read on its other side.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { openPacketLab, type PacketLab } from '../nftables/packet-lab.ts';
import { readPolicy, router } from '../policy/verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

const ends = { 4: ['10.0.0.2', '10.0.1.2'], 6: ['2001:db8::2', '2001:db8:1::2'] } as const;
const flag = { syn: 0x02, synAck: 0x12, rst: 0x06, ack: 0x10 } as const;

/** eth1 is a tunnel whose device the kernel has with 1400 bytes. */
const clamped: PolicyIntent = {
  ...readPolicy([router('Allow')]),
  mssClamps: [{ interfaceName: 'eth1', ipv4: 1360, ipv6: 1340 }],
};

type Family = 4 | 6;
const fits = { 4: 1360, 6: 1340 } as const;

it.each<[string, Family, 0 | 1, keyof typeof flag, number, number]>(
  ([4, 6] as const).flatMap((family): [string, Family, 0 | 1, keyof typeof flag, number, number][] => [
    ['a SYN out of the link is made to fit', family, 0, 'syn', 1460, fits[family]],
    ['the answer to one that came in by it, too', family, 1, 'synAck', 1460, fits[family]],
    ['a SYN that comes in by it, too', family, 1, 'syn', 8960, fits[family]],
    ['a smaller one stays', family, 0, 'syn', 1200, 1200],
    ['one that just fits stays', family, 0, 'syn', fits[family], fits[family]],
    ['without SYN nothing is touched', family, 0, 'ack', 1460, 1460],
    ['with RST nothing is touched', family, 0, 'rst', 1460, 1460],
  ]),
)('%s (IPv%i)', async (_title, family, from, flags, said, passed) => {
  await lab.forget();
  await lab.enforce(clamped);
  const left = await lab.sendBytes(from, segment(family, from, flag[flags], said));
  expect(readSegment(family, left)).toEqual({ size: passed, isChecksumRight: true });
});

it('nothing is touched where no link clamps', async () => {
  await lab.forget();
  await lab.enforce({ ...clamped, mssClamps: [] });
  const left = await lab.sendBytes(0, segment(4, 0, flag.syn, 1460));
  expect(readSegment(4, left)).toEqual({ size: 1460, isChecksumRight: true });
});

function bytesOf(text: string): Buffer {
  const address = parseAddress(text);
  if (!address) throw new Error(text);
  return Buffer.from(address.bits.toString(16).padStart(address.family === 4 ? 8 : 32, '0'), 'hex');
}

/** An IP packet with a TCP header and its MSS option (RFC 9293 §3.1, §3.7.1). */
function segment(family: Family, from: 0 | 1, flags: number, size: number): Buffer {
  const [source, destination] = [ends[family][from], ends[family][1 - from] ?? ''].map(bytesOf) as [Buffer, Buffer];
  const tcp = Buffer.alloc(24);
  tcp.writeUInt16BE(40_000, 0);
  tcp.writeUInt16BE(80, 2);
  tcp[12] = 6 << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(65_535, 14);
  tcp.set([2, 4, size >>> 8, size & 0xff], 20);
  tcp.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(source, destination, tcp.length), tcp])), 16);
  if (family === 6) {
    const ip = Buffer.from([0x60, 0, 0, 0, 0, tcp.length, 6, 64]);
    return Buffer.concat([ip, source, destination, tcp]);
  }
  const ip = Buffer.from([0x45, 0, 0, 20 + tcp.length, 0, 1, 0, 0, 64, 6, 0, 0, ...source, ...destination]);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ip, tcp]);
}

/** Of the TCP packet among what left the router, which speaks for itself too. */
function readSegment(family: Family, left: readonly Buffer[]): { size: number; isChecksumRight: boolean } | undefined {
  const packet = left.find((bytes) => bytes[family === 4 ? 9 : 6] === 6 && bytes[0] === (family === 4 ? 0x45 : 0x60));
  if (!packet) return undefined;
  const [at, length] = family === 4 ? [12, 4] : [8, 16];
  const source = packet.subarray(at, at + length);
  const destination = packet.subarray(at + length, at + 2 * length);
  const tcp = packet.subarray(at + 2 * length, at + 2 * length + 24);
  const sum = checksum(Buffer.concat([pseudoHeader(source, destination, tcp.length), tcp]));
  return { size: tcp.readUInt16BE(22), isChecksumRight: sum === 0 };
}

/** The sum of 16-bit words takes a pseudo header of either family alike: protocol and length stand in words of their own. */
function pseudoHeader(source: Buffer, destination: Buffer, length: number): Buffer {
  return Buffer.concat([source, destination, Buffer.from([0, 6, length >>> 8, length & 0xff])]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
