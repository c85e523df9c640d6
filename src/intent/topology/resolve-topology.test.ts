import { describe, expect, it } from 'vitest';
import { printAddress } from '../../net/address.ts';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { resolveTopology } from './resolve-topology.ts';

const r1 = resource(
  'Router',
  'r1',
  {
    asNumber: 64520,
    redundancyGroup: 'hub',
    interfaces: [
      { name: 'eth0', addresses: ['10.0.0.1/24'], labels: { zone: 'a', tie: 'interface' } },
      { name: 'ha0', addresses: ['10.9.0.1/30', 'fd00:9::1/64'] },
    ],
  },
  { rack: '1' },
);
const vpc = resource(
  'Site',
  'vpc-a',
  { type: 'vpc', prefixes: ['10.1.0.0/16', '10.1.0.0/16'], segment: 'prod' },
  { env: 'prod', tie: 'site' },
);
const toVpc = resource(
  'Attachment',
  'a1',
  {
    router: 'r1',
    site: 'vpc-a',
    link: { interface: { name: 'eth0' } },
    addresses: { local: ['10.0.0.1/24'], remote: ['10.0.0.9'] },
  },
  { tie: 'attachment', 'causeway.dev/site': 'forged' },
);

describe('a Router with an Attachment', () => {
  const topology = resolveTopology(makeSnapshot([r1, vpc, toVpc, resource('Segment', 'prod', {})]), 'r1');

  it('generates a HostEndpoint that any written name beats', () => {
    const [endpoint] = topology.generated.hostEndpoints;
    expect(endpoint?.metadata.name).toBe('~a1');
    expect(['zz', 'z.9', 'z-'].every((name) => name < '~a1')).toBe(true);
    expect(endpoint?.spec).toEqual({ node: 'r1', interfaceName: 'eth0', expectedIPs: ['10.0.0.1'] });
  });

  it('lays labels over each other: Site, interface, Attachment, and ours that none can forge', () => {
    expect(topology.generated.hostEndpoints[0]?.metadata.labels).toEqual({
      env: 'prod',
      zone: 'a',
      tie: 'attachment',
      'causeway.dev/site': 'vpc-a',
      'causeway.dev/site-type': 'vpc',
      'causeway.dev/segment': 'prod',
      'causeway.dev/attachment': 'a1',
    });
  });

  it('knows interfaces, addresses and the Site once each', () => {
    expect(topology.interfaces.map(({ name }) => name)).toEqual(['eth0', 'ha0']);
    expect(topology.router.addresses.map(printAddress)).toEqual(['10.0.0.1', '10.9.0.1', 'fd00:9::1']);
    expect(topology.attachments[0]?.site.prefixes.map(printPrefix)).toEqual(['10.1.0.0/16']);
    expect(topology.generated.node.spec.bgp).toEqual({
      asNumber: 64520,
      ipv4Address: '10.0.0.1/24',
      ipv6Address: 'fd00:9::1/64',
    });
    expect(topology.warnings).toEqual([]);
  });
});

it('takes a Node of the same name, with the Router’s own fields over it', () => {
  const node = resource('Node', 'r1', { bgp: { asNumber: 1, ipv4Address: '192.0.2.1/24' } }, { rack: '9', role: 'x' });
  const topology = resolveTopology(makeSnapshot([r1, node]), 'r1');
  expect(topology.generated.node.spec.bgp).toMatchObject({ asNumber: 64520, ipv4Address: '192.0.2.1/24' });
  expect(topology.router.labels).toEqual({ rack: '1', role: 'x' });
});

it('takes a Node alone as it was written', () => {
  const node = resource('Node', 'n1', {
    bgp: { ipv4Address: '192.0.2.1/24' },
    interfaces: [{ name: 'ens5', addresses: ['192.0.2.1'] }],
  });
  const topology = resolveTopology(makeSnapshot([node]), 'n1');
  expect(topology.generated.node).toBe(node);
  expect(topology.router.resource).toBeUndefined();
  expect(topology.interfaces.map(({ name }) => name)).toEqual(['ens5']);
});

it('believes a HostEndpoint that the interface it names exists', () => {
  const endpoint = resource('HostEndpoint', 'h', { node: 'n1', interfaceName: 'eth7', expectedIPs: ['10.7.0.1'] });
  const topology = resolveTopology(makeSnapshot([resource('Node', 'n1', {}), endpoint]), 'n1');
  expect(topology.interfaces.map(({ name }) => name)).toEqual(['eth7']);
});

it('keeps the interface of an Attachment guarded when its Site is missing', () => {
  const topology = resolveTopology(makeSnapshot([r1, toVpc]), 'r1');
  expect(topology.attachments).toEqual([]);
  expect(topology.generated.hostEndpoints.map(({ spec }) => spec.interfaceName)).toEqual(['eth0']);
  expect(topology.warnings.map(({ code }) => code)).toEqual(['missing-site']);
});

it('names the devices of every sort of link before they exist, and guards each', () => {
  const over = (name: string, link: object): AnyResource =>
    resource('Attachment', name, { router: 'r1', site: 'vpc-a', link });
  const tunnels = [{ remoteAddress: '192.0.2.1' }, { remoteAddress: '192.0.2.2', interface: 'vpn9' }];
  const peerPublicKey = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
  const topology = resolveTopology(
    makeSnapshot([
      r1,
      vpc,
      resource('Segment', 'prod', {}),
      over('v', { vlan: { parent: 'eth1', id: 300 } }),
      over('vpn', { ipsec: { tunnels } }),
      over('wire.to.the-data-center', { wireguard: { peerPublicKey } }),
    ]),
    'r1',
  );
  expect(topology.attachments.map(({ paths }) => paths.map(({ interfaceName }) => interfaceName))).toEqual([
    ['eth1.300'],
    ['vpn-1', 'vpn9'],
    ['wire-to-theaw3k'],
  ]);
  expect(topology.generated.hostEndpoints.map(({ metadata }) => metadata.name)).toEqual([
    '~v',
    '~vpn',
    '~vpn~2',
    '~wire.to.the-data-center',
    '~v~parent',
  ]);
});

it('meets the other Routers of its group in shared subnets, those of no Site first', () => {
  const r2 = resource('Router', 'r2', {
    asNumber: 64520,
    redundancyGroup: 'hub',
    interfaces: [
      { name: 'e0', addresses: ['10.0.0.2/24'] },
      { name: 'e1', addresses: ['10.9.0.1/30', '10.9.0.2/30', 'fd00:9::2/64', '10.8.0.1/30'] },
    ],
  });
  const stranger = resource('Router', 'r3', { asNumber: 1, interfaces: [{ name: 'e0', addresses: ['10.0.0.3/24'] }] });
  const topology = resolveTopology(makeSnapshot([r1, r2, stranger, vpc, toVpc]), 'r1');
  expect(topology.groupMembers.map(({ router }) => router.metadata.name)).toEqual(['r2']);
  expect(
    topology.groupMembers[0]?.shared.map(({ interfaceName, local, remote }) => [
      interfaceName,
      printAddress(local),
      printAddress(remote),
    ]),
  ).toEqual([
    ['ha0', '10.9.0.1', '10.9.0.2'],
    ['ha0', 'fd00:9::1', 'fd00:9::2'],
    ['eth0', '10.0.0.1', '10.0.0.2'],
  ]);
});

describe('who exchanges routes with whom', () => {
  const site = (name: string, segment?: string) =>
    resource('Site', name, { type: 'vpc', ...(segment === undefined ? {} : { segment }) });
  const topology = resolveTopology(
    makeSnapshot([
      r1,
      ...[site('u1'), site('u2'), site('p1', 'prod'), site('p2', 'prod'), site('i1', 'iso'), site('i2', 'iso')],
      ...[site('s1', 'shared'), site('d1', 'dev'), site('g1', 'ghost'), site('g2', 'ghost')],
      resource('Segment', 'prod', { exchangeWith: ['shared'] }),
      resource('Segment', 'shared', { exchangeWith: ['prod', 'iso', 'dev', 'nowhere'] }),
      resource('Segment', 'iso', { isolated: true, exchangeWith: ['shared'] }),
      resource('Segment', 'dev', {}),
    ]),
    'r1',
  );
  it.each([
    ['u1', 'u2', true, 'both unnamed'],
    ['u1', 'u1', false, 'one Site'],
    ['u1', 'p1', false, 'unnamed and named'],
    ['p1', 'p2', true, 'one segment'],
    ['p1', 's1', true, 'each names the other'],
    ['i1', 'i2', false, 'isolated'],
    ['i1', 's1', true, 'isolated, but each names the other'],
    ['d1', 's1', false, 'only one names the other'],
    ['g1', 'g2', false, 'their segment does not exist'],
    ['u1', 'no-such-site', false, 'no such Site'],
  ])('%s and %s: %s (%s)', (a, b, expected) => {
    expect(topology.exchangesWith(a, b)).toBe(expected);
    expect(topology.exchangesWith(b, a)).toBe(expected);
  });

  it('warns of what leads nowhere', () => {
    expect(topology.warnings.map(({ code, subject }) => `${code} ${subject?.metadata.name}`).sort()).toEqual([
      'missing-segment g1',
      'missing-segment g2',
      'missing-segment shared',
      'one-sided-exchange shared',
    ]);
  });
});

describe('the parent of a VLAN', () => {
  const vlan = (name: string, id: number) =>
    resource('Attachment', name, { router: 'r1', site: 'vpc-a', link: { vlan: { parent: 'dx0', id } } });
  const plain = resource('Attachment', 'plain', { router: 'r1', site: 'vpc-a', link: { interface: { name: 'dx0' } } });
  const written = (interfaceName: string) => resource('HostEndpoint', 'mine', { node: 'r1', interfaceName });
  const addressed = resource('Router', 'r1', {
    asNumber: 1,
    interfaces: [{ name: 'dx0', addresses: ['192.0.2.1/24'] }],
  });
  const trunks = (...resources: AnyResource[]) =>
    resolveTopology(makeSnapshot(resources), 'r1')
      .generated.hostEndpoints.filter(({ metadata }) => metadata.name.endsWith('~parent'))
      .map(({ metadata, spec }) => [metadata.name, spec.interfaceName]);

  it('is guarded once, since frames without a tag would meet no policy', () => {
    expect(trunks(r1, vlan('a', 101), vlan('b', 102))).toEqual([['~a~parent', 'dx0']]);
  });

  it.each<[string, AnyResource]>([
    ['a HostEndpoint is written for it', written('dx0')],
    ['a HostEndpoint is written for all', written('*')],
    ['another Attachment has it', plain],
  ])('is left alone where %s', (_where, more) => {
    expect(trunks(r1, vlan('a', 101), more)).toEqual([]);
  });

  it('is left alone where the Router has an address on it', () => {
    expect(trunks(addressed, vlan('a', 101))).toEqual([]);
  });

  it('is guarded although a HostEndpoint names addresses, which may be those of another interface', () => {
    const elsewhere = resource('HostEndpoint', 'h', { node: 'r1', expectedIPs: ['10.9.9.9'] });
    expect(trunks(r1, vlan('a', 101), elsewhere)).toEqual([['~a~parent', 'dx0']]);
  });
});
