import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { Rule } from '../../resources/rule.ts';
import { codes, eth0, node, policy, resolve, router, rules } from './policy.fixture.ts';

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

describe('an address of two owners, of which notSelector matches one', () => {
  const web = resource('GlobalNetworkSet', 'web', { nets: ['10.1.0.1'] }, { app: 'web' });
  const quarantine = resource('GlobalNetworkSet', 'q', { nets: ['10.1.0.1'] }, { app: 'q' });
  const only = policy('p', {
    ingress: [{ action: 'Allow', source: { selector: 'has(app)', notSelector: "app == 'q'" } }],
  });

  it.each([
    ['is matched under a Node alone, as in Calico', node, 'one set'],
    ['is not matched under a Router', router, 'two sets'],
  ])('%s', (_title, machine, sets) => {
    const { policy: intent } = resolve([machine, eth0, only, web, quarantine]);
    const { addressSet, notAddressSet } = intent.policies.get('GlobalNetworkPolicy/p')?.ingress[0]?.source ?? {};
    expect([...(intent.addressSets.get(addressSet ?? '')?.members.keys() ?? [])]).toEqual(['10.1.0.1/32']);
    expect(notAddressSet === undefined ? 'one set' : 'two sets').toBe(sets);
  });
});

describe('what cannot be evaluated narrows access', () => {
  it.each<[string, Omit<Rule, 'action'>, string]>([
    ['http', { protocol: 'TCP', http: { methods: ['GET'] } }, 'http-unsupported'],
    ['services', { protocol: 'TCP', source: { services: { name: 's', namespace: 'n' } } }, 'unknown-service'],
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
