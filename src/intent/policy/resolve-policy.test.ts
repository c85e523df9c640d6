import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../net/address.ts';
import { parseCidr, printPrefix } from '../../net/prefix.ts';
import type { GlobalNetworkPolicySpec } from '../../resources/global-network-policy.ts';
import type { AnyResource, Kind, Labels, SpecByKind } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { LabelIndex } from '../labels/label-index.ts';
import { resolveOwners } from '../labels/owners.ts';
import type { Warning } from '../router-intent.ts';
import { resolveTopology } from '../topology/resolve-topology.ts';
import type { InterfaceFacts, PolicyIntent, RuleIntent } from './policy-intent.ts';
import { resolvePolicy } from './resolve-policy.ts';

function resource<K extends Kind>(
  kind: K,
  name: string,
  spec: SpecByKind[K],
  labels: Labels = {},
  namespace?: string,
): AnyResource {
  const metadata = { name, labels, ...(namespace === undefined ? {} : { namespace }) };
  return { apiVersion: 'x/v1', kind, metadata, spec } as unknown as AnyResource;
}

const node = resource('Node', 'r1', {});
const router = resource('Router', 'r1', { asNumber: 64520 });
const eth0 = resource(
  'HostEndpoint',
  'h0',
  { node: 'r1', interfaceName: 'eth0', expectedIPs: ['10.0.0.1'] },
  { role: 'wan' },
);

function policy(name: string, spec: GlobalNetworkPolicySpec): AnyResource {
  return resource('GlobalNetworkPolicy', name, { selector: 'has(role)', ...spec });
}

function resolve(
  resources: readonly AnyResource[],
  interfaces?: readonly InterfaceFacts[],
): { policy: PolicyIntent; warnings: readonly Warning[]; index: LabelIndex } {
  const snapshot = makeSnapshot(resources);
  const topology = resolveTopology(snapshot, 'r1');
  const index = new LabelIndex();
  for (const owner of resolveOwners(snapshot)) index.setOwner(owner);
  const peers = [
    { address: address('192.0.2.9'), port: 179 },
    { address: address('2001:db8::9'), port: 1790 },
  ];
  return {
    ...resolvePolicy(snapshot, topology, index, interfaces ?? topology.interfaces, { listenPort: 179, peers }),
    index,
  };
}

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function codes(warnings: readonly Warning[]): string[] {
  return [...new Set(warnings.map(({ code }) => code))].sort();
}

function facts(name: string, ...addresses: string[]): InterfaceFacts {
  return { name, addresses: addresses.map((text) => parseCidr(text) ?? { address: address(text), length: 32 }) };
}

describe('which HostEndpoint guards which interface', () => {
  const interfaces = [
    facts('eth0', '10.0.0.1/24'),
    facts('eth1', '10.0.1.1/24', 'fd00:1::1/64'),
    facts('cali9', '10.9.0.1/32'),
    facts('kube-ipvs0', '10.8.0.1/32'),
  ];
  const hep = (name: string, interfaceName?: string, ...expectedIPs: string[]) =>
    resource('HostEndpoint', name, {
      node: 'r1',
      ...(interfaceName ? { interfaceName } : {}),
      expectedIPs,
      profiles: ['projectcalico-default-allow'],
    });
  it.each([
    ['by name', [hep('a', 'eth0')], { a: ['eth0'] }, []],
    ['by address, both families', [hep('a', undefined, 'fd00:1::1')], { a: ['eth1'] }, []],
    [
      'one address-based endpoint may win several',
      [hep('a', undefined, '10.0.0.1', '10.0.1.1')],
      { a: ['eth0', 'eth1'] },
      [],
    ],
    ['the smallest name wins', [hep('b', 'eth0'), hep('a', 'eth0')], { a: ['eth0'] }, ['shadowed-endpoint']],
    [
      'a name match has no priority',
      [hep('b', 'eth0'), hep('a', undefined, '10.0.0.1')],
      { a: ['eth0'] },
      ['shadowed-endpoint'],
    ],
    [
      'an endpoint that names an interface never matches by address',
      [hep('a', 'eth1', '10.0.0.1')],
      { a: ['eth1'] },
      [],
    ],
    ['the wildcard takes the rest', [hep('w', '*'), hep('x', 'eth0')], { w: '*', x: ['eth0'] }, []],
    ['of wildcards the smallest name', [hep('w2', '*'), hep('w1', '*')], { w1: '*' }, ['shadowed-endpoint']],
    ['an absent interface is guarded before it comes', [hep('a', 'eth7')], { a: ['eth7'] }, []],
    ['never a workload interface', [hep('a', 'cali9')], {}, ['idle-endpoint']],
    ['never an excluded one, by address either', [hep('a', undefined, '10.8.0.1')], {}, ['idle-endpoint']],
    ['no interface with the address', [hep('a', undefined, '10.7.0.1')], {}, ['idle-endpoint']],
  ])('%s', (_title, endpoints, expected, warned) => {
    const { policy: intent, warnings } = resolve([router, ...endpoints], interfaces);
    expect(Object.fromEntries(intent.endpoints.map(({ name, interfaces: won }) => [name, won]))).toEqual(expected);
    expect(codes(warnings)).toEqual(warned);
  });

  it('takes other nodes’ endpoints for theirs', () => {
    const other = resource('HostEndpoint', 'o', { node: 'R1', interfaceName: 'eth0' });
    expect(resolve([router, other], interfaces).policy.endpoints).toEqual([]);
  });

  it('lets a written endpoint win over the one an Attachment stands for, silently', () => {
    const site = resource('Site', 's', { type: 'vpc' });
    const attachment = resource('Attachment', 'a', { router: 'r1', site: 's', link: { interface: { name: 'eth0' } } });
    const generated = resolve([router, site, attachment]);
    expect(generated.policy.endpoints.map(({ name }) => name)).toEqual(['~a']);
    const written = resolve([router, site, attachment, hep('z', 'eth0')]);
    expect(written.policy.endpoints.map(({ name }) => name)).toEqual(['z']);
    expect(codes([...generated.warnings, ...written.warnings])).toEqual([]);
  });
});

it('warns when two Attachments share an interface: the labels of one are lost', () => {
  const sites = ['s1', 's2'].map((name) => resource('Site', name, { type: 'vpc' }));
  const attachments = ['a1', 'a2'].map((name, i) =>
    resource('Attachment', name, { router: 'r1', site: `s${i + 1}`, link: { interface: { name: 'eth0' } } }),
  );
  const { policy: intent, warnings } = resolve([router, ...sites, ...attachments]);
  expect(intent.endpoints.map(({ name }) => name)).toEqual(['~a1']);
  expect(codes(warnings)).toEqual(['shared-interface']);
});

describe('the order of evaluation', () => {
  const order = (...resources: AnyResource[]) =>
    resolve([router, eth0, ...resources]).policy.endpoints[0]?.tiers.normal.ingress.map(
      ({ name, defaultAction, policies }) =>
        `${name} ${defaultAction}: ${policies.map((id) => id.split('/')[1]).join(' ')}`,
    );
  const tier = (name: string, spec: SpecByKind['Tier']) => resource('Tier', name, spec);

  it('of tiers: by order, ties by name, no order last, missing ones after all under Deny', () => {
    expect(
      order(
        tier('zero', { order: 0, defaultAction: 'Pass' }),
        tier('b', { order: 5 }),
        tier('a', { order: 5 }),
        tier('nil', { defaultAction: 'Pass' }),
        tier('late', { order: 2_000_000 }),
        ...['zero', 'b', 'a', 'nil', 'late', 'gone', 'kube-admin', 'kube-baseline'].map((t) =>
          policy(`in-${t}`, { tier: t }),
        ),
        policy('plain', {}),
      ),
    ).toEqual([
      'zero Pass: in-zero',
      'a Deny: in-a',
      'b Deny: in-b',
      'kube-admin Pass: in-kube-admin',
      'default Deny: plain',
      'late Deny: in-late',
      'kube-baseline Pass: in-kube-baseline',
      'nil Pass: in-nil',
      'gone Deny: in-gone',
    ]);
  });

  it('of policies: by order, ties by name with the separator, so that a-b and a.b come before a', () => {
    const names = ['a', 'a-b', 'a.b', 'ab'].map((name) => policy(name, {}));
    const ordered = [
      policy('late', { order: 2 }),
      policy('half', { order: 0.5 }),
      policy('minus', { order: -1 }),
      policy('zero', { order: 0 }),
    ];
    expect(order(...names, ...ordered)).toEqual(['default Deny: minus zero half late a-b a.b a ab']);
  });

  it('skips tiers of staged policies only, NetworkPolicies and policies that select something else', () => {
    expect(
      order(
        resource('StagedGlobalNetworkPolicy', 's', { tier: 'default', selector: 'all()' }),
        resource('NetworkPolicy', 'n', { selector: 'all()' }, {}, 'default'),
        policy('other', { selector: 'role == "lan"' }),
        policy('workloads', { selector: '', namespaceSelector: 'all()' }),
      ),
    ).toEqual([]);
  });
});

describe('which endpoints a policy selects', () => {
  it.each<[GlobalNetworkPolicySpec, boolean]>([
    [{ selector: '' }, true],
    [{ selector: 'all()' }, true],
    [{ selector: 'role == "wan"' }, true],
    [{ selector: 'role == "lan"' }, false],
    [{ selector: '', namespaceSelector: 'env == "prod"' }, false],
    [{ selector: '', namespaceSelector: 'env != "prod"' }, true],
    [{ selector: 'all()', namespaceSelector: 'env != "prod"' }, false], // all() of the main selector needs a namespace too
    [{ selector: '', serviceAccountSelector: 'all()' }, false],
    [{ selector: 'role == "wan"', serviceAccountSelector: '!has(x)' }, true],
    [{ selector: 'all()', serviceAccountSelector: '!has(x)' }, false],
  ])('%j: %s', (spec, selects) => {
    const { policy: intent } = resolve([router, eth0, policy('p', spec)]);
    expect(intent.policies.has('GlobalNetworkPolicy/p')).toBe(selects);
  });
});

describe('stages and directions', () => {
  const stages = (spec: GlobalNetworkPolicySpec, interfaceName = 'eth0') => {
    const endpoint = resource('HostEndpoint', 'h', { node: 'r1', interfaceName }, { role: 'x' });
    const { policy: intent, warnings } = resolve([router, endpoint, policy('p', spec)]);
    const tiers = intent.endpoints[0]?.tiers;
    const found = Object.entries(tiers ?? {}).flatMap(([stage, { ingress, egress }]) => [
      ...(ingress.length > 0 ? [`${stage} in`] : []),
      ...(egress.length > 0 ? [`${stage} out`] : []),
    ]);
    return { found: found.sort(), warned: codes(warnings) };
  };
  const allow: Rule[] = [{ action: 'Allow' }];
  it.each<[string, GlobalNetworkPolicySpec, string[]]>([
    ['normal only', { ingress: allow }, ['normal in']],
    ['no rules at all means Ingress', {}, ['normal in']],
    ['egress rules alone mean Egress', { egress: allow }, ['normal out']],
    ['both', { ingress: allow, egress: allow }, ['normal in', 'normal out']],
    ['types win over rules', { types: ['Egress'], ingress: allow }, ['normal out']],
    [
      'applyOnForward joins normal and forward',
      { applyOnForward: true, types: ['Ingress', 'Egress'] },
      ['forward in', 'forward out', 'normal in', 'normal out'],
    ],
    ['preDNAT is ingress only', { applyOnForward: true, preDNAT: true, types: ['Ingress'] }, ['preDNAT in']],
    [
      'doNotTrack',
      { applyOnForward: true, doNotTrack: true, types: ['Ingress', 'Egress'] },
      ['untracked in', 'untracked out'],
    ],
  ])('%s', (_title, spec, expected) => {
    expect(stages(spec).found).toEqual(expected);
  });

  it('gives a wildcard endpoint no untracked policy, and says what that leaves open', () => {
    const { found, warned } = stages({ applyOnForward: true, doNotTrack: true }, '*');
    expect(found).toEqual([]);
    expect(warned).toContain('untracked-on-wildcard');
  });

  it('keeps no rules of a direction that is never evaluated', () => {
    const { policy: intent } = resolve([
      router,
      eth0,
      policy('p', { types: ['Egress'], ingress: [{ action: 'Allow', source: { selector: 'has(x)' } }] }),
    ]);
    expect(intent.policies.get('GlobalNetworkPolicy/p')?.ingress).toEqual([]);
    expect([...intent.addressSets]).toEqual([]);
  });
});

function rules(...ingress: Rule[]): { rules: readonly RuleIntent[]; warned: string[]; intent: PolicyIntent } {
  const { policy: intent, warnings } = resolve([router, eth0, policy('p', { applyOnForward: true, ingress })]);
  return { rules: intent.policies.get('GlobalNetworkPolicy/p')?.ingress ?? [], warned: codes(warnings), intent };
}

describe('the families a rule can match', () => {
  it.each<[string, Omit<Rule, 'action'>, number[]]>([
    ['nothing said', {}, [4, 6]],
    ['ipVersion', { ipVersion: 6 }, [6]],
    ['nets of one family', { source: { nets: ['10.0.0.0/8'] } }, [4]],
    ['only notNets of one family', { destination: { notNets: ['10.0.0.0/8'] } }, [4]],
    ['nets of both', { source: { nets: ['10.0.0.0/8', 'fd00::/8'] } }, [4, 6]],
    ['both sides together', { source: { nets: ['10.0.0.0/8', 'fd00::/8'] }, destination: { nets: ['fd00::/8'] } }, [6]],
    ['sides that contradict', { source: { nets: ['10.0.0.0/8'] }, destination: { nets: ['fd00::/8'] } }, []],
    ['a catch-all in a negated list', { source: { notNets: ['0.0.0.0/0', 'fd00::/8'] } }, [6]],
    ['ICMP by name', { protocol: 'ICMP' }, [4]],
    ['ICMPv6 by name', { protocol: 'ICMPv6' }, [6]],
    ['ICMP by number', { protocol: 1 }, [4, 6]],
    ['ICMP by number with a type', { protocol: 1, icmp: { type: 8 } }, [4]],
    ['ICMPv6 as numeric text with a type', { protocol: '58', icmp: { type: 128, code: 0 } }, [6]],
    ['ICMP against ipVersion 6', { protocol: 'ICMP', ipVersion: 6 }, []],
  ])('%s', (_title, rule, families) => {
    const found = rules({ action: 'Allow', ...rule });
    expect(found.rules[0]?.families ?? []).toEqual(families);
    expect(found.warned.includes('never-matches')).toBe(families.length === 0);
  });
});

describe('what a rule matches', () => {
  it('keeps its index and path when rules before it are left out', () => {
    const found = rules(
      { action: 'Allow', http: { methods: ['GET'] } },
      { action: 'Deny', protocol: 'TCP', destination: { ports: [80] } },
    );
    expect(found.rules).toHaveLength(1);
    expect(found.rules[0]).toMatchObject({ action: 'Deny', index: 1, path: ['spec', 'ingress', 1], protocol: 6 });
  });

  it('takes order-free ports and zero ICMP types as they are', () => {
    const found = rules(
      { action: 'Allow', protocol: 'UDP', source: { ports: ['5000:6000', 53] } },
      { action: 'Allow', protocol: 'ICMP', notICMP: { type: 0, code: 0 }, notProtocol: 'TCP' },
    );
    expect(found.rules[0]?.source.ports).toEqual({
      ranges: [
        { first: 53, last: 53 },
        { first: 5000, last: 6000 },
      ],
      portSets: [],
    });
    expect(found.rules[1]).toMatchObject({ notIcmp: { type: 0, code: 0 }, notProtocol: 6 });
  });

  it.each<[string, NonNullable<Rule['source']>, string | undefined, string | undefined]>([
    ['a selector', { selector: "a == 'b'" }, 'a == "b"', undefined],
    ['only notSelector', { notSelector: 'has(x)' }, undefined, 'has(x)'],
    ['both, as two terms', { selector: 'has(a)', notSelector: 'has(x)' }, 'has(a)', 'has(x)'],
    [
      'namespaces',
      { namespaceSelector: 'env == "prod"', selector: 'has(a)' },
      '(pcns.env == "prod" && has(a))',
      undefined,
    ],
    ['any namespace', { namespaceSelector: 'all()' }, 'has(projectcalico.org/namespace)', undefined],
    [
      'no namespace',
      { namespaceSelector: ' global() ', selector: 'all()' },
      '(!has(projectcalico.org/namespace) && all())',
      undefined,
    ],
    [
      'service accounts by name',
      { serviceAccounts: { names: ['b', 'a', 'b'] } },
      'projectcalico.org/serviceaccount in {"a", "b"}',
      undefined,
    ],
    [
      'service accounts by label and name',
      { serviceAccounts: { names: ['a'], selector: 'role == "x"' } },
      '(projectcalico.org/serviceaccount in {"a"} && pcsa.role == "x")',
      undefined,
    ],
    ['nothing', { selector: '', serviceAccounts: {} }, undefined, undefined],
  ])('by %s', (_title, source, positive, negative) => {
    const {
      rules: [rule],
      intent,
    } = rules({ action: 'Allow', source });
    expect(intent.addressSets.get(rule?.source.addressSet ?? '')?.selector).toBe(positive);
    expect(intent.addressSets.get(rule?.source.notAddressSet ?? '')?.selector).toBe(negative);
  });

  it('shares one set between equal selectors, and finds named ports of the owners it selects', () => {
    const wep = (name: string, ip: string, app: string) =>
      resource(
        'WorkloadEndpoint',
        name,
        {
          ipNetworks: [`${ip}/32`],
          ports: [
            { name: 'http', protocol: 'TCP', port: 8080 },
            { name: 'http', protocol: 'UDP', port: 8081 },
          ],
        },
        { app },
        'ns',
      );
    const { policy: intent } = resolve([
      router,
      eth0,
      wep('w1', '10.1.0.1', 'a'),
      wep('w2', '10.1.0.2', 'b'),
      policy('p', {
        ingress: [
          { action: 'Allow', protocol: 'TCP', destination: { selector: "app=='a'", ports: ['http', 443] } },
          { action: 'Allow', destination: { selector: 'app == "a"', notPorts: ['http'] } },
          { action: 'Allow', destination: { ports: ['http'] } },
        ],
      }),
    ]);
    const [first, second, third] = intent.policies.get('GlobalNetworkPolicy/p')?.ingress ?? [];
    const members = (ids: readonly string[] | undefined) =>
      (ids ?? []).flatMap((id) => [...(intent.portSets.get(id)?.members.keys() ?? [])]).sort();
    expect(first?.destination.addressSet).toBe(second?.destination.addressSet);
    expect([...(intent.addressSets.get(first?.destination.addressSet ?? '')?.members.keys() ?? [])]).toEqual([
      '10.1.0.1/32',
    ]);
    expect(members(first?.destination.ports?.portSets)).toEqual(['10.1.0.1/32,6:8080']);
    expect(members(second?.destination.notPorts?.portSets)).toEqual(['10.1.0.1/32,17:8081', '10.1.0.1/32,6:8080']);
    expect(members(third?.destination.ports?.portSets)).toHaveLength(4);
  });
});

describe('what cannot be evaluated narrows access', () => {
  it.each<[string, Omit<Rule, 'action'>, string]>([
    ['http', { protocol: 'TCP', http: { methods: ['GET'] } }, 'http-unsupported'],
    ['services', { protocol: 'TCP', source: { services: { name: 's', namespace: 'n' } } }, 'services-unsupported'],
    ['a selector that does not parse', { protocol: 'TCP', source: { selector: 'a = b' } }, 'invalid-selector'],
    ['a notSelector that does not parse', { protocol: 'TCP', source: { notSelector: 'a = b' } }, 'invalid-selector'],
    ['a port without a protocol that has ports', { destination: { ports: [80] } }, 'invalid-port'],
    ['a port range upside down', { protocol: 'TCP', destination: { ports: ['http', '9:5'] } }, 'invalid-port'],
    ['a net that is none', { protocol: 'TCP', source: { nets: ['10.0.0.0/8', 'ten'] } }, 'invalid-net'],
  ])('%s', (_title, rule, code) => {
    const found = rules({ action: 'Allow', ...rule }, { action: 'Pass', ...rule }, { action: 'Deny', ...rule });
    expect(found.rules.map(({ action }) => action)).toEqual(['Deny']);
    expect(found.rules[0]).toMatchObject({ source: {}, destination: {} });
    expect(found.warned).toContain(code);
  });

  it('a policy whose selector does not parse selects everything with its Deny rules alone', () => {
    const { policy: intent, warnings } = resolve([
      router,
      eth0,
      policy('p', { selector: 'role = wan', ingress: [{ action: 'Allow' }, { action: 'Deny' }] }),
    ]);
    expect(intent.policies.get('GlobalNetworkPolicy/p')?.ingress.map(({ action }) => action)).toEqual(['Deny']);
    expect(codes(warnings)).toContain('invalid-selector');
  });
});

describe('profiles', () => {
  it('are inherited from for selection, built in, missing, or resolved as a policy is', () => {
    const endpoint = resource('HostEndpoint', 'h', {
      node: 'r1',
      interfaceName: 'eth0',
      profiles: ['mine', 'projectcalico-default-allow', 'gone'],
    });
    const mine = resource('Profile', 'mine', {
      labelsToApply: { role: 'inherited' },
      ingress: [{ action: 'Allow', source: { selector: 'has(x)' } }],
    });
    const { policy: intent, warnings } = resolve([router, endpoint, mine, policy('p', { applyOnForward: true })]);
    expect(intent.endpoints[0]?.tiers.normal.ingress[0]?.policies).toEqual(['GlobalNetworkPolicy/p']);
    expect([...intent.profiles.keys()]).toEqual(['mine', 'projectcalico-default-allow']);
    expect(intent.profiles.get('projectcalico-default-allow')).toMatchObject({
      tier: null,
      resource: undefined,
      egress: [{ action: 'Allow' }],
    });
    expect(intent.profiles.get('mine')?.ingress[0]?.source.addressSet).toMatch(/^s:/);
    expect(codes(warnings)).toEqual(['missing-profile']);
  });
});

describe('settings', () => {
  const failsafes = (intent: PolicyIntent, direction: 'inbound' | 'outbound') =>
    intent.failsafes[direction].map(({ protocol, port, net, interfaces }) =>
      [`${protocol}/${port}`, net && printPrefix(net), interfaces?.join('+')].filter(Boolean).join(' '),
    );
  const felix = (name: string, spec: SpecByKind['FelixConfiguration']) => resource('FelixConfiguration', name, spec);

  it('of a Node alone are Calico’s', () => {
    const { policy: intent } = resolve([node]);
    expect(intent).toMatchObject({
      forwardDefault: 'Allow',
      exemptsLoopback: false,
      exemptsNeighborDiscovery: false,
      dropsInvalid: true,
      denyVerdict: 'drop',
      logPrefix: 'calico-packet',
    });
    expect(failsafes(intent, 'inbound').join(' ')).toBe('6/22 6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667 17/68');
    expect(failsafes(intent, 'outbound').join(' ')).toBe('6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667 17/53 17/67');
  });

  it('of a Router are narrower: BGP to its peers, ssh as management says', () => {
    const managed = resource('Router', 'r1', {
      asNumber: 1,
      forwarding: { defaultAction: 'Allow' },
      management: { interfaces: ['mgmt0'], allowFrom: ['10.99.0.0/16', 'fd99::/16'] },
    });
    const { policy: intent } = resolve([managed, node]);
    expect(intent).toMatchObject({ forwardDefault: 'Allow', exemptsLoopback: true, exemptsNeighborDiscovery: true });
    expect(failsafes(intent, 'inbound')).toEqual([
      '6/22 10.99.0.0/16 mgmt0',
      '6/22 fd99::/16 mgmt0',
      '6/179 192.0.2.9/32',
      '6/179 2001:db8::9/128',
      '17/68',
    ]);
    expect(failsafes(intent, 'outbound')).toContain('6/1790 2001:db8::9/128');
    expect(failsafes(resolve([router]).policy, 'inbound')[0]).toBe('6/22');
    expect(resolve([router]).policy.forwardDefault).toBe('Deny');
  });

  it.each([
    ['nobody for an empty allowFrom', { allowFrom: [] }, ['6/179 192.0.2.9/32', '6/179 2001:db8::9/128', '17/68']],
    ['nowhere for empty interfaces', { interfaces: [] }, ['6/179 192.0.2.9/32', '6/179 2001:db8::9/128', '17/68']],
  ])('ssh: %s', (_title, management, expected) => {
    expect(failsafes(resolve([resource('Router', 'r1', { asNumber: 1, management })]).policy, 'inbound')).toEqual(
      expected,
    );
  });

  it('configured failsafes replace the list; a Router adds only the ssh its management asks for', () => {
    const ports = felix('default', {
      failsafeInboundHostPorts: [
        { port: 8443 },
        { protocol: 'sctp', port: 1, net: '10.0.0.0/8' },
        { protocol: 'ICMP', port: 1 },
      ],
    });
    const managed = resource('Router', 'r1', { asNumber: 1, management: { allowFrom: ['10.99.0.1'] } });
    expect(failsafes(resolve([router, ports]).policy, 'inbound')).toEqual(['6/8443', '132/1 10.0.0.0/8']);
    expect(failsafes(resolve([managed, ports]).policy, 'inbound')).toEqual([
      '6/22 10.99.0.1/32',
      '6/8443',
      '132/1 10.0.0.0/8',
    ]);
    expect(failsafes(resolve([node, felix('default', { failsafeInboundHostPorts: [] })]).policy, 'inbound')).toEqual(
      [],
    );
    expect(codes(resolve([router, ports]).warnings)).toEqual(['invalid-failsafe']);
  });

  it('of FelixConfiguration: the node’s own, then a matching selector’s, then the default, field by field', () => {
    const labelled = resource('Node', 'r1', {}, { rack: '1' });
    const { policy: intent } = resolve([
      labelled,
      felix('default', { logPrefix: 'd', disableConntrackInvalidCheck: true, nftablesFilterDenyAction: 'Reject' }),
      felix('b-scoped', { nodeSelector: 'rack == "1"', logPrefix: 's', disableConntrackInvalidCheck: false }),
      felix('other', { nodeSelector: 'rack == "2"', logPrefix: 'x' }),
      felix('node.r1', { logPrefix: 'n' }),
      felix('node.r2', { logPrefix: 'y' }),
    ]);
    expect(intent).toMatchObject({ logPrefix: 'n', dropsInvalid: true, denyVerdict: 'reject' });
  });
});

describe('traps', () => {
  const wild = resource('HostEndpoint', 'w', { node: 'r1', interfaceName: '*' }, { role: 'x' });
  it.each<[string, AnyResource[], InterfaceFacts[], string[]]>([
    ['an endpoint that nothing opens', [router, eth0], [], ['endpoint-cuts-local-traffic']],
    ['policy for the router itself alone', [router, eth0, policy('p', {})], [], ['not-applied-on-forward']],
    ['the same on a Calico host', [node, eth0, policy('p', {})], [], []],
    [
      'IPv6 without neighbour discovery',
      [node, eth0, policy('p', {})],
      [facts('eth0', 'fd00::1/64')],
      ['neighbor-discovery-denied'],
    ],
    [
      'IPv6 with it',
      [node, eth0, policy('p', { ingress: [{ action: 'Allow', protocol: 'ICMPv6' }] })],
      [facts('eth0', 'fd00::1/64')],
      [],
    ],
    [
      'IPv6 on a Router, which exempts it',
      [router, eth0, policy('p', { applyOnForward: true })],
      [facts('eth0', 'fd00::1/64')],
      [],
    ],
    ['a wildcard that covers loopback', [node, wild, policy('p', {})], [], ['loopback-denied']],
    [
      'a negative namespaceSelector',
      [router, eth0, policy('p', { applyOnForward: true, namespaceSelector: 'env != "prod"' })],
      [],
      ['negative-namespace-selector'],
    ],
    [
      'named ports without addresses',
      [
        router,
        resource('HostEndpoint', 'h', {
          node: 'r1',
          interfaceName: 'eth0',
          profiles: ['projectcalico-default-allow'],
          ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
        }),
      ],
      [],
      ['invisible-ports'],
    ],
    ['a missing tier', [router, eth0, policy('p', { applyOnForward: true, tier: 'gone' })], [], ['missing-tier']],
  ])('%s', (_title, resources, interfaces, expected) => {
    expect(codes(resolve(resources, interfaces).warnings)).toEqual(expected);
  });
});

it('forgets selectors that are no longer used and keeps the others as they are', () => {
  const rule = (selector: string): Rule => ({ action: 'Allow', source: { selector } });
  const before = makeSnapshot([router, eth0, policy('p', { ingress: [rule('has(a)'), rule('has(b)')] })]);
  const after = makeSnapshot([router, eth0, policy('p', { ingress: [rule('has(b)')] })]);
  const index = new LabelIndex();
  const first = resolvePolicy(before, resolveTopology(before, 'r1'), index, []).policy;
  const second = resolvePolicy(after, resolveTopology(after, 'r1'), index, []).policy;
  expect([...first.addressSets.keys()]).toEqual([...first.addressSets.keys()].sort());
  expect(index.setIds()).toEqual([...second.addressSets.keys()]);
  const [id = ''] = index.setIds();
  expect(second.addressSets.get(id)?.members).toBe(first.addressSets.get(id)?.members);
});

it('resolves a thousand policies of ten rules', () => {
  const many = Array.from({ length: 1000 }, (_, i) =>
    policy(`p${i}`, {
      order: i % 7,
      selector: i % 3 === 0 ? 'has(role)' : `role == "r${i}"`,
      ingress: Array.from(
        { length: 10 },
        (_unused, j) =>
          ({
            action: 'Allow',
            protocol: 'TCP',
            source: { selector: `app == "a${(i * 10 + j) % 500}"` },
            destination: { ports: [j + 1] },
          }) as const,
      ),
    }),
  );
  const { policy: intent } = resolve([router, eth0, ...many]);
  expect(intent.policies.size).toBe(334);
  expect(intent.addressSets.size).toBeLessThanOrEqual(500);
});
