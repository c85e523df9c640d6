/**
 * A Site behind two tunnels without BGP: both carry its prefixes, one what the other cannot, and nothing is lost in between.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BirdDaemon } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';

const tunnels = [9, 10];
const inside = (net: number, host: number): readonly string[] => [`169.254.${net}.${host}`, `fd00:${net}::${host}`];
const resources = [
  resource('Router', 'r1', { asNumber: 64520, routerID: '10.255.0.1' }),
  resource('Site', 'office', { type: 'other', prefixes: ['10.2.0.0/16', 'fd10:2::/32'] }),
  resource('Attachment', 'office', {
    router: 'r1',
    site: 'office',
    link: {
      ipsec: {
        psk: { secretRef: { name: 'v', key: 'k' } },
        tunnels: tunnels.map((net) => ({
          interface: `t${net}`,
          remoteAddress: `203.0.113.${net}`,
          addresses: {
            local: inside(net, 2).map((one) => `${one}/${one.includes(':') ? 126 : 30}`),
            remote: inside(net, 1),
          },
        })),
      },
    },
    static: { prefixes: ['10.2.0.0/16', 'fd10:2::/32'] },
  }),
];

let cable: Cable;
let bird: BirdDaemon;

beforeAll(async () => {
  requirePrograms();
  cable = layCable('st');
  for (const net of tunnels) {
    // A device that has a carrier and whose far end is nobody's: all that BIRD sees of a tunnel.
    cable.run('a', 'ip', 'link', 'add', `t${net}`, 'type', 'veth', 'peer', 'name', `t${net}`, 'netns', farEnd());
    cable.run('b', 'ip', 'link', 'set', `t${net}`, 'up');
    cable.run('a', 'ip', 'addr', 'add', `169.254.${net}.2/30`, 'dev', `t${net}`);
    setUp(net);
  }
  bird = createBirdDaemon({ dir: join(cable.dir, 'r1'), launcher: cable.at('a') });
  expect(await bird.configure(birdText(resolveFor('r1', resources).routing))).toMatchObject({ ok: true });
});

afterAll(async () => {
  await bird?.stop();
  cable?.remove();
});

function farEnd(): string {
  return cable.at('b').at(-1) ?? '';
}

/** An address of IPv6 goes with the device that is set down. */
function setUp(net: number): void {
  cable.run('a', 'ip', 'link', 'set', `t${net}`, 'up');
  cable.run('a', 'ip', 'addr', 'replace', `fd00:${net}::2/126`, 'dev', `t${net}`, 'nodad');
}

/** By which devices the kernel sends what is for the Site, by family. */
function ways(): Record<4 | 6, readonly string[]> {
  const of = (family: 4 | 6, prefix: string): readonly string[] => {
    const shown = cable.run('a', 'ip', `-${family}`, 'route', 'show', prefix);
    return [...shown.matchAll(/dev (\S+)/g)].map(([, device = '']) => device).sort();
  };
  return { 4: of(4, '10.2.0.0/16'), 6: of(6, 'fd10:2::/32') };
}

const go = (what: string, devices: readonly string[]) =>
  eventually(what, ways, (now) => JSON.stringify(now) === JSON.stringify({ 4: devices, 6: devices }));

it('what is for the Site goes by both', () => go('both carry', ['t10', 't9']));

it.each(tunnels)('and by the other one while t%d is down', async (net) => {
  cable.run('a', 'ip', 'link', 'set', `t${net}`, 'down');
  await go(
    'the other carries all',
    tunnels.filter((one) => one !== net).map((one) => `t${one}`),
  );
  setUp(net);
  await go('both carry again', ['t10', 't9']);
});

it('and by none while both are down', async () => {
  for (const net of tunnels) cable.run('a', 'ip', 'link', 'set', `t${net}`, 'down');
  await go('none carries', []);
});
