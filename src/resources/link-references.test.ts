/** What the links of one router say about each other: each check, what it finds and what it leaves alone. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { checkChanges, checkReferences } from './references.ts';
import { makeSnapshot } from './snapshot.ts';

interface Found {
  readonly name: string;
  readonly field: string;
  readonly reason: string;
}

function check(manifests: string[]): { readonly errors: Found[]; readonly warnings: Found[] } {
  const { resources, errors } = parseFile({ path: 'f.yaml', text: manifests.join('---\n') });
  expect(errors).toEqual([]);
  const found = checkReferences(makeSnapshot(resources));
  const brief = ({ name, field, reason }: Found): Found => ({ name, field, reason });
  return { errors: found.errors.map(brief), warnings: found.warnings.map(brief) };
}
const errorsOf = (...manifests: string[]): Found[] => check(manifests).errors;

const router = (spec = ''): string => manifest('Router', `asNumber: 64520\n${spec}`, 'r1');
const sites = ['a', 'b'].map((name) => manifest('Site', 'type: vpc\nprefixes: [10.0.0.0/8]', name)).join('---\n');

let count = 0;
/** Addresses that no other has, unless the rest says some. */
function attachment(name: string, link: string, more = ''): string {
  const third = ++count % 250;
  const ends = more.includes('addresses:')
    ? ''
    : `\naddresses: {local: [172.16.${third}.1/30], remote: [172.16.${third}.2]}`;
  const routes = more.includes('bgp:') ? '' : '\nstatic: {prefixes: [10.0.0.0/8]}';
  const site = more.includes('site:') ? '' : '\nsite: a';
  return manifest('Attachment', `router: r1\nlink: {${link}}${site}${ends}${routes}\n${more}`, name);
}
const vlan = (name: string, parent: string, id: number, more = ''): string =>
  attachment(name, `vlan: {parent: ${parent}, id: ${id}}`, more);
const device = (name: string, dev: string, more = ''): string => attachment(name, `interface: {name: ${dev}}`, more);
const tunnel = (name: string, peer: string, more = ''): string =>
  attachment(name, `ipsec: {psk: {secretRef: {name: v, key: k}}, tunnels: [{remoteAddress: "${peer}"}]}`, more);
const wireguard = (name: string, settings = ''): string =>
  attachment(name, `wireguard: {peerPublicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="${settings}}`);
const peering = (name: string, more = ''): string =>
  attachment(name, 'interface: {name: eth1, network: vpc-peering}', more);
const inside = (local: string, remote: string): string => `addresses: {local: ["${local}"], remote: ["${remote}"]}`;

const listed =
  'interfaces: [{name: eth8, addresses: [172.29.0.1/24, "fd00:29::1/64"]}, {name: eth9.7, addresses: [172.28.7.1/24]}]';
const vpn = (name: string, peer: string, third: number, more: string, at = 'r1'): string =>
  tunnel(name, peer, `profile: aws-vgw-vpn\n${inside(`169.254.${third}.2/30`, `169.254.${third}.1`)}\n${more}`).replace(
    'router: r1',
    `router: ${at}`,
  );

describe('an error is', () => {
  it.each<[string, string[], string, string, RegExp]>([
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
    ['a tunnel over nothing', [tunnel('x', '203.0.113.1', 'over: dx')], 'x', 'spec.over', /dx does not exist/],
    [
      'a tunnel over a link of another family',
      [device('x', 'eth1', inside('fd00::2/64', 'fd00::1')), tunnel('y', '203.0.113.1', 'over: x')],
      'y',
      'spec.over',
      /no IPv4 address/,
    ],
    ['a tunnel over itself', [tunnel('x', '203.0.113.1', 'over: x')], 'x', 'spec.over', /x over x/],
    [
      'a tunnel to an address inside itself',
      [tunnel('x', '169.254.9.1', inside('169.254.9.2/30', '169.254.9.1'))],
      'x',
      'spec.link',
      /x over x; its peer lies in the inside subnet/,
    ],
    ['a tag in a VPC', [vlan('x', 'dx0', 101)], 'x', 'spec.link.vlan', /role transit/],
    [
      'a third network behind a peering',
      [peering('x'), device('y', 'eth2', 'site: b')],
      'x',
      'spec.link.interface.network',
      /Site b of Attachment y is one: lead a tunnel over it \(over: x\)/,
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
      'a tunnel to the router itself',
      [tunnel('x', '172.29.0.1')],
      'x',
      'spec.link.ipsec.tunnels[0].remoteAddress',
      /172\.29\.0\.1 is an address of Router r1 itself/,
    ],
    [
      'WireGuard to the router itself, by IPv6',
      [wireguard('x', ', endpoint: "[fd00:29::1]:51820"')],
      'x',
      'spec.link.wireguard.endpoint',
      /fd00:29::1 is an address of Router r1 itself/,
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
    [
      "the gateway's AS at both ends of a VPN",
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 64520}')],
      'x',
      'spec.bgp.asNumber',
      /AS 64520 is this end's own.*write localASNumber/,
    ],
    [
      'one /30 inside two connections of a gateway, to two routers',
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 1}'), vpn('y', '203.0.113.2', 8, 'bgp: {asNumber: 1}', 'r2')],
      'y',
      'spec.addresses.local[0]',
      /169\.254\.8\.0\/30 is inside a tunnel of Attachment x \(Router r1\)/,
    ],
    [
      "a third network behind the gateway of the router's own VPC",
      [device('x', 'eth1, network: vpn-gateway'), device('y', 'eth2', 'site: b')],
      'x',
      'spec.link.interface.network',
      /the virtual private gateway of a VPC delivers only .* Site b of Attachment y is one/,
    ],
    ['BGP over a peering', [peering('x', 'bgp: {asNumber: 65001}')], 'x', 'spec.bgp', /would lead nowhere/],
  ])('%s', (title, manifests, name, field, reason) => {
    const role = title === 'a tag in a VPC' ? 'role: transit\n' : '';
    expect(
      errorsOf(router(`${role}${listed}`), manifest('Router', 'asNumber: 65000', 'r2'), sites, ...manifests),
    ).toEqual([{ name, field, reason: expect.stringMatching(reason) }]);
  });

  it('each of two peerings behind the same device', () => {
    const found = errorsOf(router(), sites, peering('x'), peering('y', 'site: b'));
    expect(found.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      expect.stringMatching(/^x: .*Site b of Attachment y is one/),
      expect.stringMatching(/^y: .*Site a of Attachment x is one/),
    ]);
  });

  it('each of two tunnels that carry each other', () => {
    const found = errorsOf(
      router(),
      sites,
      tunnel('x', '203.0.113.1', 'over: y'),
      tunnel('y', '203.0.113.2', 'over: x'),
    );
    expect(found.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/x over y over x/),
      expect.stringMatching(/y over x over y/),
    ]);
  });

  it('a tower of links', () => {
    const tower = Array.from({ length: 10 }, (_, i) =>
      tunnel(`t${i}`, `203.0.113.${i}`, i === 0 ? '' : `over: t${i - 1}`),
    );
    expect(errorsOf(router(), sites, ...tower)).toEqual([
      { name: 't9', field: 'spec.over', reason: expect.stringMatching(/more than 8 links/) },
    ]);
  });

  it('a peering or a route server at a router of a data center', () => {
    const routeServer = device('y', 'eth2', 'profile: aws-route-server\nbgp: {asNumber: 65001}');
    expect(errorsOf(router('role: edge'), sites, peering('x'), routeServer).map(({ field }) => field)).toEqual([
      'spec.link.interface.network',
      'spec.profile',
    ]);
  });
});

/** Both ends of one tunnel; the first says who is inside the second, which has the address that is said. */
const tunnelTo = (name: string, peer: string, remote: string, more = ''): string =>
  attachment(
    name,
    `ipsec: {psk: {secretRef: {name: v, key: k}}, ${more} tunnels: [{localAddress: 172.29.0.1, remoteAddress: ${peer}}]}`,
    inside('169.254.8.3/29', remote),
  );
const tunnelBack = (name: string, local: string, more = ''): string =>
  attachment(
    name,
    `ipsec: {psk: {secretRef: {name: v, key: k}}, ${more} tunnels: [{localAddress: 203.0.113.2, remoteAddress: 172.29.0.1}]}`,
    inside(`${local}/30`, '169.254.8.3'),
  ).replace('router: r1', 'router: r2');

describe('a warning is', () => {
  it('that neither end opens a tunnel, at each', () => {
    const ends = [
      tunnelTo('x', '203.0.113.2', '169.254.8.2', 'initiate: false,'),
      tunnelBack('y', '169.254.8.2', 'initiate: false,'),
    ];
    expect(check([router(), manifest('Router', 'asNumber: 65000', 'r2'), sites, ...ends])).toMatchObject({
      errors: [],
      warnings: ['x', 'y'].map((name) => ({ name, field: 'spec.link.ipsec.initiate' })),
    });
  });

  it.each<[string, string[], string, string, RegExp]>([
    [
      'two tunnels with the same ends outside',
      [tunnel('x', '203.0.113.1'), tunnel('y', '203.0.113.1')],
      'y',
      'spec.link.ipsec.tunnels[0]',
      /same ends outside as tunnels\[0\] of Attachment x: .*give one of them a localPort/,
    ],
    [
      'an end that the router does not have',
      [
        attachment(
          'x',
          'ipsec: {psk: {secretRef: {name: v, key: k}}, localAddress: 192.0.2.9, tunnels: [{remoteAddress: 203.0.113.1}]}',
        ),
      ],
      'x',
      'spec.link.ipsec.localAddress',
      /192\.0\.2\.9 is on no interface that is written for Router r1/,
    ],
    [
      'a peer behind a link with no next hop',
      [device('x', 'eth1', 'addresses: {local: [172.31.0.1/24]}'), tunnel('y', '203.0.113.1', 'over: x')],
      'y',
      'spec.over',
      /203\.0\.113\.1 is in no subnet of Attachment x, which has no remote IPv4 address/,
    ],
    [
      'a peer that only a learned route leads to',
      [vlan('x', 'dx0', 101, 'bgp: {asNumber: 1}'), tunnel('a', '10.20.0.10')],
      'a',
      'spec.link.ipsec.tunnels[0].remoteAddress',
      /10\.20\.0\.10 lies in Site a, which Attachment x leads to.*write over: x/,
    ],
    [
      'a wide prefix beside a tunnel over a peering',
      [peering('p'), tunnel('t', '10.1.0.4', 'over: p'), device('y', 'eth2', 'site: b')],
      'p',
      'spec.static.prefixes[0]',
      /10\.0\.0\.0\/8 sends past the tunnel over p .* answers to Site b/,
    ],
    [
      'one gateway behind two routers that are no group',
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 1}'), vpn('y', '203.0.113.2', 9, 'bgp: {asNumber: 1}', 'r2')],
      'y',
      'spec.router',
      /Router r1 leads to the virtual private gateway of Site a too.*one redundancyGroup/,
    ],
    [
      'a jumbo virtual interface beside a VPN that is not',
      [
        vlan('x', 'dx0', 101, 'profile: aws-dx-private-vif\nmtu: 8500\nbgp: {asNumber: 1}'),
        vpn('y', '203.0.113.1', 8, 'bgp: {asNumber: 1}'),
      ],
      'x',
      'spec.mtu',
      /no more than 1500 bytes by any way to Site a while Attachment y/,
    ],
    [
      'an inside address that the other end does not have',
      [tunnelTo('x', '203.0.113.2', '169.254.8.2'), tunnelBack('y', '169.254.8.1')],
      'x',
      'spec.addresses.remote[0]',
      /not inside the other end, Attachment y \(Router r2\), which has 169\.254\.8\.1\/30/,
    ],
  ])('%s', (_, manifests, name, field, reason) => {
    expect(check([router(listed), manifest('Router', 'asNumber: 65000', 'r2'), sites, ...manifests])).toEqual({
      errors: [],
      warnings: [{ name, field, reason: expect.stringMatching(reason) }],
    });
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
