import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource, SpecByKind } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import { codes, eth0, facts, node, policy, resolve, router } from './policy.fixture.ts';
import type { InterfaceFacts } from './policy-intent.ts';

const open = { ...router, spec: { ...router.spec, forwarding: { defaultAction: 'Allow' } } } as AnyResource;
const wild = resource('HostEndpoint', 'w', { node: 'r1', interfaceName: '*' }, { role: 'x' });
/** Policy that lets everything through in both directions and stages, so that nothing else is amiss. */
const both = { types: ['Ingress', 'Egress'], applyOnForward: true } as const;
const allow = { action: 'Allow' } as const;
const openPolicy = policy('open', { ...both, ingress: [allow], egress: [allow] });

function hep(spec: Partial<SpecByKind['HostEndpoint']>, name = 'h'): AnyResource {
  return resource('HostEndpoint', name, { node: 'r1', interfaceName: 'eth0', ...spec }, { role: 'x' });
}

type Row = [title: string, resources: AnyResource[], expected: string[], interfaces?: InterfaceFacts[]];
const check = (_title: string, resources: AnyResource[], expected: string[], interfaces: InterfaceFacts[] = []) =>
  expect(codes(resolve(resources, interfaces).warnings)).toEqual(expected);

describe('endpoints that cut the router off', () => {
  it.each<Row>([
    ['one that nothing opens', [router, eth0], ['endpoint-cuts-local-traffic']],
    ['one that a profile opens', [router, hep({ profiles: ['projectcalico-default-allow'] })], []],
    ['one that is judged both ways', [node, eth0, openPolicy], []],
    [
      'a Calico host’s that is judged in one direction, which leaves the other to no profile',
      [node, eth0, policy('p', { applyOnForward: true, ingress: [allow] })],
      ['endpoint-cuts-one-way'],
    ],
    [
      'the same with a profile',
      [
        node,
        hep({ profiles: ['projectcalico-default-allow'] }),
        policy('p', { applyOnForward: true, ingress: [allow] }),
      ],
      [],
    ],
    ['a Router’s, which is closed by design', [router, eth0, policy('p', { ingress: [allow] })], []],
    ['a profile that does not exist', [router, hep({ profiles: ['gone'] }), openPolicy], ['missing-profile']],
    ['a tier that does not exist', [router, eth0, policy('p', { ...both, tier: 'gone' })], ['missing-tier']],
    [
      'an Attachment’s on an interface of workloads',
      [
        router,
        resource('Site', 's', { type: 'vpc' }),
        resource('Attachment', 'a', { router: 'r1', site: 's', link: { interface: { name: 'cali1' } } }),
      ],
      ['idle-endpoint'],
    ],
    ['several on one interface', [router, eth0, hep({}, 'h1'), openPolicy], ['shadowed-endpoint']],
  ])('%s', check);
});

describe('policy that does not judge what passes through', () => {
  const local = policy('p', { types: ['Ingress', 'Egress'], ingress: [allow], egress: [allow] });
  const far = (direction: 'ingress' | 'egress', side: 'source' | 'destination') =>
    policy('p', { [direction]: [{ action: 'Allow', [side]: { nets: ['10.9.0.0/16'] } }] });
  it.each<Row>([
    ['where forwarding is open', [open, eth0, local], ['not-applied-on-forward']],
    ['on a Calico Node alone, where it always is', [node, eth0, local], ['not-applied-on-forward']],
    ['where forwarding is closed: how a router’s own management is written', [router, eth0, local], []],
    [
      'and yet speaks of what lies behind: in',
      [router, eth0, far('ingress', 'destination')],
      ['not-applied-on-forward'],
    ],
    ['and yet speaks of what lies behind: out', [router, eth0, far('egress', 'source')], ['not-applied-on-forward']],
    ['and speaks of the near side', [router, eth0, far('ingress', 'source')], []],
    ['but is for early stages', [open, eth0, policy('p', { applyOnForward: true, doNotTrack: true }), openPolicy], []],
    ['but also does', [open, eth0, openPolicy], []],
  ])('%s', check);
});

describe('neighbour discovery', () => {
  const v6 = [facts('eth0', 'fd00::1/64')];
  const icmp = { action: 'Allow', protocol: 'ICMPv6' } as const;
  const web = { action: 'Allow', protocol: 'TCP' } as const;
  const denied = ['neighbor-discovery-denied'];
  const only = (ingress: Rule[], egress: Rule[]) => [node, eth0, policy('p', { ...both, ingress, egress })];
  it.each<Row>([
    ['is cut where no rule allows it', only([web], [web]), denied, v6],
    ['is cut where only one way is open', only([icmp], [web]), denied, v6],
    ['is cut where one of its two halves is', only([{ ...icmp, icmp: { type: 135 } }], [icmp]), denied, v6],
    ['is cut by a Deny before the Allow', only([{ ...icmp, action: 'Deny' }, icmp], [icmp]), denied, v6],
    ['is not cut where both ways are open', only([icmp], [icmp]), [], v6],
    [
      'is cut where it is let in from labels alone, which link-local addresses have not',
      only([{ ...icmp, source: { selector: 'has(a)' } }], [icmp]),
      denied,
      v6,
    ],
    [
      'is cut by rules that only let ports pass',
      only([{ action: 'Allow', destination: { ports: ['http'] } }], [icmp]),
      denied,
      v6,
    ],
    [
      'is not cut where it is kept from labels alone',
      only([{ ...icmp, source: { notSelector: 'has(a)' } }], [icmp]),
      [],
      v6,
    ],
    ['is not cut without IPv6', only([web], [web]), [], [facts('eth0', '10.0.0.1/24')]],
    ['is not cut by an endpoint of another interface', only([web], [web]), [], [facts('eth1', 'fd00::1/64')]],
    ['is exempt on a Router', [router, eth0, policy('p', { ...both, ingress: [web], egress: [web] })], [], v6],
    [
      'is not cut by a tier that passes to one that allows it',
      [
        node,
        eth0,
        resource('Tier', 't', { order: 1, defaultAction: 'Pass' }),
        policy('first', { ...both, tier: 't', ingress: [web], egress: [web] }),
        openPolicy,
      ],
      [],
      v6,
    ],
    ['is not cut by a profile that allows it', [node, hep({ profiles: ['projectcalico-default-allow'] })], [], v6],
  ])('%s', check);
});

describe('loopback under a wildcard endpoint', () => {
  const lo = { nets: ['127.0.0.0/8'] };
  const lo6 = { nets: ['::1/128'] };
  const rules = (...sides: NonNullable<Rule['source']>[]): Rule[] =>
    sides.map((side) => ({ action: 'Allow', source: side, destination: side }));
  it.each<Row>([
    ['is cut by policy for services', [node, wild, policy('p', { ...both, ingress: [allow] })], ['loopback-denied']],
    [
      'is cut for IPv6 when opened for IPv4 alone',
      [node, wild, policy('p', { ...both, ingress: rules(lo), egress: rules(lo) })],
      ['loopback-denied'],
    ],
    ['is open when said', [node, wild, policy('p', { ...both, ingress: rules(lo, lo6), egress: rules(lo, lo6) })], []],
    ['is open where all is', [node, wild, openPolicy], []],
    ['is exempt on a Router', [router, wild, policy('p', { ...both, ingress: [allow] })], []],
  ])('%s', check);
});

describe('protocols that no failsafe covers', () => {
  const protocol = (number: number): Rule => ({ action: 'Allow', protocol: number });
  const way = (ingress: Rule[], egress: Rule[]) => [router, eth0, policy('p', { ...both, ingress, egress })];
  const tunnel = (name: string) => [facts('eth0', '10.0.0.1/24'), facts(name)];
  it.each<Row>([
    ['OSPF that is let in and not out', way([protocol(89)], []), ['one-way-protocol']],
    ['ESP that is let out and not in', way([], [protocol(50)]), ['one-way-protocol']],
    ['VRRP both ways', way([protocol(112)], [protocol(112)]), []],
    ['IPsec that an interface shows', way([], []), ['tunnel-denied'], tunnel('vti1')],
    ['GRE that an interface shows', way([], []), ['tunnel-denied'], tunnel('gre1')],
    ['VRRP that an interface shows', way([], []), ['tunnel-denied'], tunnel('vrrp51')],
    ['the kernel’s own fallback devices show nothing', way([], []), [], tunnel('gre0')],
    ['GRE that is allowed', way([protocol(47)], [protocol(47)]), [], tunnel('gre1')],
  ])('%s', check);
});

describe('rules and endpoints that mean something else than they seem to', () => {
  const rule = (more: Partial<Rule>) => [
    router,
    eth0,
    policy('p', { ...both, ingress: [{ action: 'Allow', ...more }], egress: [allow] }),
  ];
  const negative = policy('p', { ...both, namespaceSelector: 'env != "prod"' });
  const bare = hep({ profiles: ['projectcalico-default-allow'] });
  const means = (selector: string) => policy('q', { ...both, ingress: [{ action: 'Allow', source: { selector } }] });
  it.each<Row>([
    ['notICMP with type and code', rule({ protocol: 'ICMP', notICMP: { type: 8, code: 0 } }), ['not-icmp']],
    ['notICMP without protocol', rule({ notICMP: { type: 8 } }), ['not-icmp']],
    ['notICMP with type alone, as everywhere', rule({ protocol: 'ICMP', notICMP: { type: 8 } }), []],
    [
      'a Deny of all but some IPv4 nets, which lets IPv6 pass',
      rule({ action: 'Deny', source: { notNets: ['10.0.0.0/8'] } }),
      ['one-family'],
    ],
    ['the same where it is said', rule({ action: 'Deny', ipVersion: 4, source: { notNets: ['10.0.0.0/8'] } }), []],
    ['an Allow of all but some IPv4 nets', rule({ source: { notNets: ['10.0.0.0/8'] } }), []],
    ['UDPLite, which the kernel calls invalid', rule({ protocol: 'UDPLite' }), ['udplite-invalid']],
    [
      'UDPLite where invalid packets are not dropped',
      [...rule({ protocol: 136 }), resource('FelixConfiguration', 'default', { disableConntrackInvalidCheck: true })],
      [],
    ],
    [
      'preDNAT policy on a wildcard endpoint beside another one',
      [router, wild, eth0, policy('pre', { applyOnForward: true, preDNAT: true, selector: 'role == "x"' }), openPolicy],
      ['prednat-on-wildcard'],
    ],
    [
      'preDNAT policy on both',
      [router, wild, eth0, policy('pre', { applyOnForward: true, preDNAT: true }), openPolicy],
      [],
    ],
    ...(['preDNAT', 'doNotTrack'] as const).map(
      (early): Row => [
        `${early} policy that denies a failsafe port`,
        [
          router,
          eth0,
          policy('pre', {
            applyOnForward: true,
            [early]: true,
            ingress: [{ action: 'Deny', protocol: 'TCP', destination: { ports: ['20:23'] } }],
          }),
          openPolicy,
        ],
        ['failsafe-before-deny'],
      ],
    ),
    ['a negative namespaceSelector', [router, eth0, negative], ['negative-namespace-selector']],
    [
      'doNotTrack on a wildcard endpoint',
      [router, wild, policy('u', { applyOnForward: true, doNotTrack: true }), openPolicy],
      ['untracked-on-wildcard'],
    ],
    [
      'named ports without addresses',
      [
        router,
        hep({ profiles: ['projectcalico-default-allow'], ports: [{ name: 'http', protocol: 'TCP', port: 80 }] }),
      ],
      ['invisible-ports'],
    ],
    [
      'an annotation for DSCP',
      [
        router,
        {
          ...bare,
          metadata: { ...bare.metadata, annotations: { 'qos.projectcalico.org/dscp': 'EF' } },
        } as AnyResource,
      ],
      ['idle-annotation'],
    ],
    ['a rule that means an endpoint without addresses', [router, bare, means('role == "x"')], ['invisible-endpoint']],
    ['a rule that means nobody in particular', [router, bare, means('!has(y)')], []],
    ['a rule that means another one', [router, bare, means('role == "y"')], []],
  ])('%s', check);
});

it('a failsafe that stays open before a Deny is named with whom it is open to', () => {
  const bgp = { action: 'Deny', protocol: 'TCP', destination: { ports: [179] } } as const;
  const early = policy('pre', { applyOnForward: true, preDNAT: true, ingress: [bgp] });
  const { warnings } = resolve([router, eth0, early]);
  expect(warnings.find(({ code }) => code === 'failsafe-before-deny')?.message).toMatch(
    /^tcp\/179 from 192\.0\.2\.9\/32 \(and 1 more like it\) is a failsafe, /,
  );
});
