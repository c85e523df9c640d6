import { describe, expect, it } from 'vitest';
import { resolveFor, resolveHub } from '../../bird/hub.fixture.ts';
import { printPrefix } from '../../net/prefix.ts';
import type { AttachmentBgp } from '../../resources/attachment.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource, Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import { resolveSiteMarks } from './site-marks.ts';

function attachment(name: string, site: string, net: number, bgp: AttachmentBgp): AnyResource {
  return resource('Attachment', name, {
    router: 'tr1',
    site,
    link: { interface: { name: `eth${net}` } },
    addresses: { local: [`192.168.${net}.1/30`], remote: [`192.168.${net}.2`] },
    bgp,
  });
}

const codesOf = (warnings: readonly Warning[]): string[] => warnings.map(({ code }) => code).sort();

describe('Sites of one AS', () => {
  const spoke = (bgp: object) => attachment('spoke-a', 'spoke-a', 1, { asNumber: 65010, ...bgp });
  const dc = (bgp: object) => attachment('dc', 'dc', 0, { asNumber: 65010, ...bgp });
  it.each<[string, object, object, string[]]>([
    ['warn on both sides', {}, {}, ['site-as-shared', 'site-as-shared']],
    ['are fine on the side that overrides', { overrideAS: true }, {}, ['site-as-shared']],
    ['are fine where both do', { overrideAS: true }, { overrideAS: true }, []],
  ])('%s', (_, ofSpoke, ofDc, expected) => {
    expect(codesOf(resolveHub('tr1', [spoke(ofSpoke), dc(ofDc)]).warnings)).toEqual(expected);
  });

  it('are no matter where they exchange nothing', () => {
    const spokes = [
      attachment('spoke-a', 'spoke-a', 1, { asNumber: 64601 }),
      attachment('spoke-b', 'spoke-b', 2, { asNumber: 64601 }),
    ];
    expect(codesOf(resolveHub('tr1', spokes).warnings)).toEqual([]);
  });
});

describe('aggregates', () => {
  const told = (aggregate: string[]) =>
    resolveHub('tr1', [attachment('spoke-a', 'spoke-a', 1, { asNumber: 64601, aggregate })]);
  it.each<[string, string[]]>([
    ['10.128.0.0/9', []],
    ['10.0.0.0/8', ['aggregate-covers-hidden']],
    ['172.16.0.0/12', ['aggregate-empty']],
  ])('%s: %j', (aggregate, expected) => {
    expect(codesOf(told([aggregate]).warnings)).toEqual(expected);
  });

  it('name the Sites that are hidden from their receiver, and say that its own prefixes are fine', () => {
    const [warning] = told(['10.0.0.0/8']).warnings;
    expect(warning?.message).toMatch(
      /Site spoke-b too, which Site spoke-a may not learn.*its own prefixes inside are fine/,
    );
    expect(warning?.path).toEqual(['spec', 'bgp', 'aggregate', 0]);
  });

  it('stand once each, with the sessions that announce them', () => {
    expect(told(['10.128.0.0/9']).routing.aggregates.map((one) => [printPrefix(one.prefix), one.sessions])).toEqual([
      ['10.128.0.0/9', ['attachment_spoke_a_192_168_1_2']],
    ]);
  });
});

describe('own prefixes', () => {
  it('are the subnets of the router and of its group', () => {
    expect(resolveHub('tr2').routing.ownPrefixes.map(printPrefix)).toEqual([
      '10.255.0.0/24',
      '192.168.0.0/30',
      '192.168.1.0/30',
      '192.168.2.0/30',
      'fd00::/64',
      'fd00:ff::/64',
    ]);
  });

  it('warn where one would hide a Site', () => {
    const wide = resource('Router', 'tr1', {
      asNumber: 64520,
      routerID: '10.255.0.1',
      interfaces: [{ name: 'eth9', addresses: ['10.1.0.1/12'] }],
    });
    expect(codesOf(resolveHub('tr1', [wide]).warnings)).toEqual(['site-inside-own-subnet']);
  });
});

describe('marks of Sites', () => {
  const sites = ['a', 'b', 'c'].map((name) => ({
    name,
    resource: resource('Site', name, { type: 'vpc' }) as Resource<'Site'>,
  }));
  it('differ by name and depend on it alone', () => {
    const warnings: Warning[] = [];
    const all = resolveSiteMarks(sites, warnings);
    const some = resolveSiteMarks(sites.slice(1), warnings);
    expect(new Set([...all.values()].map(({ id }) => id)).size).toBe(3);
    expect(some.get('c')).toEqual(all.get('c'));
    expect(warnings).toEqual([]);
  });

  it('are kept apart, with a warning, where two names have one number', () => {
    const warnings: Warning[] = [];
    const numbers: Record<string, number> = { a: 1, b: 1, c: 2, 'b#1': 2, 'b#2': 3 };
    // c comes later, and meets the number that b had to take.
    const marks = resolveSiteMarks(sites, warnings, (text) => numbers[text] ?? 9);
    expect([...marks.values()].map(({ id }) => id)).toEqual([1, 2, 9]);
    expect(codesOf(warnings)).toEqual(['site-mark-shared', 'site-mark-shared']);
  });
});

describe('both families on one session', () => {
  const six = (families: readonly ('ipv4' | 'ipv6')[]) =>
    resource('Attachment', 'dc', {
      router: 'only6',
      site: 'dc',
      link: { interface: { name: 'eth0' } },
      addresses: { local: ['fd00::1/64'], remote: ['fd00::2'] },
      bgp: { asNumber: 65010, families },
    });
  const self = resource('Router', 'only6', { asNumber: 64520, routerID: '10.255.0.9' });
  const site = resource('Site', 'dc', { type: 'datacenter', prefixes: ['10.0.0.0/8', 'fd10::/32'] });

  it.each<[readonly ('ipv4' | 'ipv6')[], unknown[]]>([
    [[], [[6, false]]],
    [
      ['ipv6', 'ipv4'],
      [
        [4, true],
        [6, false],
      ],
    ],
    [['ipv4'], [[4, true]]],
  ])('%j makes channels %j on a router without IPv4', (families, expected) => {
    const { routing } = resolveFor('only6', [self, site, six(families)]);
    expect(routing.sessions[0]?.channels.map((channel) => [channel.family, channel.extendedNextHop])).toEqual(expected);
  });
});
