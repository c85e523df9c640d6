/** What the links of one router say about each other: devices, tags, ports and subnets, and all of it where it is right. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import {
  attachment,
  check,
  device,
  findIn,
  inside,
  peering,
  type ReferenceRow,
  router,
  sites,
  tunnel,
  vlan,
  wireguard,
} from './link-manifests.fixture.ts';
import { checkChanges } from './references.ts';
import { makeSnapshot } from './snapshot.ts';

describe('an error is', () => {
  it.each<ReferenceRow>([
    [
      'a tag twice on one parent',
      [vlan('x', 'dx0', 101), vlan('y', 'dx0', 101)],
      'y',
      'spec.link.vlan.id',
      /tag 101 on dx0 is that of Attachment x/,
    ],
    [
      'a tag inside a tag',
      [vlan('x', 'dx0', 101), vlan('y', 'dx0.101', 5)],
      'y',
      'spec.link.vlan.parent',
      /dx0\.101 is the device of Attachment x/,
    ],
    [
      'a link by the device that another makes',
      [vlan('x', 'dx0', 101), device('y', 'dx0.101')],
      'y',
      'spec.link.interface.name',
      /join the two/,
    ],
    [
      'one device of two tunnels',
      [wireguard('x', ', interface: t0'), wireguard('y', ', interface: t0, listenPort: 1')],
      'y',
      'spec.link',
      /t0 is the device/,
    ],
    [
      'one port of two WireGuards',
      [wireguard('x'), wireguard('y')],
      'y',
      'spec.link.wireguard',
      /51820 .* such as 51821/,
    ],
    [
      'WireGuard at the port of IKE',
      [wireguard('x', ', listenPort: 4500'), tunnel('y', '203.0.113.1')],
      'x',
      'spec.link.wireguard.listenPort',
      /that of Attachment y/,
    ],
    [
      'one subnet of two interfaces',
      [
        device('x', 'eth1', inside('172.31.0.1/24', '172.31.0.2')),
        device('y', 'eth2', inside('172.31.0.3/24', '172.31.0.4')),
      ],
      'y',
      'spec.addresses.local[0]',
      /172\.31\.0\.0\/24 is the subnet of interface eth1 \(Attachment x spec\.addresses\.local\[0\]\)/,
    ],
    [
      'a subnet inside that of another interface, whichever is written first',
      [
        device('x', 'eth1', inside('172.31.0.1/28', '172.31.0.2')),
        device('y', 'eth2', inside('172.31.0.193/24', '172.31.0.194')),
      ],
      'x',
      'spec.addresses.local[0]',
      /172\.31\.0\.0\/28 lies in 172\.31\.0\.0\/24, the subnet of interface eth2 \(Attachment y/,
    ],
    [
      'a subnet of IPv6 inside that of another',
      [
        device('x', 'eth1', inside('fd00:1::1/48', 'fd00:1::2')),
        device('y', 'eth2', inside('fd00:1:0:7::1/64', 'fd00:1:0:7::2')),
      ],
      'y',
      'spec.addresses.local[0]',
      /fd00:1:0:7::\/64 lies in fd00:1::\/48, the subnet of interface eth1/,
    ],
    [
      'one inside /30 of two tunnels',
      [
        tunnel('x', '203.0.113.1', inside('169.254.8.2/30', '169.254.8.1')),
        tunnel('y', '203.0.113.2', inside('169.254.8.1/30', '169.254.8.2')),
      ],
      'y',
      'spec.addresses.local[0]',
      /such as 169\.254\.8\.4\/30/,
    ],
    [
      'a tag that the router lists as an interface with addresses',
      [vlan('x', 'eth9', 7)],
      'x',
      'spec.link.vlan.id',
      /tag 7 on eth9 is interface eth9\.7 of Router r1, listed there with 172\.28\.7\.1\/24/,
    ],
    [
      'two tunnels whose device has one name, one of them by default',
      [
        attachment(
          'x',
          `ipsec: {psk: {secretRef: {name: v, key: k}}, tunnels: [{remoteAddress: 203.0.113.1}, {remoteAddress: 203.0.113.2, interface: x-1}]}`,
          'addresses:',
        ),
      ],
      'x',
      'spec.link.ipsec.tunnels[1]',
      /x-1 is the device of another tunnel/,
    ],
    [
      'WireGuard at the port that a tunnel of IPsec has',
      [
        wireguard('x', ', listenPort: 4501'),
        attachment(
          'y',
          'ipsec: {psk: {secretRef: {name: v, key: k}}, tunnels: [{remoteAddress: 203.0.113.1, localPort: 4501}]}',
        ),
      ],
      'x',
      'spec.link.wireguard.listenPort',
      /4501 .* that of Attachment y/,
    ],
  ])('%s', (_, manifests, name, field, reason) => {
    expect(findIn(manifests).errors).toEqual([{ name, field, reason: expect.stringMatching(reason) }]);
  });
});

it('a tag is fixed where the other end cannot change it', () => {
  const at = (id: number, profile = '') =>
    makeSnapshot(parseFile({ path: 'f.yaml', text: vlan('x', 'dx0', id, profile) }).resources);
  const profile = 'profile: aws-dx-private-vif';
  expect(checkChanges(at(101, profile), at(102, profile))).toMatchObject([
    { file: 'f.yaml', name: 'x', field: 'spec.link.vlan.id', reason: expect.stringMatching(/the tag was 101/) },
  ]);
  expect(checkChanges(at(101, profile), at(101, profile))).toEqual([]);
  expect(checkChanges(at(101), at(102))).toEqual([]);
  expect(checkChanges(makeSnapshot([]), at(102, profile))).toEqual([]);
});

it('nothing is said of what is right', () => {
  const found = check([
    router('interfaces: [{name: eth7, addresses: [172.31.0.1/24, 172.31.0.65/26]}]'),
    sites,
    ...[vlan('v1', 'dx0', 101), vlan('v2', 'dx0', 102), vlan('v3', 'dx1', 101)],
    // The addresses of an interface are said at the Router and at the Attachment.
    device('d1', 'eth7', inside('172.31.0.1/24', '172.31.0.9')),
    // Wider and narrower on one interface, and an address of its own anywhere.
    device('d2', 'eth7', inside('172.31.0.65/26', '172.31.0.66')),
    device('d3', 'eth3', inside('172.31.0.7/32', '172.30.0.1')),
    // A peering carries tunnels to the other VPC, and whatever is inside them.
    ...[peering('p1'), tunnel('t1', '10.1.0.4', 'over: p1\nsite: b')],
    tunnel('t2', '203.0.113.7', 'over: v1'),
    ...[wireguard('w1'), wireguard('w2', ', listenPort: 51821')],
    // The other machine on the link itself, and two tunnels that ports tell apart.
    tunnel('t3', '172.31.0.9', 'over: d1'),
    attachment(
      't4',
      'ipsec: {psk: {secretRef: {name: v, key: k}}, localAddress: 172.31.0.1, tunnels: [{remoteAddress: 203.0.113.8, localPort: 4501}]}',
    ),
    attachment(
      't5',
      'ipsec: {psk: {secretRef: {name: v, key: k}}, localAddress: 172.31.0.1, tunnels: [{remoteAddress: 203.0.113.8, localPort: 4502}]}',
    ),
  ]);
  expect(found).toEqual({ errors: [], warnings: [] });
});
