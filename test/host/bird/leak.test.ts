/**
 * What Sites can take from each other over real sessions: a data center and two spokes each announce, next to what is
 * theirs, what is another's, what is nobody's and a default route; each then shows what it was told.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually as lastRead } from '../../../lab/eventually.ts';
import type { BirdDaemon } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { type Cable, layCable, requirePrograms } from './namespaces.ts';

/** Both spokes declare 10.9.0.0/16, and spoke-b a part of spoke-a's 10.1.0.0/16; the data center's 10.0.0.0/8 is around all. */
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
      '::/0',
    ],
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
const names: readonly Site[] = ['dc', 'spoke-a', 'spoke-b'];

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
    resource('Segment', 'dc', { exchangeWith: ['spokes'] }),
    resource('Segment', 'spokes', { exchangeWith: ['dc'], isolated: !spokesExchange }),
    everything,
    ...more,
  ];
  for (const name of names) {
    const { number, as, prefixes } = sites[name];
    resources.push(
      resource('Site', name, { type: 'vpc', prefixes, segment: name === 'dc' ? 'dc' : 'spokes' }),
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

function peerText(name: Site): string {
  const { number, as, announces } = sites[name];
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
const ofA = ['10.1.1.0/24', 'fd10:1:1::/48'];
const ofB = ['10.1.128.0/24', '10.2.1.0/24', 'fd10:2:2::/48'];
const ofBoth = ['10.9.2.0/24', '10.9.3.0/24'];

it('spokes get the data center alone, the data center gets each spoke’s own, nobody gets a default route', async () => {
  expect(await bird.configure(hubText(false))).toMatchObject({ ok: true });
  await expectTold({ dc: [...ofA, ...ofB, ...ofBoth], 'spoke-a': ofDc, 'spoke-b': ofDc });
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
  await expectTold({ dc: [...ofA, ...ofB, ...ofBoth], 'spoke-a': ofDc, 'spoke-b': ofDc });
});

it('a filter that is gone lets nothing through', async () => {
  expect(await bird.configure(hubText(false, ['gone']))).toMatchObject({ ok: true });
  await expectTold({ dc: [], 'spoke-a': [], 'spoke-b': [] });
});

it('spokes of a segment that is not isolated get each other’s own, and neither of them what both declare', async () => {
  expect(await bird.configure(hubText(true))).toMatchObject({ ok: true });
  await expectTold({ dc: [...ofA, ...ofB, ...ofBoth], 'spoke-a': [...ofDc, ...ofB], 'spoke-b': [...ofDc, ...ofA] });
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
  const starts = async (): Promise<string[]> => {
    const sessions = await bird.sessions();
    if (!sessions.ok) throw new Error(sessions.error.message);
    return sessions.value.filter(({ state }) => state === 'Established').map(({ name, since }) => `${name} ${since}`);
  };
  const before = await starts();
  expect(before).toHaveLength(6);
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
      { within: 5_000, every: 50 },
    );
    for (const text of [hubText(true, [], more), hubText(true)]) {
      expect(await bird.configure(text)).toMatchObject({ ok: true });
      await lastRead(starts, (now) => now.join() === before.join(), { within: 5_000, every: 50 });
      expect(await starts()).toEqual(before);
    }
    // Kernel routes are compared once more: the monitor has then seen whatever the changes did.
    expect(await bird.restoreRoutes()).toEqual({ ok: true, value: [] });
    expect(seen).not.toMatch(/^Deleted .* proto bird/m);
  } finally {
    monitor.kill();
  }
});

it('a further Site moves its own routes alone: nobody is told again what he knows', async () => {
  await expectTold({ dc: [...ofA, ...ofB, ...ofBoth], 'spoke-a': [...ofDc, ...ofB], 'spoke-b': [...ofDc, ...ofA] });
  /** When each route came, as its receiver has it. */
  const arrivals = (name: Site): string =>
    spawnSync('birdc', ['-s', socketOf(name), 'show', 'route', 'where', 'source = RTS_BGP'], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => /[0-9]:[0-9]{2}/.test(line))
      .join('\n');
  const withdrawn = (name: Site): string =>
    spawnSync('birdc', ['-s', socketOf(name), 'show', 'protocols', 'all'], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line.includes('Import withdraws'))
      .join('\n');
  const read = (): string => names.map((name) => arrivals(name) + withdrawn(name)).join('\n');
  const before = read();
  expect(before).toContain('Import withdraws');
  const more = [resource('Site', 'later', { type: 'vpc', prefixes: ['10.88.0.0/16'], segment: 'dc' })];
  const text = hubText(true, [], more);
  expect(text).not.toBe(hubText(true));
  expect(await bird.configure(text)).toMatchObject({ ok: true });
  expect(await bird.configure(hubText(true))).toMatchObject({ ok: true });
  await expectTold({ dc: [...ofA, ...ofB, ...ofBoth], 'spoke-a': [...ofDc, ...ofB], 'spoke-b': [...ofDc, ...ofA] });
  expect(read()).toBe(before);
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
    { within: 20_000, every: 100 },
  );
  expect(sessions).toMatchObject([{ state: 'Established', channels: [{ family: 6, imported: 2 }] }]);
});
