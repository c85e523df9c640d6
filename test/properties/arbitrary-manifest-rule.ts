/**
 * Rules as users write them: every field of a rule, small pools, so that packets often meet them and often just miss.
 *
 *   fast-check ─[manifestRules]→ ManifestRule[], valid ones only (semantics §1.18, §3)
 */
import fc from 'fast-check';
import type { ManifestRule, ManifestSide } from './naive/manifest.ts';

export const hosts = {
  4: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.1.1', '10.0.1.2', '192.0.2.7'],
  6: ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:1::1', '2001:db8:1::2', 'fe80::7'],
} as const;

const nets = {
  4: ['10.0.0.0/24', '10.0.0.2/31', '10.0.1.2/32', '10.0.0.0/8', '128.0.0.0/1'],
  6: ['2001:db8::/64', '2001:db8::2/127', '2001:db8:1::2/128', '2001:db8::/32', '8000::/1'],
} as const;

const everything = { 4: '0.0.0.0/0', 6: '::/0' } as const;

const selectors = [
  "app == 'web'",
  "app != 'web'",
  "app in {'web', 'db'} && !has(env)",
  "env not in {'prod'} || role == 'wan'",
  'all()',
  'has(role)',
  "env starts with 'pr' && app contains 'e'",
  "projectcalico.org/namespace == 'prod'",
  "causeway.dev/site == 's1'",
  "causeway.dev/site-type == 'vpc' && causeway.dev/segment == ''",
  '(app ends with \'b\' || has(pcns.env)) && !(role == "lan")',
];

const namespaceSelectors = [
  "env == 'prod'",
  "env != 'prod'",
  'all()',
  'global()',
  ' global() ',
  'all() && has(env)',
  '!has(env)',
];
const protocols = [
  'TCP',
  'TCP',
  'TCP',
  'TCP',
  'UDP',
  'UDP',
  'ICMP',
  'ICMPv6',
  'SCTP',
  'UDPLite',
  6,
  '17',
  1,
  58,
  47,
  132,
  '112',
] as const;
const withPorts: readonly (string | number)[] = ['TCP', 'UDP', 'SCTP', 6, '17', 132];
const numberedPorts = [80, '80', 22, 443, '79:81', '1:1023', '443:443', 65535, '1024:65535'];
const namedPorts = ['http', 'metrics'];

export function often<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

export function rarely<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

/** The keys that are there. */
export function without<T extends object>(parts: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}

export function some<T>(values: readonly T[], max = 2): fc.Arbitrary<T[]> {
  return fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: max });
}

function sides(
  family: 4 | 6 | undefined,
  protocol: string | number | undefined,
): fc.Arbitrary<ManifestSide | undefined> {
  const takesNumbers = protocol !== undefined && withPorts.includes(protocol);
  const takesNames = protocol === undefined || takesNumbers;
  const ports = takesNames ? rarely(some(takesNumbers ? [...numberedPorts, ...namedPorts] : namedPorts)) : nothing;
  const accounts = fc
    .record({
      names: often(some(['sa1', 'sa2'])),
      selector: often(fc.constantFrom("team == 'x'", "team != 'x'", 'all()')),
    })
    .filter(({ names, selector }) => names !== undefined || selector !== undefined)
    .map((parts) => without<NonNullable<ManifestSide['serviceAccounts']>>(parts));
  const side = fc.record({
    nets: family === undefined ? nothing : often(some([...nets[family], everything[family]])),
    notNets: family === undefined ? nothing : rarely(some(nets[family])),
    selector: rarely(fc.constantFrom(...selectors)),
    notSelector: rarely(fc.constantFrom(...selectors)),
    namespaceSelector: rarely(fc.constantFrom(...namespaceSelectors)),
    serviceAccounts: rarely(accounts),
    ports: ports,
    notPorts: takesNames ? rarely(some(takesNumbers ? [...numberedPorts, ...namedPorts] : namedPorts)) : nothing,
  });
  return often(side.map((parts) => without<ManifestSide>(parts)));
}

const nothing = fc.constant(undefined);

/** The endpoints of a Service, alone on the side that the direction takes it on (semantics §3.2, §3.5). */
const services = fc.record({
  services: fc.record({ name: fc.constantFrom('web', 'db', 'absent'), namespace: fc.constantFrom('prod', 'dev') }),
});

const rulesOf = (direction: 'ingress' | 'egress'): fc.Arbitrary<ManifestRule> =>
  fc
    .record({
      family: fc.constantFrom<4 | 6 | undefined>(undefined, 4, 4, 6),
      isVersionSaid: fc.boolean(),
      protocol: often(fc.constantFrom(...protocols)),
    })
    .chain(({ family: wanted, isVersionSaid, protocol }) => {
      const family = protocol === 'ICMP' ? 4 : protocol === 'ICMPv6' ? 6 : wanted;
      const isIcmp = protocol === 'ICMP' || protocol === 'ICMPv6' || protocol === 1 || protocol === 58;
      return fc
        .record({
          action: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny', 'Deny', 'Pass', 'Log'),
          notProtocol: rarely(fc.constantFrom(...protocols)),
          icmp: isIcmp ? often(icmps) : nothing,
          notICMP: rarely(icmps),
          source: sides(family, protocol),
          destination: sides(family, protocol),
          service: rarely(services),
          metadata: rarely(fc.constant({ annotations: { owner: 'net' } })),
        })
        .map(({ service, ...parts }) => {
          const given = service && { [direction === 'ingress' ? 'source' : 'destination']: service };
          return without<ManifestRule>({ ...parts, ...given, protocol, ipVersion: isVersionSaid ? family : undefined });
        });
    });

const icmps = fc
  .record({ type: fc.constantFrom(0, 8, 8, 128, 128, 135, 254), code: often(fc.constantFrom(0, 0, 1, 255)) })
  .map((parts) => without<NonNullable<ManifestRule['icmp']>>(parts));

export function manifestRules(direction: 'ingress' | 'egress'): fc.Arbitrary<ManifestRule[] | undefined> {
  const rules = rulesOf(direction);
  return fc.oneof(
    fc.constant(undefined),
    fc.array(rules, { maxLength: 4, size: 'max' }),
    fc.array(rules, { minLength: 1, maxLength: 4, size: 'max' }),
  );
}
