import { describe, expect, it } from 'vitest';
import {
  calicoFailsafes,
  endpoint,
  packet,
  policyIntent,
  prefix,
  profile,
  rules,
  tier,
} from '../../test/properties/policy-fixture.ts';
import type { Direction, EndpointIntent, PolicyIntent, TierIntent } from '../intent/policy/policy-intent.ts';
import { explainPacket } from './explain-packet.ts';
import type { Packet, Passage } from './packet.ts';
import type { Verdict } from './verdict.ts';

const nowhere = () => undefined;

/** `eth0 → eth1`, `eth0 → local`, `local → eth0`. */
function passage(text: string): Passage {
  const [from = '', to = ''] = text.split(' → ');
  if (to === 'local') return { kind: 'local-in', inbound: from };
  if (from === 'local') return { kind: 'local-out', outbound: to };
  return { kind: 'forward', inbound: from, outbound: to };
}

function explain(policy: PolicyIntent, way: string, given: Packet): Verdict {
  return explainPacket(policy, passage(way), given, nowhere);
}

function summary({ verdict, stage }: Verdict): string {
  return `${verdict} in ${stage}`;
}

const tcp80 = { protocol: 6, destination: { ports: { ranges: [{ first: 80, last: 80 }], portSets: [] } } };
const allowWeb = rules('allow-web', 'default', { ingress: [['Allow', tcp80]] });
const allowAll = profile('allow-all', { ingress: [['Allow']], egress: [['Allow']] });

/** applyOnForward: the same tiers in normal and in forward. */
function onForward(direction: Direction, ...tiers: TierIntent[]) {
  return { normal: { [direction]: tiers }, forward: { [direction]: tiers } };
}

describe('worked verdicts of semantics §4.16', () => {
  const tenOnly = rules('ten-only', 'default', {
    ingress: [['Allow', { families: [4], source: { nets: [prefix('10.0.0.0/8')] } }]],
  });
  const denyDocs = rules('deny-docs', 'default', {
    ingress: [['Deny', { families: [4], source: { nets: [prefix('203.0.113.0/24')] } }]],
  });
  const passAll = rules('pass-all', 'default', { ingress: [['Pass']], egress: [['Pass']] });
  const allowEverything = rules('allow-everything', 'default', { ingress: [['Allow']] });
  const webTier = tier('default', 'Deny', 'allow-web');
  const lan = endpoint('h2', ['eth1']);

  function hub(wan: EndpointIntent, other: EndpointIntent = lan): PolicyIntent {
    return policyIntent({
      failsafes: calicoFailsafes,
      endpoints: [wan, other],
      policies: new Map([allowWeb, tenOnly, denyDocs, passAll, allowEverything]),
    });
  }

  const bare = hub(endpoint('h1', ['eth0']));
  const withA = hub(endpoint('h1', ['eth0'], { normal: { ingress: [webTier] } }));
  const withForwardA = hub(endpoint('h1', ['eth0'], onForward('ingress', webTier)));
  const withForwardAandB = hub(
    endpoint('h1', ['eth0'], {
      ...onForward('ingress', webTier),
      preDNAT: { ingress: [tier('default', 'Deny', 'ten-only')] },
    }),
  );
  const withC = hub(endpoint('h1', ['eth0'], { untracked: { ingress: [tier('default', 'Deny', 'deny-docs')] } }));
  const passes = { ingress: [tier('default', 'Deny', 'pass-all')], egress: [tier('default', 'Deny', 'pass-all')] };
  const withD = hub(
    endpoint('h1', ['eth0'], { normal: passes, forward: passes }),
    endpoint('h2', ['eth1'], { normal: passes, forward: passes }),
  );
  const withTwoTiers = hub(
    endpoint(
      'h1',
      ['eth0'],
      onForward('ingress', tier('t1', 'Pass', 'allow-web'), tier('default', 'Deny', 'allow-everything')),
    ),
  );

  const anyone = '192.0.2.1';
  const docs = '203.0.113.5';
  const inside = '10.1.1.1';
  const here = '198.51.100.1';

  it.each<[string, PolicyIntent, string, Packet, string]>([
    ['no policy: ssh is a failsafe', bare, 'eth0 → local', packet(anyone, here, 'tcp/22'), 'accept in normal-ingress'],
    ['no policy: the rest is denied', bare, 'eth0 → local', packet(anyone, here, 'tcp/80'), 'drop in normal-ingress'],
    ['no policy: forwarding is free', bare, 'eth0 → eth1', packet(anyone, inside, 'tcp/80'), 'accept in default'],
    [
      'A without AoF is no business of forwarding',
      withA,
      'eth0 → eth1',
      packet(anyone, inside, 'tcp/443'),
      'accept in default',
    ],
    [
      'A with AoF ends its tier',
      withForwardA,
      'eth0 → eth1',
      packet(anyone, inside, 'tcp/443'),
      'drop in forward-ingress',
    ],
    [
      'A with AoF says nothing of egress',
      withForwardA,
      'eth1 → eth0',
      packet(inside, anyone, 'tcp/443'),
      'accept in default',
    ],
    [
      'A with AoF allows web to the host',
      withForwardA,
      'eth0 → local',
      packet(anyone, here, 'tcp/80'),
      'accept in normal-ingress',
    ],
    [
      'A with AoF leaves egress to no profile',
      withForwardA,
      'local → eth0',
      packet(here, anyone, 'tcp/80'),
      'drop in normal-egress',
    ],
    [
      'preDNAT B skips forward ingress',
      withForwardAandB,
      'eth0 → eth1',
      packet(inside, anyone, 'tcp/443'),
      'accept in preDNAT-ingress',
    ],
    ['failsafe lets forwarded ssh past C', withC, 'eth0 → eth1', packet(docs, inside, 'tcp/22'), 'accept in default'],
    ['C drops the rest untracked', withC, 'eth0 → eth1', packet(docs, inside, 'tcp/80'), 'drop in untracked-ingress'],
    [
      'D passes out of the last tier when forwarding',
      withD,
      'eth0 → eth1',
      packet(anyone, inside, 'tcp/80'),
      'accept in default',
    ],
    ['D passes to no profile locally', withD, 'eth0 → local', packet(anyone, here, 'tcp/80'), 'drop in normal-ingress'],
    [
      'a passing tier leads to the next',
      withTwoTiers,
      'eth0 → eth1',
      packet(anyone, inside, 'tcp/443'),
      'accept in forward-ingress',
    ],
  ])('%s', (_, policy, way, given, expected) => {
    expect(summary(explain(policy, way, given))).toBe(expected);
  });
});

describe('defaults of semantics §4.9', () => {
  const webIn = { ingress: [tier('default', 'Deny', 'allow-web')] };
  const web = packet('192.0.2.1', '198.51.100.1', 'tcp/80');
  const dns = packet('192.0.2.1', '198.51.100.1', 'tcp/53');

  function on(endpoints: readonly EndpointIntent[]): PolicyIntent {
    return policyIntent({
      endpoints,
      failsafes: calicoFailsafes,
      policies: new Map([allowWeb]),
      profiles: new Map([allowAll]),
    });
  }

  const none = on([]);
  const bare = on([endpoint('h', ['eth0'])]);
  const open = on([endpoint('h', ['eth0'], {}, ['allow-all'])]);
  const normal = on([endpoint('h', ['eth0'], { normal: webIn })]);
  const normalOpen = on([endpoint('h', ['eth0'], { normal: webIn }, ['allow-all'])]);
  const forward = on([endpoint('h', ['eth0'], { normal: webIn, forward: webIn })]);
  const early = on([endpoint('h', ['eth0'], { untracked: webIn, preDNAT: webIn })]);
  const missing = on([endpoint('h', ['eth0'], {}, ['gone', 'allow-all'])]);

  it.each<[string, PolicyIntent, string, Packet, Verdict['verdict'], RegExp]>([
    ['no endpoint: in', none, 'eth0 → local', web, 'accept', /no endpoint covers eth0/],
    ['no endpoint: out', none, 'local → eth0', web, 'accept', /no endpoint covers eth0/],
    ['no endpoint: through', none, 'eth0 → eth1', web, 'accept', /defaultAction is Allow/],
    ['bare endpoint: in', bare, 'eth0 → local', web, 'drop', /it has no profile/],
    ['bare endpoint: out', bare, 'local → eth0', web, 'drop', /it has no profile/],
    ['bare endpoint: through', bare, 'eth0 → eth1', web, 'accept', /defaultAction is Allow/],
    ['open profile: in', open, 'eth0 → local', web, 'accept', /Profile allow-all ingress\[0\]: Allow/],
    ['open profile: out', open, 'local → eth0', web, 'accept', /Profile allow-all egress\[0\]: Allow/],
    ['open profile: through', open, 'eth0 → eth1', web, 'accept', /defaultAction is Allow/],
    ['ingress policy: in, matched', normal, 'eth0 → local', web, 'accept', /allow-web ingress\[0\]/],
    ['ingress policy: in, not matched', normalOpen, 'eth0 → local', dns, 'drop', /end of tier default/],
    ['ingress policy: out, no profile', normal, 'local → eth0', web, 'drop', /it has no profile/],
    ['ingress policy: out, open profile', normalOpen, 'local → eth0', web, 'accept', /Profile allow-all/],
    ['ingress policy: through', normal, 'eth0 → eth1', dns, 'accept', /defaultAction is Allow/],
    ['AoF ingress: through, not matched', forward, 'eth0 → eth1', dns, 'drop', /end of tier default/],
    ['AoF ingress: in, not matched', forward, 'eth0 → local', dns, 'drop', /end of tier default/],
    ['AoF ingress: through the other way', forward, 'eth1 → eth0', dns, 'accept', /defaultAction is Allow/],
    ['early policy: in, not matched', early, 'eth0 → local', dns, 'drop', /it has no profile/],
    ['early policy: through, not matched', early, 'eth0 → eth1', dns, 'accept', /defaultAction is Allow/],
    ['missing profile denies before the next', missing, 'eth0 → local', web, 'drop', /profile gone does not exist/],
  ])('%s', (_, policy, way, given, verdict, reason) => {
    const answer = explain(policy, way, given);
    expect(answer.verdict).toBe(verdict);
    expect(answer.reason).toMatch(reason);
  });
});

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
      outbound: [{ protocol: 17, port: 53 }],
    },
    endpoints: [endpoint('h', ['eth0'], { untracked: closed, normal: closed }), endpoint('i', ['eth1'])],
    policies: new Map([rules('deny-any', 'default', { ingress: [['Deny']], egress: [['Deny']] })]),
  });
  const ssh = packet('10.1.1.1', '198.51.100.1', 'tcp/22');

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
  expect(answer.trace.map((step) => `${step.tier} ${step.policy} ${step.outcome}`)).toEqual([
    't1 GlobalNetworkPolicy/other no match',
    't1 null end of tier: Pass',
    'default GlobalNetworkPolicy/logged matched Log',
    'default GlobalNetworkPolicy/logged no match',
    'default GlobalNetworkPolicy/closing matched Deny',
  ]);
});
