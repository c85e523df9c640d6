import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printAddress } from '../net/address.ts';
import { hasPorts } from '../net/ip-protocol.ts';
import { decodePacket } from './decode-packet.ts';
import { ipv4, ipv6, ports } from './wire.fixture.ts';

const [a, b, a6, b6] = ['10.0.0.1', '10.0.0.2', 'fd00::1', '2001:db8::2'];
/** Extension headers of eight bytes, each with the number of what follows. */
const hopByHop = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0];
const fragment = (next: number, offset: number) => [next, 0, offset >> 5, (offset << 3) & 0xff, 0, 0, 0, 1];
/** 24 bytes: a length of 4 counts words less two. */
const authentication = (next: number) => [next, 4, ...new Array<number>(22).fill(0)];

function say(bytes: Uint8Array): string {
  const decoded = decodePacket(bytes);
  if (!decoded) return 'no packet';
  const { packet, isCutOff, isLaterFragment } = decoded;
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode } = packet;
  const fields = [sourcePort, destinationPort, icmpType, icmpCode].filter((field) => field !== undefined);
  const flaws = [...(isCutOff ? ['cut off'] : []), ...(isLaterFragment ? ['later fragment'] : [])];
  return [printAddress(source), '>', printAddress(destination), protocol, ...fields, ...flaws].join(' ');
}

describe('a packet is read', () => {
  it.each([
    ['TCP', ipv4(a, b, { protocol: 6 }, ...ports(40000, 443)), '10.0.0.1 > 10.0.0.2 6 40000 443'],
    ['UDP over IPv6', ipv6(a6, b6, 17, ...ports(65535, 1)), 'fd00::1 > 2001:db8::2 17 65535 1'],
    ['SCTP', ipv4(a, b, { protocol: 132 }, ...ports(1, 2)), '10.0.0.1 > 10.0.0.2 132 1 2'],
    ['UDPLite', ipv4(a, b, { protocol: 136 }, ...ports(1, 2)), '10.0.0.1 > 10.0.0.2 136 1 2'],
    ['ICMP', ipv4(a, b, { protocol: 1 }, 3, 1, 0, 0), '10.0.0.1 > 10.0.0.2 1 3 1'],
    ['ICMPv6', ipv6(a6, b6, 58, 128, 0, 0, 0), 'fd00::1 > 2001:db8::2 58 128 0'],
    ["ICMPv6's number in IPv4", ipv4(a, b, { protocol: 58 }, 128, 0), '10.0.0.1 > 10.0.0.2 58'],
    ['a protocol without ports', ipv4(a, b, { protocol: 47 }, 0, 0, 8, 0), '10.0.0.1 > 10.0.0.2 47'],
    ['IPv4 options', ipv4(a, b, { protocol: 6, options: [1, 1, 1, 0] }, ...ports(1, 2)), '10.0.0.1 > 10.0.0.2 6 1 2'],
    [
      'extension headers',
      ipv6(a6, b6, 0, ...hopByHop(43), ...hopByHop(60), ...hopByHop(6), ...ports(7, 8)),
      'fd00::1 > 2001:db8::2 6 7 8',
    ],
    [
      'an authentication header',
      ipv6(a6, b6, 51, ...authentication(17), ...ports(7, 8)),
      'fd00::1 > 2001:db8::2 17 7 8',
    ],
    ['the first fragment', ipv6(a6, b6, 44, ...fragment(17, 0), ...ports(7, 8)), 'fd00::1 > 2001:db8::2 17 7 8'],
    ['ESP, which hides the rest', ipv6(a6, b6, 50, ...ports(7, 8)), 'fd00::1 > 2001:db8::2 50'],
  ])('%s', (_, bytes, said) => {
    expect(say(bytes)).toBe(said);
  });
});

describe('what is not there is left out', () => {
  const whole = ipv4(a, b, { protocol: 6 }, ...ports(1, 2));
  it.each([
    [
      'a later fragment',
      ipv4(a, b, { protocol: 6, fragmentOffset: 100 }, ...ports(1, 2)),
      '10.0.0.1 > 10.0.0.2 6 later fragment',
    ],
    [
      'a later fragment of IPv6',
      ipv6(a6, b6, 44, ...fragment(17, 100), ...ports(7, 8)),
      'fd00::1 > 2001:db8::2 17 later fragment',
    ],
    ['ports cut off', whole.subarray(0, 23), '10.0.0.1 > 10.0.0.2 6 cut off'],
    ['all after the header cut off', whole.subarray(0, 20), '10.0.0.1 > 10.0.0.2 6 cut off'],
    ['type and code cut off', ipv6(a6, b6, 58, 128), 'fd00::1 > 2001:db8::2 58 cut off'],
    ['an extension header cut off', ipv6(a6, b6, 0, 6, 0, 1), 'fd00::1 > 2001:db8::2 0'],
    [
      'an extension header longer than the packet',
      ipv6(a6, b6, 0, 6, 255, 0, 0, 0, 0, 0, 0),
      'fd00::1 > 2001:db8::2 6 cut off',
    ],
    ['half a header', whole.subarray(0, 19), 'no packet'],
    ['half a header of IPv6', ipv6(a6, b6, 6).subarray(0, 39), 'no packet'],
    ['an IPv4 header that says it is shorter than one', Uint8Array.from([0x44, ...whole.subarray(1)]), 'no packet'],
    ['no version', Uint8Array.from([0, ...whole.subarray(1)]), 'no packet'],
    ['nothing', new Uint8Array(), 'no packet'],
  ])('%s', (_, bytes, said) => {
    expect(say(bytes)).toBe(said);
  });
});

it('any bytes give a packet that policy can be asked about, or none', () => {
  const headers = fc.constantFrom(
    [],
    [...ipv4(a, b, { protocol: 6 })],
    [...ipv6(a6, b6, 0)],
    [...ipv6(a6, b6, 44)],
    [...ipv6(a6, b6, 51)],
  );
  let packets = 0;
  fc.assert(
    fc.property(headers, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 }), (header, rest) => {
      const decoded = decodePacket(Uint8Array.from([...header, ...rest]));
      if (!decoded) return;
      packets++;
      const { packet, isCutOff, isLaterFragment } = decoded;
      const isIcmp = packet.protocol === (packet.source.family === 4 ? 1 : 58);
      const isWhole = !isCutOff && !isLaterFragment;
      expect(packet.source.family).toBe(packet.destination.family);
      expect(packet.destinationPort !== undefined).toBe(hasPorts(packet.protocol) && isWhole);
      expect(packet.sourcePort !== undefined).toBe(hasPorts(packet.protocol) && isWhole);
      expect(packet.icmpType !== undefined).toBe(isIcmp && isWhole);
    }),
    { seed: 20261125, numRuns: 2000 },
  );
  expect(packets).toBeGreaterThan(1000);
});
