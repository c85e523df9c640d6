import { expect, it } from 'vitest';
import { type BirdAbout, readAbout } from '../bird/about.ts';
import type { RibEntry, SessionStatus } from '../bird/daemon.ts';
import { calicoNodeStatusOf, mostRoutes, type NodeObservation } from './calico-node-status.ts';

const about: BirdAbout = {
  isReady: true,
  version: '2.0.12',
  routerID: '192.0.2.1',
  lastBootTime: '2026-11-25 01:31:09.111',
  lastReconfigurationTime: '2026-11-25 01:32:09.111',
};

function session(name: string, neighbor: string, state: SessionStatus['state'] = 'Established'): SessionStatus {
  return { name, neighbor, state, since: '01:31:09.111', remoteAs: 1, localAs: 1, lastError: null, channels: [] };
}

function route(prefix: string, protocol: string, more: Partial<RibEntry> = {}): RibEntry {
  return {
    prefix,
    destination: 'unicast',
    protocol,
    since: '01:31:09.111',
    from: null,
    preferred: true,
    preference: 100,
    nextHops: [{ gateway: '192.0.2.9', device: 'eth0' }],
    attributes: {},
    ...more,
  };
}

const sessions = [
  session('Global_192_0_2_2', '192.0.2.2', 'Active'),
  session('Mesh_192_0_2_3', '192.0.2.3'),
  session('Mesh_2001_db8__3', '2001:db8::3'),
  session('Node_192_0_2_4', '192.0.2.4', 'Down'),
  session('attachment_dc_192_0_2_5', '192.0.2.5'),
];
const observation: NodeObservation = {
  observedAt: '2026-11-25T01:33:00Z',
  about,
  sessions,
  routes: [route('10.0.0.0/8', 'Mesh_192_0_2_3')],
};

it('shows the classes that were asked for, and no other', () => {
  const keysOf = (classes: ('Agent' | 'BGP' | 'Routes')[]) =>
    Object.keys(calicoNodeStatusOf(classes, observation)).sort();
  expect(keysOf(['Agent'])).toEqual(['agent', 'lastUpdated']);
  expect(keysOf(['BGP'])).toEqual(['bgp', 'lastUpdated']);
  expect(keysOf(['Routes', 'BGP', 'Agent'])).toEqual(['agent', 'bgp', 'lastUpdated', 'routes']);
});

it('leaves out what could not be read, and calls a BIRD that does not answer not ready', () => {
  const nothing = { observedAt: observation.observedAt, about: undefined, sessions: undefined, routes: undefined };
  expect(calicoNodeStatusOf(['Agent', 'BGP', 'Routes'], nothing)).toEqual({
    lastUpdated: observation.observedAt,
    agent: { birdV4: { state: 'NotReady' }, birdV6: { state: 'NotReady' } },
  });
});

it('counts peers by family and names them in Calico’s words', () => {
  expect(calicoNodeStatusOf(['BGP'], observation).bgp).toMatchObject({
    numberEstablishedV4: 2,
    numberNotEstablishedV4: 2,
    numberEstablishedV6: 1,
    numberNotEstablishedV6: 0,
    peersV4: [
      { peerIP: '192.0.2.2', type: 'GlobalPeer', state: 'Active' },
      { peerIP: '192.0.2.3', type: 'NodeMesh', state: 'Established' },
      { peerIP: '192.0.2.4', type: 'NodePeer', state: 'Idle' },
      { peerIP: '192.0.2.5', type: 'NodePeer', state: 'Established' },
    ],
    peersV6: [{ peerIP: '2001:db8::3', type: 'NodeMesh', state: 'Established', since: '01:31:09.111' }],
  });
});

it.each([
  ['Mesh_192_0_2_3', { sourceType: 'NodeMesh', peerIP: '192.0.2.3' }],
  ['attachment_dc_192_0_2_5', { sourceType: 'BGPPeer', peerIP: '192.0.2.5' }],
  ['kernel6', { sourceType: 'Kernel' }],
  ['direct', { sourceType: 'Direct' }],
  ['static4', { sourceType: 'Static' }],
  ['aggregate4', { sourceType: 'Static' }],
  ['user_ospf', undefined],
])('says where a route of %s came from', (protocol, learnedFrom) => {
  const { routes } = calicoNodeStatusOf(['Routes'], { ...observation, routes: [route('10.0.0.0/8', protocol)] });
  expect(routes?.routesV4[0]?.learnedFrom).toEqual(learnedFrom);
});

it('tells preferred routes from others, gives each family its list, and a blackhole no gateway', () => {
  const routes = [
    route('10.0.0.0/8', 'Mesh_192_0_2_3'),
    route('10.0.0.0/8', 'static4', { preferred: false, destination: 'blackhole', nextHops: [] }),
    route('2001:db8:1::/48', 'Mesh_2001_db8__3'),
  ];
  expect(calicoNodeStatusOf(['Routes'], { ...observation, routes }).routes).toMatchObject({
    routesV4: [
      { type: 'FIB', gateway: '192.0.2.9', interface: 'eth0' },
      { type: 'RIB', gateway: 'N/A', interface: 'blackhole' },
    ],
    routesV6: [{ type: 'FIB', destination: '2001:db8:1::/48' }],
  });
});

it('says how many routes are left out, where there are more than fit', () => {
  const routes = Array.from({ length: mostRoutes + 3 }, (_, i) => route(`10.${i >> 8}.${i & 255}.0/24`, 'static4'));
  const section = calicoNodeStatusOf(['Routes'], { ...observation, routes }).routes;
  expect(section).toMatchObject({ omittedV4: 3 });
  expect(section).not.toHaveProperty('omittedV6');
  expect(section?.routesV4).toHaveLength(mostRoutes);
});

it('reads what BIRD says of itself, and is not ready while BIRD shuts down', () => {
  const lines = [
    { code: 1000, text: 'BIRD 2.0.12' },
    { code: 1011, text: 'Router ID is 192.0.2.1' },
    { code: 1011, text: 'Last reboot on 2026-11-25 01:31:09.111' },
    { code: 1011, text: 'Last reconfiguration on 2026-11-25 01:32:09.111' },
  ];
  expect(readAbout({ code: 13, message: 'Daemon is up and running', lines })).toEqual(about);
  expect(readAbout({ code: 13, message: 'Shutdown in progress', lines }).isReady).toBe(false);
  expect(readAbout({ code: 9001, message: 'Parse error', lines: [] })).toMatchObject({ isReady: false, version: '' });
});
