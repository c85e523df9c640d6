import { describe, expect, it } from 'vitest';
import { printAddress } from '../../net/address.ts';
import type { AttachmentSpec } from '../../resources/attachment.ts';
import { parseFile } from '../../resources/document.ts';
import type { AttachmentLink } from '../../resources/link.ts';
import { manifest } from '../../resources/manifest.fixture.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { resolveTopology } from '../topology/resolve-topology.ts';
import type { LinkIntent } from './links-intent.ts';
import { resolveLinks } from './resolve-links.ts';

const secretRef = { name: 'vpn', key: 'psk' };
const site = resource('Site', 's', { type: 'vpc', prefixes: ['10.0.0.0/8'] });
const router = resource('Router', 'r1', { asNumber: 64520 });
const ipv4Ends = { local: ['192.0.2.2/30'], remote: ['192.0.2.1'] };

function attachment(name: string, link: AttachmentLink, more: Partial<AttachmentSpec> = {}): AnyResource {
  return resource('Attachment', name, { router: 'r1', site: 's', link, addresses: ipv4Ends, ...more });
}

function resolve(...attachments: AnyResource[]) {
  return resolveLinks(resolveTopology(makeSnapshot([router, site, ...attachments]), 'r1'));
}

function only(...attachments: AnyResource[]): LinkIntent {
  const { links, warnings } = resolve(...attachments);
  expect(warnings).toEqual([]);
  const [link] = links;
  if (!link || links.length > 1) throw new Error(`expected one link, found ${links.length}`);
  return link;
}

const vlan = (parent = 'dx0', id = 101): AttachmentLink => ({ vlan: { parent, id } });
const ipsec = (...peers: string[]): AttachmentLink => ({
  ipsec: { psk: { secretRef }, tunnels: peers.map((remoteAddress) => ({ remoteAddress })) },
});
const publicKey = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const wireguard = (endpoint?: string): AttachmentLink => ({
  wireguard: { peerPublicKey: publicKey, ...(endpoint === undefined ? {} : { endpoint }) },
});
/** A field that a link of some other kind does not have. */
const tunnelOf = (link: LinkIntent | undefined) => {
  if (link?.kind !== 'ipsec' && link?.kind !== 'wireguard') throw new Error(`expected a tunnel, found ${link?.kind}`);
  return link;
};

describe('a device that is there', () => {
  it('keeps its size unless one is written', () => {
    expect(only(attachment('x', { interface: { name: 'eth1' } }))).toMatchObject({
      kind: 'interface',
      interfaceName: 'eth1',
      mtu: undefined,
      mssClamp: undefined,
    });
    expect(only(attachment('x', { interface: { name: 'eth1' } }, { mtu: 9000, mssClamp: true }))).toMatchObject({
      mtu: 9000,
      mssClamp: { ipv4: 8960, ipv6: 8940 },
    });
  });

  it('may be that of two Attachments', () => {
    const shared = { interface: { name: 'eth1' } };
    const { links, warnings } = resolve(attachment('x', shared), attachment('y', shared));
    expect(links.map((link) => link.attachment)).toEqual(['x']);
    expect(warnings).toEqual([]);
  });
});

describe('a tagged sub-interface', () => {
  it('is named as distributions name it', () => {
    expect(only(attachment('x', vlan()))).toMatchObject({
      kind: 'vlan',
      interfaceName: 'dx0.101',
      parent: 'dx0',
      id: 101,
    });
  });

  it.each([
    ['as large as its parent', {}, undefined],
    ['of 1500 bytes towards Direct Connect', { profile: 'aws-dx-private-vif' }, 1500],
    ['as large as written', { profile: 'aws-dx-private-vif', mtu: 8500 }, 8500],
  ] as const)('is %s', (_, more, mtu) => {
    expect(only(attachment('x', vlan(), more)).mtu).toBe(mtu);
  });
});

describe('IPsec', () => {
  it('is strong, and kept alive as AWS keeps it, where nothing is written', () => {
    const link = only(attachment('x', ipsec('203.0.113.1')));
    expect(link).toMatchObject({
      kind: 'ipsec',
      interfaceName: 'x-1',
      authentication: { kind: 'psk', secret: secretRef },
      ikeProposals: ['aes256gcm16-prfsha384-ecp384'],
      espProposals: ['aes256gcm16-ecp384'],
      ...{ ikeLifetime: 28_800, espLifetime: 3600, rekeyMargin: 270, rekeyFuzz: 100, replayWindow: 1024 },
      dpd: { delay: 10, timeout: 30 },
      ...{ initiates: true, encapsulates: 'auto', localPort: undefined, remotePort: undefined },
      ...{ localAddress: undefined, localId: undefined, remoteId: undefined, underlay: undefined },
      ...{ mtu: 1438, mssClamp: { ipv4: 1398, ipv6: 1378 } },
    });
  });

  it('has a key as AWS wants it towards AWS', () => {
    const link = only(attachment('x', ipsec('203.0.113.1'), { profile: 'aws-vgw-vpn' }));
    expect(link).toMatchObject({ authentication: { kind: 'psk', secret: secretRef, rules: 'aws' } });
  });

  it('has a device, and a number of it, for each tunnel', () => {
    const { links } = resolve(attachment('x', ipsec('203.0.113.1', '203.0.113.2')));
    expect(links.map((link) => link.interfaceName)).toEqual(['x-1', 'x-2']);
    const numbers = links.map((link) => (link.kind === 'ipsec' ? link.ifId : 0));
    expect(new Set(numbers).size).toBe(2);
    expect(numbers.every((number) => number >= 1 && number <= 0xffff_ffff)).toBe(true);
  });

  it('has different numbers for two names that have one hash', () => {
    const { links } = resolve(attachment('t111823', ipsec('203.0.113.1')), attachment('t2922', ipsec('203.0.113.2')));
    expect(links.map((link) => link.kind === 'ipsec' && link.ifId)).toEqual([3_498_928_856, 3_498_928_857]);
  });

  it('lets a tunnel say what the link says otherwise', () => {
    const own = { name: 'vpn', key: 'own' };
    const link: AttachmentLink = {
      ipsec: {
        psk: { secretRef },
        ...{ localAddress: '198.51.100.1', localID: 'all', remoteID: 'all' },
        tunnels: [
          {
            remoteAddress: '203.0.113.1',
            ...{ localAddress: '198.51.100.2', localID: 'one', psk: { secretRef: own }, interface: 'tun9' },
          },
        ],
      },
    };
    const made = only(attachment('x', link));
    expect(made).toMatchObject({
      interfaceName: 'tun9',
      ...{ localId: 'one', remoteId: 'all', authentication: { kind: 'psk', secret: own } },
    });
    expect(made.kind === 'ipsec' && made.localAddress && printAddress(made.localAddress)).toBe('198.51.100.2');
  });

  it('is left out while nothing says how its ends know each other', () => {
    const { links, warnings } = resolve(attachment('x', { ipsec: { tunnels: [{ remoteAddress: '203.0.113.1' }] } }));
    expect(links).toEqual([]);
    expect(warnings).toMatchObject([{ code: 'invalid-link', path: ['spec', 'link', 'ipsec', 'tunnels', 0] }]);
  });
});

describe('WireGuard', () => {
  it.each([
    ['over IPv4', '203.0.113.1:51900', '203.0.113.1', 1440],
    ['over IPv6', '[2001:db8::1]:51900', '2001:db8::1', 1420],
    ['to a peer that comes to us', undefined, undefined, 1420],
  ])('%s', (_, written, address, mtu) => {
    const link = only(attachment('x', wireguard(written)));
    expect(link).toMatchObject({ kind: 'wireguard', interfaceName: 'x', listenPort: 51_820, mtu });
    const peer = link.kind === 'wireguard' ? link.peer : undefined;
    expect(peer).toMatchObject({ publicKey, presharedKey: undefined, allowFrom: [], keepalive: 25 });
    expect(peer?.endpoint && printAddress(peer.endpoint.address)).toBe(address);
    expect(peer?.endpoint?.port).toBe(address === undefined ? undefined : 51_900);
  });
});

describe('a tunnel over another link', () => {
  const dx = attachment('dx', vlan(), { mtu: 8500 });

  it('goes out by its device and gateway, and fits into it', () => {
    const { links } = resolve(dx, attachment('vpn', ipsec('203.0.113.1'), { over: 'dx' }));
    const { underlay, mtu } = tunnelOf(links[1]);
    expect(underlay).toMatchObject({ attachment: 'dx', interfaceName: 'dx0.101' });
    expect(underlay?.gateways.map(printAddress)).toEqual(['192.0.2.1']);
    expect(mtu).toBe(8438);
  });

  it('loses room with each that lies below', () => {
    const { links } = resolve(
      attachment('dx', vlan()),
      attachment('outer', ipsec('203.0.113.1'), { over: 'dx' }),
      attachment('inner', wireguard('10.1.0.1:51820'), { over: 'outer' }),
    );
    expect(links.map(({ interfaceName, mtu }) => [interfaceName, mtu])).toEqual([
      ['dx0.101', undefined],
      ['inner', 1378],
      ['outer-1', 1438],
    ]);
  });

  it('has its tunnels spread over those below', () => {
    const { links } = resolve(
      attachment('below', ipsec('203.0.113.1', '203.0.113.2'), { addresses: {} }),
      attachment('above', ipsec('10.1.0.1', '10.1.0.2', '10.1.0.3'), { over: 'below' }),
    );
    const above = links.filter((link) => link.attachment === 'above').map((link) => tunnelOf(link).underlay);
    expect(above.map((underlay) => underlay?.interfaceName)).toEqual(['below-1', 'below-2', 'below-1']);
  });

  it.each<[string, AnyResource[], string[], RegExp]>([
    [
      'that is not there',
      [attachment('x', ipsec('203.0.113.1'), { over: 'dx' })],
      ['missing-underlay'],
      /no Attachment dx/,
    ],
    [
      'that is left out itself',
      [attachment('dx', vlan('dx0', 4095)), attachment('x', ipsec('203.0.113.1'), { over: 'dx' })],
      ['invalid-link', 'missing-underlay'],
      /4095 is out of range/,
    ],
    [
      'without an address of its family',
      [dx, attachment('x', ipsec('2001:db8::1'), { over: 'dx' })],
      ['underlay-family'],
      /no IPv6 address to reach 2001:db8::1/,
    ],
    [
      'that it carries',
      [attachment('x', ipsec('203.0.113.1'), { over: 'y' }), attachment('y', ipsec('203.0.113.2'), { over: 'x' })],
      ['underlay-loop', 'underlay-loop'],
      /x over y over x/,
    ],
  ])('%s is left out', (_, attachments, codes, message) => {
    const { links, warnings } = resolve(...attachments);
    expect(links.filter((link) => link.kind !== 'vlan')).toEqual([]);
    expect(warnings.map(({ code }) => code)).toEqual(codes);
    expect(warnings[0]?.message).toMatch(message);
  });

  it('is warned of where more is written than fits', () => {
    const { links, warnings } = resolve(
      attachment('dx', vlan(), { mtu: 1500 }),
      attachment('x', ipsec('203.0.113.1'), { over: 'dx', mtu: 1480 }),
    );
    expect(links.map(({ mtu }) => mtu)).toEqual([1500, 1480]);
    expect(warnings).toMatchObject([{ code: 'mtu-exceeds-underlay', path: ['spec', 'mtu'] }]);
    expect(warnings[0]?.message).toMatch(/1480 .* 1438/);
  });

  it.each<[string, AttachmentSpec['addresses'], string[]]>([
    ['IPv6', { local: ['fd00::2/64'], remote: ['fd00::1'] }, ['mtu-below-ipv6']],
    ['IPv4', ipv4Ends, []],
  ])('is warned of where too little fits for %s', (_, addresses, codes) => {
    const { warnings } = resolve(
      attachment('dx', vlan(), { mtu: 1300 }),
      attachment('x', ipsec('203.0.113.1'), { over: 'dx', ...(addresses ? { addresses } : {}) }),
    );
    expect(warnings.map(({ code }) => code)).toEqual(codes);
  });
});

it('lets both ends of tunnels face each other inside although neither wrote how, tunnel by tunnel', () => {
  const end = (own: string, peer: string, ports: readonly object[]) =>
    manifest(
      'Attachment',
      `router: r${own}\nsite: s\nbgp: {asNumber: 64520}\nlink: ${JSON.stringify({
        ipsec: {
          psk: { secretRef },
          tunnels: ports.map((port) => ({ localAddress: `192.0.2.${own}`, remoteAddress: `192.0.2.${peer}`, ...port })),
        },
      })}`,
      `to-r${peer}`,
    );
  const routers = ['r1', 'r2'].map((name) => manifest('Router', 'asNumber: 64520', name));
  const texts = [
    ...routers,
    manifest('Site', 'type: vpc', 's'),
    end('1', '2', [{}, { localPort: 4501 }]),
    end('2', '1', [{}, { remotePort: 4501 }]),
  ];
  const { resources, errors } = parseFile({ path: 'f.yaml', text: texts.join('---\n') });
  expect(errors).toEqual([]);
  const insides = (name: string) =>
    resolveLinks(resolveTopology(makeSnapshot(resources), name)).links.map(({ addresses, remotes }) => ({
      here: addresses.map(({ address }) => printAddress(address)),
      there: remotes.map(printAddress),
    }));
  expect(insides('r1')).toHaveLength(2);
  expect(insides('r1').map(({ here, there }) => ({ here: there, there: here }))).toEqual(insides('r2'));
  expect(new Set(insides('r1').flatMap(({ here }) => here)).size).toBe(2);
});

it('makes a device once: the first Attachment by name has it', () => {
  const { links, warnings } = resolve(attachment('y', vlan()), attachment('x', vlan()));
  expect(links.map(({ attachment: owner }) => owner)).toEqual(['x']);
  expect(warnings).toMatchObject([{ code: 'duplicate-interface', subject: { metadata: { name: 'y' } } }]);
});

it('makes nothing for an Attachment whose Site does not exist', () => {
  expect(resolve(attachment('x', vlan(), { site: 'gone' })).links).toEqual([]);
});
