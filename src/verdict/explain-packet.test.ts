import { describe, expect, it } from 'vitest';
import type { EndpointIntent, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { explainPacket } from './explain-packet.ts';
import type { Packet } from './packet.ts';
import { endpoint, packet, passage, policyIntent, profile, rules, tier } from './policy.fixture.ts';
import type { Verdict } from './verdict.ts';

const nowhere = () => undefined;

function explain(policy: PolicyIntent, way: string, given: Packet): Verdict {
  return explainPacket(policy, passage(way), given, nowhere);
}

function summary({ verdict, stage }: Verdict): string {
  return `${verdict} in ${stage}`;
}

const tcp80 = { protocol: 6, destination: { ports: { ranges: [{ first: 80, last: 80 }], portSets: [] } } };
const allowWeb = rules('allow-web', 'default', { ingress: [['Allow', tcp80]] });
const allowAll = profile('allow-all', { ingress: [['Allow']], egress: [['Allow']] });

describe('what an earlier Allow skips (semantics §4.6)', () => {
  const allow = { ingress: [tier('default', 'Deny', 'allow-any')], egress: [tier('default', 'Deny', 'allow-any')] };
  const deny = { ingress: [tier('default', 'Deny', 'deny-any')], egress: [tier('default', 'Deny', 'deny-any')] };
  const policies = new Map([
    rules('allow-any', 'default', { ingress: [['Allow']], egress: [['Allow']] }),
    rules('deny-any', 'default', { ingress: [['Deny']], egress: [['Deny']] }),
  ]);
  const closed = { preDNAT: { ingress: deny.ingress }, normal: deny, forward: { ingress: deny.ingress } };
  const untrackedIn = { ...closed, untracked: allow };
  const preDnatIn = { ...closed, preDNAT: { ingress: allow.ingress } };
  const any = packet('192.0.2.1', '198.51.100.1', 'tcp/80');
  const established = { ...any, ctState: 'established' } as const;

  function joined(inner: Parameters<typeof endpoint>[2], outer: Parameters<typeof endpoint>[2] = {}): PolicyIntent {
    return policyIntent({ policies, endpoints: [endpoint('i', ['eth0'], inner), endpoint('o', ['eth1'], outer)] });
  }

  it.each<[string, PolicyIntent, string, Packet, string]>([
    [
      'untracked ingress skips preDNAT and normal',
      joined(untrackedIn),
      'eth0 → local',
      any,
      'accept in untracked-ingress',
    ],
    ['untracked ingress skips forward ingress', joined(untrackedIn), 'eth0 → eth1', any, 'accept in untracked-ingress'],
    [
      'untracked ingress meets forward egress',
      joined(untrackedIn, { forward: deny }),
      'eth0 → eth1',
      any,
      'drop in forward-egress',
    ],
    [
      'untracked egress skips normal',
      joined({}, { untracked: allow, normal: deny }),
      'local → eth1',
      any,
      'accept in untracked-egress',
    ],
    [
      'untracked egress is not for forwarded packets',
      joined({}, { untracked: deny }),
      'eth0 → eth1',
      any,
      'accept in default',
    ],
    ['preDNAT skips normal', joined(preDnatIn), 'eth0 → local', any, 'accept in preDNAT-ingress'],
    ['preDNAT skips forward ingress', joined(preDnatIn), 'eth0 → eth1', any, 'accept in preDNAT-ingress'],
    [
      'preDNAT meets forward egress',
      joined(preDnatIn, { forward: deny }),
      'eth0 → eth1',
      any,
      'drop in forward-egress',
    ],
    ['established skips preDNAT and normal', joined(closed), 'eth0 → local', established, 'accept in normal-ingress'],
    [
      'established skips forward',
      joined(closed, { forward: deny }),
      'eth0 → eth1',
      established,
      'accept in forward-ingress',
    ],
    [
      'related is let through as established is',
      joined(closed, { forward: deny }),
      'eth0 → eth1',
      { ...any, ctState: 'related' },
      'accept in forward-ingress',
    ],
    [
      'established meets untracked',
      joined({ untracked: deny }),
      'eth0 → local',
      established,
      'drop in untracked-ingress',
    ],
    [
      'established and allowed untracked is judged anew (§10.8)',
      joined({ untracked: allow }, { forward: deny }),
      'eth0 → eth1',
      established,
      'drop in forward-egress',
    ],
    [
      'established needs no endpoint',
      policyIntent({ forwardDefault: 'Deny' }),
      'eth0 → eth1',
      established,
      'accept in default',
    ],
  ])('%s', (_, policy, way, given, expected) => {
    expect(summary(explain(policy, way, given))).toBe(expected);
  });
});

describe('invalid packets', () => {
  const invalid = packet('192.0.2.1', '198.51.100.1', 'tcp/80', { ctState: 'invalid' });
  const bare = policyIntent({ endpoints: [endpoint('h', ['eth1'])] });

  it.each<[string, PolicyIntent, string, string]>([
    ['are denied where an endpoint forwards, even without AoF policy', bare, 'eth0 → eth1', 'drop in forward-egress'],
    ['are denied where an endpoint receives', bare, 'eth1 → local', 'drop in normal-ingress'],
    ['are left alone without an endpoint', bare, 'eth0 → local', 'accept in default'],
    ['pass where the check is off', { ...bare, dropsInvalid: false }, 'eth0 → eth1', 'accept in default'],
    ['are never forwarded by default Deny', { ...bare, forwardDefault: 'Deny' }, 'eth0 → eth2', 'drop in default'],
  ])('%s', (_, policy, way, expected) => {
    expect(summary(explain(policy, way, invalid))).toBe(expected);
  });
});

describe('failsafes', () => {
  const closed = { ingress: [tier('default', 'Deny', 'deny-any')], egress: [tier('default', 'Deny', 'deny-any')] };
  const policy = policyIntent({
    failsafes: {
      inbound: [{ protocol: 6, port: 22, net: prefix('10.0.0.0/8'), interfaces: ['eth0'] }],
      outbound: [
        { protocol: 17, port: 53 },
        { protocol: 1, icmp: 'echo', net: prefix('192.0.2.1/32') },
        { protocol: 58, icmp: 'echo', net: prefix('2001:db8::1/128') },
      ],
    },
    endpoints: [endpoint('h', ['eth0'], { untracked: closed, normal: closed }), endpoint('i', ['eth1'])],
    policies: new Map([rules('deny-any', 'default', { ingress: [['Deny']], egress: [['Deny']] })]),
  });
  const ssh = packet('10.1.1.1', '198.51.100.1', 'tcp/22');
  const [here, there] = ['198.51.100.1', '192.0.2.1'];
  const [here6, there6] = ['2001:db8::9', '2001:db8::1'];

  it.each<[string, string, Packet, string]>([
    ['let the named port in', 'eth0 → local', ssh, 'accept in normal-ingress'],
    ['only from their net', 'eth0 → local', packet('192.0.2.1', '198.51.100.1', 'tcp/22'), 'drop in untracked-ingress'],
    ['only on their interfaces', 'eth1 → local', ssh, 'drop in normal-ingress'],
    [
      'let the named port out',
      'local → eth0',
      packet('198.51.100.1', '192.0.2.1', 'udp/53'),
      'accept in normal-egress',
    ],
    [
      'keep replies from an outbound port tracked',
      'eth0 → local',
      packet('192.0.2.1', '198.51.100.1', 'udp/40000', { sourcePort: 53, ctState: 'established' }),
      'accept in normal-ingress',
    ],
    [
      'keep replies of an inbound port tracked',
      'local → eth0',
      packet('198.51.100.1', '10.1.1.1', 'tcp/40000', { sourcePort: 22, ctState: 'established' }),
      'accept in normal-egress',
    ],
    ['let echo requests out', 'local → eth0', packet(here, there, 'icmp/8/0'), 'accept in normal-egress'],
    ['in IPv6 too', 'local → eth0', packet(here6, there6, 'icmpv6/128/0'), 'accept in normal-egress'],
    ['and no other ICMP', 'local → eth0', packet(here, there, 'icmp/13/0'), 'drop in untracked-egress'],
    ['of IPv6 neither', 'local → eth0', packet(here6, there6, 'icmpv6/8/0'), 'drop in untracked-egress'],
    ['to nobody else', 'local → eth0', packet(here, '192.0.2.2', 'icmp/8/0'), 'drop in untracked-egress'],
    ['let no echo request in', 'eth0 → local', packet(there, here, 'icmp/8/0'), 'drop in untracked-ingress'],
    [
      'keep echo replies tracked',
      'eth0 → local',
      packet(there, here, 'icmp/0/0', { ctState: 'established' }),
      'accept in normal-ingress',
    ],
    [
      'keep echo replies of IPv6 tracked',
      'eth0 → local',
      packet(there6, here6, 'icmpv6/129/0', { ctState: 'established' }),
      'accept in normal-ingress',
    ],
    [
      'let no reply in that nobody asked for',
      'eth0 → local',
      packet(there, here, 'icmp/0/0'),
      'drop in normal-ingress',
    ],
    [
      'are no licence for new packets from that port',
      'eth0 → local',
      packet('192.0.2.1', '198.51.100.1', 'udp/40000', { sourcePort: 53 }),
      'drop in normal-ingress',
    ],
  ])('%s', (_, way, given, expected) => {
    expect(summary(explain(policy, way, given))).toBe(expected);
  });
});

describe('a router that denies what no policy allowed', () => {
  const web = packet('192.0.2.1', '10.1.1.1', 'tcp/80');
  const dns = packet('192.0.2.1', '10.1.1.1', 'tcp/53');
  const passing = rules('pass-all', 'default', { ingress: [['Pass']], egress: [['Pass']] });
  const webOut = rules('web-out', 'default', { egress: [['Allow', tcp80]] });
  const router = (...endpoints: EndpointIntent[]): PolicyIntent =>
    policyIntent({ forwardDefault: 'Deny', endpoints, policies: new Map([allowWeb, passing, webOut]) });
  const allowing = tier('default', 'Pass', 'allow-web');

  it.each<[string, PolicyIntent, Packet, string]>([
    ['drops without an endpoint', router(), web, 'drop in default'],
    ['drops where no endpoint has forward tiers', router(endpoint('h', ['eth0', 'eth1'])), web, 'drop in default'],
    [
      'drops what passes out of the last tier',
      router(endpoint('h', ['eth0'], { forward: { ingress: [tier('default', 'Deny', 'pass-all')] } })),
      web,
      'drop in default',
    ],
    [
      'drops what a passing tier does not match',
      router(endpoint('h', ['eth0'], { forward: { ingress: [allowing] } })),
      dns,
      'drop in default',
    ],
    [
      'accepts what forward ingress allowed',
      router(endpoint('h', ['eth0'], { forward: { ingress: [allowing] } })),
      web,
      'accept in forward-ingress',
    ],
    [
      'accepts what forward egress allowed',
      router(endpoint('h', ['eth1'], { forward: { egress: [tier('default', 'Deny', 'web-out')] } })),
      web,
      'accept in forward-egress',
    ],
    [
      'accepts what preDNAT allowed',
      router(endpoint('h', ['eth0'], { preDNAT: { ingress: [allowing] } })),
      web,
      'accept in preDNAT-ingress',
    ],
    [
      'accepts what untracked allowed',
      router(endpoint('h', ['eth0'], { untracked: { ingress: [allowing] } })),
      web,
      'accept in untracked-ingress',
    ],
  ])('%s', (_, policy, given, expected) => {
    const answer = explain(policy, 'eth0 → eth1', given);
    expect(summary(answer)).toBe(expected);
    if (answer.stage === 'default') expect(answer.reason).toContain('Router forwarding.defaultAction');
  });
});

describe('endpoints and interfaces', () => {
  const denyEarly = { preDNAT: { ingress: [tier('default', 'Deny', 'deny-any')] } };
  const policy = policyIntent({
    endpoints: [endpoint('all', '*', denyEarly), endpoint('own', ['eth0'], {}, ['allow-all'])],
    policies: new Map([rules('deny-any', 'default', { ingress: [['Deny']] })]),
    profiles: new Map([allowAll]),
  });
  const any = packet('192.0.2.1', '198.51.100.1', 'tcp/80');

  it.each<[string, PolicyIntent, string, string]>([
    ['the wildcard covers what no endpoint won', policy, 'eth7 → local', 'drop in preDNAT-ingress'],
    [
      'an endpoint of its own keeps the wildcard out of every stage',
      policy,
      'eth0 → local',
      'accept in normal-ingress',
    ],
    ['the wildcard covers lo, as in Calico', policy, 'lo → local', 'drop in preDNAT-ingress'],
    ['a Router exempts lo from the wildcard', { ...policy, exemptsLoopback: true }, 'lo → local', 'accept in default'],
  ])('%s', (_, given, way, expected) => {
    expect(summary(explain(given, way, any))).toBe(expected);
  });
});

describe('neighbor discovery', () => {
  const closed = { ingress: [tier('default', 'Deny', 'deny-any')], egress: [tier('default', 'Deny', 'deny-any')] };
  const calico = policyIntent({
    endpoints: [endpoint('h', ['eth0'], { untracked: closed, preDNAT: closed, normal: closed, forward: closed })],
    policies: new Map([rules('deny-any', 'default', { ingress: [['Deny']], egress: [['Deny']] })]),
  });
  const router = { ...calico, exemptsNeighborDiscovery: true };
  const solicitation = packet('fe80::1', 'fe80::2', 'icmpv6/135/0', { ctState: 'untracked' });
  const echo = packet('fe80::1', 'fe80::2', 'icmpv6/128/0');

  it.each<[string, PolicyIntent, string, Packet, string]>([
    ['is exempt coming in', router, 'eth0 → local', solicitation, 'accept in normal-ingress'],
    ['is exempt going out', router, 'local → eth0', solicitation, 'accept in normal-egress'],
    ['is exempt before routing, not in forward', router, 'eth0 → eth1', solicitation, 'drop in forward-ingress'],
    ['does not exempt ping', router, 'eth0 → local', echo, 'drop in untracked-ingress'],
    ['is policed as Calico does on a plain Node', calico, 'eth0 → local', solicitation, 'drop in untracked-ingress'],
  ])('%s', (_, policy, way, given, expected) => {
    expect(summary(explain(policy, way, given))).toBe(expected);
  });
});

describe('a deny', () => {
  const closed = { ingress: [tier('default', 'Deny', 'deny-any')] };
  const policies = new Map([rules('deny-any', 'default', { ingress: [['Deny']] })]);
  const any = packet('192.0.2.1', '198.51.100.1', 'tcp/80');

  it.each([
    ['untracked', 'eth0 → local', 'drop'],
    ['preDNAT', 'eth0 → local', 'drop'],
    ['normal', 'eth0 → local', 'reject'],
    ['forward', 'eth0 → eth1', 'reject'],
  ] as const)('in %s, where rejecting is asked for, is a %s', (stage, way, expected) => {
    const given = policyIntent({
      denyVerdict: 'reject',
      policies,
      endpoints: [endpoint('h', ['eth0'], { [stage]: closed })],
    });
    expect(explain(given, way, any).verdict).toBe(expected);
  });

  it('of the router’s own packets is a drop where NAT has changed their destination: postrouting cannot reject', () => {
    const closing = { egress: [tier('default', 'Deny', 'deny-out')] };
    const given = policyIntent({
      denyVerdict: 'reject',
      policies: new Map([rules('deny-out', 'default', { egress: [['Deny']] })]),
      endpoints: [endpoint('h', ['eth0'], { normal: closing })],
    });
    const changed = { ...any, beforeNat: { destination: any.source } };
    expect([any, changed].map((each) => explain(given, 'local → eth0', each).verdict)).toEqual(['reject', 'drop']);
  });
});

it('tells the whole way, with the place of the rule that decided', () => {
  const policy = policyIntent({
    endpoints: [
      endpoint('h', ['eth0'], {
        normal: { ingress: [tier('t1', 'Pass', 'other'), tier('default', 'Deny', 'logged', 'closing')] },
      }),
    ],
    policies: new Map([
      rules('other', 't1', { ingress: [['Deny', { protocol: 17 }]] }),
      rules('logged', 'default', { ingress: [['Log'], ['Allow', { protocol: 17 }]] }),
      rules('closing', 'default', { ingress: [['Allow', { protocol: 17 }], ['Deny']] }),
    ]),
  });
  const answer = explainPacket(
    policy,
    { kind: 'local-in', inbound: 'eth0' },
    packet('192.0.2.1', '198.51.100.1', 'tcp/80'),
    (resource, path) => ({ file: `${resource.metadata.name}.yaml`, line: Number(path[2]) + 10, column: 5 }),
  );

  expect(answer.rule).toEqual({
    kind: 'GlobalNetworkPolicy',
    name: 'closing',
    tier: 'default',
    direction: 'ingress',
    index: 1,
  });
  expect(answer.position).toEqual({ file: 'closing.yaml', line: 11, column: 5 });
  expect(answer.trace.slice(2).map((step) => `${step.tier} ${step.policy} ${step.outcome}`)).toEqual([
    't1 GlobalNetworkPolicy/other no match',
    't1 null end of tier: Pass',
    'default GlobalNetworkPolicy/logged matched Log',
    'default GlobalNetworkPolicy/logged no match',
    'default GlobalNetworkPolicy/closing matched Deny',
  ]);
});

it('says that an endpoint was asked and no policy with applyOnForward selects it', () => {
  const policy = policyIntent({ endpoints: [endpoint('lan', ['eth1'])] });
  const { trace, reason } = explain(policy, 'eth0 → eth1', packet('10.0.0.1', '10.1.0.1', 'tcp/80'));
  expect(reason).toBe('no rule allowed or denied the forwarded packet: Calico lets such packets pass');
  expect(trace.map(({ stage, endpoint: name, outcome }) => `${stage} ${name}: ${outcome}`).slice(3, 4)).toEqual([
    'forward-egress lan: no applyOnForward policy with egress selects it: no verdict',
  ]);
});
