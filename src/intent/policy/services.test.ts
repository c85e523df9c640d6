import { describe, expect, it } from 'vitest';
import { address } from '../../net/literals.fixture.ts';
import type { EndpointSliceSpec } from '../../resources/endpoint-slice.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { explainPacket } from '../../verdict/explain-packet.ts';
import { IntentResolver } from '../intent-resolver.ts';
import { codes, eth0, policy, resolve, router } from './policy.fixture.ts';

function slice(name: string, spec: EndpointSliceSpec, service = 'web', namespace = 'shop'): AnyResource {
  return resource('EndpointSlice', name, spec, { 'kubernetes.io/service-name': service }, namespace);
}

const web = slice('web-1', {
  addressType: 'IPv4',
  endpoints: [
    { addresses: ['10.1.0.1'] },
    { addresses: ['10.1.0.2'], conditions: { ready: false } },
    { addresses: ['10.1.0.3'], conditions: { ready: false, serving: true, terminating: true } },
  ],
  ports: [
    { name: 'http', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 5353 },
  ],
});
const web6 = slice('web-2', {
  addressType: 'IPv6',
  endpoints: [{ addresses: ['fd00::1'], conditions: { ready: true } }],
  ports: [{ port: 8080 }],
});
const services = { name: 'web', namespace: 'shop' };

/** The members of every set, and the rules that ask for them. */
function sets(direction: 'ingress' | 'egress', rules: readonly Rule[], slices: readonly AnyResource[]) {
  const { policy: intent, warnings } = resolve([
    router,
    eth0,
    policy('p', { types: ['Ingress', 'Egress'], applyOnForward: true, [direction]: rules }),
    ...slices,
  ]);
  const found = intent.policies.get('GlobalNetworkPolicy/p')?.[direction] ?? [];
  const members = [...intent.addressSets.values(), ...intent.portSets.values()].map(
    ({ selector, members: held }) => `${selector}: ${[...held.keys()].sort().join(' ')}`,
  );
  return { intent, rules: found, members, warned: codes(warnings) };
}

describe('a Service in a rule', () => {
  it('as a destination is its endpoints with its ports, whatever they are called', () => {
    const { rules, members } = sets('egress', [{ action: 'Allow', destination: { services } }], [web, web6]);
    expect(members).toEqual([
      'ports of Service shop/web: 10.1.0.1/32,17:5353 10.1.0.1/32,6:8080 10.1.0.3/32,17:5353 10.1.0.3/32,6:8080 fd00::1/128,6:8080',
    ]);
    expect(rules[0]?.destination).toMatchObject({ ports: { ranges: [] } });
    expect(rules[0]?.destination.addressSet).toBeUndefined();
  });

  it('as a source is its endpoints alone, and ports may be said beside it', () => {
    const rule: Rule = { action: 'Allow', protocol: 'TCP', source: { services, ports: ['1024:65535'] } };
    const { rules, members } = sets('ingress', [rule], [web, web6]);
    expect(members).toEqual(['Service shop/web: 10.1.0.1/32 10.1.0.3/32 fd00::1/128']);
    expect(rules[0]?.source.ports?.ranges).toEqual([{ first: 1024, last: 65535 }]);
  });

  it('has no endpoint of another namespace, of another Service, of no Service, or by host name', () => {
    const others = [
      slice('a', { addressType: 'IPv4', endpoints: [{ addresses: ['10.9.0.1'] }] }, 'web', 'other'),
      slice('b', { addressType: 'IPv4', endpoints: [{ addresses: ['10.9.0.2'] }] }, 'db'),
      resource(
        'EndpointSlice',
        'c',
        { addressType: 'IPv4', endpoints: [{ addresses: ['10.9.0.3'] }] },
        { web: '' },
        'shop',
      ),
      slice('d', { addressType: 'FQDN', endpoints: [{ addresses: ['web.example'] }] }),
    ];
    const { members } = sets('ingress', [{ action: 'Allow', source: { services } }], [web, ...others]);
    expect(members).toEqual(['Service shop/web: 10.1.0.1/32 10.1.0.3/32']);
  });

  it('is found by no selector, not even by one that is true of everything', () => {
    const rules = ['all()', '!has(x)', 'has(kubernetes.io/service-name)'].map(
      (selector): Rule => ({ action: 'Allow', source: { selector } }),
    );
    const { members } = sets('ingress', rules, [web]);
    expect(members.sort()).toEqual(['!has(x): 10.0.0.1/32', 'all(): 10.0.0.1/32', 'has(kubernetes.io/service-name): ']);
  });

  it('without a port opens none', () => {
    const bare = slice('bare', { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.0.1'] }], ports: [{}] });
    expect(sets('egress', [{ action: 'Allow', destination: { services } }], [bare]).members).toEqual([
      'ports of Service shop/web: ',
    ]);
  });

  it.each([
    ['of which no slice is known', { name: 'gone', namespace: 'shop' }, {}, 'unknown-service'],
    ['without a namespace, from a store', { name: 'web' }, {}, 'invalid-services'],
    ['beside other terms, from a store', services, { nets: ['10.0.0.0/8'] }, 'invalid-services'],
    ['beside ports of a destination, from a store', services, { ports: ['http'] }, 'invalid-services'],
  ])('%s opens nothing and still denies', (_title, named, beside, code) => {
    const destination = { services: named, ...beside };
    const actions = ['Allow', 'Pass', 'Deny'] as const;
    const { rules, warned } = sets(
      'egress',
      actions.map((action) => ({ action, destination })),
      [web],
    );
    expect(rules.map(({ action }) => action)).toEqual(['Deny']);
    expect(warned).toContain(code);
  });

  it('that has an empty slice is known: it matches nothing', () => {
    const empty = slice('web-1', { addressType: 'IPv4' });
    const { rules, warned } = sets('egress', [{ action: 'Deny', destination: { services } }], [empty]);
    expect(rules[0]?.destination.ports?.portSets).toHaveLength(1);
    expect(warned).not.toContain('unknown-service');
  });

  it.each([
    ['10.1.0.1', 6, 8080, 'accept'],
    ['10.1.0.1', 6, 8081, 'drop'],
    ['10.1.0.1', 17, 8080, 'drop'],
    ['10.1.0.3', 17, 5353, 'accept'],
    ['10.1.0.2', 6, 8080, 'drop'],
    ['fd00::1', 6, 8080, 'accept'],
    ['fd00::1', 17, 5353, 'drop'],
  ])('lets a packet out to %s protocol %i port %i: %s', (to, protocol, destinationPort, expected) => {
    const { intent } = sets('egress', [{ action: 'Allow', destination: { services } }], [web, web6]);
    const destination = address(to);
    const source = address(destination.family === 4 ? '10.0.0.1' : 'fd00:9::1');
    const packet = { source, destination, protocol, sourcePort: 40000, destinationPort, ctState: 'new' } as const;
    const passage = { kind: 'local-out', outbound: 'eth0' } as const;
    expect(explainPacket(intent, passage, packet, () => undefined).verdict).toBe(expected);
  });
});

describe('endpoints of a Service that come and go', () => {
  const rule = policy('p', { egress: [{ action: 'Deny', destination: { services } }] });
  const with1 = (...addresses: string[]) =>
    slice('web-1', {
      addressType: 'IPv4',
      endpoints: addresses.map((entry) => ({ addresses: [entry] })),
      ports: [{ port: 8080 }],
    });
  const update = (resolver: IntentResolver, ...slices: AnyResource[]) => {
    const result = resolver.update(makeSnapshot([router, eth0, rule, ...slices]));
    if (!result.ok) throw new Error(result.error.kind);
    return result.value;
  };

  it('move elements and touch no rule', () => {
    const resolver = new IntentResolver('r1');
    const before = update(resolver, with1('10.1.0.1', '10.1.0.2'));
    const after = update(resolver, with1('10.1.0.2', '10.1.0.3'));
    expect(after.rulesChanged).toBe(false);
    expect(after.intent.policy.policies).toBe(before.intent.policy.policies);
    expect(after.deltas.map(({ kind, added, removed }) => [kind, added.length, removed.length])).toEqual([
      ['ports', 1, 1],
    ]);
    expect(update(resolver, with1()).deltas).toHaveLength(1);
  });

  it('touch rules only when the Service becomes known or unknown, since a Deny then means something else', () => {
    const resolver = new IntentResolver('r1');
    const denied = (value: ReturnType<typeof update>) =>
      value.intent.policy.policies.get('GlobalNetworkPolicy/p')?.egress[0]?.destination.ports?.portSets.length ?? 'all';
    expect(denied(update(resolver))).toBe('all');
    const known = update(resolver, with1('10.1.0.1'));
    expect([known.rulesChanged, denied(known)]).toEqual([true, 1]);
    expect(update(resolver, with1('10.1.0.1'), slice('a', { addressType: 'IPv4' })).rulesChanged).toBe(false);
    expect(denied(update(resolver))).toBe('all');
  });
});
