/**
 * BGPFilters as BIRD runs them: a BIRD alone in a namespace holds some routes and is asked which of them a filter accepts.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBird } from '../../../src/bird/compile.ts';
import { resolveFor } from '../../../src/bird/hub.fixture.ts';
import { printFilter, printFunction } from '../../../src/bird/print-filter.ts';
import type { BgpFilterRule } from '../../../src/resources/bgp-filter.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, layCable, requirePrograms } from './namespaces.ts';

/** Prefix and BIRD's statements that dress the route. */
const routes: readonly (readonly [string, string])[] = [
  ['0.0.0.0/0', ''],
  ['10.0.0.0/8', ''],
  ['10.1.0.0/16', 'bgp_community.add((65000, 1));'],
  ['10.1.2.0/24', 'bgp_large_community.add((65000, 1, 2));'],
  ['10.2.0.0/16', 'bgp_path.prepend(65002); bgp_path.prepend(65001);'],
  ['11.0.0.0/8', 'bgp_local_pref = 2147483547;'],
];
const all = routes.map(([prefix]) => prefix);

let cable: Cable;

beforeAll(() => {
  requirePrograms();
  cable = layCable('f');
});

afterAll(() => cable?.remove());

/** The prefixes, of those above, that a session's filter accepts. */
function accepted(
  rules: readonly BgpFilterRule[],
  asNumber = 65001,
  direction: 'import' | 'export' = 'import',
): string[] {
  const filter = resource('BGPFilter', 'f', direction === 'import' ? { importV4: rules } : { exportV4: rules });
  const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24' } });
  const peer = resource('BGPPeer', 'p', { node: 'n1', peerIP: '172.16.0.9', asNumber, filters: ['f'] });
  const pool = resource('IPPool', 'pool', { cidr: '11.0.0.0/8' });
  const config = compileBird(resolveFor('n1', [node, peer, filter, pool]).routing, { secrets: new Map() });
  const text = [
    'log stderr all; router id 1.1.1.1; protocol device {}',
    ...config.functions.map(printFunction),
    ...config.filters.map(printFilter),
    `protocol static { ipv4; ${routes.map(([prefix, dress]) => `route ${prefix} blackhole { ${dress} };`).join('\n')} }`,
  ].join('\n');
  writeFileSync(join(cable.dir, 'f.conf'), text);
  const socket = join(cable.dir, 'f.ctl');
  cable.run('a', 'bird', '-c', join(cable.dir, 'f.conf'), '-s', socket);
  try {
    const shown = execFileSync('birdc', ['-s', socket, 'show', 'route', 'filter', `cw_${direction}_Node_172_16_0_9`], {
      encoding: 'utf8',
    });
    return shown
      .split('\n')
      .flatMap((line) => /^([0-9.]+\/[0-9]+)/.exec(line)?.[1] ?? [])
      .sort();
  } finally {
    execFileSync('birdc', ['-s', socket, 'down']);
  }
}

const rejectRest: BgpFilterRule = { action: 'Reject' };
const only = (rule: Partial<BgpFilterRule>): BgpFilterRule[] => [{ action: 'Accept', ...rule }, rejectRest];

describe('an import filter accepts', () => {
  it.each<[string, Partial<BgpFilterRule>, string[]]>([
    ['everything, without conditions', {}, all],
    ['In', { cidr: '10.0.0.0/8', matchOperator: 'In' }, ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.2.0.0/16']],
    ['NotIn', { cidr: '10.0.0.0/8', matchOperator: 'NotIn' }, ['0.0.0.0/0', '11.0.0.0/8']],
    ['Equal', { cidr: '10.0.0.0/8', matchOperator: 'Equal' }, ['10.0.0.0/8']],
    ['NotEqual', { cidr: '10.0.0.0/8', matchOperator: 'NotEqual' }, all.filter((one) => one !== '10.0.0.0/8')],
    [
      'In with lengths',
      { cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 9, max: 16 } },
      ['10.1.0.0/16', '10.2.0.0/16'],
    ],
    ['In with a least length', { cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 24 } }, ['10.1.2.0/24']],
    ['NotIn with lengths', { cidr: '10.1.0.0/16', matchOperator: 'NotIn', prefixLength: { max: 24 } }, ['10.2.0.0/16']],
    [
      'Equal with lengths that include it',
      { cidr: '10.0.0.0/8', matchOperator: 'Equal', prefixLength: { max: 8 } },
      ['10.0.0.0/8'],
    ],
    ['Equal with lengths that do not', { cidr: '10.0.0.0/8', matchOperator: 'Equal', prefixLength: { min: 9 } }, []],
    ['no length at all', { cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 24, max: 16 } }, []],
    ['a community', { communities: { values: ['65000:1'] } }, ['10.1.0.0/16']],
    ['a large community', { communities: { values: ['65000:1:2'] } }, ['10.1.2.0/24']],
    ['the beginning of an AS path', { asPathPrefix: [65001, 65002] }, ['10.2.0.0/16']],
    ['the first AS of a path', { asPathPrefix: [65001] }, ['10.2.0.0/16']],
    ['no path from its middle', { asPathPrefix: [65002] }, []],
    ['a priority, which LOCAL_PREF carries', { priority: 100 }, ['11.0.0.0/8']],
    ['the normal priority, of what BGP did not bring', { priority: 1024 }, all],
    ['RemotePeers: nothing that is static', { source: 'RemotePeers' }, []],
    ['an interface: nothing that has none', { interface: '*th*' }, []],
    ['a peer type that fits', { peerType: 'eBGP' }, all],
    ['none that does not', { peerType: 'iBGP' }, []],
    [
      'all conditions together',
      { cidr: '10.0.0.0/8', matchOperator: 'In', communities: { values: ['65000:1'] } },
      ['10.1.0.0/16'],
    ],
  ])('%s', (_, rule, expected) => {
    expect(accepted(only(rule))).toEqual([...expected].sort());
  });

  it('by its first rule that matches', () => {
    const rules: BgpFilterRule[] = [
      { action: 'Reject', cidr: '10.1.2.0/24', matchOperator: 'Equal' },
      { action: 'Accept', cidr: '10.1.0.0/16', matchOperator: 'In' },
      rejectRest,
    ];
    expect(accepted(rules)).toEqual(['10.1.0.0/16']);
  });

  it('whatever no rule matches', () => {
    expect(accepted([{ action: 'Reject', cidr: '10.0.0.0/8', matchOperator: 'In' }])).toEqual([
      '0.0.0.0/0',
      '11.0.0.0/8',
    ]);
  });

  it('by peer type of the session it is called for', () => {
    expect(accepted(only({ peerType: 'iBGP' }), 64512)).toEqual(all);
  });
});

describe('an export filter', () => {
  it('lets fall through to the pools, and then to nothing', () => {
    expect(accepted([{ action: 'Reject', cidr: '10.1.0.0/16', matchOperator: 'In' }], 65001, 'export')).toEqual([
      '11.0.0.0/8',
    ]);
  });

  it('is the one way to pass on what lies outside the pools', () => {
    const rules: BgpFilterRule[] = [{ action: 'Accept', cidr: '10.2.0.0/16', matchOperator: 'Equal' }];
    expect(accepted(rules, 65001, 'export')).toEqual(['10.2.0.0/16', '11.0.0.0/8']);
  });
});
