import { describe, expect, it } from 'vitest';
import { birdText, hub, resolveFor, resolveHub } from '../../bird/hub.fixture.ts';
import { printAddress } from '../../net/address.ts';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { resolveTopology } from '../topology/resolve-topology.ts';
import { resolveRouting } from './resolve-routing.ts';
import { mainChannel, type SessionIntent } from './routing-intent.ts';

function dc(bgp: object, more: object = {}) {
  return resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'eth0' } },
    addresses: { local: ['192.168.0.1/30', 'fd00::1/64'], remote: ['192.168.0.2', 'fd00::2'] },
    bgp: { asNumber: 65010, ...bgp },
    ...more,
  });
}

const codes = (resolved: { warnings: readonly { code: string }[] }): string[] =>
  resolved.warnings.map(({ code }) => code).sort();

describe('sessions of Attachments', () => {
  it('are one for each family, plus those of the group, sorted by name', () => {
    expect(resolveHub('tr1').routing.sessions.map(({ name }) => name)).toEqual([
      'attachment_dc_192_168_0_2',
      'attachment_dc_fd00__2',
      'attachment_spoke_a_192_168_1_2',
      'group_tr2',
      'group_tr2_v6',
    ]);
  });

  it('are direct, next hop self, from the address that faces the peer', () => {
    const { session } = resolveHub('tr1');
    expect(session('attachment_dc_192_168_0_2')).toMatchObject({
      remoteAs: 65010,
      localAs: 64520,
      port: 179,
      reach: 'direct',
      ttlSecurity: false,
      nextHop: 'self',
      gracefulRestart: 'off',
      bfd: { minInterval: 300, multiplier: 3 },
      passive: false,
      hold: 9,
      keepalive: 3,
    });
    const { sourceAddress } = session('attachment_dc_fd00__2');
    expect(sourceAddress && printAddress(sourceAddress)).toBe('fd00::1');
  });

  it.each([
    [{ multihop: 3 }, { reach: { hops: 3 }, ttlSecurity: false }],
    [{ ttlSecurity: 1 }, { reach: 'direct', ttlSecurity: true }],
    [{ ttlSecurity: 2 }, { reach: { hops: 2 }, ttlSecurity: true }],
    [{ nextHopSelf: false }, { nextHop: 'default' }],
    [{ gracefulRestart: 'off' }, { gracefulRestart: 'off' }],
    [{ gracefulRestart: '90s' }, { gracefulRestart: 90 }],
    [{ bfd: 'off' }, { bfd: undefined, gracefulRestart: 'default' }],
    [{ multihop: 3 }, { bfd: undefined, gracefulRestart: 'default' }],
    [
      { multihop: 3, bfd: {} },
      { bfd: { minInterval: 300, multiplier: 3 }, gracefulRestart: 'off' },
    ],
    [{ localASNumber: '1.1' }, { localAs: 65537 }],
    [
      { passive: true, allowLocalAS: 2 },
      { passive: true, allowLocalAs: 2 },
    ],
    [{ password: { secretRef: { name: 'a', key: 'b' } } }, { password: { name: 'a', key: 'b' } }],
    [{ bfd: {} }, { bfd: { minInterval: 300, multiplier: 3 } }],
    [{ bfd: { minInterval: '1.5s', multiplier: 5 } }, { bfd: { minInterval: 1500, multiplier: 5 } }],
    [{ preference: 'backup' }, { import: { localPref: 50 }, export: { med: 100 } }],
    [{ preference: 'primary' }, { import: { localPref: 200 }, export: { med: 0 } }],
    [
      { localPref: 0, med: 7 },
      { import: { localPref: 0 }, export: { med: 7 } },
    ],
    [
      { preference: 'primary', localPref: 0, med: 7 },
      { import: { localPref: 0 }, export: { med: 7 } },
    ],
    [{ prepend: 3 }, { export: { prepend: 3 } }],
    [{ communities: ['no-export', '65535:65281', '1:2:3'] }, { export: { communities: ['65535:65281', '1:2:3'] } }],
    [{ maxPrefixes: { import: { ipv4: { limit: 5 } } } }, { import: { limit: { prefixes: 5, action: 'warn' } } }],
    [
      { maxPrefixes: { receive: { ipv4: { limit: 9, action: 'down' } } } },
      { import: { receiveLimit: { prefixes: 9, action: 'down' } } },
    ],
    [
      { maxPrefixes: { export: { ipv4: { limit: 9, action: 'block' } } } },
      { export: { limit: { prefixes: 9, action: 'block' } } },
    ],
    [{}, { enforcesFirstAs: true, role: undefined, export: { overridesAs: false, originatesDefault: false } }],
    [{ enforceFirstAS: false }, { enforcesFirstAs: false }],
    [{ localRole: 'rs-client' }, { enforcesFirstAs: false, role: { local: 'rs-client', isStrict: false } }],
    [{ localRole: 'provider', strictRole: true }, { role: { local: 'provider', isStrict: true } }],
    [{}, { import: { refusesBogons: true, refusesOwnPrefixes: true, refusesOwnRoutes: true, maxPathLength: 64 } }],
    [{ acceptBogons: true, maxASPathLength: 7 }, { import: { refusesBogons: false, maxPathLength: 7 } }],
    [{ overrideAS: true, defaultOriginate: true }, { export: { overridesAs: true, originatesDefault: true } }],
    [{ rawFilters: { import: 'user_in' } }, { import: { hook: 'user_in' }, export: { hook: undefined } }],
    [{ rawFilters: { export: 'user_out' } }, { import: { hook: undefined }, export: { hook: 'user_out' } }],
    // A peer of the same AS: RFC 4271 gives these rules for other ASes only.
    [
      { asNumber: 64520, localRole: 'peer', overrideAS: true },
      { enforcesFirstAs: false, role: undefined, import: { refusesOwnPrefixes: true, refusesOwnRoutes: false } },
    ],
  ])('%j means %j', (bgp, expected) => {
    expect(flat(resolveHub('tr1', [dc(bgp)]).session('attachment_dc_192_168_0_2'))).toMatchObject(expected);
  });

  it('take a limit for its own family only', () => {
    const { session } = resolveHub('tr1', [dc({ maxPrefixes: { import: { ipv4: { limit: 5 } } } })]);
    expect(mainChannel(session('attachment_dc_fd00__2')).import.limit).toBeUndefined();
  });

  it('are one for each remote address', () => {
    const two = dc({}, { addresses: { local: ['192.168.0.1/29'], remote: ['192.168.0.2', '192.168.0.3'] } });
    expect(resolveHub('tr1', [two]).routing.sessions.map(({ name }) => name)).toContain('attachment_dc_192_168_0_3');
  });

  it('are left out, with a warning, where there is no local address or the peer is taken', () => {
    const twice = resource('Attachment', 'zz', {
      router: 'tr1',
      site: 'dc',
      link: { interface: { name: 'eth0' } },
      addresses: { local: ['192.168.0.1/30'], remote: ['192.168.0.2', 'fd00::3'] },
      bgp: { asNumber: 65010 },
    });
    const resolved = resolveHub('tr1', [twice]);
    expect(codes(resolved)).toEqual(['no-source-address', 'peer-claimed-twice']);
    expect(resolved.routing.sessions).toHaveLength(5);
  });

  it('never lose a filter that is missing: it stays named, and is warned of', () => {
    const resolved = resolveHub('tr1', [dc({ importFilters: ['gone'] })]);
    expect(mainChannel(resolved.session('attachment_dc_192_168_0_2')).import.filters).toEqual(['gone']);
    expect(resolved.routing.filters.has('gone')).toBe(false);
    expect(codes(resolved)).toEqual(['missing-filter']);
  });
});

describe('bounds', () => {
  it('keep a spoke from announcing another, and from learning it', () => {
    const { session } = resolveHub('tr1');
    const { import: imports, export: exports } = mainChannel(session('attachment_spoke_a_192_168_1_2'));
    expect(imports.bound?.within.map(printPrefix)).toEqual(['10.1.0.0/16']);
    expect(exports.bound?.within.map(printPrefix)).toEqual(['10.0.0.0/8']);
    expect(exports.bound?.except.map(printPrefix)).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    expect(imports.acceptsDefaultRoute).toBe(false);
  });

  it('warn of a prefix that two Sites declare', () => {
    const clash = resource('Site', 'clash', { type: 'vpc', prefixes: ['10.1.0.0/16'], segment: 'spokes' });
    const resolved = resolveHub('tr1', [clash]);
    expect(codes(resolved)).toEqual(['prefix-shared']);
    // The data center may learn both owners' routes; the other spoke neither.
    expect(mainChannel(resolved.session('attachment_dc_192_168_0_2')).export.bound?.within.map(printPrefix)).toContain(
      '10.1.0.0/16',
    );
  });
});

describe('static routes', () => {
  it('lead to the Attachment, inside its Site only', () => {
    const outside = resource('Attachment', 'spoke-b', {
      router: 'tr1',
      site: 'spoke-b',
      link: { interface: { name: 'eth2' } },
      addresses: { local: ['192.168.2.1/30'], remote: ['192.168.2.2'] },
      static: { prefixes: ['10.2.3.0/24', '10.1.0.0/24', 'fd10:0:2::/48'] },
    });
    const resolved = resolveHub('tr1', [outside]);
    expect(resolved.routing.staticRoutes.map(({ prefix }) => printPrefix(prefix))).toEqual(['10.2.3.0/24']);
    expect(codes(resolved)).toEqual(['static-outside-site', 'static-outside-site']);
  });

  it.each<['Auto' | 'Off', string, string[]]>([
    ['Auto', 'route 10.2.0.0/16 via 169.254.9.1 via 169.254.10.1;', []],
    ['Off', 'route 10.2.0.0/16 via 169.254.9.1;', ['static-by-one-tunnel']],
  ])('go by all tunnels of an Attachment together, unless multipath is %s', (multipath, line, warned) => {
    const tunnel = (third: number) => ({
      remoteAddress: `203.0.113.${third}`,
      addresses: { local: [`169.254.${third}.2/30`], remote: [`169.254.${third}.1`] },
    });
    const intent = resolveFor('r1', [
      resource('Router', 'r1', { asNumber: 64520, routerID: '10.255.0.1', forwarding: { multipath } }),
      resource('Site', 'office', { type: 'other', prefixes: ['10.2.0.0/16'] }),
      resource('Attachment', 'office', {
        router: 'r1',
        site: 'office',
        link: { ipsec: { psk: { secretRef: { name: 'v', key: 'k' } }, tunnels: [tunnel(9), tunnel(10)] } },
        static: { prefixes: ['10.2.0.0/16'] },
      }),
    ]);
    expect(birdText(intent.routing)).toContain(line);
    expect(intent.warnings.map(({ code }) => code)).toEqual(warned);
  });
});

describe('a router described by a Node alone', () => {
  const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24' } });
  const pools = [
    resource('IPPool', 'a', { cidr: '10.244.0.0/16', vxlanMode: 'Always' }),
    resource('IPPool', 'b', { cidr: '10.245.0.0/16', disableBGPExport: true }),
    resource('IPPool', 'c', { cidr: '10.246.0.0/16', ipipMode: 'CrossSubnet' }),
  ];
  const settings = resource('BGPConfiguration', 'default', {
    asNumber: 65001,
    listenPort: 1790,
    bindMode: 'NodeIP',
    serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    communities: [{ name: 'c', value: '1:2' }],
    prefixAdvertisements: [
      { cidr: '10.244.0.0/16', communities: ['c', '3:4'] },
      { cidr: 'fd00::/64', communities: ['5:6'] },
    ],
    ignoredInterfaces: ['eth7'],
    logSeverityScreen: 'WARNING',
  });

  it('is what Calico makes of it', () => {
    const { routing } = resolveFor('n1', [node, ...pools, settings]);
    expect(routing).toMatchObject({
      localAs: 65001,
      listenPort: 1790,
      routerId: '172.16.0.1',
      debug: 'off',
      ignoredInterfaces: ['eth7', 'cali*', 'kube-ipvs*'],
      pools: [
        { encapsulation: 'vxlan', exported: true },
        { encapsulation: 'none', exported: false },
        { encapsulation: 'ipip', exported: true },
      ],
    });
    expect(routing.listenOn.map(printAddress)).toEqual(['172.16.0.1']);
    expect(routing.kernelRejects.map(printPrefix)).toEqual(['10.96.0.0/12', '10.244.0.0/16', '10.246.0.0/16']);
    expect(routing.staticRoutes).toMatchObject([{ reason: 'service', target: { kind: 'blackhole' } }]);
  });

  it('takes prefixAdvertisements of node.<name> in place of the global ones, family by family', () => {
    const own = resource('BGPConfiguration', 'node.n1', {
      communities: [{ name: 'c', value: '9:9' }],
      prefixAdvertisements: [{ cidr: '10.245.0.0/16', communities: ['c'] }],
      listenPort: 1791,
      asNumber: 1,
    });
    const { routing } = resolveFor('n1', [node, settings, own]);
    expect(routing.prefixAdvertisements.map((one) => [printPrefix(one.prefix), one.communities])).toEqual([
      ['10.245.0.0/16', ['9:9']],
      ['fd00::/64', ['5:6']],
    ]);
    expect(routing).toMatchObject({ listenPort: 1791, localAs: 65001 });
  });

  it('announces the blocks it is told it holds', () => {
    const blocks = [
      { family: 4, bits: 0x0af40040n, length: 26 },
      { family: 4, bits: 0x0af40001n, length: 32 },
    ] as const;
    const { routing } = resolveFor('n1', [node, ...pools], { localBlocks: blocks });
    expect(routing.staticRoutes.map((one) => [printPrefix(one.prefix), one.reason])).toEqual([
      ['10.244.0.64/26', 'block'],
    ]);
  });

  it.each([
    ['Disabled', ['10.244.0.0/16', '10.245.0.0/16', '10.246.0.0/16']],
    ['Enabled', ['10.244.0.0/16']],
    ['EnabledIPIPOnly', ['10.244.0.0/16', '10.245.0.0/16']],
  ] as const)('programClusterRoutes %s keeps out of the kernel %j', (programClusterRoutes, expected) => {
    const { routing } = resolveFor('n1', [
      node,
      ...pools,
      resource('BGPConfiguration', 'default', { programClusterRoutes }),
    ]);
    expect(routing.kernelRejects.map(printPrefix)).toEqual(expected);
  });
});

it('gives equal intents for resources in any order', () => {
  const resolve = (resources: typeof hub) => {
    const snapshot = makeSnapshot(resources);
    const { routing, warnings } = resolveRouting(snapshot, resolveTopology(snapshot, 'tr1'));
    return JSON.stringify({ routing, warnings }, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  };
  expect(resolve(hub.toReversed())).toBe(resolve(hub));
});

it.each([
  ['Node', resource('Node', 'only6', { bgp: { ipv6Address: 'fd00::1/64' } }), ['spec', 'bgp', 'ipv4Address']],
  ['Router', resource('Router', 'only6', { asNumber: 64520 }), ['spec', 'routerID']],
])(
  'derives the router ID of a %s without IPv4 from the name, and says so where there is a session',
  (_, self, path) => {
    const alone = resolveFor('only6', [self]);
    expect(alone.routing.routerId).toMatch(/^2(4[0-9]|5[0-5])\./);
    expect(codes(alone)).toEqual([]);
    const peering = resolveFor('only6', [self, resource('BGPPeer', 'p', { peerIP: 'fd00::9', asNumber: 65001 })]);
    expect(peering.routing.routerId).toBe(alone.routing.routerId);
    expect(peering.warnings).toMatchObject([{ code: 'router-id-derived', path }]);
  },
);

/** A session with what it gives and gets in its main family; what it lacks stands as undefined. */
function flat(session: SessionIntent) {
  const main = mainChannel(session);
  return {
    bfd: undefined,
    role: undefined,
    ...session,
    import: { hook: undefined, ...main.import },
    export: { hook: undefined, ...main.export },
  };
}
