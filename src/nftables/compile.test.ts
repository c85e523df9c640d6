import { describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { endpoint, policyIntent, profile, rules, tier } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { printClass } from './keys.ts';
import { mapElementTexts, printRuleset } from './print.ts';
import { printRule } from './print-rule.ts';
import type { Ruleset } from './ruleset.ts';

/** Hashes are for the kernel; here names end before them. */
function plain(text: string): string {
  return text.replace(/-(?!interfaces|prerouting)[a-z2-7]{10}\b/g, '').replace(/-([sdpqt46]+)-[a-z2-7]{6}\b/g, '-$1');
}

function chain(ruleset: Ruleset, name: string): readonly string[] {
  const found = [...ruleset.chains.values()].filter((candidate) => plain(candidate.name) === name);
  if (found.length !== 1) throw new Error(`${found.length} chains ${name} in ${[...ruleset.chains.keys()].map(plain)}`);
  return found.flatMap(({ rules: list }) => list.map(printRule).map(plain));
}

function map(ruleset: Ruleset, name: string): readonly string[] {
  const found = [...ruleset.maps.values()].filter((candidate) => plain(candidate.name) === name);
  if (found.length !== 1) throw new Error(`${found.length} maps ${name} in ${[...ruleset.maps.keys()].map(plain)}`);
  return found.flatMap((candidate) => mapElementTexts(candidate).map(plain));
}

const ports = (first: number, last = first) => ({ ports: { ranges: [{ first, last }], portSets: [] } });

/** One policy on eth0 in the places named. */
function onEth0(
  by: Parameters<typeof rules>[2],
  stages: readonly ('untracked' | 'preDNAT' | 'normal' | 'forward')[],
  more: Partial<PolicyIntent> = {},
): Ruleset {
  const stage = { ingress: [tier('default', 'Deny', 'a')], egress: [] };
  const tiers = Object.fromEntries(stages.map((name) => [name, stage]));
  const policies = new Map([rules('a', 'default', by)]);
  return compileRuleset(policyIntent({ endpoints: [endpoint('eth0', ['eth0'], tiers)], policies, ...more }));
}

describe('hooks', () => {
  const hooks = (ruleset: Ruleset): readonly string[] =>
    [...ruleset.chains.values()].filter(({ base }) => base).map(({ name }) => name);
  const local = ['filter-forward', 'filter-input', 'filter-output', 'mangle-postrouting'];

  it('are none where there is nothing to enforce', () => {
    expect(hooks(compileRuleset(policyIntent({})))).toEqual([]);
  });

  it('are only forward where a router merely denies by default', () => {
    const ruleset = compileRuleset(policyIntent({ forwardDefault: 'Deny' }));
    expect(hooks(ruleset)).toEqual(['filter-forward']);
    expect(chain(ruleset, 'filter-forward')).toEqual([
      'ct state vmap { established : accept, related : accept }',
      'meta mark set meta mark & 0xfeffffff',
      'meta mark & 0x01000000 == 0 counter goto forward-default-deny comment "Router forwarding.defaultAction Deny"',
    ]);
  });

  it('before routing exist only with policy for them', () => {
    expect(hooks(onEth0({ ingress: [['Allow']] }, ['normal']))).toEqual(local);
    const early = hooks(onEth0({ ingress: [['Allow']] }, ['untracked', 'preDNAT']));
    expect(early.toSorted()).toEqual([...local, 'mangle-prerouting', 'raw-prerouting'].sort());
  });

  it('accept established packets before anything else', () => {
    const ruleset = onEth0({ ingress: [['Allow']] }, ['normal', 'forward', 'preDNAT']);
    for (const name of ['filter-input', 'filter-forward', 'filter-output', 'mangle-prerouting']) {
      expect(chain(ruleset, name)[0]).toBe('ct state vmap { established : accept, related : accept }');
    }
  });

  it('look at local packets again after routing only if their destination changed', () => {
    const ruleset = onEth0({ ingress: [['Allow']] }, ['normal']);
    expect(chain(ruleset, 'filter-output')).toContain(
      'ct status & dnat == dnat accept comment "destination changed: evaluated in postrouting"',
    );
    expect(chain(ruleset, 'mangle-postrouting')).toEqual([
      'ct status & dnat != dnat accept',
      'ct state vmap { established : accept, related : accept, untracked : accept, invalid : accept }',
      'meta mark & 0x02000000 != 0 accept',
      'oifname vmap @local-dnat-interfaces',
    ]);
  });
});

describe('what an Allow does', () => {
  it.each([
    ['untracked', 'untracked-in', 'notrack meta mark set meta mark | 0x01000000 accept'],
    ['preDNAT', 'prednat', 'meta mark set meta mark | 0x01000000 accept'],
    ['normal', 'local-in', 'accept'],
    ['forward', 'forward-in', 'meta mark set meta mark | 0x01000000 return'],
  ] as const)('in %s', (stage, place, words) => {
    expect(chain(onEth0({ ingress: [['Allow']] }, [stage]), `${place}-tier-default`)[0]).toBe(
      `counter ${words} comment "GlobalNetworkPolicy/a ingress[0]"`,
    );
  });

  it('is honoured by later hooks', () => {
    const marked = 'meta mark & 0x01000000 != 0 counter accept comment "allowed in an earlier stage"';
    expect(chain(onEth0({ ingress: [['Allow']] }, ['preDNAT']), 'filter-input')).toContain(marked);
    expect(chain(onEth0({ ingress: [['Allow']] }, ['normal']), 'filter-input')).not.toContain(marked);
    const forward = chain(onEth0({ ingress: [['Allow']] }, ['preDNAT', 'forward']), 'filter-forward');
    expect(forward).toContain('meta mark & 0x01000000 == 0 jump forward-in');
    expect(forward).toContain('jump forward-out');
  });
});

describe('the end of a tier', () => {
  it.each([
    ['untracked', 'untracked-in', []],
    ['preDNAT', 'prednat', []],
    ['normal', 'local-in', ['counter goto local-in-deny comment "Tier/default end of tier"']],
    ['forward', 'forward-in', ['counter goto forward-in-deny comment "Tier/default end of tier"']],
  ] as const)('in %s', (stage, place, end) => {
    const ruleset = onEth0({ ingress: [['Pass', { protocol: 6 }]] }, [stage], { denyVerdict: 'reject' });
    expect(chain(ruleset, `${place}-tier-default`).slice(1)).toEqual(end);
  });

  it('is followed by the next tier, by profiles, and by a denial', () => {
    const stage = { ingress: [tier('first', 'Pass', 'a'), tier('second', 'Pass', 'a')], egress: [] };
    const ruleset = compileRuleset(
      policyIntent({
        endpoints: [endpoint('eth0', ['eth0'], { normal: stage, forward: stage }, ['known', 'missing', 'never'])],
        policies: new Map([rules('a', 'first', { ingress: [['Allow', { protocol: 6 }]] })]),
        profiles: new Map([profile('known', { ingress: [['Allow']] })]),
      }),
    );
    expect(chain(ruleset, 'local-in-ep-eth0')).toEqual([
      'jump local-in-head',
      'jump local-in-tier-first',
      'jump local-in-tier-second',
      'jump local-in-profile-known',
      'counter goto local-in-deny comment "Profile/missing does not exist"',
    ]);
    expect(chain(ruleset, 'forward-in-ep-eth0')).toEqual([
      'jump forward-in-head',
      'jump forward-in-tier-first',
      'meta mark & 0x01000000 != 0 return',
      'jump forward-in-tier-second',
    ]);
  });
});

describe('interfaces', () => {
  const stage = { ingress: [tier('default', 'Deny', 'a')], egress: [] };
  const policies = new Map([rules('a', 'default', { ingress: [['Allow']] })]);

  it('of an endpoint never come under the wildcard, even where their own has no policy', () => {
    const endpoints = [endpoint('own', ['eth0', 'lan0']), endpoint('rest', '*', { preDNAT: stage })];
    const ruleset = compileRuleset(policyIntent({ endpoints, policies }));
    expect(map(ruleset, 'prednat-interfaces')).toEqual(['"eth0" counter : return', '"lan0" counter : return']);
    expect(chain(ruleset, 'mangle-prerouting').at(-1)).toBe('goto prednat-ep-rest');
  });

  it('leave loopback alone on a router', () => {
    const endpoints = [endpoint('rest', '*')];
    const router = compileRuleset(policyIntent({ endpoints, exemptsLoopback: true }));
    expect(map(router, 'local-in-interfaces')).toEqual(['"lo" counter : return']);
    expect([...compileRuleset(policyIntent({ endpoints })).maps.keys()]).toEqual([]);
  });

  it('with equal tiers share chains', () => {
    const endpoints = ['a', 'b', 'c'].map((name) => endpoint(name, [name], { normal: stage, forward: stage }));
    const ruleset = compileRuleset(policyIntent({ endpoints, policies }));
    expect(map(ruleset, 'forward-in-interfaces')).toEqual(
      ['a', 'b', 'c'].map((name) => `"${name}" counter : goto forward-in-ep-a`),
    );
  });
});

describe('exemptions', () => {
  const failsafes: PolicyIntent['failsafes'] = {
    inbound: [
      { protocol: 6, port: 22 },
      { protocol: 6, port: 179, net: prefix('10.0.0.0/8'), interfaces: ['eth0', 'eth1'] },
    ],
    outbound: [{ protocol: 17, port: 53 }],
  };

  it('come before the tiers, invalid packets before failsafes', () => {
    const more = { failsafes, exemptsNeighborDiscovery: true };
    expect(chain(onEth0({ ingress: [['Allow']] }, ['normal'], more), 'local-in-head')).toEqual([
      'icmpv6 type 133-137 counter accept comment "neighbor discovery"',
      'ct state invalid counter goto local-in-invalid comment "conntrack state invalid"',
      'meta l4proto . th dport vmap @local-in-failsafes-inbound-port',
      'iifname . ip saddr . meta l4proto . th dport vmap @local-in-failsafes-inbound-v4-interface-port',
    ]);
  });

  it('let replies to failsafes stay tracked', () => {
    expect(chain(onEth0({ ingress: [['Allow']] }, ['untracked'], { failsafes }), 'untracked-in-head')).toContain(
      'meta l4proto . th sport vmap @untracked-in-failsafes-outbound-replies-port',
    );
  });

  it('are none for forwarded packets, but invalid ones are denied even without forward policy', () => {
    const ruleset = onEth0({ ingress: [['Allow']] }, ['normal'], { failsafes });
    expect(chain(ruleset, 'forward-in-ep-eth0')).toEqual(['jump forward-in-head']);
    expect(chain(ruleset, 'forward-in-head')).toEqual([
      'ct state invalid counter goto forward-in-invalid comment "conntrack state invalid"',
    ]);
    const lenient = onEth0({ ingress: [['Allow']] }, ['normal'], { dropsInvalid: false });
    expect([...lenient.chains.keys()].filter((name) => name.startsWith('forward-'))).toEqual([]);
  });
});

describe('rules', () => {
  const addressSets: PolicyIntent['addressSets'] = new Map([
    ['s:web', { id: 's:web', selector: "app == 'web'", members: new Map() }],
  ]);
  const portSets: PolicyIntent['portSets'] = new Map([
    ['p:http', { id: 'p:http', selector: 'http', members: new Map() }],
  ]);
  const inSet = { addressSet: 's:web' };

  it('become elements of one map, whatever policy they come from', () => {
    const stage = { ingress: [tier('default', 'Deny', 'a', 'b')], egress: [] };
    const from = (net: string) => ({ nets: [prefix(net)] });
    const ruleset = compileRuleset(
      policyIntent({
        endpoints: [endpoint('eth0', ['eth0'], { normal: stage })],
        policies: new Map([
          rules('a', 'default', {
            ingress: [['Allow', { families: [4], protocol: 6, source: from('10.0.0.0/8'), destination: ports(80) }]],
          }),
          rules('b', 'default', {
            ingress: [['Deny', { families: [4], protocol: 17, source: from('10.0.0.0/8'), destination: ports(1, 99) }]],
          }),
        ]),
      }),
    );
    expect(chain(ruleset, 'local-in-tier-default-v4')[0]).toBe(
      'ip saddr . meta l4proto . th dport vmap @local-in-tier-default-v4-s4pt',
    );
    expect(map(ruleset, 'local-in-tier-default-v4-s4pt')).toEqual([
      '10.0.0.0/8 . 17 . 1-99 counter comment "GlobalNetworkPolicy/b ingress[0]" : goto local-in-deny',
      '10.0.0.0/8 . 6 . 80 counter comment "GlobalNetworkPolicy/a ingress[0]" : accept',
    ]);
  });

  it('with a selector look in both its sets; with a negated one in neither', () => {
    const positive = onEth0({ ingress: [['Allow', { families: [4], source: inSet }]] }, ['normal'], { addressSets });
    const allow = 'counter accept comment "GlobalNetworkPolicy/a ingress[0]"';
    expect(chain(positive, 'local-in-tier-default-v4')).toEqual([
      `ip saddr @s4h-web ${allow}`,
      `ip saddr @s4p-web ${allow}`,
      'counter goto local-in-deny comment "Tier/default end of tier"',
    ]);
    const negative = { destination: { notAddressSet: 's:web' }, families: [4 as const] };
    expect(
      chain(onEth0({ ingress: [['Allow', negative]] }, ['normal'], { addressSets }), 'local-in-tier-default-v4')[0],
    ).toBe(`ip daddr != @s4h-web ip daddr != @s4p-web ${allow}`);
  });

  it('with several selectors are dispatched by the class of the address, which finds the rest of the list there', () => {
    const ids = ['s:a', 's:b', 's:c', 's:d'];
    const sets = new Map(
      ids.map((id, i) => {
        const texts = [`10.0.0.${i}/32`, '10.0.0.9/32', ...(id === 's:d' ? ['10.0.0.0/29'] : [])];
        return [id, { id, selector: id, members: new Map(texts.map((text) => [text, prefix(text)])) }] as const;
      }),
    );
    const from = (addressSet: string) => ({ families: [4 as const], source: { addressSet } });
    const ruleset = onEth0(
      {
        ingress: [
          ['Allow', from('s:a')],
          ['Deny', from('s:b')],
          ['Pass', from('s:c')],
          ['Allow', { protocol: 6 }],
          ['Allow', from('s:d')],
        ],
      },
      ['forward'],
      { addressSets: sets },
    );
    const tcp =
      'meta l4proto 6 counter meta mark set meta mark | 0x01000000 return comment "GlobalNetworkPolicy/a ingress[3]"';
    const end = 'counter goto forward-in-deny comment "Tier/default end of tier"';
    const lookup = 'meta priority vmap @forward-in-tier-default-v4-from';
    expect(chain(ruleset, 'forward-in-tier-default-v4')).toEqual([
      `meta priority set ip saddr map @classes-v4-hosts ${lookup}`,
      `meta priority set ip saddr map @classes-v4-prefixes ${lookup}`,
      'meta priority set none',
      tcp,
      end,
    ]);
    const verdicts = map(ruleset, 'forward-in-tier-default-v4-from');
    const chainOf = (address: string) => {
      const number = [...ruleset.classes.values()].flatMap(({ classes }) => classes.get(address) ?? [])[0] ?? 0;
      const element = verdicts.find((text) => text.startsWith(`${printClass(number)} : goto `));
      return chain(ruleset, element?.split(' ').at(-1) ?? '');
    };
    const rulesAt = (address: string) => chainOf(address).map((rule) => /comment ".*? (.*)"/.exec(rule)?.[1]);
    const tail = ['ingress[3]', 'end of tier'];
    expect(chainOf('10.0.0.1')[0]).toBe('meta priority set none');
    // 10.0.0.0/29 has the first four, whose own rule leaves the last nothing; 10.0.0.9 has all selectors.
    expect(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.9'].map((text) => rulesAt(text)[1])).toEqual(
      [0, 1, 2, 4, 0].map((index) => `ingress[${index}]`),
    );
    expect(rulesAt('10.0.0.0-10.0.0.7')).toEqual([undefined, 'ingress[4]', ...tail]);
    expect(ruleset.sets.size).toBe(0);
  });

  it('with a named port ask for address, protocol and port together', () => {
    const named = { destination: { ports: { ranges: [], portSets: ['p:http'] } }, families: [6 as const], protocol: 6 };
    expect(chain(onEth0({ ingress: [['Allow', named]] }, ['normal'], { portSets }), 'local-in-tier-default')[1]).toBe(
      'meta l4proto 6 ip6 daddr . meta l4proto . th dport @ports6-http counter accept comment "GlobalNetworkPolicy/a ingress[0]"',
    );
  });

  it('not for an ICMP type and code mean both together, and any other protocol', () => {
    const rule = { notIcmp: { type: 3, code: 1 }, families: [4 as const] };
    const deny = 'counter goto local-in-deny comment "GlobalNetworkPolicy/a ingress[0]"';
    const listed = chain(onEth0({ ingress: [['Deny', rule]] }, ['normal']), 'local-in-tier-default-v4');
    expect(listed).toContain('meta l4proto vmap @local-in-tier-default-v4-p');
    expect(listed).toContain(`meta l4proto 1 icmp type != 3 ${deny}`);
    expect(listed).toContain(`meta l4proto 1 icmp type 3 icmp code != 1 ${deny}`);
  });

  it('for all protocols never depend on a port', () => {
    const listed = chain(
      onEth0(
        {
          ingress: [
            ['Allow', { protocol: 6, destination: ports(80) }],
            ['Deny', { source: { nets: [prefix('10.0.0.0/8')] }, families: [4] }],
          ],
        },
        ['normal'],
      ),
      'local-in-tier-default-v4',
    );
    expect(listed).toEqual([
      'meta l4proto 6 th dport 80 counter accept comment "GlobalNetworkPolicy/a ingress[0]"',
      'ip saddr 10.0.0.0/8 counter goto local-in-deny comment "GlobalNetworkPolicy/a ingress[1]"',
      'counter goto local-in-deny comment "Tier/default end of tier"',
    ]);
  });

  it('that log do so once, however many ways a packet meets them', () => {
    const listed = chain(
      onEth0({ ingress: [['Log', { source: inSet, families: [4] }]] }, ['normal'], { addressSets }),
      'local-in-tier-default-v4',
    );
    const log =
      'counter meta mark set meta mark | 0x04000000 limit rate 100/second burst 100 packets log prefix "calico-packet: " group 100 snaplen 128 comment "GlobalNetworkPolicy/a ingress[0]"';
    expect(listed.slice(0, 3)).toEqual([
      'meta mark set meta mark & 0xfbffffff',
      `meta mark & 0x04000000 == 0 ip saddr @s4h-web ${log}`,
      `meta mark & 0x04000000 == 0 ip saddr @s4p-web ${log}`,
    ]);
  });

  it('with too many combinations stay one rule', () => {
    const nets = Array.from({ length: 40 }, (_, i) => prefix(`10.${i}.0.0/16`));
    const rule = { families: [4 as const], source: { nets }, destination: { nets } };
    const ruleset = onEth0({ ingress: [['Allow', rule]] }, ['normal']);
    expect(chain(ruleset, 'local-in-tier-default-v4')[0]).toMatch(
      /^ip saddr \{ 10\.0\.0\.0\/16, .* \} ip daddr \{ .* \} counter accept/,
    );
  });
});

it('gives equal bytes for equal policy, whatever the order of maps', () => {
  const sets = ['10.0.0.1/32', '10.0.0.2/32', '10.2.0.0/16'].map((text) => [text, prefix(text)] as const);
  const build = (members: typeof sets): string => {
    const set = { id: 's:web', selector: 'x', members: new Map(members) };
    return printRuleset(
      onEth0({ ingress: [['Allow', { source: { addressSet: 's:web' } }]] }, ['normal'], {
        addressSets: new Map([['s:web', set]]),
      }),
    );
  };
  expect(build(sets)).toBe(build(sets.toReversed()));
});

describe('workloads under a wildcard endpoint', () => {
  const under = (workloads: PolicyIntent['workloads']): Ruleset =>
    compileRuleset(policyIntent({ endpoints: [endpoint('w', '*')], ...(workloads && { workloads }) }));
  const rulesOf = (ruleset: Ruleset, name: string) => chain(ruleset, name).filter((rule) => rule.includes('cali'));

  it('reach the host only to find it, are reached from it, and are forwarded as all others', () => {
    const ruleset = under({ prefixes: ['cali', 'a23456789012345'], toHost: 'drop' });
    expect(rulesOf(ruleset, 'filter-input')).toEqual(['iifname "cali*" goto workload-in']);
    expect(chain(ruleset, 'filter-input')).toContain('iifname "a23456789012345" goto workload-in');
    expect(chain(ruleset, 'workload-in')).toEqual([
      'icmpv6 type 130-133 accept comment "neighbor discovery"',
      'icmpv6 type 135-136 accept comment "neighbor discovery"',
      'counter goto workload-in-deny comment "FelixConfiguration defaultEndpointToHostAction Drop"',
    ]);
    const left = 'oifname "cali*" accept comment "workload interface: not under the wildcard endpoint"';
    expect(rulesOf(ruleset, 'filter-output')).toEqual([left]);
    expect(rulesOf(ruleset, 'mangle-postrouting')).toEqual([left]);
    expect(rulesOf(ruleset, 'filter-forward')).toEqual([]);
  });

  it('are left to others where Calico would return or accept', () => {
    expect(rulesOf(under({ prefixes: ['cali'], toHost: 'leave' }), 'filter-input')).toEqual([
      'iifname "cali*" accept comment "workload interface: not under the wildcard endpoint"',
    ]);
  });

  it('are as any other interface where nothing says so', () => {
    expect(rulesOf(under(undefined), 'filter-input')).toEqual([]);
  });
});
