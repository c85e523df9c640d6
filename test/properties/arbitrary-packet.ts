/**
 * Packets at the edges of the rules in arbitrary-rule: the first, last and neighbouring addresses of their nets, ports around
 * the ends of their ranges, so that a packet often hits a rule and often just misses it.
 *
 *   fast-check ─[packetCases]→ Packet and its Passage
 */
import fc from 'fast-check';
import type { Family } from '../../src/net/address.ts';
import { hasPorts } from '../../src/net/ip-protocol.ts';
import { address } from '../../src/net/literals.fixture.ts';
import type { Packet, Passage } from '../../src/verdict/packet.ts';

export const interfaceNames = ['eth0', 'eth1', 'tun0', 'lo'];

const addresses: Record<Family, readonly string[]> = {
  4: '10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.7 10.0.0.8 10.255.255.255 11.0.0.0 9.255.255.255 192.0.2.1 255.255.255.255'.split(
    ' ',
  ),
  6: '2001:db8:: 2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::7 2001:db8::8 2001:db9:: fe80::1 ff02::1 ::1'.split(
    ' ',
  ),
};

const portEdges = [0, 1, 21, 22, 23, 53, 78, 79, 80, 81, 82, 443, 444, 1023, 1024, 65534, 65535];
/** Those that most rules and failsafes are about. */
const usualPorts = [22, 53, 79, 80, 81];
export interface PacketCase {
  readonly passage: Passage;
  readonly packet: Packet;
  /** What stands where ports would, in a packet without ports; see PortlessBytes. */
  readonly portless: 'too short' | { readonly sourcePort: number; readonly destinationPort: number };
}

const anyInterface = fc.constantFrom(...interfaceNames, 'eth0', 'eth1', 'eth0', 'eth1', 'eth9');
const passages: fc.Arbitrary<Passage> = fc.oneof(
  fc.record({ kind: fc.constant('local-in' as const), inbound: anyInterface }),
  fc.record({ kind: fc.constant('local-out' as const), outbound: anyInterface }),
  fc.record({ kind: fc.constant('forward' as const), inbound: anyInterface, outbound: anyInterface }),
);

const anyPort: fc.Arbitrary<number> = fc.constantFrom(...portEdges, ...usualPorts, ...usualPorts);

const packets: fc.Arbitrary<Packet> = fc
  .record({
    family: fc.constantFrom<Family>(4, 6),
    source: fc.nat(100),
    destination: fc.nat(100),
    protocol: fc.constantFrom(6, 6, 6, 6, 17, 17, 1, 1, 58, 58, 132, 136, 47, 2, 255),
    sourcePort: anyPort,
    destinationPort: anyPort,
    icmpType: fc.constantFrom(8, 8, 8, 128, 128, 128, 135, 135, 0, 132, 133, 137, 138, 255),
    icmpCode: fc.constantFrom(0, 0, 1, 255),
    ctState: fc.constantFrom<Packet['ctState']>(
      'new',
      'new',
      'new',
      'new',
      'new',
      'new',
      'established',
      'invalid',
      'untracked',
    ),
  })
  .map(({ family, source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, ctState }) => {
    const at = (index: number) => address(addresses[family][index % addresses[family].length] ?? '');
    return {
      source: at(source),
      destination: at(destination),
      protocol,
      ctState,
      ...(hasPorts(protocol) ? { sourcePort, destinationPort } : {}),
      ...(protocol === (family === 4 ? 1 : 58) ? { icmpType, icmpCode } : {}),
    };
  });

const portlessBytes: fc.Arbitrary<PacketCase['portless']> = fc.oneof(
  fc.constant('too short' as const),
  fc.record({ sourcePort: anyPort, destinationPort: anyPort }),
);

export const packetCases: fc.Arbitrary<PacketCase> = fc.record({
  passage: passages,
  packet: packets,
  portless: portlessBytes,
});

/** New packets that arrive on eth0. */
export const arrivingCases: fc.Arbitrary<PacketCase> = fc.record({
  passage: fc.constantFrom<Passage>(
    { kind: 'local-in', inbound: 'eth0' },
    { kind: 'forward', inbound: 'eth0', outbound: 'eth1' },
  ),
  packet: fc.tuple(packets, fc.integer({ min: 0, max: 95 }), fc.boolean()).map(([packet, port, isLow]) => ({
    ...packet,
    ctState: 'new' as const,
    ...(isLow && packet.destinationPort !== undefined ? { destinationPort: port } : {}),
  })),
  portless: portlessBytes,
});
