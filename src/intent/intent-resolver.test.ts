import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot, updateSnapshot } from '../resources/snapshot.ts';
import { IntentResolver, type IntentUpdate } from './intent-resolver.ts';
import { resolveIntent } from './resolve-intent.ts';

const router = resource('Router', 'r1', {
  asNumber: 64520,
  interfaces: [{ name: 'eth0', addresses: ['10.0.0.1/24'] }],
});
const endpoint = resource('HostEndpoint', 'h', { node: 'r1', interfaceName: 'eth0', profiles: ['p'] }, { role: 'wan' });
const profile = resource('Profile', 'p', { ingress: [{ action: 'Allow', source: { selector: 'has(app)' } }] });
const policy = (name: string, selector: string) =>
  resource('GlobalNetworkPolicy', name, {
    tier: 'default',
    selector: 'role == "wan"',
    applyOnForward: true,
    ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector }, destination: { ports: ['http'] } }],
  });
const pod = (name: string, app: string, ip: string) =>
  resource(
    'WorkloadEndpoint',
    name,
    { ipNetworks: [`${ip}/32`], ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] },
    { app },
    'n',
  );
const base = [router, endpoint, profile, policy('web', 'app == "web"')];

function updated(resolver: IntentResolver, resources: readonly AnyResource[]): IntentUpdate {
  const result = resolver.update(makeSnapshot(resources));
  if (!result.ok) throw new Error(result.error.kind);
  return result.value;
}

/** Everything but live maps' identity; bigints as text. */
function show(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v instanceof Map ? [...v].sort(([a], [b]) => (a < b ? -1 : 1)) : typeof v === 'bigint' ? String(v) : v,
  );
}

describe('an intent kept current', () => {
  it('refuses a router that nothing describes, and names those there are', () => {
    const result = new IntentResolver('r9').update(makeSnapshot([router, resource('Node', 'a', {})]));
    expect(result).toEqual({ ok: false, error: { kind: 'unknown-router', router: 'r9', known: ['a', 'r1'] } });
  });

  it('touches no rule for a label change: the same intent, its members moved', () => {
    const resolver = new IntentResolver('r1');
    const pods = [pod('a', 'web', '10.1.0.1'), pod('b', 'db', '10.1.0.2')];
    const first = updated(resolver, [...base, ...pods]);
    expect(first).toMatchObject({ rulesChanged: true, routingChanged: true, deltas: [] });
    const second = updated(resolver, [...base, pod('a', 'db', '10.1.0.1'), ...pods.slice(1)]);
    expect(second.rulesChanged).toBe(false);
    expect(second.intent.policy.policies).toBe(first.intent.policy.policies);
    expect(second.intent.policy.endpoints).toBe(first.intent.policy.endpoints);
    expect(second.intent).not.toBe(first.intent);
    expect(updated(resolver, [...base, pod('a', 'db', '10.1.0.1'), ...pods.slice(1)]).intent).toBe(second.intent);
    expect(second.deltas.map(({ kind, added, removed }) => [kind, added.length, removed.length])).toEqual([
      ['addresses', 0, 1],
    ]);
    const web = [...second.intent.policy.addressSets.values()].find(({ selector }) => selector === 'app == "web"');
    expect([...(web?.members.keys() ?? [])]).toEqual([]);
  });

  it.each<[string, readonly AnyResource[], boolean, boolean]>([
    ['nothing', [], false, false],
    ['a network set', [resource('GlobalNetworkSet', 'g', { nets: ['10.9.0.0/16'] }, { app: 'x' })], false, false],
    [
      'another node’s endpoint',
      [resource('HostEndpoint', 'o', { node: 'r2', expectedIPs: ['10.0.0.2'] }, { app: 'x' })],
      false,
      false,
    ],
    ['a profile nobody here names', [resource('Profile', 'kns.n', { labelsToApply: { a: 'b' } })], false, false],
    ['an assertion', [resource('Assertion', 'a', { from: {}, to: {}, expect: 'Allow' } as never)], false, false],
    ['a policy', [policy('more', 'has(x)')], true, false],
    ['a tier', [resource('Tier', 't', { order: 1 })], true, false],
    ['an agent setting', [resource('FelixConfiguration', 'default', { logPrefix: 'x' })], true, false],
    ['a BGP filter', [resource('BGPFilter', 'f', {})], true, true],
    ['a Site', [resource('Site', 's', { type: 'vpc' })], true, true],
    ['this node’s endpoint', [resource('HostEndpoint', 'i', { node: 'r1', interfaceName: 'eth1' })], true, true],
  ])('resolves again what can differ: %s', (_title, added, rulesChanged, routingChanged) => {
    const resolver = new IntentResolver('r1');
    updated(resolver, base);
    expect(updated(resolver, [...base, ...added])).toMatchObject({ rulesChanged, routingChanged });
  });

  it('keeps no snapshot of before: one that is kept keeps all changes since', async () => {
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('gc');
    const resolver = new IntentResolver('r1');
    const old = (() => {
      const first = makeSnapshot([...base, pod('a', 'web', '10.1.0.1')]);
      const moved = updateSnapshot(first, [{ is: 'there', resource: pod('a', 'db', '10.1.0.1') }], 2);
      const edited = updateSnapshot(moved, [{ is: 'there', resource: policy('web', 'app == "db"') }], 3);
      const last = updateSnapshot(edited, [{ is: 'there', resource: pod('a', 'web', '10.1.0.1') }], 4);
      for (const snapshot of [first, moved, edited, last])
        expect(resolver.update(snapshot)).toMatchObject({ ok: true });
      return [first, moved, edited].map((snapshot) => new WeakRef(snapshot));
    })();
    const kept = () => {
      if (typeof collect === 'function') collect();
      return old.filter((each) => each.deref() !== undefined).length;
    };
    await expect.poll(kept).toBe(0);
  });

  it('starts anew when the router comes back', () => {
    const resolver = new IntentResolver('r1');
    updated(resolver, base);
    expect(resolver.update(makeSnapshot(base.slice(1))).ok).toBe(false);
    expect(updated(resolver, [...base, pod('a', 'web', '10.1.0.1')]).rulesChanged).toBe(true);
  });

  it('equals an intent resolved from nothing, whatever happened before', () => {
    const choices: readonly AnyResource[] = [
      ...['1', '2', '3'].flatMap((n) => ['web', 'db'].map((app) => pod(`p${n}`, app, `10.1.0.${n}`))),
      policy('web', 'app == "web"'),
      policy('web', 'app != "web"'),
      policy('db', 'app == "db" && !has(x)'),
      resource('GlobalNetworkSet', 'g', { nets: ['10.1.0.0/24', '10.1.0.1'] }, { app: 'web' }),
      resource('Profile', 'p', { labelsToApply: { role: 'wan' } }),
      resource('Site', 's', { type: 'vpc', prefixes: ['10.2.0.0/16'] }, { app: 'db' }),
      resource('GlobalNetworkPolicy', 'service', {
        egress: [{ action: 'Deny', destination: { services: { name: 'web', namespace: 'n' } } }],
      }),
      ...['10.1.0.1', '10.1.0.9'].map((ip) =>
        resource(
          'EndpointSlice',
          'web-1',
          { addressType: 'IPv4', endpoints: [{ addresses: [ip] }], ports: [{ port: 80 }] },
          { 'kubernetes.io/service-name': 'web' },
          'n',
        ),
      ),
    ];
    const state = fc.uniqueArray(fc.nat(choices.length - 1)).map((picked) => picked.flatMap((i) => choices[i] ?? []));
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 6 }), (states) => {
        const resolver = new IntentResolver('r1');
        for (const resources of states) {
          const snapshot = makeSnapshot([router, endpoint, ...resources]);
          const incremental = resolver.update(snapshot);
          const fresh = resolveIntent(snapshot, 'r1');
          if (!incremental.ok || !fresh.ok) throw new Error('the router is there');
          expect(show(incremental.value.intent)).toBe(show(fresh.value));
        }
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe('an intent from one snapshot', () => {
  it('gives equal bytes whatever the order of resources', () => {
    const resources = [...base, policy('db', 'has(x)'), pod('a', 'web', '10.1.0.1')];
    const [forwards, backwards] = [resources, resources.toReversed()].map((list) =>
      resolveIntent(makeSnapshot(list), 'r1'),
    );
    expect(show(forwards)).toBe(show(backwards));
  });

  it('sorts warnings and says each once', () => {
    const result = resolveIntent(makeSnapshot([router, policy('b', 'a = b'), policy('a', 'a = b'), endpoint]), 'r1');
    if (!result.ok) throw new Error('known');
    const keys = result.value.warnings.map(({ code, subject }) => `${subject?.metadata.name} ${code}`);
    expect(keys).toEqual(['a invalid-selector', 'b invalid-selector', 'h missing-profile']);
  });
});
