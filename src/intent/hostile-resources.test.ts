import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { IntentResolver } from './intent-resolver.ts';
import { resolveIntent } from './resolve-intent.ts';

/** Words that are valid somewhere and nonsense elsewhere: a store may hold what no validation ever saw. */
const word = fc.constantFrom(
  ...[
    '',
    'a',
    'r1',
    '*',
    'eth0',
    'cali1',
    'default',
    'projectcalico-default-allow',
    '__proto__',
    'constructor',
    'toString',
  ],
  ...['all()', 'global()', 'a = b', 'has(a)', '!has(x)', 'a == "a"', '/(/', 'TCP', 'ICMP', 'http', '80', '9:5'],
  ...['10.0.0.0/8', '10.0.0.1', '10.0.0.1/24', 'fd00::/8', 'fd00::1', '0.0.0.0/0', '::/0'],
);
const words = fc.array(word, { maxLength: 2 });
const number = fc.constantFrom(0, 1, 6, 58, 179, 70000, -1);
const labels = fc.dictionary(word, word, { maxKeys: 3 });
const flag = fc.boolean();

type Fields = Record<string, fc.Arbitrary<unknown>>;
const some = (fields: Fields) => fc.record(fields, { requiredKeys: [] });

const entity = some({
  ...{ nets: words, notNets: words, selector: word, notSelector: word, namespaceSelector: word },
  ...{ ports: fc.array(fc.oneof(word, number), { maxLength: 2 }), notPorts: words },
  serviceAccounts: some({ names: words, selector: word }),
  services: some({ name: word, namespace: fc.constant('n') }),
});
const rule = fc.record(
  {
    action: fc.constantFrom('Allow', 'Deny', 'Pass', 'Log'),
    ipVersion: fc.constantFrom(4, 6),
    ...{ protocol: fc.oneof(word, number), notProtocol: fc.oneof(word, number) },
    ...{ icmp: some({ type: number, code: number }), notICMP: some({ type: number, code: number }) },
    ...{ source: entity, destination: entity, http: fc.constant({}) },
  },
  { requiredKeys: ['action'] },
);
const rules = { ingress: fc.array(rule, { maxLength: 3 }), egress: fc.array(rule, { maxLength: 2 }) };
const ports = fc.array(fc.record({ name: word, protocol: word, port: number }), { maxLength: 2 });
const interfaces = fc.array(fc.record({ name: word, addresses: words, labels }, { requiredKeys: ['name'] }), {
  maxLength: 2,
});
const types = fc.array(fc.constantFrom('Ingress', 'Egress'), { maxLength: 2 });
const link = fc.oneof(
  fc.record({ interface: fc.record({ name: word }) }),
  fc.record({ vlan: fc.record({ parent: word, id: number }) }),
  fc.record({
    ipsec: some({
      psk: fc.constant({ secretRef: { name: 'n', key: 'k' } }),
      tunnels: fc.array(
        some({ remoteAddress: word, interface: word, addresses: some({ local: words, remote: words }) }),
        {
          maxLength: 2,
        },
      ),
    }),
  }),
  fc.record({ wireguard: some({ peerPublicKey: word, endpoint: word, interface: word, listenPort: number }) }),
);
const failsafes = fc.array(some({ protocol: word, port: number, net: word }), { maxLength: 2 });

function resource(
  kind: string,
  spec: fc.Arbitrary<unknown>,
  namespace?: string,
  labelled = labels,
): fc.Arbitrary<AnyResource> {
  const metadata = fc
    .record({ name: word, labels: labelled })
    .map((m) => (namespace === undefined ? m : { ...m, namespace }));
  return fc
    .record({ metadata, spec })
    .map((parts) => ({ apiVersion: 'x/v1', kind, ...parts }) as unknown as AnyResource);
}

const anything = fc.oneof(
  resource(
    'GlobalNetworkPolicy',
    some({
      ...{ tier: word, order: number, selector: word, namespaceSelector: word, serviceAccountSelector: word, types },
      ...{ applyOnForward: flag, preDNAT: flag, doNotTrack: flag, ...rules },
    }),
  ),
  resource('HostEndpoint', some({ node: word, interfaceName: word, expectedIPs: words, profiles: words, ports })),
  resource('Profile', some({ ...rules, labelsToApply: labels })),
  resource('WorkloadEndpoint', some({ ipNetworks: words, profiles: words, ports, serviceAccountName: word }), 'n'),
  resource('NetworkSet', some({ nets: words }), 'n'),
  resource(
    'EndpointSlice',
    some({
      addressType: word,
      endpoints: fc.array(
        fc.record(
          { addresses: words, conditions: some({ ready: flag, serving: flag }) },
          { requiredKeys: ['addresses'] },
        ),
        { maxLength: 2 },
      ),
      ports: fc.array(some({ name: word, protocol: fc.constantFrom('TCP', 'UDP'), port: number }), { maxLength: 2 }),
    }),
    'n',
    fc.record({ 'kubernetes.io/service-name': word }),
  ),
  resource('Site', some({ type: fc.constant('vpc'), prefixes: words, segment: word })),
  resource('Segment', some({ exchangeWith: words, isolated: flag })),
  resource(
    'Attachment',
    fc.record(
      { router: word, site: word, link, addresses: some({ local: words, remote: words }), over: word, mtu: number },
      { requiredKeys: ['router', 'site', 'link'] },
    ),
  ),
  resource(
    'Router',
    fc.record({
      asNumber: number,
      interfaces,
      management: some({ interfaces: words, allowFrom: words }),
      redundancyGroup: word,
    }),
  ),
  resource('Node', some({ interfaces, bgp: some({ ipv4Address: word, ipv6Address: word }) })),
  resource('Tier', some({ order: number, defaultAction: fc.constantFrom('Pass', 'Deny') })),
  resource(
    'FelixConfiguration',
    some({ nodeSelector: word, interfacePrefix: word, interfaceExclude: word, failsafeInboundHostPorts: failsafes }),
  ),
);
const router = { apiVersion: 'x/v1', kind: 'Router', metadata: { name: 'r1' }, spec: { asNumber: 1 } } as AnyResource;

function show(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v instanceof Map ? [...v].sort(([a], [b]) => (a < b ? -1 : 1)) : typeof v === 'bigint' ? String(v) : v,
  );
}

it('whatever a store holds, an intent comes of it, the same one incrementally as from nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anything, { maxLength: 14 }), { minLength: 1, maxLength: 4 }), (states) => {
      const resolver = new IntentResolver('r1');
      for (const resources of states) {
        const snapshot = makeSnapshot([router, ...resources]);
        const incremental = resolver.update(snapshot);
        const fresh = resolveIntent(snapshot, 'r1');
        if (!incremental.ok || !fresh.ok) throw new Error('the router is there');
        expect(show(incremental.value.intent)).toBe(show(fresh.value));
      }
    }),
    { seed: 99, numRuns: 300 },
  );
});
