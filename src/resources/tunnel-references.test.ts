/** What tunnels say about each other and about what carries them: ends outside and inside, and what they run over. */
import { describe, expect, it } from 'vitest';
import {
  attachment,
  check,
  device,
  findIn,
  inside,
  type ReferenceRow,
  router,
  sites,
  tunnel,
  vlan,
  wireguard,
} from './link-manifests.fixture.ts';

const errorsOf = (...manifests: string[]) => check(manifests).errors;

describe('an error is', () => {
  it.each<ReferenceRow>([
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
  ])('%s', (_, manifests, name, field, reason) => {
    expect(findIn(manifests).errors).toEqual([{ name, field, reason: expect.stringMatching(reason) }]);
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
  it.each<ReferenceRow>([
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
      'an inside address that the other end does not have',
      [tunnelTo('x', '203.0.113.2', '169.254.8.2'), tunnelBack('y', '169.254.8.1')],
      'x',
      'spec.addresses.remote[0]',
      /not inside the other end, Attachment y \(Router r2\), which has 169\.254\.8\.1\/30/,
    ],
  ])('%s', (_, manifests, name, field, reason) => {
    expect(findIn(manifests)).toEqual({
      errors: [],
      warnings: [{ name, field, reason: expect.stringMatching(reason) }],
    });
  });

  describe('of two ends of WireGuard that do not find each other', () => {
    const end = (name: string, at: string, own: number, far: number, settings = '') => {
      const key = 'peerPublicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="';
      const ends = inside(`169.254.8.${own}/30`, `169.254.8.${far}`);
      return attachment(name, `wireguard: {${key}${settings}}`, ends).replace('router: r1', `router: ${at}`);
    };
    const warningsOf = (here: string, there: string, more: readonly string[] = []) =>
      check([router(), router('', 'r2'), sites, end('x', 'r1', 1, 2, here), end('y', 'r2', 2, 1, there), ...more])
        .warnings;
    const from = ', allowFrom: [203.0.113.0/24]';

    it('neither of which knows where the other is, at each', () => {
      expect(warningsOf(from, from)).toEqual(
        [
          ['x', 'y', 'r2'],
          ['y', 'x', 'r1'],
        ].map(([name, other, of]) => ({
          ...{ name, field: 'spec.link.wireguard' },
          reason: `neither this end nor Attachment ${other} (Router ${of}) knows where the other is: write endpoint at one of them`,
        })),
      );
    });

    it('one of which looks for the other at a port that is not its own', () => {
      expect(warningsOf(', endpoint: "203.0.113.2:51999"', `${from}, listenPort: 51900`)).toEqual([
        {
          ...{ name: 'x', field: 'spec.link.wireguard.endpoint' },
          reason: expect.stringMatching(/^Attachment y \(Router r2\) listens at UDP port 51900, not 51999:/),
        },
      ]);
    });

    it.each([
      ['one of them knows', ', endpoint: "203.0.113.2:51820"', from, []],
      ['one of them knows a port that is written', ', endpoint: "203.0.113.2:51900"', `${from}, listenPort: 51900`, []],
      ['three have the same addresses', from, from, [end('z', 'r3', 2, 1, from), router('', 'r3')]],
    ])('and nothing where %s', (_, here, there, more) => {
      expect(warningsOf(here, there, more)).toEqual([]);
    });
  });

  it('that neither end opens a tunnel, at each', () => {
    const ends = [
      tunnelTo('x', '203.0.113.2', '169.254.8.2', 'initiate: false,'),
      tunnelBack('y', '169.254.8.2', 'initiate: false,'),
    ];
    expect(check([router(), router('', 'r2'), sites, ...ends])).toMatchObject({
      errors: [],
      warnings: ['x', 'y'].map((name) => ({ name, field: 'spec.link.ipsec.initiate' })),
    });
  });
});
