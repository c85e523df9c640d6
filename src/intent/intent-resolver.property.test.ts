import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sameValue } from '../net/same-value.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot, type ResourceChange, updateSnapshot } from '../resources/snapshot.ts';
import { IntentResolver, type IntentUpdate } from './intent-resolver.ts';
import { facts } from './policy/policy.fixture.ts';
import type { InterfaceFacts, PolicyIntent } from './policy/policy-intent.ts';
import { resolveIntent } from './resolve-intent.ts';

const label = fc.constantFrom('a', 'b', 'c');
const selector = fc.constantFrom(
  'x == "a"',
  'x == "b"',
  'x != "a"',
  'has(x)',
  '!has(x)',
  'all()',
  'x in {',
  'y == "c"',
);
const side = fc.record(
  {
    selector,
    notSelector: selector,
    nets: fc.constantFrom(['10.0.0.0/8'], ['fd00::/8'], ['nonsense']),
    ports: fc.constantFrom([80], ['http'], ['0']),
  },
  { requiredKeys: [] },
);
const service = fc.constantFrom('web', 'db').map((name) => ({ services: { name, namespace: 'n' } }));
const rule = fc.record(
  {
    action: fc.constantFrom('Allow', 'Deny', 'Pass', 'Log'),
    protocol: fc.constantFrom('TCP', 'UDP', 'ICMPv6'),
    source: side,
    destination: fc.oneof(side, service),
  },
  { requiredKeys: ['action'] },
);
const rules = fc.array(rule, { maxLength: 3 });
const policySpec = {
  tier: fc.constantFrom('default', 'early', 'gone'),
  order: fc.constantFrom(1, 2, 3),
  selector,
  types: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
  ingress: rules,
  egress: rules,
  applyOnForward: fc.boolean(),
  doNotTrack: fc.boolean(),
  namespaceSelector: fc.constant('x == "a"'),
};
const labels = fc.record({ x: label, y: label }, { requiredKeys: [] });
const address = fc.constantFrom('10.1.0.1', '10.1.0.2', 'fd00::1');
const ports = [{ name: 'http', protocol: 'TCP', port: 8080 }];

type Spec = Record<string, unknown>;
function any(kind: string, names: readonly string[], spec: fc.Arbitrary<Spec>, namespace?: string) {
  return fc
    .tuple(fc.constantFrom(...names), spec, labels)
    .map(([name, made, own]) => resource(kind as 'Router', name, made as never, own, namespace));
}
const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });

const anything: fc.Arbitrary<AnyResource> = fc.oneof(
  { arbitrary: any('GlobalNetworkPolicy', ['p', 'q', 'p-1'], some(policySpec)), weight: 5 },
  any('StagedGlobalNetworkPolicy', ['p', 's'], some({ ...policySpec, stagedAction: fc.constantFrom('Set', 'Delete') })),
  any('Tier', ['default', 'early'], some({ order: fc.nat(9), defaultAction: fc.constantFrom('Pass', 'Deny') })),
  any(
    'HostEndpoint',
    ['h', 'i', 'w'],
    fc.record({
      node: fc.constantFrom('r1', 'r1', 'r2'),
      interfaceName: fc.constantFrom('eth0', 'eth1', '*'),
      profiles: fc.constantFrom([], ['k'], ['k', 'projectcalico-default-allow'], ['gone']),
      expectedIPs: fc.array(address, { maxLength: 1 }),
    }),
  ),
  any('Profile', ['k', 'kns.n'], some({ labelsToApply: labels, ingress: rules })),
  any(
    'WorkloadEndpoint',
    ['a', 'b'],
    fc.record({
      ipNetworks: fc.array(address),
      profiles: fc.constantFrom([], ['k']),
      ports: fc.constantFrom([], ports),
    }),
    'n',
  ),
  any(
    'GlobalNetworkSet',
    ['g'],
    fc.record({ nets: fc.array(fc.constantFrom('10.1.0.0/24', '10.1.0.1/32', 'fd00::/64')) }),
  ),
  any(
    'FelixConfiguration',
    ['default'],
    some({ logPrefix: label, interfaceExclude: fc.constantFrom('eth1', '/eth/') }),
  ),
  any(
    'Router',
    ['r1'],
    some({ asNumber: fc.constant(64520), forwarding: fc.record({ defaultAction: fc.constantFrom('Allow', 'Deny') }) }),
  ),
  any('Node', ['r1'], fc.constant({})),
  fc
    .tuple(fc.constantFrom('one', 'two'), fc.constantFrom('web', 'db'), address)
    .map(([name, of, ip]) =>
      resource(
        'EndpointSlice',
        name,
        { addressType: 'IPv4', endpoints: [{ addresses: [ip] }], ports: [{ port: 80 }] } as never,
        { 'kubernetes.io/service-name': of },
        'n',
      ),
    ),
);

interface Step {
  readonly changed: readonly AnyResource[];
  readonly isGone: boolean;
  readonly interfaces: readonly InterfaceFacts[] | undefined;
}
const step: fc.Arbitrary<Step> = fc.record({
  changed: fc.array(anything, { minLength: 1, maxLength: 3 }),
  isGone: fc.nat(4).map((n) => n === 0),
  interfaces: fc.constantFrom(undefined, undefined, [facts('eth0', 'fd00::9/64')], [facts('eth0'), facts('eth1')]),
});

/** Something of everything, so that most changes change what a router does. */
const base: readonly AnyResource[] = [
  resource('Router', 'r1', { asNumber: 64520 }),
  resource('HostEndpoint', 'h', { node: 'r1', interfaceName: 'eth0', profiles: ['k'] }, { x: 'a' }),
  resource('HostEndpoint', 'i', { node: 'r1', interfaceName: 'eth1' }, { x: 'b' }),
  resource('Profile', 'k', { labelsToApply: { y: 'c' } }),
  resource('Tier', 'early', { order: 1, defaultAction: 'Pass' }),
  resource('GlobalNetworkPolicy', 'p', { tier: 'early', selector: 'has(x)', ingress: [{ action: 'Deny' }] }),
  resource('GlobalNetworkPolicy', 'q', {
    selector: 'has(x)',
    ingress: [{ action: 'Allow', source: { selector: 'x == "a"' } }],
    egress: [{ action: 'Allow', destination: { services: { name: 'web', namespace: 'n' } } }],
  }),
  resource('WorkloadEndpoint', 'a', { ipNetworks: ['10.1.0.1'] }, { x: 'a' }, 'n'),
  resource('WorkloadEndpoint', 'b', { ipNetworks: ['10.1.0.2'] }, { x: 'b' }, 'n'),
];

/** In the order that maps iterate in, save for members of sets, which have none. */
function show(value: unknown): string {
  return JSON.stringify(value, (key, v: unknown) => {
    if (v instanceof Map)
      return key === 'members' || key === 'networks' ? [...v].sort(([a], [b]) => (a < b ? -1 : 1)) : [...v];
    return typeof v === 'bigint' ? String(v) : v;
  });
}

/** What a policy's parts look like, by name, and which objects they are. */
function partsOf({ policies, profiles, endpoints, addressSets, portSets }: PolicyIntent) {
  const named = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  const lists: Record<string, ReadonlyMap<string, object>> = {
    policies,
    profiles,
    endpoints: named,
    addressSets,
    portSets,
  };
  return lists;
}

function checkParts(before: PolicyIntent, { intent, changes }: IntentUpdate): void {
  const [old, now] = [partsOf(before), partsOf(intent.policy)];
  for (const list of ['policies', 'profiles', 'endpoints', 'addressSets', 'portSets'] as const) {
    const keys = new Set([...(old[list]?.keys() ?? []), ...(now[list]?.keys() ?? [])]);
    const differing = [...keys].filter((key) => old[list]?.get(key) !== now[list]?.get(key)).sort();
    expect([list, changes?.[list]]).toEqual([list, differing]);
    if (list === 'addressSets' || list === 'portSets') continue;
    // A policy's resource is another object whenever it was written.
    if (list !== 'endpoints') continue;
    for (const key of differing) {
      const [a, b] = [old[list]?.get(key), now[list]?.get(key)];
      expect([list, key, a !== undefined && sameValue(a, b)]).toEqual([list, key, false]);
    }
  }
  for (const [id, rules] of intent.policy.policies) {
    const known = before.policies.get(id);
    if (!known) continue;
    if (sameValue(known.ingress, rules.ingress)) expect(rules.ingress).toBe(known.ingress);
    for (const [i, one] of rules.egress.entries())
      if (sameValue(one, known.egress[i])) expect(one).toBe(known.egress[i]);
  }
}

function membersOf({ addressSets, portSets }: PolicyIntent): Map<string, Set<string>> {
  return new Map([...addressSets, ...portSets].map(([id, { members }]) => [id, new Set(members.keys())]));
}

function checkDeltas(members: ReadonlyMap<string, Set<string>>, { intent, deltas }: IntentUpdate): void {
  const after = membersOf(intent.policy);
  for (const { setId, added, removed } of deltas) {
    expect([setId, members.has(setId), after.has(setId), added.length + removed.length > 0]).toEqual([
      setId,
      true,
      true,
      true,
    ]);
  }
  for (const [id, now] of after) {
    const before = members.get(id);
    if (!before) continue;
    const delta = deltas.find(({ setId }) => setId === id);
    expect(now.size).toBe(before.size + (delta?.added.length ?? 0) - (delta?.removed.length ?? 0));
    if (!delta) expect([...now].sort()).toEqual([...before].sort());
  }
}

it('after any row of changes the intent is that of the snapshot alone, and what did not change is the same object', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const resolver = new IntentResolver('r1');
      let snapshot = makeSnapshot(base);
      let before: PolicyIntent | undefined;
      let members = new Map<string, Set<string>>();
      for (const { changed, isGone, interfaces } of steps) {
        const changes = changed.map((one): ResourceChange => {
          const { name, namespace } = one.metadata;
          return isGone ? { is: 'gone', kind: one.kind, name, namespace } : { is: 'there', resource: one };
        });
        snapshot = updateSnapshot(snapshot, changes, snapshot.revision + 1);
        const update = resolver.update(snapshot, interfaces);
        const fresh = resolveIntent(snapshot, 'r1', interfaces ? { interfaces } : {});
        expect(update.ok).toBe(fresh.ok);
        if (!update.ok || !fresh.ok) {
          before = undefined;
          continue;
        }
        expect(show(update.value.intent)).toBe(show(fresh.value));
        if (before) {
          checkParts(before, update.value);
          checkDeltas(members, update.value);
        } else expect(update.value).toMatchObject({ changes: undefined, deltas: [], rulesChanged: true });
        before = update.value.intent.policy;
        members = membersOf(before);
      }
    }),
    { seed: 23, numRuns: Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 300) },
  );
});
