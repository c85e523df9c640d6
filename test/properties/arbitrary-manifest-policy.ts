/**
 * Policies, the tiers and profiles they are in, and the host endpoints that they are for.
 *
 *   fast-check ─[policies, tiers, …]→ Manifest[], all valid
 */
import fc from 'fast-check';
import { endpointPorts, everyHost, kind } from './arbitrary-manifest-kind.ts';
import { manifestRules, often, rarely, some, without } from './arbitrary-manifest-rule.ts';
import type { ManifestSpec } from './naive/manifest.ts';

const tierNames = ['early', 'late', 'a-late', 'unordered', 'absent'];
const orders = [0, 1, 1, 2.5, -3, 1_000_000];
const profileNames = ['p1', 'p2', 'absent', 'projectcalico-default-allow'];

const places = fc.oneof(
  fc.record({
    interfaceName: fc.constantFrom('eth0', 'eth0', 'eth0', 'eth1', 'eth1', 'eth1', 'eth2', '*', 'kube-ipvs0', 'lo'),
    expectedIPs: often(some(everyHost)),
  }),
  fc.record({ interfaceName: fc.constant(undefined), expectedIPs: some(everyHost) }),
);

export const hostEndpoints = kind(
  'HostEndpoint',
  ['h', 'h-a', 'h.b', 'w', 'z'],
  fc
    .record({
      node: fc.constantFrom('r1', 'r1', 'r1', 'r1', 'r2'),
      place: places,
      profiles: often(some(profileNames, 3)),
      ports: rarely(endpointPorts),
    })
    .map(({ place, ...rest }) => ({ ...rest, ...place })),
  { min: 1 },
);

const flags = fc.constantFrom(
  {},
  {},
  { applyOnForward: true },
  { applyOnForward: true },
  { applyOnForward: true },
  { applyOnForward: true, doNotTrack: true },
  { applyOnForward: true, preDNAT: true },
);

export const policies = kind(
  'GlobalNetworkPolicy',
  ['a', 'a-b', 'a.b', 'c', 'd', 'e', 'f'],
  fc
    .record({
      tier: often(fc.constantFrom('default', ...tierNames)),
      order: often(fc.constantFrom(...orders)),
      selector: fc.constantFrom(
        undefined,
        'all()',
        'all()',
        'has(role)',
        "role == 'wan'",
        "role == 'lan'",
        "app != 'db'",
        '!has(pcns.env)',
      ),
      namespaceSelector: rarely(fc.constantFrom("env == 'prod'", "env != 'dev'", 'all()')),
      serviceAccountSelector: rarely(fc.constantFrom("team != 'x'", 'all()')),
      types: rarely(fc.constantFrom<string[]>(['Ingress'], ['Egress'], ['Ingress', 'Egress'], [])),
      ingress: manifestRules('ingress'),
      egress: manifestRules('egress'),
      flags,
    })
    .map(({ flags: said, ...rest }) => {
      if (!('preDNAT' in said)) return { ...rest, ...said };
      return { ...rest, ...said, egress: undefined, types: rest.types?.includes('Egress') ? undefined : rest.types };
    }),
  { bare: true, min: 2 },
);

export const staged = kind(
  'StagedGlobalNetworkPolicy',
  ['a', 'staged'],
  fc.record({
    tier: often(fc.constantFrom('early', 'late')),
    stagedAction: rarely(fc.constantFrom('Set', 'Delete')),
    ingress: manifestRules('ingress'),
    egress: manifestRules('egress'),
  }),
  { bare: true, max: 1 },
).map((list) =>
  list.map((policy) => {
    if (policy.spec.stagedAction !== 'Delete') return policy;
    return { ...policy, spec: without<ManifestSpec>({ ...policy.spec, ingress: undefined, egress: undefined }) };
  }),
);

export const tiers = kind(
  'Tier',
  tierNames.filter((name) => name !== 'absent'),
  fc.record({ order: often(fc.constantFrom(...orders)), defaultAction: often(fc.constantFrom('Pass', 'Deny')) }),
  { bare: true },
).map((list) =>
  list.map((tier) =>
    tier.metadata.name === 'unordered'
      ? { ...tier, spec: without<ManifestSpec>({ ...tier.spec, order: undefined }) }
      : tier,
  ),
);

export const profiles = kind(
  'Profile',
  ['p1', 'p2', 'kns.prod', 'kns.dev', 'ksa.prod.sa1'],
  fc.record({
    ingress: manifestRules('ingress'),
    egress: manifestRules('egress'),
    labelsToApply: often(
      some([
        { role: 'wan' },
        { app: 'db', role: 'lan' },
        { 'pcns.env': 'prod' },
        { 'pcns.env': 'dev', env: 'dev' },
        { 'pcsa.team': 'x' },
      ]).map((all): Record<string, string> => Object.assign({}, ...all)),
    ),
  }),
  { bare: true },
);

/** They are of workloads, which are elsewhere: whatever they say, no packet here meets them. */
export const namespaced = fc.oneof(
  ...['NetworkPolicy', 'StagedNetworkPolicy'].map((name) =>
    kind(name, ['a', 'of-pods'], fc.record({ ingress: manifestRules('ingress'), egress: manifestRules('egress') }), {
      namespaces: ['prod'],
      max: 1,
      bare: true,
    }),
  ),
);
