/**
 * BGPFilters between real peers: a feed announces routes of both families to a Calico node of ours, and an eBGP and an iBGP
 * sink show what arrives. Every case is one reconfiguration of the node; sessions stay up throughout.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually as lastRead } from '../../../lab/eventually.ts';
import type { BirdCommand, BirdReply } from '../../../src/bird/control.ts';
import type { BirdDaemon, RibEntry, SessionStatus } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { readRoutes } from '../../../src/bird/read.ts';
import { connectBird } from '../../../src/edge/bird-control.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { type Family, families } from '../../../src/net/address.ts';
import type { BgpFilterRule } from '../../../src/resources/bgp-filter.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';
import { began } from './session-time.ts';

/** What the feed announces: prefixes by family, and BIRD's statements that dress the route. */
const fed = {
  default: ['0.0.0.0/0', '::/0', ''],
  wide: ['10.0.0.0/8', 'fd10::/16', ''],
  middle: ['10.1.0.0/16', 'fd10:1::/32', ''],
  narrow: ['10.1.2.0/24', 'fd10:1:2::/48', ''],
  tagged: ['10.2.0.0/16', 'fd10:2::/32', 'bgp_community.add((65000, 1));'],
  large: ['10.3.0.0/16', 'fd10:3::/32', 'bgp_large_community.add((65000, 1, 2));'],
  far: ['10.4.0.0/16', 'fd10:4::/32', 'bgp_path.prepend(65101); bgp_path.prepend(65100);'],
  other: ['11.0.0.0/8', 'fd11::/16', ''],
  /** Carries the number of the case, by which its arrival is known. */
  marker: ['192.0.2.0/24', 'fd99::/32', ''],
} as const;
type Name = Exclude<keyof typeof fed, 'marker'>;
const all: readonly Name[] = ['default', 'wide', 'middle', 'narrow', 'tagged', 'large', 'far', 'other'];
const inside: readonly Name[] = ['wide', 'middle', 'narrow', 'tagged', 'large', 'far'];
const allBut = (...names: readonly Name[]): Name[] => all.filter((name) => !names.includes(name));

const prefixOf = (name: keyof typeof fed, family: Family): string => fed[name][family === 4 ? 0 : 1];

/** A rule whose cidr is named, so that it can be written for either family. */
type NamedRule = Omit<BgpFilterRule, 'cidr' | 'prefixLength'> & {
  readonly of?: Name;
  /** Lengths in IPv4 and in IPv6. */
  readonly lengths?: readonly [BgpFilterRule['prefixLength'], BgpFilterRule['prefixLength']];
};

const accept = { action: 'Accept' } as const;
const reject = { action: 'Reject' } as const;
const only = (rule: Omit<NamedRule, 'action'>): NamedRule[] => [{ ...accept, ...rule }, reject];

function ruleFor(family: Family, { of, lengths, ...rest }: NamedRule): BgpFilterRule {
  const prefixLength = lengths?.[family === 4 ? 0 : 1];
  return { ...rest, ...(of ? { cidr: prefixOf(of, family) } : {}), ...(prefixLength ? { prefixLength } : {}) };
}

function filter(name: string, direction: 'import' | 'export', rules: readonly NamedRule[]): AnyResource {
  const fields = families.map((family) => [`${direction}V${family}`, rules.map((rule) => ruleFor(family, rule))]);
  return resource('BGPFilter', name, Object.fromEntries(fields));
}

/** Lets the marker through, with the number of the case. */
function marking(round: number): AnyResource[] {
  return (['import', 'export'] as const).map((direction, i) =>
    resource(
      'BGPFilter',
      `mark-${direction}`,
      Object.fromEntries(
        families.map((family) => [
          `${direction}V${family}`,
          [
            {
              ...accept,
              cidr: prefixOf('marker', family),
              matchOperator: 'Equal',
              operations: [{ addCommunity: { value: `${i + 1}:${round}` } }],
            },
          ],
        ]),
      ),
    ),
  );
}

const node = resource('Node', 'n1', { bgp: { ipv4Address: '192.168.0.1/30', ipv6Address: 'fd00::1/64' } });
const settings = resource('BGPConfiguration', 'default', {
  nodeToNodeMeshEnabled: false,
  communities: [{ name: 'silver', value: '64512:5' }],
  prefixAdvertisements: [
    { cidr: '10.0.0.0/8', communities: ['silver'] },
    { cidr: '10.1.0.0/16', communities: ['64512:6'] },
    { cidr: 'fd10::/16', communities: ['silver'] },
    { cidr: 'fd10:1::/32', communities: ['64512:6'] },
  ],
});
const sinks = [
  ['e', 65002, { 4: '192.168.1.2', 6: 'fd00::12' }],
  ['i', 64512, { 4: '192.168.1.3', 6: 'fd00::13' }],
] as const;
type Sink = (typeof sinks)[number][0];

const feed = ['f', 65001, { 4: '192.168.0.2', 6: 'fd00::2' }] as const;

/** One peer: a BIRD of its own, since BIRD has one session to an address and port. */
function peerText([name, as, at]: typeof feed | (typeof sinks)[number]): string {
  const perFamily = families.map((family) => {
    const routes = Object.values(fed).map(
      ([v4, v6, dress]) => `route ${family === 4 ? v4 : v6} blackhole { ${dress} };`,
    );
    const policy = name === 'f' ? 'import none; export where source = RTS_STATIC;' : 'import all; export none;';
    return `${name === 'f' ? `protocol static { ipv${family}; ${routes.join('\n')} }` : ''}
      protocol bgp { local ${at[family]} as ${as}; neighbor ${family === 4 ? '192.168.0.1' : 'fd00::1'} as 64512;
        multihop; strict bind on; connect delay time 1; ipv${family} { ${policy} }; }`;
  });
  return [`log stderr all; router id ${at[4]}; protocol device {}`, ...perFamily].join('\n');
}

describe('between real peers', () => {
  let cable: Cable;
  let bird: BirdDaemon;
  let round = 0;

  const socketOf = (peer: string): string => join(cable.dir, `${peer}.ctl`);

  beforeAll(async () => {
    requirePrograms();
    cable = layCable('fp');
    cable.run('a', 'ip', 'addr', 'add', '192.168.1.1/24', 'dev', 'wire');
    for (const address of ['192.168.1.2/24', '192.168.1.3/24']) {
      cable.run('b', 'ip', 'addr', 'add', address, 'dev', 'wire');
    }
    for (const address of ['fd00::12/64', 'fd00::13/64']) {
      cable.run('b', 'ip', 'addr', 'add', address, 'dev', 'wire', 'nodad');
    }
    for (const peer of [feed, ...sinks]) {
      const config = join(cable.dir, `${peer[0]}.conf`);
      writeFileSync(config, peerText(peer));
      cable.run('b', 'bird', '-c', config, '-s', socketOf(peer[0]));
    }
    bird = createBirdDaemon({ dir: join(cable.dir, 'n1'), launcher: cable.at('a') });
    await given({});
  });

  afterAll(async () => {
    await bird?.stop();
    if (cable) for (const [peer] of [feed, ...sinks]) spawnSync('birdc', ['-s', socketOf(peer), 'down']);
    cable?.remove();
  });

  async function ask(peer: string, command: BirdCommand): Promise<BirdReply> {
    const control = await connectBird(socketOf(peer));
    if (!control.ok) throw new Error(control.error.message);
    const reply = await control.value.run(command);
    control.value.close();
    if (!reply.ok) throw new Error(reply.error.message);
    return reply.value;
  }

  /** What a sink has. BIRD 2.0 answers a route refresh up to three seconds late, unless something else wakes it: we do. */
  async function received(sink: Sink): Promise<RibEntry[]> {
    await ask('f', { kind: 'show-status' });
    return readRoutes(await ask(sink, { kind: 'show-routes' }));
  }

  interface Given {
    readonly imports?: readonly string[];
    readonly exports?: readonly string[];
    readonly more?: readonly AnyResource[];
  }

  /** Configures the node and waits until what it makes of its routes has reached every sink. */
  async function given({ imports = [], exports, more = [] }: Given): Promise<void> {
    round++;
    const everything = filter('everything', 'export', [accept]);
    const peer = (name: string, peerIP: string, asNumber: number, filters: readonly string[]): AnyResource =>
      resource('BGPPeer', name, { node: 'n1', peerIP, asNumber, filters });
    const peers = families.flatMap((family) => [
      peer(`feed${family}`, family === 4 ? '192.168.0.2' : 'fd00::2', 65001, ['mark-import', ...imports]),
      ...sinks.map(([sink, as, at]) =>
        peer(`${sink}${family}`, at[family], as, ['mark-export', ...(exports ?? ['everything'])]),
      ),
    ]);
    const resources = [node, settings, everything, ...marking(round), ...peers, ...more];
    expect(await bird.configure(birdText(resolveFor('n1', resources).routing))).toMatchObject({ ok: true });
    for (const family of families) {
      for (const [sink] of sinks) {
        await eventually(
          `case ${round} has reached sink ${sink}${family}`,
          () => attributesOf(sink, family, 'marker'),
          (attributes) => [1, 2].every((i) => attributes['BGP.community']?.includes(`(${i},${round})`) === true),
        );
      }
    }
  }

  /** Names of what a sink has, the marker left out. */
  async function names(sink: Sink, family: Family): Promise<Name[]> {
    const has = new Set((await received(sink)).map(({ prefix }) => prefix));
    return all.filter((name) => has.has(prefixOf(name, family)));
  }

  /** The marker tells that a case has arrived, not that it is the last of it to do so. */
  async function expectNames(sink: Sink, family: Family, expected: readonly Name[]): Promise<void> {
    const has = await lastRead(
      () => names(sink, family),
      (found) => found.join() === expected.join(),
      { every: 50 },
    );
    expect(has).toEqual(expected);
  }

  async function attributesOf(sink: Sink, family: Family, name: keyof typeof fed): Promise<RibEntry['attributes']> {
    return (await received(sink)).find(({ prefix }) => prefix === prefixOf(name, family))?.attributes ?? {};
  }

  async function attribute(sink: Sink, family: Family, name: Name, key: string): Promise<string | undefined> {
    return (await attributesOf(sink, family, name))[key];
  }

  const conditions: readonly (readonly [string, readonly NamedRule[], readonly Name[]])[] = [
    ['no condition', only({}), all],
    ['In', only({ of: 'wide', matchOperator: 'In' }), inside],
    ['NotIn', only({ of: 'wide', matchOperator: 'NotIn' }), ['default', 'other']],
    ['Equal', only({ of: 'middle', matchOperator: 'Equal' }), ['middle']],
    ['NotEqual', only({ of: 'middle', matchOperator: 'NotEqual' }), allBut('middle')],
    ['In the default route', only({ of: 'default', matchOperator: 'In' }), all],
    ['Equal to the default route', only({ of: 'default', matchOperator: 'Equal' }), ['default']],
    [
      'In, of some lengths',
      only({
        of: 'wide',
        matchOperator: 'In',
        lengths: [
          { min: 9, max: 16 },
          { min: 17, max: 32 },
        ],
      }),
      ['middle', 'tagged', 'large', 'far'],
    ],
    [
      'In, of a least length',
      only({ of: 'wide', matchOperator: 'In', lengths: [{ min: 24 }, { min: 48 }] }),
      ['narrow'],
    ],
    [
      'In, of a greatest length',
      only({ of: 'wide', matchOperator: 'In', lengths: [{ max: 8 }, { max: 16 }] }),
      ['wide'],
    ],
    [
      'NotIn, of a least length',
      only({ of: 'middle', matchOperator: 'NotIn', lengths: [{ min: 16 }, { min: 32 }] }),
      ['tagged', 'large', 'far'],
    ],
    ['source: RemotePeers', only({ source: 'RemotePeers' }), all],
    ['an interface by pattern', only({ interface: 'w*e' }), all],
    ['another interface', only({ interface: 'wir' }), []],
    ['a community', only({ communities: { values: ['65000:1'] } }), ['tagged']],
    ['a large community', only({ communities: { values: ['65000:1:2'] } }), ['large']],
    ['the first AS of the path', only({ asPathPrefix: [65001] }), all],
    ['more of the path', only({ asPathPrefix: [65001, 65100] }), ['far']],
    ['all of the path', only({ asPathPrefix: [65001, 65100, 65101] }), ['far']],
    ['the middle of the path', only({ asPathPrefix: [65100] }), []],
    ['the priority of a LOCAL_PREF of 100', only({ priority: 2147483547 }), all],
    ['another priority', only({ priority: 1024 }), []],
    ['two conditions', only({ of: 'wide', matchOperator: 'In', communities: { values: ['65000:1'] } }), ['tagged']],
    [
      'the first rule that matches',
      [{ ...reject, of: 'middle', matchOperator: 'In' }, { ...accept, of: 'wide', matchOperator: 'In' }, reject],
      ['wide', 'tagged', 'large', 'far'],
    ],
  ];

  it.each(conditions)('%s, on import', async (_, rules, expected) => {
    await given({ imports: ['case'], more: [filter('case', 'import', rules)] });
    for (const family of families) await expectNames('e', family, expected);
  });

  it.each(conditions)('%s, on export', async (_, rules, expected) => {
    await given({ exports: ['case'], more: [filter('case', 'export', rules)] });
    for (const family of families) {
      for (const [sink] of sinks) await expectNames(sink, family, expected);
    }
  });

  it('peerType, on import: the feed is eBGP', async () => {
    await given({ imports: ['case'], more: [filter('case', 'import', only({ peerType: 'iBGP' }))] });
    for (const family of families) await expectNames('e', family, []);
    await given({ imports: ['case'], more: [filter('case', 'import', only({ peerType: 'eBGP' }))] });
    for (const family of families) await expectNames('e', family, all);
  });

  it.each<[string, Sink, Sink]>([
    ['eBGP', 'e', 'i'],
    ['iBGP', 'i', 'e'],
  ])('peerType %s, on export', async (peerType, chosen, otherSink) => {
    const rules = only({ peerType: peerType as 'eBGP' | 'iBGP' });
    await given({ exports: ['case'], more: [filter('case', 'export', rules)] });
    for (const family of families) {
      await expectNames(chosen, family, all);
      await expectNames(otherSink, family, []);
    }
  });

  it.each(['import', 'export'] as const)('operations, in their order, on %s', async (direction) => {
    const rules: NamedRule[] = [
      {
        ...accept,
        of: 'far',
        matchOperator: 'Equal',
        operations: [
          { addCommunity: { value: '65000:77' } },
          { addCommunity: { value: '4200000000:7:8' } },
          { prependASPath: { prefix: [65201, 65202] } },
          { prependASPath: { prefix: [65203] } },
          { setPriority: { value: 1000 } },
        ],
      },
      accept,
    ];
    const named = direction === 'import' ? { imports: ['case'] } : { exports: ['case'] };
    await given({ ...named, more: [filter('case', direction, rules)] });
    for (const family of families) {
      const path = '65203 65201 65202 65001 65100 65101';
      await expect.poll(() => attribute('e', family, 'far', 'BGP.as_path')).toBe(`64512 ${path}`);
      await expect.poll(() => attribute('i', family, 'far', 'BGP.as_path')).toBe(path);
      await expect.poll(() => attribute('i', family, 'far', 'BGP.community')).toBe('(65000,77)');
      await expect.poll(() => attribute('i', family, 'far', 'BGP.large_community')).toBe('(4200000000, 7, 8)');
      await expect.poll(() => attribute('i', family, 'far', 'BGP.local_pref')).toBe(`${2147483647 - 1000}`);
      // LOCAL_PREF does not cross an AS border: the sink shows its own default.
      await expect.poll(() => attribute('e', family, 'far', 'BGP.local_pref')).toBe('100');
      await expect.poll(() => attribute('i', family, 'wide', 'BGP.community')).toBeUndefined();
    }
  });

  it('a priority set on import is what an export filter sees', async () => {
    const set: NamedRule = {
      ...accept,
      of: 'tagged',
      matchOperator: 'Equal',
      operations: [{ setPriority: { value: 7 } }],
    };
    const more = [filter('set', 'import', [set]), filter('see', 'export', only({ priority: 7 }))];
    await given({ imports: ['set'], exports: ['see'], more });
    for (const family of families) await expectNames('e', family, ['tagged']);
  });

  it('the priority of a route that the kernel had is its metric, and normal where it has none', async () => {
    cable.run('a', 'ip', 'route', 'add', 'blackhole', '198.51.100.0/24', 'metric', '77');
    cable.run('a', 'ip', 'route', 'add', 'blackhole', 'fd77::/32', 'metric', '77');
    const ofKernel = async (): Promise<string[]> =>
      (await received('e')).map(({ prefix }) => prefix).filter((prefix) => /^(198|fd77|192\.168|fd00)/.test(prefix));
    await given({ exports: ['see'], more: [filter('see', 'export', only({ priority: 77 }))] });
    await expect.poll(async () => (await ofKernel()).sort()).toEqual(['198.51.100.0/24', 'fd77::/32']);
    await given({ exports: ['see'], more: [filter('see', 'export', only({ priority: 1024 }))] });
    await expect.poll(ofKernel).toContain('192.168.1.0/24');
    await expect.poll(ofKernel).not.toContain('198.51.100.0/24');
  });

  it('filters run in their order, and what none decides is accepted on import', async () => {
    const first = filter('z-first', 'import', [{ ...accept, of: 'middle', matchOperator: 'In' }]);
    const second = filter('a-second', 'import', [{ ...reject, of: 'wide', matchOperator: 'In' }]);
    await given({ imports: ['z-first', 'a-second'], more: [first, second] });
    for (const family of families) await expectNames('e', family, ['default', 'middle', 'narrow', 'other']);
    await given({ imports: ['a-second', 'z-first'], more: [first, second] });
    for (const family of families) await expectNames('e', family, ['default', 'other']);
  });

  it('what reaches a filter that is not there is refused, what was decided before is not', async () => {
    const first = filter('first', 'import', [{ ...accept, of: 'middle', matchOperator: 'In' }]);
    await given({ imports: ['first', 'gone'], more: [first] });
    for (const family of families) await expectNames('e', family, ['middle', 'narrow']);
    const firstOut = filter('first', 'export', [{ ...accept, of: 'tagged', matchOperator: 'In' }]);
    await given({ exports: ['first', 'gone', 'everything'], more: [firstOut] });
    for (const family of families) await expectNames('e', family, ['tagged']);
  });

  it('what no export filter decides meets the pools, with the communities advertised; an accept meets neither', async () => {
    const pools = ['10.1.0.0/16', 'fd10:1::/32'].map((cidr, i) => resource('IPPool', `shown${i}`, { cidr }));
    const hidden = ['10.2.0.0/16', 'fd10:2::/32'].map((cidr, i) =>
      resource('IPPool', `hidden${i}`, { cidr, disableBGPExport: true }),
    );
    await given({ exports: [], more: [...pools, ...hidden] });
    for (const family of families) {
      await expectNames('e', family, ['middle', 'narrow']);
      await expect.poll(() => attribute('e', family, 'narrow', 'BGP.community')).toBe('(64512,5) (64512,6)');
    }
    await given({
      exports: ['case'],
      more: [...pools, ...hidden, filter('case', 'export', [{ ...accept, of: 'tagged', matchOperator: 'In' }])],
    });
    for (const family of families) {
      await expectNames('e', family, ['middle', 'narrow', 'tagged']);
      await expect.poll(() => attribute('e', family, 'tagged', 'BGP.community')).toBe('(65000,1)');
    }
  });

  it('no session was reset by any of it', async () => {
    const sessions = await bird.sessions();
    if (!sessions.ok) throw new Error(sessions.error.message);
    expect(sessions.value.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'Established'));
    const startsOf = (all: readonly SessionStatus[]) => new Map(all.map(({ name, since }) => [name, since]));
    const starts = startsOf(sessions.value);
    await given({});
    const later = await bird.sessions();
    for (const [name, since] of startsOf(later.ok ? later.value : [])) expect(since).toEqual(began(starts.get(name)));
    expect(later.ok && later.value.length).toBe(6);
  });
});
