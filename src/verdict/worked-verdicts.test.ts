import { describe, expect, it } from 'vitest';
import type { Direction, EndpointIntent, PolicyIntent, TierIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { explainPacket } from './explain-packet.ts';
import type { Packet } from './packet.ts';
import { calicoFailsafes, endpoint, packet, passage, policyIntent, profile, rules, tier } from './policy.fixture.ts';
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
    ['no endpoint: through', none, 'eth0 → eth1', web, 'accept', /Calico lets such packets pass/],
    ['bare endpoint: in', bare, 'eth0 → local', web, 'drop', /it has no profile/],
    ['bare endpoint: out', bare, 'local → eth0', web, 'drop', /it has no profile/],
    ['bare endpoint: through', bare, 'eth0 → eth1', web, 'accept', /Calico lets such packets pass/],
    ['open profile: in', open, 'eth0 → local', web, 'accept', /Profile allow-all ingress\[0\]: Allow/],
    ['open profile: out', open, 'local → eth0', web, 'accept', /Profile allow-all egress\[0\]: Allow/],
    ['open profile: through', open, 'eth0 → eth1', web, 'accept', /Calico lets such packets pass/],
    ['ingress policy: in, matched', normal, 'eth0 → local', web, 'accept', /allow-web ingress\[0\]/],
    ['ingress policy: in, not matched', normalOpen, 'eth0 → local', dns, 'drop', /end of tier default/],
    ['ingress policy: out, no profile', normal, 'local → eth0', web, 'drop', /it has no profile/],
    ['ingress policy: out, open profile', normalOpen, 'local → eth0', web, 'accept', /Profile allow-all/],
    ['ingress policy: through', normal, 'eth0 → eth1', dns, 'accept', /Calico lets such packets pass/],
    ['AoF ingress: through, not matched', forward, 'eth0 → eth1', dns, 'drop', /end of tier default/],
    ['AoF ingress: in, not matched', forward, 'eth0 → local', dns, 'drop', /end of tier default/],
    ['AoF ingress: through the other way', forward, 'eth1 → eth0', dns, 'accept', /Calico lets such packets pass/],
    ['early policy: in, not matched', early, 'eth0 → local', dns, 'drop', /it has no profile/],
    ['early policy: through, not matched', early, 'eth0 → eth1', dns, 'accept', /Calico lets such packets pass/],
    ['missing profile denies before the next', missing, 'eth0 → local', web, 'drop', /profile gone does not exist/],
  ])('%s', (_, policy, way, given, verdict, reason) => {
    const answer = explain(policy, way, given);
    expect(answer.verdict).toBe(verdict);
    expect(answer.reason).toMatch(reason);
  });
});
