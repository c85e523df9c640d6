import { describe, expect, it } from 'vitest';
import { address, prefix } from '../../net/literals.fixture.ts';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { Resource } from '../../resources/resource.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import type { IpsecTunnelIntent, LinkIntent, Underlay } from '../links/links-intent.ts';
import { wireguardLink } from '../links/wireguard-link.fixture.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import { printOpening, printPurposes } from './failsafe-words.ts';
import { linkFailsafes, warnOfOpenPorts } from './link-failsafes.ts';
import { router } from './policy.fixture.ts';
import type { Failsafe } from './policy-intent.ts';
import { resolveFailsafes } from './resolve-failsafes.ts';
import { resolveFelix } from './resolve-felix.ts';

const device = {
  attachment: 'vpn',
  interfaceName: 'vpn-1',
  addresses: [],
  remotes: [],
  mtu: 1438,
  mssClamp: undefined,
};

function ipsec(peer: string, change: Partial<IpsecTunnelIntent> = {}): IpsecTunnelIntent {
  return {
    kind: 'ipsec',
    ...device,
    underlay: undefined,
    localAddress: undefined,
    remoteAddress: address(peer),
    localId: undefined,
    remoteId: undefined,
    authentication: { kind: 'psk', secret: { name: 'vpn', key: 'psk' } },
    ikeProposals: ['aes256gcm16-prfsha384-ecp384'],
    espProposals: ['aes256gcm16-ecp384'],
    ikeLifetime: 28_800,
    espLifetime: 3600,
    rekeyMargin: 540,
    rekeyFuzz: 100,
    replayWindow: 1024,
    dpd: { delay: 10, timeout: 30 },
    initiates: true,
    encapsulates: 'auto',
    localPort: undefined,
    remotePort: undefined,
    ifId: 1,
    ...change,
  };
}

const over: Underlay = { attachment: 'dx', interfaceName: 'trunk0.101', gateways: [] };

/** `udp/500 192.0.2.1/32 on eth0: IKE of Attachment vpn`. */
function printFailsafe(failsafe: Failsafe): string {
  const { net, interfaces, purposes } = failsafe;
  const where = interfaces ? ` on ${interfaces.join('+')}` : '';
  return `${printOpening(failsafe)} ${net ? printPrefix(net) : 'anybody'}${where}: ${printPurposes(purposes)}`;
}

function opened(...links: LinkIntent[]): Record<'inbound' | 'outbound', string[]> {
  const { inbound, outbound } = linkFailsafes(links);
  return { inbound: inbound.map(printFailsafe), outbound: outbound.map(printFailsafe) };
}

const standard = (peer: string, where = '') => [
  `50 ${peer}${where}: ESP of Attachment vpn`,
  `udp/500 ${peer}${where}: IKE of Attachment vpn`,
  `udp/4500 ${peer}${where}: IKE of Attachment vpn`,
];

describe('a tunnel of IPsec', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1/32'],
    ['2001:db8::1', '2001:db8::1/128'],
  ])('with %s opens IKE, its NAT traversal and ESP, both ways, for that address alone', (peer, net) => {
    expect(opened(ipsec(peer))).toEqual({ inbound: standard(net), outbound: standard(net) });
  });

  it('opens written ports beside the standard ones: our own in, the peer’s out', () => {
    const { inbound, outbound } = opened(ipsec('192.0.2.1', { localPort: 4501, remotePort: 4502 }));
    const written = (port: number) => `udp/${port} 192.0.2.1/32: IKE of Attachment vpn`;
    expect(inbound).toEqual([...standard('192.0.2.1/32'), written(4501)]);
    expect(outbound).toEqual([...standard('192.0.2.1/32'), written(4502)]);
  });

  it('over another link is open on that link alone', () => {
    const there = standard('192.0.2.1/32', ' on trunk0.101');
    expect(opened(ipsec('192.0.2.1', { underlay: over }))).toEqual({ inbound: there, outbound: there });
  });
});

it('a tunnel over an Attachment of several goes out by one of them, and its peer may come by any', () => {
  const below = ['dx-1', 'dx-2'].map((interfaceName) => ipsec('198.51.100.1', { attachment: 'dx', interfaceName }));
  const { inbound, outbound } = opened(ipsec('192.0.2.1', { underlay: { ...over, interfaceName: 'dx-1' } }), ...below);
  expect(inbound.slice(0, 3)).toEqual(standard('192.0.2.1/32', ' on dx-1+dx-2'));
  expect(outbound.slice(0, 3)).toEqual(standard('192.0.2.1/32', ' on dx-1'));
});

describe('a tunnel of WireGuard', () => {
  it.each<[string, LinkIntent, string[], string[]]>([
    [
      'with an endpoint opens our port from there, and its port there',
      wireguardLink(),
      ['udp/51820 192.0.2.1/32: WireGuard of Attachment site'],
      ['udp/51821 192.0.2.1/32: WireGuard of Attachment site'],
    ],
    [
      'whose peer may move opens its port from where that may be',
      wireguardLink({ peer: { allowFrom: [prefix('10.0.0.0/8'), prefix('2001:db8::/32')] } }),
      ['192.0.2.1/32', '10.0.0.0/8', '2001:db8::/32'].map((net) => `udp/51820 ${net}: WireGuard of Attachment site`),
      ['udp/51821 192.0.2.1/32: WireGuard of Attachment site'],
    ],
    [
      'whose peer comes to us from nets alone opens nothing else',
      wireguardLink({ peer: { endpoint: undefined, allowFrom: [prefix('10.0.0.0/8')] } }),
      ['udp/51820 10.0.0.0/8: WireGuard of Attachment site'],
      [],
    ],
    [
      'whose peer comes from anywhere opens its port to anybody, and nothing out',
      wireguardLink({ peer: { endpoint: undefined } }),
      ['udp/51820 anybody: WireGuard of Attachment site'],
      [],
    ],
    [
      'over another link is open on that link alone, to anybody there',
      wireguardLink({ underlay: over, peer: { endpoint: undefined } }),
      ['udp/51820 anybody on trunk0.101: WireGuard of Attachment site'],
      [],
    ],
  ])('%s', (_what, link, inbound, outbound) => {
    expect(opened(link)).toEqual({ inbound, outbound });
  });
});

const remotes = [address('169.254.9.1'), address('fd00::1')];

it.each<LinkIntent>([
  { kind: 'interface', ...device, remotes },
  { kind: 'vlan', ...device, remotes, parent: 'trunk0', id: 101 },
  ipsec('192.0.2.1', { remotes }),
  wireguardLink({ attachment: 'vpn', interfaceName: 'vpn-1', remotes }),
])('lets echo requests out to the other end of any link, on its device, in both families: $kind', (link) => {
  const { inbound, outbound } = opened(link);
  const isEcho = (text: string) => text.includes('echo');
  expect(inbound.filter(isEcho)).toEqual([]);
  expect(outbound.filter(isEcho)).toEqual([
    'icmp echo requests 169.254.9.1/32 on vpn-1: doctor of Attachment vpn',
    'icmpv6 echo requests fd00::1/128 on vpn-1: doctor of Attachment vpn',
  ]);
});

it.each<[string, LinkIntent, RegExp | undefined]>([
  [
    'comes from anywhere',
    wireguardLink({ peer: { endpoint: undefined } }),
    /^UDP port 51820 is open to anybody, .* allowFrom$/,
  ],
  [
    'comes from anywhere on another link',
    wireguardLink({ underlay: over, peer: { endpoint: undefined } }),
    /open to anybody on trunk0\.101, /,
  ],
  [
    'comes from somewhere',
    wireguardLink({ peer: { endpoint: undefined, allowFrom: [prefix('10.0.0.0/8')] } }),
    undefined,
  ],
  ['has an endpoint', wireguardLink(), undefined],
])('a WireGuard port whose peer %s is warned of if need be', (_where, link, message) => {
  const subject = resource('Attachment', 'site', { router: 'r1', site: 's', link: {} });
  const facts = { name: 'site', resource: subject } as AttachmentFacts;
  const warnings = warnOfOpenPorts([link], [facts]);
  expect(warnings.map((warning) => warning.subject)).toEqual(message ? [subject] : []);
  if (message) expect(warnings[0]?.message).toMatch(message);
});

describe('among the other failsafes of a router', () => {
  const resolved = (...links: LinkIntent[]) =>
    resolveFailsafes(
      resolveFelix(makeSnapshot([]), 'r1', {}, []),
      router as Resource<'Router'>,
      { listenPort: 179, peers: [], links },
      [],
    );

  it('two Attachments with one peer share them, and both are named', () => {
    const { inbound } = resolved(ipsec('192.0.2.1'), ipsec('192.0.2.1', { attachment: 'backup', interfaceName: 'b' }));
    expect(inbound.map(printFailsafe).filter((text) => text.includes('192.0.2.1'))).toEqual([
      '50 192.0.2.1/32: ESP of Attachment backup, vpn',
      'udp/500 192.0.2.1/32: IKE of Attachment backup, vpn',
      'udp/4500 192.0.2.1/32: IKE of Attachment backup, vpn',
    ]);
  });

  it('an endpoint within the nets that a peer may move in is open by these', () => {
    const { inbound } = resolved(wireguardLink({ peer: { allowFrom: [prefix('192.0.2.0/24')] } }));
    expect(inbound.map(printFailsafe).filter((text) => text.includes('51820'))).toEqual([
      'udp/51820 192.0.2.0/24: WireGuard of Attachment site',
    ]);
  });

  it('links only ever add: ssh and the rest stay as they are', () => {
    const before = resolved();
    const after = resolved(ipsec('192.0.2.1'), wireguardLink(), wireguardLink({ peer: { endpoint: undefined } }));
    for (const list of ['inbound', 'outbound'] as const) {
      expect(after[list]).toEqual(expect.arrayContaining([...before[list]]));
    }
  });
});
