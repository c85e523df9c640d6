/**
 * What the fields of an Attachment's session do on the wire: a data center and two spokes of one AS, each a BIRD of its own,
 * show what they hear; and our side shows what it refused, and why.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BirdDaemon, RibEntry, SessionStatus } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { readRoutes } from '../../../src/bird/read.ts';
import { connectBird } from '../../../src/edge/bird-control.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { type RefusalReason, readRefusal } from '../../../src/intent/routing/refusal-reasons.ts';
import { parsePrefix } from '../../../src/net/prefix.ts';
import type { AttachmentBgp } from '../../../src/resources/attachment.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';

const hubAs = 64520;
const peers = {
  dc: { number: 1, as: 65010, prefixes: ['10.0.0.0/8', 'fd10::/16'] },
  a: { number: 2, as: 64600, prefixes: ['10.1.0.0/16', 'fd10:1::/32'] },
  b: { number: 3, as: 64600, prefixes: ['10.2.0.0/16', 'fd10:2::/32'] },
} as const;
type Peer = keyof typeof peers;
const names: readonly Peer[] = ['dc', 'a', 'b'];

/** What each announces, with BIRD's statements that dress the route. */
const honest: Readonly<Record<Peer, readonly (readonly [string, string])[]>> = {
  dc: [
    ['10.50.0.0/16', ''],
    ['fd10:50::/32', ''],
  ],
  a: [
    ['10.1.1.0/24', ''],
    ['fd10:1:1::/48', ''],
  ],
  b: [
    ['10.2.1.0/24', ''],
    ['fd10:2:1::/48', ''],
  ],
};

type Knobs = Partial<Record<Peer, Partial<AttachmentBgp>>>;
interface HubOptions {
  readonly knobs?: Knobs;
  readonly isDrained?: boolean;
  readonly aggregates?: readonly string[];
}

function hubText({ knobs = {}, isDrained = false, aggregates = [] }: HubOptions): string {
  const resources = [
    resource('Router', 'tr1', { asNumber: hubAs, routerID: '10.255.0.1' }),
    resource('Segment', 'all', {}),
    resource('BGPFilter', 'picky', {
      importV4: [
        { action: 'Accept', cidr: '10.1.1.0/24', matchOperator: 'Equal' },
        { action: 'Reject', cidr: '10.1.2.0/24', matchOperator: 'Equal' },
      ],
    }),
    ...names.flatMap((name) => {
      const { number, as, prefixes } = peers[name];
      return [
        resource('Site', name, { type: 'vpc', prefixes, segment: 'all' }),
        resource('Attachment', name, {
          router: 'tr1',
          site: name,
          link: { interface: { name: 'wire' } },
          addresses: {
            local: [`192.168.${number}.1/24`, `fd00:${number}::1/64`],
            remote: [`192.168.${number}.2`, `fd00:${number}::2`],
          },
          bgp: { asNumber: as, bfd: 'off', ...knobs[name] },
        }),
      ];
    }),
  ];
  const { routing } = resolveFor('tr1', resources);
  const activeAggregates = aggregates.flatMap((text) => parsePrefix(text) ?? []);
  return birdText({ ...routing, isDrained }, { activeAggregates });
}

function peerText(name: Peer, announced: readonly (readonly [string, string])[], options = '', channel = ''): string {
  const { number, as } = peers[name];
  const perFamily = ([4, 6] as const).map((family) => {
    const routes = announced.filter(([prefix]) => prefix.includes(':') === (family === 6));
    const end = (host: number): string => (family === 4 ? `192.168.${number}.${host}` : `fd00:${number}::${host}`);
    return `protocol static { ipv${family}; ${routes.map(([prefix, dress]) => `route ${prefix} blackhole { ${dress} };`).join('\n')} }
      protocol bgp hub${family} { local ${end(2)} as ${as}; neighbor ${end(1)} as ${hubAs}; strict bind on; ${options}
        connect delay time 1; error wait time 1, 2; connect retry time 1;
        ipv${family} { import all; export where source = RTS_STATIC; ${channel} }; }`;
  });
  return ['log stderr all;', `router id 192.168.${number}.2;`, 'protocol device {}', ...perFamily].join('\n');
}

let cable: Cable;
let bird: BirdDaemon;
const socketOf = (name: Peer): string => join(cable.dir, `${name}.ctl`);

function tellPeer(name: Peer, text: string): void {
  writeFileSync(join(cable.dir, `${name}.conf`), text);
  const asked = spawnSync('birdc', ['-s', socketOf(name), 'configure'], { encoding: 'utf8' });
  if (!/Reconfigur/.test(asked.stdout)) throw new Error(asked.stdout + asked.stderr);
}

beforeAll(() => {
  requirePrograms();
  cable = layCable('at');
  for (const name of names) {
    const { number } = peers[name];
    for (const [end, host] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      cable.run(end, 'ip', 'addr', 'add', `192.168.${number}.${host}/24`, 'dev', 'wire');
      cable.run(end, 'ip', 'addr', 'add', `fd00:${number}::${host}/64`, 'dev', 'wire', 'nodad');
    }
    writeFileSync(join(cable.dir, `${name}.conf`), peerText(name, honest[name]));
    cable.run('b', 'bird', '-c', join(cable.dir, `${name}.conf`), '-s', socketOf(name));
  }
  bird = createBirdDaemon({ dir: join(cable.dir, 'tr1'), launcher: cable.at('a') });
});

afterAll(async () => {
  await bird?.stop();
  if (cable) for (const name of names) spawnSync('birdc', ['-s', socketOf(name), 'down']);
  cable?.remove();
});

async function configure(options: HubOptions): Promise<void> {
  expect(await bird.configure(hubText(options))).toMatchObject({ ok: true });
}

/** Routes that a peer heard of the hub, by prefix. */
async function heard(name: Peer): Promise<Map<string, RibEntry>> {
  const control = await connectBird(socketOf(name));
  if (!control.ok) throw new Error(control.error.message);
  const reply = await control.value.run({ kind: 'show-routes' });
  control.value.close();
  if (!reply.ok) throw new Error(reply.error.message);
  const routes = readRoutes(reply.value).filter(({ protocol }) => protocol.startsWith('hub'));
  return new Map(routes.map((route) => [route.prefix, route]));
}

/** What the peer hears for the prefixes, once it matches: BIRD's names of attributes, undefined for no such route. */
async function expectHeard(
  name: Peer,
  expected: Readonly<Record<string, Readonly<Record<string, string | undefined>> | undefined>>,
): Promise<void> {
  const pick = (routes: Map<string, RibEntry>) =>
    Object.fromEntries(
      Object.entries(expected).map(([prefix, attributes]) => {
        const route = routes.get(prefix);
        if (!route) return [prefix, undefined];
        return [prefix, Object.fromEntries(Object.keys(attributes ?? {}).map((key) => [key, route.attributes[key]]))];
      }),
    );
  const wanted = JSON.stringify(expected);
  const last = await eventually(
    `${name} hears ${wanted}`,
    async () => pick(await heard(name)),
    (found) => JSON.stringify(found) === wanted,
  );
  expect(last).toEqual(expected);
}

async function sessionOf(name: Peer, family: 4 | 6 = 4): Promise<SessionStatus | undefined> {
  const read = await bird.sessions();
  if (!read.ok) throw new Error(read.error.message);
  const { number } = peers[name];
  const neighbor = family === 4 ? `192.168.${number}.2` : `fd00:${number}::2`;
  return read.value.find((session) => session.neighbor === neighbor);
}

async function expectState(name: Peer, isUp: boolean): Promise<void> {
  const state = await eventually(
    `${name} is ${isUp ? 'up' : 'down'}`,
    async () => (await sessionOf(name))?.state,
    (now) => (now === 'Established') === isUp,
  );
  expect(state === 'Established').toBe(isUp);
}

const path = (...as: readonly number[]): string => as.join(' ');

describe('what is announced', () => {
  it.each<[string, AttachmentBgp | Partial<AttachmentBgp>, Record<string, string | undefined>]>([
    ['nothing more, unless asked', {}, { 'BGP.as_path': path(hubAs, 64600), 'BGP.med': undefined }],
    ['its MED', { med: 77 }, { 'BGP.med': '77' }],
    ['its AS more often', { prepend: 2 }, { 'BGP.as_path': path(hubAs, hubAs, hubAs, 64600) }],
    [
      'communities, by number and by name',
      { communities: ['65000:1', 'no-export', '65000:1:2'] },
      { 'BGP.community': '(65000,1) (65535,65281)', 'BGP.large_community': '(65000, 1, 2)' },
    ],
    ['the backup of two ways as the worse one', { preference: 'backup' }, { 'BGP.med': '100' }],
  ])('carries %s', async (_title, bgp, attributes) => {
    await configure({ knobs: { dc: bgp } });
    await expectHeard('dc', { '10.1.1.0/24': attributes, 'fd10:1:1::/48': attributes });
  });

  it('asks everybody to go another way while the router is drained', async () => {
    await configure({ isDrained: true });
    const asked = {
      'BGP.community': '(65535,0)',
      'BGP.med': '4294967295',
      // Once as always, and once more than any preference may add.
      'BGP.as_path': path(...Array.from({ length: 12 }, () => hubAs), 64600),
    };
    await expectHeard('dc', { '10.1.1.0/24': asked, 'fd10:1:1::/48': asked });
  });

  it('crosses between Sites of one AS only where it is overridden, and is then as long as before', async () => {
    await configure({});
    // BIRD drops a path with its own AS in it.
    await expectHeard('b', { '10.50.0.0/16': {}, '10.1.1.0/24': undefined, 'fd10:1:1::/48': undefined });
    await configure({ knobs: { a: { overrideAS: true }, b: { overrideAS: true } } });
    const overridden = { 'BGP.as_path': path(hubAs, hubAs) };
    await expectHeard('b', { '10.1.1.0/24': overridden, 'fd10:1:1::/48': overridden });
    await expectHeard('a', { '10.2.1.0/24': overridden, '10.1.1.0/24': undefined });
  });

  it('is one aggregate for what is inside, as long as it is active', async () => {
    const knobs = { dc: { aggregate: ['10.0.0.0/9', 'fd10::/20'] } };
    await configure({ knobs, aggregates: ['10.0.0.0/9', 'fd10::/20'] });
    const alone = { 'BGP.as_path': String(hubAs) };
    await expectHeard('dc', {
      '10.0.0.0/9': alone,
      'fd10::/20': alone,
      '10.1.1.0/24': undefined,
      'fd10:1:1::/48': undefined,
    });
    // Another Site hears the routes themselves, and no aggregate.
    await expectHeard('a', { '10.0.0.0/9': undefined, '10.50.0.0/16': {} });
    await configure({ knobs });
    await expectHeard('dc', { '10.0.0.0/9': undefined, '10.1.1.0/24': undefined });
  });

  it('is a default route only to who shall have it, and the kernel gets none', async () => {
    await configure({ knobs: { a: { defaultOriginate: true } } });
    const own = { 'BGP.as_path': String(hubAs) };
    await expectHeard('a', { '0.0.0.0/0': own, '::/0': own });
    await expectHeard('dc', { '0.0.0.0/0': undefined, '::/0': undefined, '10.1.1.0/24': {} });
    for (const family of ['-4', '-6']) {
      expect(cable.run('a', 'ip', family, 'route', 'show', 'default')).toBe('');
    }
  });
});

describe('what is learned', () => {
  it('is the last choice while its peer is about to leave, whatever it would be else', async () => {
    await configure({ knobs: { dc: { localPref: 300 } } });
    tellPeer('dc', peerText('dc', [...honest.dc, ['10.51.0.0/16', 'bgp_community.add((65535, 0));']]));
    const localPref = async (prefix: string): Promise<string | undefined> => {
      const read = await bird.routes({ session: 'attachment_dc_192_168_1_2' });
      return read.ok ? read.value.find((route) => route.prefix === prefix)?.attributes['BGP.local_pref'] : undefined;
    };
    await eventually(
      'GSHUT is honoured',
      () => localPref('10.51.0.0/16'),
      (value) => value === '0',
    );
    expect(await localPref('10.50.0.0/16')).toBe('300');
    tellPeer('dc', peerText('dc', honest.dc));
  });

  it('leaves the rest with a reason on it', async () => {
    const refused: readonly (readonly [string, string, RefusalReason])[] = [
      ['0.0.0.0/0', '', 'defaultRoute'],
      ['11.0.0.0/8', '', 'outsideSite'],
      ['10.2.5.0/24', '', 'outsideSite'],
      ['10.1.6.0/24', 'bgp_large_community.add((64520, 1, 5));', 'ownRoute'],
      ['10.1.7.0/24', Array.from({ length: 70 }, () => 'bgp_path.prepend(65001);').join(''), 'pathTooLong'],
      ['10.1.8.0/24', 'bgp_large_community.add((64520, 1003, 0)); bgp_path.prepend(65001);', 'firstAs'],
      ['10.1.2.0/24', '', 'filter'],
    ];
    await configure({ knobs: { a: { importFilters: ['picky'], maxASPathLength: 60 }, dc: {} } });
    tellPeer('a', peerText('a', [...honest.a, ...refused.map(([prefix, dress]) => [prefix, dress] as const)]));
    const reasons = async (): Promise<Record<string, string | undefined>> => {
      const filtered = spawnSync(
        'birdc',
        [
          '-s',
          join(cable.dir, 'tr1/bird.ctl'),
          'show',
          'route',
          'all',
          'filtered',
          'protocol',
          'cw_attachment_a_192_168_2_2',
        ],
        { encoding: 'utf8' },
      ).stdout;
      const entries = filtered.split(/\n(?=[0-9])/).flatMap((text) => {
        const prefix = /^([0-9./]+)\s/m.exec(text)?.[1];
        return prefix === undefined ? [] : [[prefix, reasonOf(text)] as const];
      });
      return Object.fromEntries(entries);
    };
    const wanted = Object.fromEntries(refused.map(([prefix, , reason]) => [prefix, reason]));
    // `firstAs` cannot be provoked by BIRD, which puts its own AS first: the route is a good one, and its forged reason is gone.
    delete wanted['10.1.8.0/24'];
    const last = await eventually('all are refused', reasons, (found) =>
      Object.entries(wanted).every(([prefix, reason]) => found[prefix] === reason),
    );
    expect(last).toEqual(wanted);
    const accepted = await bird.routes({ session: 'attachment_a_192_168_2_2' });
    const forged = accepted.ok ? accepted.value.find(({ prefix }) => prefix === '10.1.8.0/24') : undefined;
    expect(forged?.attributes['BGP.large_community']).toMatch(/^\(64520, 1, [0-9]+\)$/);
    tellPeer('a', peerText('a', honest.a));
  });

  it.each([
    ['warn', 3, true],
    ['block', 2, true],
    ['down', undefined, false],
  ] as const)('past a limit with action %s', async (action, imported, isUp) => {
    await configure({ knobs: { a: { maxPrefixes: { import: { ipv4: { limit: 2, action } } } } } });
    const more = Array.from({ length: 2 }, (_, i) => [`10.1.${i + 100}.0/24`, ''] as const);
    tellPeer('a', peerText('a', [...honest.a, ...more]));
    await expectState('a', isUp);
    if (imported !== undefined) {
      const count = await eventually(
        'the limit holds',
        async () => (await sessionOf('a'))?.channels[0]?.imported,
        (now) => now === imported,
      );
      expect(count).toBe(imported);
    }
    // The others are none the wiser.
    await expectState('dc', true);
    tellPeer('a', peerText('a', honest.a));
    await configure({});
    // Down is down until somebody has looked at it.
    if (!isUp) expect(await bird.enable('attachment_a_192_168_2_2')).toMatchObject({ ok: true });
    await expectState('a', true);
    // Routes that are still on their way out would count against the next limit.
    await eventually(
      'the rest is withdrawn',
      async () => (await sessionOf('a'))?.channels[0]?.imported,
      (now) => now === 1,
    );
  });

  describe('that blocks', () => {
    const [first, second] = ['10.1.1.0/24', '10.1.2.0/24'];
    const exportLimit = (limit: number): HubOptions => ({
      knobs: { dc: { maxPrefixes: { export: { ipv4: { limit, action: 'block' } } } } },
    });
    const importLimit = (limit: number): HubOptions => ({
      knobs: { a: { maxPrefixes: { import: { ipv4: { limit, action: 'block' } } } } },
    });
    const announce = (peer: Peer, ...prefixes: readonly string[]): void =>
      tellPeer(
        peer,
        peerText(
          peer,
          prefixes.map((prefix) => [prefix, ''] as const),
        ),
      );

    async function expectHit(peer: Peer, direction: 'import' | 'export'): Promise<void> {
      const hit = await eventually(
        `the ${direction} limit acts`,
        async () => (await sessionOf(peer))?.channels[0]?.limitsHit,
        (hits) => hits?.includes(direction) === true,
      );
      expect(hit).toEqual([direction]);
    }

    async function expectImported(count: number): Promise<void> {
      const seen = await eventually(
        `${count} are imported`,
        async () => (await sessionOf('a'))?.channels[0]?.imported,
        (now) => now === count,
      );
      expect(seen).toBe(count);
    }

    // Of one AS with a: what it is told would count too.
    beforeAll(() => announce('b'));

    it('lets the others pass once it is raised', async () => {
      announce('a', first);
      await configure(exportLimit(1));
      await expectHeard('dc', { [first]: {} });
      announce('a', first, second);
      await expectHit('dc', 'export');
      await configure(exportLimit(2));
      await expectHeard('dc', { [first]: {}, [second]: {} });
    });

    it('lets another pass once there is room, and no sooner', async () => {
      announce('a', first);
      await configure(exportLimit(1));
      await expectHeard('dc', { [first]: {}, [second]: undefined });
      announce('a', first, second);
      await expectHit('dc', 'export');
      expect(await bird.readmitRoutes()).toEqual({ ok: true, value: [] });
      announce('a', second);
      await expectHeard('dc', { [first]: undefined });
      expect(await bird.readmitRoutes()).toEqual({ ok: true, value: ['attachment_dc_192_168_1_2'] });
      await expectHeard('dc', { [first]: undefined, [second]: {} });
    });

    it('takes in another once there is room', async () => {
      announce('a', first);
      await configure(importLimit(1));
      await expectImported(1);
      announce('a', first, second);
      await expectHit('a', 'import');
      announce('a', second);
      await expectImported(0);
      expect(await bird.readmitRoutes()).toEqual({ ok: true, value: ['attachment_a_192_168_2_2'] });
      await expectImported(1);
    });

    afterAll(async () => {
      for (const peer of names) tellPeer(peer, peerText(peer, honest[peer]));
      await configure({});
    });
  });
});

describe('the session', () => {
  it.each([
    ['fits', 'local role provider;', { localRole: 'customer' }, true],
    ['does not fit', 'local role customer;', { localRole: 'customer' }, false],
    ['is not said, and need not be', '', { localRole: 'customer' }, true],
    ['is not said, and must be', '', { localRole: 'customer', strictRole: true }, false],
  ] as const)('a role that %s', async (_title, options, knobs, isUp) => {
    tellPeer('dc', peerText('dc', honest.dc, options));
    await configure({ knobs: { dc: knobs } });
    await expectState('dc', isUp);
    tellPeer('dc', peerText('dc', honest.dc));
    await configure({});
    await expectState('dc', true);
  });

  it('carries both families over IPv6 alone, IPv4 with IPv6 next hops', async () => {
    const both = `log stderr all; router id 192.168.1.2; protocol device {}
      protocol static { ipv4; route 10.50.0.0/16 blackhole; } protocol static { ipv6; route fd10:50::/32 blackhole; }
      protocol bgp hub6 { local fd00:1::2 as 65010; neighbor fd00:1::1 as ${hubAs}; strict bind on; connect delay time 1;
        ipv4 { import all; export where source = RTS_STATIC; extended next hop on; };
        ipv6 { import all; export where source = RTS_STATIC; }; }`;
    tellPeer('dc', both);
    await configure({ knobs: { dc: { families: ['ipv4', 'ipv6'] } } });
    await expectHeard('dc', { '10.1.1.0/24': {}, 'fd10:1:1::/48': {} });
    const kernel = await eventually(
      'the kernel has it',
      () => cable.run('a', 'ip', '-4', 'route', 'show', '10.50.0.0/16'),
      (text) => text.includes('inet6 fd00:1::2'),
    );
    expect(kernel).toContain('via inet6 fd00:1::2');
    tellPeer('dc', peerText('dc', honest.dc));
    await configure({});
    await expectState('dc', true);
  });
});

function reasonOf(text: string): RefusalReason | undefined {
  const communities = [...text.matchAll(/\((\d+), (\d+), (\d+)\)/g)].map(
    ([, a, b, c]) => [Number(a), Number(b), Number(c)] as const,
  );
  return readRefusal(communities, hubAs)?.reason;
}
