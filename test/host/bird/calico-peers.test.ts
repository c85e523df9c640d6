/**
 * A Calico network as its Nodes, BGPPeers and BGPConfiguration describe it, spoken by real BIRDs of our rendering: a route
 * reflector with two clients, two nodes in the mesh, and a peer outside with an AS of its own; both families.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BirdDaemon } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { readBirdAbout } from '../../../src/edge/bird-about.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { parsePrefix } from '../../../src/net/prefix.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { eventually, requirePrograms } from './namespaces.ts';

/** By the last part of the address, in both families. */
const hosts = { rr: 1, client1: 2, client2: 3, mesh1: 4, mesh2: 5, tor: 6 } as const;
type Host = keyof typeof hosts;
const names = Object.keys(hosts) as Host[];
const password = 'only-these-two-know';

function node(name: Host, bgp: object, labels: Record<string, string>) {
  const addresses = { ipv4Address: `192.168.0.${hosts[name]}/24`, ipv6Address: `fd00::${hosts[name]}/64` };
  return resource('Node', name, { bgp: { ...addresses, ...bgp } }, labels);
}

const cluster = [
  node('rr', { routeReflectorClusterID: '10.0.0.1' }, { role: 'rr' }),
  node('client1', {}, { role: 'client' }),
  node('client2', {}, { role: 'client' }),
  resource('BGPConfiguration', 'default', { asNumber: 64601, nodeToNodeMeshEnabled: false }),
  resource('IPPool', 'pods', { cidr: '10.244.0.0/16' }),
  resource('IPPool', 'pods6', { cidr: 'fd24::/64', blockSize: 122 }),
  // Only one side says so: what the reflector owes to its clients follows (reversePeering).
  resource('BGPPeer', 'to-reflectors', { nodeSelector: "role == 'client'", peerSelector: "role == 'rr'" }),
  resource('BGPPeer', 'tor', {
    node: 'rr',
    peerIP: '192.168.0.6',
    asNumber: 65010,
    filters: ['lan'],
    password: { secretKeyRef: { name: 'tor', key: 'password' } },
  }),
  resource('BGPFilter', 'lan', {
    importV4: [
      { action: 'Accept', matchOperator: 'In', cidr: '172.20.0.0/16', prefixLength: { max: 24 } },
      { action: 'Reject' },
    ],
  }),
];
const mesh = [
  node('mesh1', {}, {}),
  node('mesh2', {}, {}),
  resource('BGPConfiguration', 'default', { asNumber: 64602 }),
  resource('IPPool', 'pods', { cidr: '10.245.0.0/16' }),
  resource('IPPool', 'pods6', { cidr: 'fd25::/64', blockSize: 122 }),
];

const dir = mkdtempSync(join(tmpdir(), 'cw-calico-'));
const birds = new Map<Host, BirdDaemon>();
const label = (name: string): string => `cwp-${name}-${process.pid}`;
const at = (name: string): string[] => ['ip', 'netns', 'exec', label(name)];

function ip(name: string, ...args: string[]): void {
  execFileSync('ip', ['-n', label(name), ...args]);
}

function bird(name: Host): BirdDaemon {
  const found = birds.get(name);
  if (!found) throw new Error(`no BIRD of ${name}`);
  return found;
}

/** A switch with all hosts on it. */
beforeAll(() => {
  requirePrograms();
  for (const name of ['switch', ...names]) execFileSync('ip', ['netns', 'add', label(name)]);
  ip('switch', 'link', 'add', 'lan', 'type', 'bridge');
  ip('switch', 'link', 'set', 'lan', 'up');
  for (const name of names) {
    ip('switch', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', label(name));
    ip('switch', 'link', 'set', name, 'master', 'lan', 'up');
    ip(name, 'addr', 'add', `192.168.0.${hosts[name]}/24`, 'dev', 'eth0');
    ip(name, 'addr', 'add', `fd00::${hosts[name]}/64`, 'dev', 'eth0', 'nodad');
    for (const link of ['lo', 'eth0']) ip(name, 'link', 'set', link, 'up');
    birds.set(name, createBirdDaemon({ dir: join(dir, name), launcher: at(name) }));
  }
});

afterAll(async () => {
  for (const one of birds.values()) await one.stop();
  for (const name of ['switch', ...names]) spawnSync('ip', ['netns', 'del', label(name)]);
  rmSync(dir, { recursive: true, force: true });
});

function textOf(name: Host, secrets: ReadonlyMap<string, string> = new Map()): string {
  const isCluster = !name.startsWith('mesh');
  const [second, group] = isCluster ? [244, 'fd24'] : [245, 'fd25'];
  const blocks = [`10.${second}.${hosts[name]}.0/26`, `${group}::${hosts[name]}00/122`];
  const localBlocks = name === 'rr' ? [] : blocks.flatMap((text) => parsePrefix(text) ?? []);
  return birdText(resolveFor(name, isCluster ? cluster : mesh, { localBlocks }).routing, { secrets });
}

/** The peer outside is no Calico: it says what it is told to. */
const torText = `
router id 192.168.0.6;
log stderr all;
protocol device {}
protocol static lan4 { ipv4; route 172.20.1.0/24 blackhole; route 172.20.2.0/25 blackhole; route 172.21.0.0/16 blackhole; }
protocol bgp cw_rr {
  local 192.168.0.6 as 65010;
  neighbor 192.168.0.1 as 64601;
  password "${password}";
  connect retry time 1;
  error wait time 1, 2;
  ipv4 { import all; export where proto = "lan4"; };
}
`;

async function configure(name: Host, text: string): Promise<void> {
  expect(await bird(name).configure(text)).toMatchObject({ ok: true });
}

/** Names of sessions with their states. */
async function statesOf(name: Host): Promise<Record<string, string>> {
  const sessions = await bird(name).sessions();
  return sessions.ok ? Object.fromEntries(sessions.value.map((one) => [one.name, one.state])) : {};
}

async function prefixesFrom(name: Host, session: string): Promise<string> {
  const routes = await bird(name).routes({ session });
  return routes.ok ? routes.value.map(({ prefix }) => prefix).join() : 'unread';
}

it('brings up reflector and clients in both families, although only the clients ask for it', async () => {
  for (const name of ['rr', 'client1', 'client2'] as const) await configure(name, textOf(name));
  await configure('tor', torText);
  await eventually(
    'clients have their sessions',
    async () => ({ ...(await statesOf('client1')), ...(await statesOf('rr')) }),
    (states) =>
      [
        'Node_192_168_0_1',
        'Node_fd00__1',
        'Node_192_168_0_2',
        'Node_192_168_0_3',
        'Node_fd00__2',
        'Node_fd00__3',
      ].every((session) => states[session] === 'Established'),
  );
});

it.each([
  ['Node_192_168_0_1', '10.244.3.0/26'],
  ['Node_fd00__1', 'fd24::300/122'],
])('reflects over %s what the other client announces, marked with the cluster', async (session, prefix) => {
  await eventually(
    'the block of the other client is there',
    () => prefixesFrom('client1', session),
    (prefixes) => prefixes === prefix,
  );
  const routes = await bird('client1').routes({ session });
  expect(routes).toMatchObject({ value: [{ attributes: { 'BGP.cluster_list': '10.0.0.1' } }] });
});

it('holds the session down whose password is missing, and brings it up when the password comes', async () => {
  expect((await statesOf('rr'))['Node_192_168_0_6']).toBe('Down');
  expect(textOf('rr')).not.toContain(password);
  await configure('rr', textOf('rr', new Map([['tor/password', password]])));
  await eventually(
    'the session with a password is up',
    () => statesOf('rr'),
    (states) => states['Node_192_168_0_6'] === 'Established',
  );
  expect((await statesOf('rr'))['Node_192_168_0_2']).toBe('Established');
});

it('learns from the peer outside what the filter accepts, and lets it no further', async () => {
  await eventually(
    'the accepted route is there',
    () => prefixesFrom('rr', 'Node_192_168_0_6'),
    (prefixes) => prefixes === '172.20.1.0/24',
  );
  expect(await bird('rr').countExported('Node_192_168_0_2', 4)).toEqual({ ok: true, value: 1 });
  expect(await prefixesFrom('client1', 'Node_192_168_0_1')).toBe('10.244.3.0/26');
});

it('announces a route of the kernel inside a pool, and none through the tunnel of Calico’s agent', async () => {
  for (const [link, prefix] of [
    ['tunl0', '10.244.8.0/26'],
    ['plain0', '10.244.9.0/26'],
  ] as const) {
    ip('client2', 'link', 'add', link, 'type', 'bridge');
    ip('client2', 'link', 'set', link, 'up');
    ip('client2', 'route', 'add', prefix, 'dev', link, 'proto', '80');
  }
  await eventually(
    'the route that may pass is there',
    () => prefixesFrom('rr', 'Node_192_168_0_3'),
    (prefixes) => prefixes.includes('10.244.9.0/26'),
  );
  expect(await prefixesFrom('rr', 'Node_192_168_0_3')).not.toContain('10.244.8.0/26');
});

it('meshes the other nodes in both families, under an AS of their own', async () => {
  for (const name of ['mesh1', 'mesh2'] as const) await configure(name, textOf(name));
  await eventually(
    'the mesh has brought the blocks',
    async () => [
      await prefixesFrom('mesh1', 'Mesh_192_168_0_5'),
      await prefixesFrom('mesh1', 'Mesh_fd00__5'),
      await prefixesFrom('mesh2', 'Mesh_192_168_0_4'),
    ],
    (prefixes) => prefixes.join() === '10.245.5.0/26,fd25::500/122,10.245.4.0/26',
  );
});

it('says of itself what CalicoNodeStatus tells of a BIRD', async () => {
  expect(await readBirdAbout(join(dir, 'mesh1'))).toEqual({
    isReady: true,
    version: expect.stringMatching(/^2\./),
    routerID: '192.168.0.4',
    lastBootTime: expect.stringMatching(/^\d{4}-/),
    lastReconfigurationTime: expect.stringMatching(/^\d{4}-/),
  });
  expect(await readBirdAbout(join(dir, 'nowhere'))).toBeUndefined();
});
