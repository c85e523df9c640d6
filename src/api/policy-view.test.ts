import { describe, expect, it } from 'vitest';
import type { RouterIntent } from '../intent/router-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { endpoint, policyIntent, profile, rules, tier } from '../verdict/policy.fixture.ts';
import { policyView } from './policy-view.ts';

const web = { protocol: 6, destination: { ports: { ranges: [{ first: 80, last: 80 }], portSets: [] } } };
const intent = {
  policy: policyIntent({
    forwardDefault: 'Deny',
    addressSets: new Map([['s:1', { id: 's:1', selector: 'app == "web"', members: new Map() }]]),
    endpoints: [
      endpoint('a', ['eth0'], {
        preDNAT: { ingress: [tier('early', 'Deny', 'z-first')] },
        normal: { ingress: [tier('early', 'Pass', 'z-first'), tier('late', 'Deny', 'c', 'a')] },
      }),
      endpoint('b', '*', { forward: { egress: [tier('late', 'Deny', 'b', 'c')] } }, ['open']),
    ],
    policies: new Map([
      rules('a', 'late', { ingress: [['Deny']] }),
      rules('b', 'late', { egress: [['Allow', { families: [6], source: { addressSet: 's:1' } }]] }),
      rules('c', 'late', {
        ingress: [
          ['Allow', web],
          ['Log', { source: { notNets: [prefix('10.0.0.0/8')] } }],
        ],
      }),
      rules('z-first', 'early', { ingress: [['Pass', { icmp: { type: 8 }, protocol: 1 }]] }),
    ]),
    profiles: new Map([profile('open', { ingress: [['Allow']] })]),
  }),
} as unknown as RouterIntent;

const counters = new Map([
  ['GlobalNetworkPolicy/c ingress[0]', { packets: 3, bytes: 180 }],
  ['Tier/late end of tier', { packets: 2, bytes: 120 }],
  ['failsafe inbound', { packets: 1, bytes: 60 }],
]);

describe('policy as it stands', () => {
  const view = policyView(intent, counters);

  it('lists rules tier by tier and policy by policy in their order of evaluation, profiles last', () => {
    expect(view.rules.map(({ tier: name, rule, action, match }) => `${name} ${rule}: ${action} ${match}`)).toEqual([
      'early GlobalNetworkPolicy/z-first ingress[0]: Pass icmp, ICMP type 8',
      'late GlobalNetworkPolicy/b egress[0]: Allow IPv6, source app == "web"',
      'late GlobalNetworkPolicy/c ingress[0]: Allow tcp, destination port 80',
      'late GlobalNetworkPolicy/c ingress[1]: Log source not 10.0.0.0/8',
      'late GlobalNetworkPolicy/a ingress[0]: Deny any',
      'null Profile/open ingress[0]: Allow any',
    ]);
  });

  it('gives each rule its own counter, or null where the kernel has none for it', () => {
    const counted = view.rules.filter(({ counter }) => counter !== null);
    expect(counted.map(({ rule, counter }) => [rule, counter])).toEqual([
      ['GlobalNetworkPolicy/c ingress[0]', { packets: 3, bytes: 180 }],
    ]);
  });

  it('tells apart what decided without a rule', () => {
    expect(view.defaults.map(({ name, counter }) => `${name}: ${counter.packets}`)).toEqual([
      'Tier/late end of tier: 2',
      'failsafe inbound: 1',
    ]);
  });

  it('says for each endpoint what the end of a tier does, which is nothing before conntrack and NAT', () => {
    expect(
      view.endpoints[0]?.policies.map(({ stage, policy, endOfTier }) => `${stage} ${policy} ${endOfTier}`),
    ).toEqual([
      'preDNAT GlobalNetworkPolicy/z-first none',
      'normal GlobalNetworkPolicy/z-first Pass',
      'normal GlobalNetworkPolicy/c Deny',
      'normal GlobalNetworkPolicy/a Deny',
    ]);
  });
});
