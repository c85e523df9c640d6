/**
 * Two Calico nodes, each running the BIRD that its Node, IPPool and the mesh make of it.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BirdDaemon } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { type Prefix, parsePrefix } from '../../../src/net/prefix.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';

const resources = [
  resource('Node', 'n1', { bgp: { ipv4Address: '192.168.0.1/30', ipv6Address: 'fd00::1/64' } }),
  resource('Node', 'n2', { bgp: { ipv4Address: '192.168.0.2/30', ipv6Address: 'fd00::2/64' } }),
  resource('IPPool', 'pods', { cidr: '10.244.0.0/16' }),
  resource('IPPool', 'pods6', { cidr: 'fd24::/64', blockSize: 122 }),
  resource('IPPool', 'tunnelled', { cidr: '10.245.0.0/16', vxlanMode: 'Always' }),
  resource('BGPConfiguration', 'default', {
    asNumber: 64601,
    prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['64601:7'] }],
  }),
];
const blocks = {
  n1: ['10.244.1.0/26', 'fd24::40/122', '10.245.1.0/26'],
  n2: ['10.244.2.0/26', 'fd24::80/122', '10.245.2.0/26'],
};

let cable: Cable;
let birds: readonly BirdDaemon[] = [];

beforeAll(() => {
  requirePrograms();
  cable = layCable('m');
  birds = (['a', 'b'] as const).map((end) => createBirdDaemon({ dir: join(cable.dir, end), launcher: cable.at(end) }));
});

afterAll(async () => {
  for (const bird of birds) await bird.stop();
  cable?.remove();
});

function textOf(node: 'n1' | 'n2'): string {
  const localBlocks = blocks[node].map((text) => parsePrefix(text)).filter((one): one is Prefix => one !== undefined);
  expect(localBlocks).toHaveLength(3);
  return birdText(resolveFor(node, resources, { localBlocks }).routing);
}

it('mesh with each other, one waiting for the other, and exchange their blocks', async () => {
  const texts = [textOf('n1'), textOf('n2')];
  expect(texts.map((text) => text.includes('passive on;'))).toEqual([true, false]);
  for (const [i, bird] of birds.entries()) expect(await bird.configure(texts[i] ?? '')).toMatchObject({ ok: true });
  const [first] = birds;
  await eventually(
    'both sessions are up and each has brought its blocks',
    async () => first?.sessions(),
    (sessions) =>
      sessions?.ok === true &&
      sessions.value.map(({ channels }) => channels[0]?.imported).join() === '2,1' &&
      sessions.value.every(({ state }) => state === 'Established'),
  );
});

it('put the other node’s blocks into the kernel, save those of a tunnelled pool', async () => {
  const routes = (family: 4 | 6): string[] =>
    cable
      .run('a', 'ip', `-${family}`, 'route', 'show', 'proto', 'bird')
      .trim()
      .split('\n')
      .map((line) => line.trim());
  await eventually(
    'routes are there',
    () => routes(4),
    (lines) => lines.length === 2,
  );
  expect(routes(4)).toEqual([
    'blackhole 10.244.1.0/26 metric 179',
    '10.244.2.0/26 via 192.168.0.2 dev wire metric 179',
  ]);
  await eventually(
    'routes are there',
    () => routes(6).join('\n'),
    (text) => text.includes('fd24::80/122 via fd00::2'),
  );
});

it('announce with the communities asked for', async () => {
  const routes = await birds[0]?.routes({ session: 'Mesh_192_168_0_2' });
  expect(routes).toMatchObject({
    ok: true,
    value: [{ prefix: '10.244.2.0/26', attributes: { 'BGP.community': '(64601,7)' } }, { prefix: '10.245.2.0/26' }],
  });
});
