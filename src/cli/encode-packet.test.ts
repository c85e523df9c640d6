import { describe, expect, it } from 'vitest';
import { packet } from '../verdict/policy.fixture.ts';
import { encodePacket } from './encode-packet.ts';

/** RFC 1071: over a whole with its right checksum in it the sum is 0xffff. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe('a packet to send', () => {
  it.each([
    ['TCP, a SYN', packet('10.0.0.2', '10.1.0.9', 'tcp/443'), 20],
    ['TCP over IPv6', packet('fd00::2', 'fd01::9', 'tcp/443'), 20],
    ['UDP', packet('10.0.0.2', '10.1.0.9', 'udp/53'), 8],
    ['UDP over IPv6', packet('fd00::2', 'fd01::9', 'udp/53'), 8],
    ['ICMPv6', packet('fd00::2', 'fd01::9', 'icmpv6/128/0'), 8],
  ] as const)('%s carries the sum over itself and its addresses', (_title, given, length) => {
    const { source, destination, transport } = encodePacket(given);
    const pseudo = Buffer.from([0, 0, 0, transport.length, 0, 0, 0, given.protocol]);
    expect(transport).toHaveLength(length);
    expect(sum(Buffer.concat([source, destination, pseudo, transport]))).toBe(0xffff);
  });

  it('of ICMP carries the sum over itself alone, and an IPv4 header the sum over the header', () => {
    const { whole, transport } = encodePacket(packet('10.0.0.2', '10.1.0.9', 'icmp/8/0'));
    expect(sum(transport)).toBe(0xffff);
    expect(sum(whole.subarray(0, 20))).toBe(0xffff);
    expect(whole.readUInt16BE(2)).toBe(whole.length);
  });

  it('has the ports that were asked for, and none where the protocol has none', () => {
    const { transport } = encodePacket(packet('10.0.0.2', '10.1.0.9', 'sctp/7'));
    expect([transport.readUInt16BE(0), transport.readUInt16BE(2), transport[12]]).toEqual([40000, 7, 1]);
    expect(encodePacket(packet('10.0.0.2', '10.1.0.9', '47')).transport).toEqual(Buffer.alloc(8));
  });
});
