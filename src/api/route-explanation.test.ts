import { describe, expect, it } from 'vitest';
import type { RibEntry, SessionStatus } from '../bird/daemon.ts';
import { resolveHub } from '../bird/hub.fixture.ts';
import { filterNameHash, refusalCodes } from '../intent/routing/refusal-reasons.ts';
import type { RoutingIntent } from '../intent/routing/routing-intent.ts';
import { parsePrefix } from '../net/prefix.ts';
import { resource } from '../resources/resource.fixture.ts';
import { explainRoute, findSessions, type RouteEvidence } from './route-explanation.ts';

const spokeA = 'attachment_spoke_a_192_168_1_2';
const dc = 'attachment_dc_192_168_0_2';
const group = 'group_tr2';

const { routing } = resolveHub('tr1', [
  resource('BGPFilter', 'no-lab', {
    exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.1.99.0/24' }],
  }),
  resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'eth0' } },
    addresses: { local: ['192.168.0.1/30', 'fd00::1/64'], remote: ['192.168.0.2', 'fd00::2'] },
    bgp: {
      asNumber: 65010,
      exportFilters: ['no-lab'],
      maxPrefixes: { export: { ipv4: { limit: 5, action: 'block' } } },
    },
  }),
]);

function entry(protocol: string, prefix: string, attributes: Record<string, string> = {}): RibEntry {
  return {
    prefix,
    destination: 'unicast',
    protocol,
    since: '',
    from: null,
    preferred: true,
    preference: 100,
    nextHops: [{ gateway: '192.168.1.2', device: 'eth1' }],
    attributes: { 'BGP.as_path': '64601', 'BGP.local_pref': '100', ...attributes },
  };
}

function session(name: string, state: SessionStatus['state'], limitsHit: readonly 'export'[] = []): SessionStatus {
  const none = { receiveLimit: null, importLimit: null, exportLimit: null };
  const counts = { imported: 0, filtered: 0, exported: 0, preferred: 0 };
  return {
    name,
    neighbor: '',
    remoteAs: 0,
    localAs: null,
    state,
    since: '',
    lastError: state === 'Established' ? null : 'Received: Hold timer expired',
    channels: [{ family: 4, state: 'UP', ...counts, ...none, limitsHit }],
  };
}

const prefix = '10.1.7.0/24';

/** The last step on the way of a prefix to a peer. */
function lastStep(peer: string, evidence: Partial<RouteEvidence>, of: RoutingIntent = routing) {
  const asked = of.sessions.find(({ name }) => name === peer);
  const text = evidence.accepted?.[0]?.prefix ?? prefix;
  const parsed = parsePrefix(text);
  if (!asked || !parsed) throw new Error(`no session ${peer}, or no prefix ${text}`);
  const all: RouteEvidence = {
    prefix: parsed,
    accepted: [],
    refused: [],
    exportedTo: [],
    sessions: [session(peer, 'Established')],
    kernel: undefined,
    ...evidence,
  };
  return explainRoute(of, all, asked).peer?.steps.at(-1);
}

describe('the way of a prefix to a peer is stopped by', () => {
  const learned = [entry(spokeA, prefix)];
  const refused = (code: number, parameter = 0) => [
    entry(spokeA, prefix, { 'BGP.large_community': `(64520, ${code}, ${parameter})` }),
  ];
  const lab = [entry(spokeA, '10.1.99.0/24')];
  const standIn = { ...entry('aggregate4', '10.1.0.0/16'), destination: 'unreachable' };
  it.each<[string, string, Partial<RouteEvidence>, string, RegExp]>([
    ['nobody who announces it', dc, {}, 'known', /no peer announces 10\.1\.7\.0\/24/],
    ['an import filter', dc, { refused: refused(refusalCodes.bogon) }, 'known', /refused: special-purpose/],
    ['an import filter without a reason', dc, { refused: learned }, 'known', /it carries no reason of ours/],
    ['a session that is down', dc, { accepted: learned, sessions: [session(dc, 'Active')] }, 'session', /Hold timer/],
    ['a session that BIRD does not know', dc, { accepted: learned, sessions: [] }, 'session', /not known to BIRD/],
    ['having come from there', spokeA, { accepted: learned }, 'own', /learned from this very peer/],
    ['iBGP', group, { accepted: [entry('group_tr3', prefix)] }, 'ibgp', /RFC 4271/],
    [
      'a well-known community',
      dc,
      { accepted: [entry(spokeA, prefix, { 'BGP.community': '(65535,65281)' })] },
      'community',
      /no-export/,
    ],
    ['the bound of a Segment', dc, { accepted: [entry(spokeA, '198.51.100.0/24')] }, 'export', /it belongs to no Site/],
    ['a rule of a BGPFilter', dc, { accepted: lab }, 'export', /exportV4\[0\] of BGPFilter\/no-lab/],
    ['being an aggregate of others', dc, { accepted: [standIn] }, 'export', /neither learned over BGP nor/],
    [
      'an export limit',
      dc,
      { accepted: learned, sessions: [session(dc, 'Established', ['export'])] },
      'limit',
      /its export limit of 5 is reached \(block\)/,
    ],
    ['nothing, where BIRD has not told it yet', dc, { accepted: learned }, 'told', /an update may be under way/],
  ])('%s', (_, peer, evidence, step, sentence) => {
    const third = { ...routing.sessions.find(({ name }) => name === group) } as RoutingIntent['sessions'][number];
    const withThird = { ...routing, sessions: [...routing.sessions, { ...third, name: 'group_tr3' }] };
    const last = lastStep(peer, evidence, withThird);
    expect(last).toMatchObject({ step, passes: false });
    expect(last?.sentence).toMatch(sentence);
  });

  it('nothing, and BIRD tells it', () => {
    expect(lastStep(dc, { accepted: learned, exportedTo: [dc] })).toMatchObject({ step: 'told', passes: true });
  });

  it('lets NO_EXPORT pass inside the AS', () => {
    const accepted = [entry(spokeA, prefix, { 'BGP.community': '(65535,65281)' })];
    expect(lastStep(group, { accepted, exportedTo: [group] })).toMatchObject({ step: 'told', passes: true });
  });
});

describe('a refused route', () => {
  const explain = (communities: string, filters: readonly string[]) => {
    const sessions = routing.sessions.map((one) => ({
      ...one,
      channels: one.channels.map((channel) => ({ ...channel, import: { ...channel.import, filters } })),
    }));
    const refused = [entry(spokeA, prefix, { 'BGP.large_community': communities })];
    const asked = parsePrefix(prefix);
    if (!asked) throw new Error('no prefix');
    const evidence = { prefix: asked, accepted: [], refused, exportedTo: [], sessions: [], kernel: undefined };
    return explainRoute({ ...routing, sessions }, evidence, undefined).refused[0];
  };
  const hash = filterNameHash('in');

  it('names the rule of the BGPFilter', () => {
    const told = explain(`(64520, 1010, ${hash}) (64520, 1011, 3)`, ['other', 'in']);
    expect(told?.filter).toEqual({ name: 'in', list: 'importV4', rule: 3 });
    expect(told?.reason).toBe('rule importV4[3] of BGPFilter/in');
  });

  it('says that there is no such BGPFilter', () => {
    const told = explain(`(64520, 1010, ${hash}) (64520, 1011, 4294967295)`, ['in']);
    expect(told?.reason).toBe('there is no BGPFilter in');
    expect(told?.filter?.rule).toBeNull();
  });
});

describe('a peer is meant by', () => {
  it.each([
    ['its session', dc, [dc]],
    ['its address', '192.168.0.2', [dc]],
    ['its Attachment', 'Attachment/dc', [dc]],
    ['its Site', 'spoke-a', [spokeA]],
    ['its router of the group', 'tr2', [group]],
    ['no name of anybody', 'tr1', []],
  ])('%s', (_, peer, names) => {
    expect(findSessions(routing, peer, 4).map(({ name }) => name)).toEqual(names);
  });
});
