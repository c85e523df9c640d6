/**
 * Packets for the networks of arbitrary-manifests: between their hosts, at the edges of their ports, in every state.
 *
 *   fast-check ─[packets]→ NaivePacket;  ─[ways]→ NaiveWay
 */
import fc from 'fast-check';
import { hasPorts } from '../../src/net/ip-protocol.ts';
import { hosts } from './arbitrary-manifest-rule.ts';
import type { NaivePacket, NaiveWay } from './naive/manifest.ts';

const seldom = ['eth2', 'lo', 'kube-ipvs0', 'cali0', 'tap0', 'eth9'];
const names = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('eth0', 'eth1') }, fc.constantFrom(...seldom));

export const ways: fc.Arbitrary<NaiveWay> = fc.oneof(
  fc.record({ in: names }),
  fc.record({ out: names }),
  fc.record({ in: names, out: names }),
);

const ports = fc.constantFrom(22, 80, 80, 80, 443, 8080, 79, 53, 179, 1024, 67, 0, 65_535);

export const packets: fc.Arbitrary<NaivePacket> = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    source: fc.nat(5),
    destination: fc.nat(5),
    sentTo: fc.nat(40),
    protocol: fc.constantFrom(6, 6, 6, 6, 17, 17, 132, 136, 1, 58, 58, 47, 112),
    sourcePort: ports,
    destinationPort: ports,
    sentToPort: ports,
    icmpType: fc.constantFrom(0, 8, 8, 128, 128, 135, 138, 254),
    icmpCode: fc.constantFrom(0, 0, 1, 255),
    ct: fc.constantFrom<NaivePacket['ct']>(
      ...(['new', 'new', 'new', 'new', 'new', 'new', 'new', 'new'] as const),
      ...(['established', 'related', 'invalid', 'untracked'] as const),
    ),
  })
  .map(({ family, source, destination, protocol, ct, ...rest }) => {
    const hasPort = hasPorts(protocol);
    const isNat = rest.sentTo < hosts[family].length && (ct === 'new' || ct === 'established');
    const sentTo = {
      destination: hosts[family][rest.sentTo] ?? '',
      ...(hasPort && { destinationPort: rest.sentToPort }),
    };
    return {
      source: hosts[family][source] ?? '',
      destination: hosts[family][destination] ?? '',
      protocol,
      ct,
      ...(hasPort && { sourcePort: rest.sourcePort, destinationPort: rest.destinationPort }),
      ...(protocol === (family === 4 ? 1 : 58) && { icmpType: rest.icmpType, icmpCode: rest.icmpCode }),
      ...(isNat && { sentTo }),
    };
  });
