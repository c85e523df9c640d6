/**
 * What Sites can take from each other over real sessions: two data centers and two spokes each announce, next to what is
 * theirs, what is another's, what is nobody's and a default route; each then shows what it was told.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually as lastRead } from '../../../lab/eventually.ts';
import type { BirdDaemon, SessionStatus } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { type Cable, layCable, requirePrograms } from './namespaces.ts';
import { began } from './session-time.ts';

/** Both spokes declare 10.9.0.0/16, and spoke-b a part of spoke-a's 10.1.0.0/16; the first data center's 10.0.0.0/8 is around all. */
const sites = {
  dc: {
    number: 1,
    as: 65010,
    prefixes: ['10.0.0.0/8', 'fd10::/16'],
    announces: [
      '10.0.0.0/8',
      '10.50.0.0/16',
      '10.1.7.0/24',
      '10.9.1.0/24',
      '11.0.0.0/8',
      '0.0.0.0/0',
      'fd10:50::/32',
      'fd10:1:7::/48',
      '172.16.9.0/24',
      'fd16:9::/32',
      '::/0',
    ],
  },
  'dc-two': {
    number: 4,
    as: 65011,
    prefixes: ['172.16.0.0/12', 'fd16::/16'],
    announces: ['172.16.0.0/12', '10.50.0.0/16', '10.1.1.0/24', '0.0.0.0/0', 'fd16:1::/32', 'fd10:50::/32', '::/0'],
  },
  'spoke-a': {
    number: 2,
    as: 64601,
    prefixes: ['10.1.0.0/16', '10.9.0.0/16', 'fd10:1::/32'],
    announces: [
      '10.1.1.0/24',
      '10.1.128.0/24',
      '10.2.1.0/24',
      '10.9.2.0/24',
      '10.50.1.0/24',
      '0.0.0.0/0',
      'fd10:1:1::/48',
      'fd10:2:1::/48',
      '::/0',
    ],
  },
  'spoke-b': {
    number: 3,
    as: 64602,
    prefixes: ['10.2.0.0/16', '10.1.128.0/17', '10.9.0.0/16', 'fd10:2::/32'],
    announces: [
      '10.2.1.0/24',
      '10.1.1.0/24',
      '10.1.128.0/24',
      '10.9.3.0/24',
      '10.0.0.0/8',
      '0.0.0.0/0',
      'fd10:2:2::/48',
      'fd10:1:1::/48',
      '::/0',
    ],
  },
} as const;
type Site = keyof typeof sites;
const names: readonly Site[] = ['dc', 'dc-two', 'spoke-a', 'spoke-b'];

const everything = resource('BGPFilter', 'everything', {
  importV4: [{ action: 'Accept' }],
  importV6: [{ action: 'Accept' }],
  exportV4: [{ action: 'Accept' }],
  exportV6: [{ action: 'Accept' }],
});

/** The hub; spokes may exchange with each other or not, and filters may try to let everything through. */
function hubText(spokesExchange: boolean, filters: readonly string[] = [], more: readonly AnyResource[] = []): string {
  const resources: AnyResource[] = [
    resource('Router', 'tr1', { asNumber: 64520, routerID: '10.255.0.1' }),
    resource('Segment', 'dc', { exchangeWith: ['spokes'], isolated: true }),
    resource('Segment', 'spokes', { exchangeWith: ['dc'], isolated: !spokesExchange }),
    everything,
    ...more,
  ];
  for (const name of names) {
    const { number, as, prefixes } = sites[name];
    resources.push(
      resource('Site', name, { type: 'vpc', prefixes, segment: name.startsWith('dc') ? 'dc' : 'spokes' }),
      resource('Attachment', name, {
        router: 'tr1',
        site: name,
        link: { interface: { name: 'wire' } },
        addresses: {
          local: [`192.168.${number}.1/24`, `fd00:${number}::1/64`],
          remote: [`192.168.${number}.2`, `fd00:${number}::2`],
        },
        bgp: { asNumber: as, importFilters: filters, exportFilters: filters },
      }),
    );
  }
  return birdText(resolveFor('tr1', resources).routing);
}

function peerText(name: Site, more: readonly string[] = []): string {
  const { number, as } = sites[name];
  const announces = [...sites[name].announces, ...more];
  const perFamily = ([4, 6] as const).map((family) => {
    const routes = announces.filter((prefix) => prefix.includes(':') === (family === 6));
    const end = (host: number): string => (family === 4 ? `192.168.${number}.${host}` : `fd00:${number}::${host}`);
    return `protocol static { ipv${family}; ${routes.map((prefix) => `route ${prefix} blackhole;`).join(' ')} }
      protocol bgp told${family} { local ${end(2)} as ${as}; neighbor ${end(1)} as 64520; strict bind on;
        connect delay time 1; ipv${family} { import all; export where source = RTS_STATIC; }; }`;
  });
  return ['log stderr all;', `router id 192.168.${number}.2;`, 'protocol device {}', ...perFamily].join('\n');
}

let cable: Cable;
let bird: BirdDaemon;
const socketOf = (name: Site): string => join(cable.dir, `${name}.ctl`);

beforeAll(() => {
  requirePrograms();
  cable = layCable('lk');
  for (const name of names) {
    const { number } = sites[name];
    for (const [end, host] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      cable.run(end, 'ip', 'addr', 'add', `192.168.${number}.${host}/24`, 'dev', 'wire');
      cable.run(end, 'ip', 'addr', 'add', `fd00:${number}::${host}/64`, 'dev', 'wire', 'nodad');
    }
    writeFileSync(join(cable.dir, `${name}.conf`), peerText(name));
    cable.run('b', 'bird', '-c', join(cable.dir, `${name}.conf`), '-s', socketOf(name));
  }
  bird = createBirdDaemon({ dir: join(cable.dir, 'tr1'), launcher: cable.at('a') });
});

afterAll(async () => {
  await bird?.stop();
  if (cable) for (const name of names) spawnSync('birdc', ['-s', socketOf(name), 'down']);
  cable?.remove();
});

/** What a Site was told by the hub, sorted. */
function told(name: Site): string[] {
  return ['told4', 'told6']
    .flatMap((protocol) => spawnSync('birdc', ['-s', socketOf(name), 'show', 'route', 'protocol', protocol]).stdout)
    .flatMap((text) => text.toString().match(/^[0-9a-f:.]+\/[0-9]+/gm) ?? [])
    .sort();
}

async function expectTold(expected: Readonly<Record<Site, readonly string[]>>): Promise<void> {
  const wanted = Object.fromEntries(names.map((name) => [name, [...expected[name]].sort()]));
  const read = (): Record<string, string[]> => Object.fromEntries(names.map((name) => [name, told(name)]));
  const last = await lastRead(read, (found) => JSON.stringify(found) === JSON.stringify(wanted), {
    within: 20_000,
    every: 100,
  });
  expect(last).toEqual(wanted);
}

const ofDc = ['10.0.0.0/8', '10.50.0.0/16', 'fd10:50::/32'];
const ofTwo = ['172.16.0.0/12', 'fd16:1::/32'];
const ofA = ['10.1.1.0/24', 'fd10:1:1::/48'];
const ofB = ['10.1.128.0/24', '10.2.1.0/24', 'fd10:2:2::/48'];
const ofBoth = ['10.9.2.0/24', '10.9.3.0/24'];
const ofSpokes = [...ofA, ...ofB, ...ofBoth];
const ofCenters = [...ofDc, ...ofTwo];
/** With spokes that may not exchange, and with ones that may. */
const toldApart = { dc: ofSpokes, 'dc-two': ofSpokes, 'spoke-a': ofCenters, 'spoke-b': ofCenters };
const toldTogether = { ...toldApart, 'spoke-a': [...ofCenters, ...ofB], 'spoke-b': [...ofCenters, ...ofA] };

it('spokes get the data centers alone, these get each spoke’s own and nothing of each other, nobody gets a default route', async () => {
  expect(await bird.configure(hubText(false))).toMatchObject({ ok: true });
  await expectTold(toldApart);
});

it('forwards to a prefix only through the Site that owns it', () => {
  const via = (destination: string): string => cable.run('a', 'ip', 'route', 'get', destination);
  expect(via('10.1.1.1')).toContain('via 192.168.2.2');
  expect(via('10.1.128.1')).toContain('via 192.168.3.2');
  expect(via('10.2.1.1')).toContain('via 192.168.3.2');
  expect(via('10.1.7.1')).toContain('via 192.168.1.2'); // by the data center's 10.0.0.0/8, never by its 10.1.7.0/24
  expect(cable.run('a', 'ip', 'route', 'show', 'proto', 'bird')).not.toMatch(/^(default|10\.1\.7\.|11\.)/m);
});

it('no filter that accepts everything lets more through', async () => {
  expect(await bird.configure(hubText(false, ['everything']))).toMatchObject({ ok: true });
  await expectTold(toldApart);
});

it('a filter that is gone lets nothing through', async () => {
  expect(await bird.configure(hubText(false, ['gone']))).toMatchObject({ ok: true });
  await expectTold({ dc: [], 'dc-two': [], 'spoke-a': [], 'spoke-b': [] });
});

it('spokes of a segment that is not isolated get each other’s own, and neither of them what both declare', async () => {
  expect(await bird.configure(hubText(true))).toMatchObject({ ok: true });
  await expectTold(toldTogether);
});

it('a further peer, off the link and watched by BFD, resets no session and takes no route out of the kernel', async () => {
  const more = [
    resource('Site', 'far', { type: 'vpc', prefixes: ['10.77.0.0/16'], segment: 'dc' }),
    resource('Attachment', 'far', {
      router: 'tr1',
      site: 'far',
      link: { interface: { name: 'wire' } },
      addresses: { local: ['192.168.1.1/24'], remote: ['192.168.99.9'] },
      bgp: { asNumber: 65099, multihop: 4, bfd: { minInterval: '300ms' } },
    }),
  ];
  const established = async (): Promise<readonly SessionStatus[]> => {
    const sessions = await bird.sessions();
    if (!sessions.ok) throw new Error(sessions.error.message);
    return sessions.value.filter(({ state }) => state === 'Established');
  };
  const before = await established();
  expect(before).toHaveLength(8);
  const monitor = spawn(cable.at('a')[0] ?? '', [...cable.at('a').slice(1), 'ip', 'monitor', 'route'], {
    stdio: 'pipe',
  });
  let seen = '';
  monitor.stdout.on('data', (text: Buffer) => {
    seen += text.toString();
  });
  try {
    await lastRead(
      () => {
        cable.run('a', 'ip', 'route', 'replace', 'blackhole', '203.0.113.0/24');
        cable.run('a', 'ip', 'route', 'del', 'blackhole', '203.0.113.0/24');
        return seen;
      },
      (text) => text.includes('203.0.113.0/24'),
      { every: 50 },
    );
    for (const text of [hubText(true, [], more), hubText(true)]) {
      expect(await bird.configure(text)).toMatchObject({ ok: true });
      const now = await lastRead(established, ({ length }) => length === before.length, { every: 50 });
      expect(now.map(({ name, since }) => [name, since])).toEqual(
        before.map(({ name, since }) => [name, began(since)]),
      );
    }
    // Kernel routes are compared once more: the monitor has then seen whatever the changes did.
    expect(await bird.restoreRoutes()).toEqual({ ok: true, value: [] });
    expect(seen).not.toMatch(/^Deleted .* proto bird/m);
  } finally {
    monitor.kill();
  }
});

describe('who is told again what he knows', () => {
  /** How many routes a peer was ever told, and told to be gone, by its own count. */
  const received = (name: Site): number => {
    const { stdout } = spawnSync('birdc', ['-s', socketOf(name), 'show', 'protocols', 'all'], { encoding: 'utf8' });
    const counts = [...stdout.matchAll(/Import (?:updates|withdraws): +([0-9]+)/g)].map(([, count]) => Number(count));
    expect(counts.length).toBeGreaterThan(0);
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const tellPeer = (name: Site, more: readonly string[]): void => {
    writeFileSync(join(cable.dir, `${name}.conf`), peerText(name, more));
    const asked = spawnSync('birdc', ['-s', socketOf(name), 'configure'], { encoding: 'utf8' });
    if (!/Reconfigur/.test(asked.stdout)) throw new Error(asked.stdout + asked.stderr);
  };
  const ofFence = { dc: ['10.52.0.0/16', 'fd10:52::/32'], 'spoke-a': ['10.1.9.0/24', 'fd10:1:9::/48'] };
  /**
   * New routes go round on every session behind whatever the hub had to say before, and away again: once that was seen, all of
   * it was said.
   */
  const flush = async (): Promise<void> => {
    tellPeer('dc', ofFence.dc);
    tellPeer('spoke-a', ofFence['spoke-a']);
    await expectTold({
      dc: [...toldTogether.dc, ...ofFence['spoke-a']],
      'dc-two': [...toldTogether['dc-two'], ...ofFence['spoke-a']],
      'spoke-a': [...toldTogether['spoke-a'], ...ofFence.dc],
      'spoke-b': [...toldTogether['spoke-b'], ...ofFence.dc, ...ofFence['spoke-a']],
    });
    tellPeer('dc', []);
    tellPeer('spoke-a', []);
    await expectTold(toldTogether);
  };
  /** How many routes each peer is told because of a change, without those that go round. */
  const toldBy = async (texts: readonly string[]): Promise<readonly (readonly [Site, number])[]> => {
    const count = async (): Promise<Map<Site, number>> => {
      await flush();
      return new Map(names.map((name) => [name, received(name)]));
    };
    const counts = [await count(), await count()];
    for (const text of texts) {
      expect(await bird.configure(text)).toMatchObject({ ok: true });
      counts.push(await count());
    }
    return names.map((name) => {
      const [first = 0, second = 0, ...more] = counts.map((one) => one.get(name) ?? 0);
      return [name, (more.at(-1) ?? 0) - second - more.length * (second - first)];
    });
  };

  it('nobody, when a Site comes and goes inside what he may learn anyway', async () => {
    const later = resource('Site', 'later', { type: 'vpc', prefixes: ['10.88.0.0/16', 'fd10:88::/32'], segment: 'dc' });
    const texts = [hubText(true, [], [later]), hubText(true)];
    expect(texts[0]).not.toBe(texts[1]);
    expect(await toldBy(texts)).toEqual(names.map((name) => [name, 0]));
  });

  it('everybody, when the text of his export filter changes, even to one that says the same', async () => {
    const told = await toldBy([hubText(true, ['everything']), hubText(true)]);
    for (const [name, count] of told) expect([name, count > 0]).toEqual([name, true]);
  });
});

it('a router with IPv6 alone has sessions too', async () => {
  const router = resource('Router', 'tr1', { asNumber: 64520 });
  const site = resource('Site', 'dc', { type: 'datacenter', prefixes: ['fd10::/16'], segment: 'dc' });
  const attachment = resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'wire' } },
    addresses: { local: ['fd00:1::1/64'], remote: ['fd00:1::2'] },
    bgp: { asNumber: 65010 },
  });
  const { routing } = resolveFor('tr1', [router, site, attachment, resource('Segment', 'dc', {})]);
  expect(routing.routerId).toMatch(/^24[0-9]\./);
  expect(await bird.configure(birdText(routing))).toMatchObject({ ok: true });
  const sessions = await lastRead(
    async () => {
      const read = await bird.sessions();
      return read.ok ? read.value : [];
    },
    ([session]) => session?.state === 'Established' && session.channels[0]?.imported === 2,
    { every: 100 },
  );
  expect(sessions).toMatchObject([{ state: 'Established', channels: [{ family: 6, imported: 2 }] }]);
});
