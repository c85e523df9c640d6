import { describe, expect, it } from 'vitest';
import { hub, resolveFor } from '../../bird/hub.fixture.ts';
import { printAddress } from '../../net/address.ts';
import { printPrefix } from '../../net/prefix.ts';
import type { BgpPeerSpec } from '../../resources/bgp-peer.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { parsePeerIp } from './resolve-calico-peers.ts';
import { mainChannel, type SessionIntent } from './routing-intent.ts';

function node(name: string, host: number, bgp: object = {}, labels: Record<string, string> = {}): AnyResource {
  return resource('Node', name, { bgp: { ipv4Address: `172.16.0.${host}/24`, ...bgp } }, labels);
}

function peer(name: string, spec: BgpPeerSpec): AnyResource {
  return resource('BGPPeer', name, spec);
}

const noMesh = resource('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false });
const two = [node('n1', 1, {}, { rack: 'a' }), node('n2', 2, {}, { rack: 'b' })];

function ends(router: string, resources: readonly AnyResource[]): string[] {
  return resolveFor(router, resources).routing.sessions.map(
    (session) => `${session.name} ${printAddress(session.neighbor)}:${session.port} AS${session.remoteAs}`,
  );
}

const codes = (router: string, resources: readonly AnyResource[]): string[] =>
  resolveFor(router, resources).warnings.map(({ code }) => code);

describe('the mesh', () => {
  it('joins all Nodes, in each family that both have', () => {
    const six = [
      node('n1', 1, { ipv6Address: 'fd00::1/64' }),
      node('n2', 2, { ipv6Address: 'fd00::2/64' }),
      node('n3', 3),
    ];
    expect(ends('n1', six)).toEqual([
      'Mesh_172_16_0_2 172.16.0.2:179 AS64512',
      'Mesh_172_16_0_3 172.16.0.3:179 AS64512',
      'Mesh_fd00__2 fd00::2:179 AS64512',
    ]);
  });

  it('has the end whose address text is lower wait for the other', () => {
    const nodes = [node('n9', 9), node('n10', 10)];
    // "172.16.0.10" is lower than "172.16.0.9" as text, not as a number.
    expect(resolveFor('n9', nodes).session('Mesh_172_16_0_10').passive).toBe(false);
    expect(resolveFor('n10', nodes).session('Mesh_172_16_0_9').passive).toBe(true);
  });

  it.each([
    ['is off when switched off', 'n1', [...two, noMesh], []],
    ['leaves route reflectors out', 'n1', [node('n1', 1), node('n2', 2, { routeReflectorClusterID: '1.0.0.1' })], []],
    [
      'is nothing a reflector takes part in',
      'n2',
      [node('n1', 1), node('n2', 2, { routeReflectorClusterID: '1.0.0.1' })],
      [],
    ],
    ['does not take in a Router without a Node', 'tr1', [...hub.slice(0, 1), ...two], []],
  ])('%s', (_, router, resources, expected) => {
    expect(ends(router, resources)).toEqual(expected);
  });

  it('carries its password and restart time, and no filters', () => {
    const settings = resource('BGPConfiguration', 'default', {
      nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
      nodeMeshMaxRestartTime: '200s',
    });
    expect(flat(resolveFor('n1', [...two, settings]).session('Mesh_172_16_0_2'))).toMatchObject({
      password: { name: 's', key: 'k' },
      gracefulRestart: 200,
      import: { filters: [] },
      origin: undefined,
    });
  });
});

describe('BGPPeers', () => {
  it.each<[string, BgpPeerSpec, string[]]>([
    ['a global one', { peerIP: '172.16.0.254', asNumber: 65001 }, ['Global_172_16_0_254 172.16.0.254:179 AS65001']],
    [
      'one of the node',
      { node: 'n1', peerIP: '172.16.0.254:1790', asNumber: 65001 },
      ['Node_172_16_0_254_port_1790 172.16.0.254:1790 AS65001'],
    ],
    ['one of another node', { node: 'n2', peerIP: '172.16.0.254', asNumber: 65001 }, []],
    [
      'one by label',
      { nodeSelector: "rack == 'a'", peerIP: '172.16.0.254', asNumber: 65001 },
      ['Node_172_16_0_254 172.16.0.254:179 AS65001'],
    ],
    ['one by another label', { nodeSelector: "rack == 'b'", peerIP: '172.16.0.254', asNumber: 65001 }, []],
    ['its own address', { peerIP: '172.16.0.1', asNumber: 64512 }, ['Global_172_16_0_2 172.16.0.2:179 AS64512']],
    ['a Node without an AS number', { node: 'n1', peerIP: '172.16.0.2' }, ['Node_172_16_0_2 172.16.0.2:179 AS64512']],
    ['a stranger without an AS number', { peerIP: '172.16.0.254' }, []],
    ['peers by label', { node: 'n1', peerSelector: 'all()' }, ['Node_172_16_0_2 172.16.0.2:179 AS64512']],
    ['nothing', {}, []],
  ])('with %s', (_, spec, expected) => {
    expect(ends('n1', [...two, noMesh, peer('p', spec)])).toEqual(expected);
  });

  it('answer what another node asks for, unless that is manual', () => {
    const asks = { node: 'n2', peerSelector: "rack == 'a'" };
    expect(ends('n1', [...two, noMesh, peer('p', asks)])).toEqual(['Node_172_16_0_2 172.16.0.2:179 AS64512']);
    expect(ends('n1', [...two, noMesh, peer('p', { ...asks, reversePeering: 'Manual' })])).toEqual([]);
  });

  it.each<[string, BgpPeerSpec, number]>([
    ['address and AS', { node: 'n2', peerIP: '172.16.0.1', asNumber: 64512 }, 1],
    ['address and port', { node: 'n2', peerIP: '172.16.0.1:179', asNumber: 64512 }, 1],
    ['another AS', { node: 'n2', peerIP: '172.16.0.1', asNumber: 65001 }, 0],
    ['another port', { node: 'n2', peerIP: '172.16.0.1:1790', asNumber: 64512 }, 0],
  ])('answer by %s', (_, spec, count) => {
    expect(ends('n1', [...two, noMesh, peer('p', spec)])).toHaveLength(count);
  });

  it('use the port a Node listens on', () => {
    const port = resource('BGPConfiguration', 'node.n2', { listenPort: 1790 });
    expect(ends('n1', [...two, noMesh, port, peer('p', { node: 'n1', peerSelector: 'all()' })])).toEqual([
      'Node_172_16_0_2_port_1790 172.16.0.2:1790 AS64512',
    ]);
  });

  it('give the first claim the session: global before node, then by name, each loser warned of', () => {
    const target = { peerIP: '172.16.0.254', asNumber: 65001 };
    const resources = [...two, noMesh, peer('c', { ...target, node: 'n1' }), peer('b', target), peer('a', target)];
    const resolved = resolveFor('n1', resources);
    expect(resolved.routing.sessions.map((session) => session.origin?.metadata.name)).toEqual(['a']);
    expect(resolved.warnings.map(({ subject }) => subject?.metadata.name)).toEqual(['b', 'c']);
  });

  it('have the lower end wait on global peerings with a Node by address only', () => {
    const global = [...two, noMesh, peer('p', { peerIP: '172.16.0.2', asNumber: 64512 })];
    expect(resolveFor('n1', global).session('Global_172_16_0_2').passive).toBe(true);
    const own = [...two, noMesh, peer('p', { node: 'n1', peerIP: '172.16.0.2', asNumber: 64512 })];
    expect(resolveFor('n1', own).session('Node_172_16_0_2').passive).toBe(false);
  });

  it.each<[string, object, string, boolean]>([
    ['a client', {}, '172.16.0.2', true],
    ['another cluster', { routeReflectorClusterID: '2.0.0.2' }, '172.16.0.2', true],
    ['the same cluster', { routeReflectorClusterID: '1.0.0.1' }, '172.16.0.2', false],
  ])('reflect routes to %s', (_, bgp, neighbor, rrClient) => {
    const resources = [
      node('rr', 1, { routeReflectorClusterID: '1.0.0.1' }),
      node('n2', 2, bgp),
      peer('p', { node: 'rr', peerIP: neighbor, asNumber: 64512 }),
    ];
    const session = resolveFor('rr', resources).session('Node_172_16_0_2');
    expect(session.rrClient).toBe(rrClient);
    expect(session.rrClusterId).toBe(rrClient ? '1.0.0.1' : undefined);
  });

  it.each<[BgpPeerSpec, object]>([
    [{ nextHopMode: 'Self' }, { nextHop: 'self' }],
    [{ nextHopMode: 'Keep' }, { nextHop: 'keep' }],
    [{ keepOriginalNextHop: true }, { nextHop: 'keep' }],
    [{ keepOriginalNextHop: true, asNumber: 64512 }, { nextHop: 'default' }],
    [{ ttlSecurity: 2 }, { reach: { hops: 2 }, ttlSecurity: true }],
    [{}, { reach: 'any', ttlSecurity: false, export: { default: 'calico' }, import: { acceptsDefaultRoute: true } }],
    [
      { localASNumber: 65099, numAllowedLocalASNumbers: 2 },
      { localAs: 65099, allowLocalAs: 2 },
    ],
    [
      { maxRestartTime: '90s', keepaliveTime: '7s' },
      { gracefulRestart: 90, keepalive: 7 },
    ],
    [{ filters: ['b', 'a'] }, { import: { filters: ['b', 'a'] }, export: { filters: ['b', 'a'] } }],
  ])('%j means %j', (spec, expected) => {
    const resources = [...two, noMesh, peer('p', { peerIP: '172.16.0.254', asNumber: 65001, ...spec })];
    expect(flat(resolveFor('n1', resources).session('Global_172_16_0_254'))).toMatchObject(expected);
  });

  it.each<[BgpPeerSpec, string | undefined]>([
    [{}, '172.16.0.1'],
    [{ sourceAddress: 'None' }, undefined],
  ])('speak from the node, unless told otherwise: %j', (spec, expected) => {
    const resources = [...two, noMesh, peer('p', { peerIP: '172.16.0.254', asNumber: 65001, ...spec })];
    const { sourceAddress } = resolveFor('n1', resources).session('Global_172_16_0_254');
    expect(sourceAddress && printAddress(sourceAddress)).toBe(expected);
  });

  it('put a peer behind a next hop', () => {
    const resources = [...two, noMesh, peer('p', { peerIP: '10.9.9.9', asNumber: 65001, reachableBy: '172.16.0.200' })];
    expect(resolveFor('n1', resources).routing.staticRoutes).toMatchObject([
      { reason: 'reachable-by', target: { kind: 'via' } },
    ]);
  });

  it('on a Router learn no default route unasked, speak from the facing interface, and give way to Attachments', () => {
    const resources = [
      ...hub,
      peer('own', { node: 'tr1', peerIP: '10.255.0.77', asNumber: 65077 }),
      peer('same', { node: 'tr1', peerIP: '192.168.0.2', asNumber: 65010 }),
    ];
    const session = resolveFor('tr1', resources).session('Node_10_255_0_77');
    expect(mainChannel(session).import.acceptsDefaultRoute).toBe(false);
    expect(session.sourceAddress && printAddress(session.sourceAddress)).toBe('10.255.0.1');
    expect(codes('tr1', resources)).toEqual(['peer-claimed-twice']);
  });

  it('to the far end of an Attachment are sessions with its Site, and keep to its bounds', () => {
    const link = resource('Attachment', 'dc', {
      router: 'tr1',
      site: 'dc',
      link: { interface: { name: 'eth0' } },
      addresses: { local: ['192.168.0.1/30'], remote: ['192.168.0.2'] },
    });
    const own = peer('own', { node: 'tr1', peerIP: '192.168.0.2', asNumber: 65010 });
    const session = resolveFor('tr1', [...hub, link, own]).session('Node_192_168_0_2');
    expect(mainChannel(session).import.bound?.within.map(printPrefix)).toEqual(['10.0.0.0/8']);
    expect(mainChannel(session).export.bound?.within.map(printPrefix)).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    expect(mainChannel(session).export.default).toBe('calico');
  });

  it('need an address of the node in their family', () => {
    expect(ends('n1', [...two, noMesh, peer('p', { peerIP: 'fd00::9', asNumber: 65001 })])).toEqual([]);
  });

  it.each([
    ['localASNumber', 'local-as-ignored'],
    ['numAllowedLocalASNumbers', 'allowed-local-as-ignored'],
  ])('warn once where %s does not count, whatever number of nodes is selected', (field, code) => {
    const resources = [...two, node('n3', 3), noMesh, peer('p', { peerSelector: 'all()', [field]: 1 })];
    expect(codes('n1', resources).filter((one) => one === code)).toEqual([code]);
    expect(codes('n1', [...two, noMesh, peer('p', { peerSelector: 'all()' })])).not.toContain(code);
    expect(codes('n1', [...two, noMesh, peer('p', { peerIP: '172.16.0.9', asNumber: 9, [field]: 1 })])).not.toContain(
      code,
    );
  });

  it('speak passively to workloads of the node', () => {
    const workload = resource('WorkloadEndpoint', 'w', { node: 'n1', ipNetworks: ['10.244.0.5/32'] }, { app: 'bgp' });
    const asks = peer('p', { localWorkloadSelector: "app == 'bgp'", asNumber: 65005 });
    const session = resolveFor('n1', [...two, noMesh, workload, asks]).session('Local_Workload_10_244_0_5');
    expect(session).toMatchObject({ passive: true, remoteAs: 65005 });
    expect(session.sourceAddress).toBeUndefined();
  });
});

it.each([
  ['a normal route priority of its own', { ipv4NormalRoutePriority: 512 }, true],
  ['the one for IPv6', { ipv6NormalRoutePriority: 512 }, true],
  ['Calico’s own default', { ipv4NormalRoutePriority: 1024 }, false],
  [
    'LoadBalancer addresses one by one',
    { serviceLoadBalancerAggregation: 'Disabled', serviceLoadBalancerIPs: [{ cidr: '203.0.113.0/24' }] },
    true,
  ],
  ['LoadBalancer addresses one by one, where there are none', { serviceLoadBalancerAggregation: 'Disabled' }, false],
] as const)('says that %s has no effect, or nothing where it has', (_, spec, isWarned) => {
  const settings = resource('BGPConfiguration', 'default', spec);
  expect(codes('n1', [...two, settings]).includes('bgp-setting-without-effect')).toBe(isWarned);
});

it.each([
  ['10.0.0.1', '10.0.0.1', undefined],
  ['10.0.0.1:1790', '10.0.0.1', 1790],
  ['[fd00::1]:1790', 'fd00::1', 1790],
  ['fd00::1', 'fd00::1', undefined],
])('reads the peer %s', (text, address, port) => {
  const parsed = parsePeerIp(text);
  expect(parsed && [printAddress(parsed.address), parsed.port]).toEqual([address, port]);
});

it.each(['10.0.0.1:0', '10.0.0.1:65536', '[10.0.0.1', 'fe80::1%eth0', ''])('refuses the peer %j', (text) => {
  expect(parsePeerIp(text)).toBeUndefined();
});

/** A session with what it gives and gets in its main family. */
function flat(session: SessionIntent) {
  return { ...session, ...mainChannel(session) };
}
