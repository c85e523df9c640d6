import { describe, expect, it } from 'vitest';
import type { SideMatch } from '../intent/policy/policy-intent.ts';
import { address, prefix } from '../net/literals.fixture.ts';
import { resource } from '../resources/resource.fixture.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { explainPacket } from './explain-packet.ts';
import type { Packet } from './packet.ts';
import { makeOwnerLookup, packetEnds } from './packet-ends.ts';
import {
  calicoFailsafes,
  endpoint,
  packet,
  passage,
  policyIntent,
  type RuleTerms,
  rules,
  tier,
} from './policy.fixture.ts';
import { printVerdict } from './print-verdict.ts';

const nowhere = () => undefined;
const web = packet('10.1.2.3', '10.2.0.9', 'tcp/443');
const web6 = packet('2001:db8::1', '2001:db8:2::9', 'tcp/443');
const snapshot = makeSnapshot([
  resource('GlobalNetworkSet', 'office', { nets: ['10.1.2.0/24'] }, { site: 'hq', role: 'users' }),
  resource('GlobalNetworkSet', 'desk', { nets: ['10.1.2.3'] }, { app: 'db' }),
]);
const findOwners = makeOwnerLookup(snapshot);
const addressSets = new Map(
  [
    { id: 's:1', selector: 'app == "web"', members: ['192.0.2.0/24'] },
    { id: 's:2', selector: 'site == "hq"', members: ['10.1.2.0/24'] },
    { id: 's:3', selector: 'has(vip)', members: [] },
  ].map(({ id, selector, members }) => [
    id,
    { id, selector, members: new Map(members.map((text) => [text, prefix(text)])) },
  ]),
);
const ports = (...ranges: (readonly [number, number])[]): NonNullable<SideMatch['ports']> => ({
  ranges: ranges.map(([first, last]) => ({ first, last })),
  portSets: [],
});

/** What the trace says of the one rule of a policy. */
function missOf(terms: RuleTerms, given: Packet): string | undefined {
  const policy = policyIntent({
    addressSets,
    endpoints: [endpoint('h', ['eth0'], { forward: { ingress: [tier('default', 'Deny', 'p')] } })],
    policies: new Map([rules('p', 'default', { ingress: [['Allow', terms]] })]),
  });
  const { trace } = explainPacket(policy, passage('eth0 → eth1'), given, nowhere, { detail: 'rules', findOwners });
  return trace.find(({ event }) => event === 'rule-missed')?.outcome.replace('no match for Allow: ', '');
}

describe('why a rule did not match: the first term that failed', () => {
  it.each<[string, RuleTerms, Packet]>([
    ['the rule can match IPv4 only', { families: [4] }, web6],
    ['protocol tcp is not udp', { protocol: 17 }, web],
    ['protocol tcp is not udp', { protocol: 17 }, web6],
    ['protocol tcp is excluded', { notProtocol: 6 }, web],
    ['ICMP type 8 code 0 is not ICMP type 3', { icmp: { type: 3 } }, packet('10.1.2.3', '10.2.0.9', 'icmp/8/0')],
    ['protocol tcp is not ICMP type 3', { icmp: { type: 3 } }, web],
    ['ICMP type 128 code 0 is excluded', { notIcmp: { type: 128 } }, packet('fe80::1', 'fe80::2', 'icmpv6/128/0')],
    ['source 10.1.2.3 is not in 10.9.0.0/16', { source: { nets: [prefix('10.9.0.0/16')] } }, web],
    [
      'source 10.1.2.3 is not in 10.3.0.0/16, 10.4.0.0/16, 10.5.0.0/16, 10.6.0.0/16 and 1 more',
      { source: { nets: ['10.3.0.0/16', '10.4.0.0/16', '10.5.0.0/16', '10.6.0.0/16', '10.7.0.0/16'].map(prefix) } },
      web,
    ],
    [
      'destination 2001:db8:2::9 is in excluded 2001:db8:2::/48',
      { destination: { notNets: ['10.3.0.0/16', '2001:db8:2::/48'].map(prefix) } },
      web6,
    ],
    [
      'source 10.1.2.3 (GlobalNetworkSet/desk: app=db; GlobalNetworkSet/office: no label app) is not app == "web"',
      { source: { addressSet: 's:1' } },
      web,
    ],
    [
      'destination 10.2.0.9 (nothing known has this address) is not has(vip)',
      { destination: { addressSet: 's:3' } },
      web,
    ],
    [
      'source 10.1.2.3 (GlobalNetworkSet/desk: no label site; GlobalNetworkSet/office: site=hq) is excluded by site == "hq"',
      { source: { notAddressSet: 's:2' } },
      web,
    ],
    ['destination port 443 is not 80, 8000-8080', { destination: { ports: ports([80, 80], [8000, 8080]) } }, web],
    ['destination port 443 is not 80', { destination: { ports: ports([80, 80]) } }, web6],
    ['source port 40000 is excluded by 40000-41000', { source: { notPorts: ports([40000, 41000]) } }, web],
    ['protocol 47 has no ports', { source: { ports: ports([1, 9]) } }, packet('10.1.2.3', '10.2.0.9', '47')],
  ])('%s', (expected, terms, given) => {
    expect(missOf(terms, given)).toBe(expected);
  });

  it('is not looked for unless asked', () => {
    const policy = policyIntent({
      endpoints: [endpoint('h', ['eth0'], { normal: { ingress: [tier('default', 'Deny', 'p')] } })],
      policies: new Map([rules('p', 'default', { ingress: [['Allow', { protocol: 17 }]] })]),
    });
    const { trace } = explainPacket(policy, passage('eth0 → local'), web, nowhere);
    expect(trace.map(({ event }) => event)).toEqual(['skipped', 'skipped', 'policy-end', 'tier-end']);
  });
});

describe('each stage leaves a word', () => {
  const allow = { ingress: [tier('default', 'Deny', 'any')], egress: [tier('default', 'Deny', 'any')] };
  const policies = new Map([rules('any', 'default', { ingress: [['Allow']], egress: [['Allow']] })]);
  const noteOf = (stages: Parameters<typeof endpoint>[2], way: string, given: Packet): string[] => {
    const policy = policyIntent({ policies, failsafes: calicoFailsafes, endpoints: [endpoint('h', ['eth0'], stages)] });
    return explainPacket(policy, passage(way), given, nowhere).trace.map(({ stage, event }) => `${stage} ${event}`);
  };
  const asked = { untracked: allow, preDNAT: { ingress: allow.ingress }, normal: allow, forward: allow };
  const { untracked: _, ...tracked } = asked;

  it.each<[string, Parameters<typeof endpoint>[2], string, Packet, string[]]>([
    [
      'new, allowed untracked: the rest of ingress is skipped, forward egress of the other side is not',
      asked,
      'eth0 → eth1',
      web,
      [
        'untracked-ingress rule-matched',
        'preDNAT-ingress skipped',
        'forward-ingress skipped',
        'forward-egress skipped', // eth1 has no endpoint
      ],
    ],
    [
      'new, allowed before DNAT',
      tracked,
      'eth0 → eth0',
      web6,
      [
        'untracked-ingress skipped',
        'preDNAT-ingress rule-matched',
        'forward-ingress skipped',
        'forward-egress rule-matched',
      ],
    ],
    [
      'a failsafe is for its own hook alone',
      asked,
      'eth0 → local',
      packet('10.1.2.3', '10.2.0.9', 'tcp/22'),
      ['untracked-ingress exemption', 'preDNAT-ingress exemption', 'normal-ingress exemption'],
    ],
    [
      'established',
      tracked,
      'eth0 → eth1',
      { ...web, ctState: 'established' },
      ['untracked-ingress skipped', 'preDNAT-ingress skipped', 'forward-ingress exemption'],
    ],
    [
      'invalid',
      tracked,
      'eth0 → eth1',
      { ...web6, ctState: 'invalid' },
      ['untracked-ingress skipped', 'preDNAT-ingress exemption'],
    ],
    [
      'untracked by somebody else is judged as new',
      tracked,
      'eth0 → local',
      { ...web, ctState: 'untracked' },
      ['untracked-ingress skipped', 'preDNAT-ingress rule-matched', 'normal-ingress skipped'],
    ],
    [
      'sent by the router and allowed untracked',
      asked,
      'local → eth0',
      web,
      ['untracked-egress rule-matched', 'normal-egress skipped'],
    ],
    [
      'no endpoint at all',
      asked,
      'eth7 → local',
      web,
      ['untracked-ingress skipped', 'preDNAT-ingress skipped', 'normal-ingress skipped', 'default default'],
    ],
  ])('%s', (_title, stages, way, given, expected) => {
    expect(noteOf(stages, way, given)).toEqual(expected);
  });
});

describe('who is at the ends of a packet', () => {
  it('is told with effective labels, the longest prefix first', () => {
    expect(packetEnds(findOwners, web)).toEqual({
      source: {
        address: '10.1.2.3',
        owners: [
          { id: 'GlobalNetworkSet/desk', labels: { app: 'db' } },
          { id: 'GlobalNetworkSet/office', labels: { role: 'users', site: 'hq' } },
        ],
      },
      destination: { address: '10.2.0.9', owners: [] },
    });
    expect(findOwners(address('2001:db8::1'))).toEqual([]);
  });

  it('stands above the trace, and rules that did not match only in the verbose one', () => {
    const policy = policyIntent({
      endpoints: [endpoint('h', ['eth0'], { normal: { ingress: [tier('t', 'Deny', 'p')] } })],
      policies: new Map([rules('p', 't', { ingress: [['Allow', { protocol: 17 }]] })]),
    });
    const answer = explainPacket(policy, passage('eth0 → local'), web, nowhere, { detail: 'rules' });
    const ends = packetEnds(findOwners, web);
    const lines = [
      'drop: end of tier t: no policy of it decided',
      '  decided in normal-ingress',
      '',
      'source      10.1.2.3  GlobalNetworkSet/desk (app=db); GlobalNetworkSet/office (role=users, site=hq)',
      'destination 10.2.0.9  nothing known has it: no labels',
      '',
      'untracked-ingress skipped: no doNotTrack policy with ingress selects endpoint h of eth0',
      'preDNAT-ingress skipped: no preDNAT policy with ingress selects endpoint h of eth0',
      '',
      'normal-ingress of endpoint h',
      '  tier t',
      '    GlobalNetworkPolicy/p ingress[0]: no match for Allow: protocol tcp is not udp',
      '    GlobalNetworkPolicy/p: no match',
      '    end of tier: Deny',
    ];
    expect(printVerdict(answer, { isVerbose: true, ends })).toBe(lines.join('\n'));
    expect(printVerdict(answer, { ends })).toBe(lines.filter((line) => !line.includes('udp')).join('\n'));
  });
});
