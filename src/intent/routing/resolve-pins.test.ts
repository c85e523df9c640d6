import { describe, expect, it } from 'vitest';
import { resolveFor } from '../../bird/hub.fixture.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { mainChannel } from './routing-intent.ts';

function router(name: string, host: number, more: object = {}): AnyResource {
  return resource('Router', name, {
    asNumber: 64520,
    redundancyGroup: 'hub',
    interfaces: [{ name: 'ha0', addresses: [`10.255.0.${host}/24`] }],
    ...more,
  });
}

/** A link of the Site `dc` to a router, of its own subnet. */
function link(name: string, to: string, net: number, bgp: object = {}, more: object = {}): AnyResource {
  return resource('Attachment', name, {
    router: to,
    site: 'dc',
    link: { interface: { name: `eth${net}` } },
    addresses: { local: [`192.168.${net}.1/30`], remote: [`192.168.${net}.2`] },
    bgp: { asNumber: 65010, ...bgp },
    ...more,
  });
}

function fixed(name: string, to: string, net: number): AnyResource {
  return link(name, to, net, {}, { bgp: undefined, static: { prefixes: ['10.0.0.0/8'] } });
}

const site = (spec: object = {}): AnyResource =>
  resource('Site', 'dc', { type: 'datacenter', prefixes: ['10.0.0.0/8'], ...spec });

const pair = [router('r1', 1), router('r2', 2)];

function resolve(asked: string, links: readonly AnyResource[], siteSpec: object = {}, routers = pair) {
  const resolved = resolveFor(asked, [...routers, site(siteSpec), ...links]);
  const told = resolved.routing.sessions
    .filter(({ origin }) => origin?.kind === 'Attachment')
    .map((session) => {
      const { import: imports, export: exports } = mainChannel(session);
      return [imports.localPref, exports.med, exports.prepend, exports.communities.join()];
    });
  return { ...resolved, told, pins: resolved.routing.group?.pins, codes: resolved.warnings.map(({ code }) => code) };
}

describe('a Site attached to two routers', () => {
  it.each<[string, object, readonly AnyResource[], string | undefined, string, string[]]>([
    ['by name', {}, [link('a', 'r1', 1), link('b', 'r2', 2)], 'r1', 'name', []],
    ['by the Site', { preferredRouter: 'r2' }, [link('a', 'r1', 1), link('b', 'r2', 2)], 'r2', 'site', []],
    ['by a primary', {}, [link('a', 'r1', 1), link('b', 'r2', 2, { preference: 'primary' })], 'r2', 'attachment', []],
    ['by a backup', {}, [link('a', 'r1', 1, { preference: 'backup' }), link('b', 'r2', 2)], 'r2', 'attachment', []],
    [
      'by name where all are backup',
      {},
      [link('a', 'r1', 1, { preference: 'backup' }), link('b', 'r2', 2, { preference: 'backup' })],
      'r1',
      'name',
      [],
    ],
    [
      'by a primary against the Site',
      { preferredRouter: 'r1' },
      [link('a', 'r1', 1), link('b', 'r2', 2, { preference: 'primary' })],
      'r2',
      'attachment',
      ['preferred-router-overruled'],
    ],
    [
      'not by a router it has no link to',
      { preferredRouter: 'r9' },
      [link('a', 'r1', 1), link('b', 'r2', 2)],
      'r1',
      'name',
      ['preferred-router-not-attached'],
    ],
    [
      'by two primary links of one router',
      {},
      [
        link('a', 'r1', 1, { preference: 'primary' }),
        link('b', 'r1', 2, { preference: 'primary' }),
        link('c', 'r2', 3),
      ],
      'r1',
      'attachment',
      [],
    ],
    [
      'not with two primary routers',
      {},
      [link('a', 'r1', 1, { preference: 'primary' }), link('b', 'r2', 2, { preference: 'primary' })],
      undefined,
      'none',
      ['pin-contradiction'],
    ],
    [
      'not where a localPref says otherwise',
      {},
      [link('a', 'r1', 1), link('b', 'r2', 2, { localPref: 300 })],
      undefined,
      'none',
      ['pin-contradiction'],
    ],
    [
      'not where a MED says otherwise',
      {},
      [link('a', 'r1', 1), link('b', 'r2', 2, { med: 0 })],
      undefined,
      'none',
      ['pin-contradiction'],
    ],
    ['by its only static route', {}, [link('a', 'r1', 1), fixed('b', 'r2', 2)], 'r2', 'attachment', []],
    [
      'not away from a static route',
      { preferredRouter: 'r1' },
      [link('a', 'r1', 1), fixed('b', 'r2', 2)],
      undefined,
      'none',
      ['static-beats-pin'],
    ],
    [
      'not with static routes on both',
      {},
      [fixed('a', 'r1', 1), fixed('b', 'r2', 2)],
      undefined,
      'none',
      ['static-beats-pin'],
    ],
    [
      'not to a VPN while Direct Connect is there',
      {},
      [link('a', 'r1', 1, {}, { profile: 'aws-vgw-vpn' }), link('b', 'r2', 2, {}, { profile: 'aws-dx-private-vif' })],
      undefined,
      'none',
      ['pin-against-aws'],
    ],
  ])('is pinned %s', (_, siteSpec, links, expected, by, warned) => {
    for (const asked of ['r1', 'r2']) {
      const { pins, codes } = resolve(asked, links, siteSpec);
      expect(pins, asked).toEqual([{ site: 'dc', router: expected, by }]);
      expect(codes.filter((code) => /pin|preferred/.test(code), asked)).toEqual(warned);
    }
  });

  it.each<[string, object, unknown[], unknown[]]>([
    ['MED', {}, [200, 0, 0, ''], [40, 200, 0, '']],
    ['the path', { preferenceBy: 'prepend' }, [200, undefined, 0, ''], [40, undefined, 3, '']],
    ['what the user wrote', { med: 5, prepend: 1 }, [200, 5, 1, ''], [40, 5, 1, '']],
  ])('is told which by %s', (_, bgp, first, second) => {
    const links = [link('a', 'r1', 1, bgp), link('b', 'r2', 2, bgp)];
    expect(resolve('r1', links).told).toEqual([first]);
    expect(resolve('r2', links).told).toEqual([second]);
  });

  it('is told by communities that Direct Connect knows', () => {
    const dx = { profile: 'aws-dx-private-vif' };
    const links = [link('a', 'r1', 1, {}, dx), link('b', 'r2', 2, {}, dx)];
    expect(resolve('r1', links).told).toEqual([[200, undefined, 0, '7224:7300']]);
    expect(resolve('r2', links).told).toEqual([[40, undefined, 0, '7224:7100']]);
  });

  it('is not pinned where the routers hear nothing of each other', () => {
    const apart = [router('r1', 1), router('r2', 2, { interfaces: [{ name: 'ha0', addresses: ['10.254.0.2/24'] }] })];
    const { pins, routing } = resolve('r1', [link('a', 'r1', 1), link('b', 'r2', 2)], {}, apart);
    expect(pins).toEqual([{ site: 'dc', router: undefined, by: 'none' }]);
    expect(routing.multipath.isOn).toBe(false);
  });
});

it('is not pinned where the routers share no subnet of a family that Sites have', () => {
  const links = [link('a', 'r1', 1), link('b', 'r2', 2)];
  const { pins, codes } = resolve('r1', links, { prefixes: ['10.0.0.0/8', 'fd10::/32'] });
  expect(pins).toEqual([{ site: 'dc', router: undefined, by: 'none' }]);
  expect(codes).toContain('group-without-family');
});

it('leaves links of one router equal, so that both are used', () => {
  const { told } = resolve('r1', [link('a', 'r1', 1), link('b', 'r1', 2), link('c', 'r2', 3)]);
  expect(told).toEqual([
    [200, 0, 0, ''],
    [200, 0, 0, ''],
  ]);
});

it('orders a primary, others and a backup on one router', () => {
  const links = [
    link('a', 'r1', 1, { preference: 'primary' }),
    link('b', 'r1', 2),
    link('c', 'r1', 3, { preference: 'backup' }),
  ];
  expect(resolve('r1', links).told).toEqual([
    [200, 0, 0, ''],
    [190, 10, 0, ''],
    [50, 100, 0, ''],
  ]);
});

it('says nothing of preference to a Site with one router and no wish', () => {
  const { told, pins } = resolve('r1', [link('a', 'r1', 1)]);
  expect(told).toEqual([[undefined, undefined, 0, '']]);
  expect(pins).toEqual([{ site: 'dc', router: 'r1', by: 'only-router' }]);
});

describe('several paths at once', () => {
  const both = [link('a', 'r1', 1), link('b', 'r2', 2)];
  const loose = [link('a', 'r1', 1, { preference: 'primary' }), link('b', 'r2', 2, { preference: 'primary' })];
  const sync = (host: number, port?: number) => ({
    stateSync: { interface: 'sync0', ...(port === undefined ? {} : { port }) },
    interfaces: [
      { name: 'ha0', addresses: [`10.255.0.${host}/24`] },
      { name: 'sync0', addresses: [`10.254.0.${host}/30`] },
    ],
  });
  const shared = [router('r1', 1, sync(1)), router('r2', 2, sync(2))];
  it.each<[string, readonly AnyResource[], readonly AnyResource[], boolean]>([
    ['on where every Site is pinned', both, pair, true],
    ['off where one is not', loose, pair, false],
    ['on where state is shared', loose, shared, true],
    ['off where the other router shares none', loose, [router('r1', 1, sync(1)), router('r2', 2)], false],
    ['off where ports differ', loose, [router('r1', 1, sync(1)), router('r2', 2, sync(2, 4000))], false],
    ['off when switched off', both, [router('r1', 1, { forwarding: { multipath: 'Off' } }), router('r2', 2)], false],
  ])('are %s', (_, links, routers, expected) => {
    expect(resolve('r1', links, {}, [...routers]).routing.multipath.isOn).toBe(expected);
  });

  it('share state with the other router over its own link', () => {
    expect(resolve('r1', both, {}, shared).routing.group?.stateSync).toMatchObject({
      interfaceName: 'sync0',
      port: 3780,
      peers: [{ router: 'r2' }],
    });
  });

  it.each<[string, AnyResource[], readonly AnyResource[], string]>([
    ['alone', [router('r1', 1, sync(1))], [], 'state-sync-alone'],
    ['one-sided', [router('r1', 1, sync(1)), router('r2', 2)], [], 'state-sync-one-sided'],
    ['other port', [router('r1', 1, sync(1)), router('r2', 2, sync(2, 4000))], [], 'state-sync-port-differs'],
    ['other subnet', [router('r1', 1, sync(1)), router('r2', 2, sync(9))], [], 'state-sync-no-address'],
    [
      'link of a Site',
      shared,
      [link('a', 'r1', 1, {}, { link: { interface: { name: 'sync0' } } })],
      'state-sync-link-shared',
    ],
  ])('warn of state sync: %s', (_, routers, links, code) => {
    expect(resolve('r1', links, {}, routers).codes).toContain(code);
  });
});

it('three routers of which two share no subnet agree that nothing is pinned, the one between them too', () => {
  const chain = [
    router('r1', 1),
    resource('Router', 'r2', {
      asNumber: 64520,
      redundancyGroup: 'hub',
      interfaces: [
        { name: 'ha0', addresses: ['10.255.0.2/24'] },
        { name: 'ha1', addresses: ['10.255.1.2/24'] },
      ],
    }),
    router('r3', 3, { interfaces: [{ name: 'ha1', addresses: ['10.255.1.3/24'] }] }),
  ];
  const links = [link('a', 'r1', 1), link('b', 'r3', 3)];
  for (const name of ['r1', 'r2', 'r3']) {
    const { pins, routing } = resolve(name, links, {}, chain);
    expect([name, pins]).toEqual([name, [{ site: 'dc', router: undefined, by: 'none' }]]);
    expect([name, routing.multipath.isOn]).toEqual([name, false]);
  }
});
