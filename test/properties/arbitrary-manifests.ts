/**
 * Whole networks as users write them: one router `r1`, as a Calico Node, as a Router or as both, with every kind that policy
 * reads.
 *
 *   fast-check ─[networks]→ Manifest[] ─[printManifests]→ YAML
 *
 * Invariant: every manifest is valid; names are few, so that things shadow, refer to each other and to nothing.
 */
import fc from 'fast-check';
import { hosts, manifestRules, often, rarely, some, without } from './arbitrary-manifest-rule.ts';
import type { Manifest, ManifestFailsafe, ManifestSpec } from './naive/manifest.ts';

type Metadata = Manifest['metadata'];
const everyHost = [...hosts[4], ...hosts[6]];
const tierNames = ['early', 'late', 'a-late', 'unordered', 'absent'];
const orders = [0, 1, 1, 2.5, -3, 1_000_000];
const profileNames = ['p1', 'p2', 'absent', 'projectcalico-default-allow'];

const labels = fc
  .record({
    role: often(fc.constantFrom('wan', 'lan')),
    app: often(fc.constantFrom('web', 'db')),
    env: rarely(fc.constantFrom('prod', 'dev')),
    'pcns.env': rarely(fc.constantFrom('prod')),
  })
  .map((parts) => without<Record<string, string>>(parts as Record<string, string | undefined>));

const endpointPorts = some(
  [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'http', protocol: 'UDP', port: 80 },
    { name: 'http', protocol: 6, port: 8080 },
    { name: 'metrics', protocol: 'SCTP', port: 443 },
    { name: 'metrics', protocol: 'TCP', port: 22 },
  ],
  3,
);

function kind<P extends object>(
  kindName: string,
  names: readonly string[],
  spec: fc.Arbitrary<P>,
  options: { readonly namespaces?: readonly string[]; readonly max?: number; readonly bare?: boolean } = {},
): fc.Arbitrary<Manifest[]> {
  const isOurs = ['Router', 'Site', 'Attachment', 'Segment'].includes(kindName);
  const one = fc
    .record({
      name: fc.constantFrom(...names),
      namespace: options.namespaces ? fc.constantFrom(...options.namespaces) : fc.constant(undefined),
      labels: options.bare ? fc.constant(undefined) : often(labels),
      spec,
    })
    .map(({ spec: parts, ...metadata }) => ({
      apiVersion: isOurs ? 'causeway.dev/v1' : 'projectcalico.org/v3',
      kind: kindName,
      metadata: without<Metadata>(metadata),
      spec: without<ManifestSpec>(parts as ManifestSpec),
    }));
  return fc.uniqueArray(one, {
    maxLength: options.max ?? names.length,
    size: 'max',
    selector: ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`,
  });
}

const places = fc.oneof(
  fc.record({
    interfaceName: fc.constantFrom('eth0', 'eth0', 'eth0', 'eth1', 'eth1', 'eth1', 'eth2', '*', 'kube-ipvs0', 'lo'),
    expectedIPs: often(some(everyHost)),
  }),
  fc.record({ interfaceName: fc.constant(undefined), expectedIPs: some(everyHost) }),
);

const hostEndpoints = kind(
  'HostEndpoint',
  ['h', 'h-a', 'h.b', 'w', 'z'],
  fc
    .record({
      node: fc.constantFrom('r1', 'r1', 'r1', 'r1', 'r2'),
      place: places,
      profiles: rarely(some(profileNames, 3)),
      ports: rarely(endpointPorts),
    })
    .map(({ place, ...rest }) => ({ ...rest, ...place })),
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

const policies = kind(
  'GlobalNetworkPolicy',
  ['a', 'a-b', 'a.b', 'c', 'd', 'e', 'f'],
  fc
    .record({
      tier: often(fc.constantFrom('default', ...tierNames)),
      order: often(fc.constantFrom(...orders)),
      selector: fc.constantFrom(
        undefined,
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
  { bare: true },
);

const staged = kind(
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

const tiers = kind(
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

const profiles = kind(
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

const workloads = kind(
  'WorkloadEndpoint',
  ['n1-k8s-x-eth0', 'n1-k8s-y-eth0', 'n1-k8s-z-eth0'],
  fc.record({
    ipNetworks: some(everyHost).map((all) => all.map((host) => `${host}/${host.includes(':') ? 128 : 32}`)),
    profiles: often(some(['kns.prod', 'kns.dev', 'ksa.prod.sa1', 'p1'])),
    serviceAccountName: often(fc.constantFrom('sa1', 'sa2')),
    ports: rarely(endpointPorts),
  }),
  { namespaces: ['prod', 'dev'], max: 3 },
).map((list) =>
  list.map((workload) => ({
    ...workload,
    spec: {
      ...workload.spec,
      orchestrator: 'k8s',
      node: 'n1',
      pod: workload.metadata.name.split('-')[2] ?? '',
      endpoint: 'eth0',
    },
  })),
);

/** Of one family each, as Kubernetes has them; a Service may have several. */
const endpointSlices = kind(
  'EndpointSlice',
  ['web-4', 'web-6', 'db-4'],
  fc.record({
    family: fc.constantFrom<4 | 6>(4, 6),
    chosen: some([0, 1, 2, 3, 4], 3),
    conditions: rarely(fc.constantFrom({ ready: false }, { ready: false, serving: true }, { ready: true })),
    ports: often(
      some(
        [
          { name: 'http', port: 80 },
          { name: 'dns', protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 443 },
        ],
        2,
      ),
    ),
  }),
  { namespaces: ['prod', 'dev'], bare: true },
).map((list) =>
  list.map(({ metadata, spec }): Manifest => {
    const { family, chosen, conditions, ports } = spec as unknown as SliceParts;
    const endpoints = [
      { addresses: chosen.map((index) => hosts[family][index] ?? ''), ...(conditions && { conditions }) },
    ];
    const service = metadata.name.split('-')[0] ?? '';
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': service } },
      spec: without<ManifestSpec>({ addressType: `IPv${family}`, endpoints, ports }),
    };
  }),
);

interface SliceParts {
  readonly family: 4 | 6;
  readonly chosen: readonly number[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
  readonly ports?: NonNullable<ManifestSpec['ports']>;
}

/** They are of workloads, which are elsewhere: whatever they say, no packet here meets them. */
const namespaced = fc.oneof(
  ...['NetworkPolicy', 'StagedNetworkPolicy'].map((name) =>
    kind(name, ['a', 'of-pods'], fc.record({ ingress: manifestRules('ingress'), egress: manifestRules('egress') }), {
      namespaces: ['prod'],
      max: 1,
      bare: true,
    }),
  ),
);

const setNets = often(some([...everyHost, '10.0.0.0/24', '10.0.0.9/16', '2001:db8::/64', '2001:db8:1::5/48'], 3));
const networkSets = kind('NetworkSet', ['n', 'm'], fc.record({ nets: setNets }), { namespaces: ['prod', 'dev'] });
const globalSets = kind('GlobalNetworkSet', ['g', 'k'], fc.record({ nets: setNets }));

const failsafes = fc.array(
  fc
    .record({
      protocol: rarely(fc.constantFrom('TCP', 'UDP', 'SCTP', 'udp')),
      port: fc.constantFrom(22, 80, 443, 53, 0),
      net: rarely(fc.constantFrom('10.0.0.0/24', '10.0.0.2', '2001:db8::/64')),
    })
    .map((parts) => without<ManifestFailsafe>(parts)),
  { maxLength: 2 },
);

const felixes = kind(
  'FelixConfiguration',
  ['default', 'node.r1', 'node.r2', 'chosen', 'other'],
  fc.record({
    nodeSelector: fc.constantFrom("role == 'wan'", 'all()'),
    failsafeInboundHostPorts: rarely(failsafes),
    failsafeOutboundHostPorts: rarely(failsafes),
    disableConntrackInvalidCheck: rarely(fc.boolean()),
    nftablesFilterDenyAction: rarely(fc.constantFrom('Drop', 'Reject')),
    iptablesFilterDenyAction: rarely(fc.constantFrom('Drop', 'Reject')),
    interfaceExclude: rarely(fc.constantFrom('eth2', 'eth1,kube-ipvs0', '/^eth[2-9]/,lo')),
    interfacePrefix: rarely(fc.constantFrom('tap', 'cali,tap')),
    defaultEndpointToHostAction: rarely(fc.constantFrom('Drop', 'Accept', 'Return')),
  }),
  { bare: true, max: 3 },
).map((list) =>
  list.map((felix) => {
    const isNamed = felix.metadata.name === 'default' || felix.metadata.name.startsWith('node.');
    return isNamed ? { ...felix, spec: without<ManifestSpec>({ ...felix.spec, nodeSelector: undefined }) } : felix;
  }),
);

const interfaces = [
  { name: 'eth0', addresses: ['10.0.0.1/24', '2001:db8::1/64'] },
  { name: 'eth1', addresses: ['10.0.1.1/24', '2001:db8:1::1/64'] },
];
const node: Manifest = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'Node',
  metadata: { name: 'r1', labels: { role: 'wan' } },
  spec: { interfaces },
};

const routers = fc
  .record({
    defaultAction: often(fc.constantFrom('Allow', 'Deny')),
    management: rarely(
      fc
        .record({ interfaces: often(some(['eth0', 'eth1'])), allowFrom: often(some(['10.0.0.0/24', '2001:db8::2'])) })
        .map((parts) => without<NonNullable<ManifestSpec['management']>>(parts)),
    ),
  })
  .map(
    ({ defaultAction, management }): Manifest => ({
      apiVersion: 'causeway.dev/v1',
      kind: 'Router',
      metadata: { name: 'r1' },
      spec: without<ManifestSpec>({
        asNumber: 64520,
        interfaces: interfaces.map((each) => ({ ...each, labels: { role: 'lan' } })),
        forwarding: defaultAction === undefined ? undefined : { defaultAction },
        management,
      } as ManifestSpec),
    }),
  );

const sites = kind(
  'Site',
  ['s1', 's2'],
  fc.record({
    type: fc.constantFrom('vpc', 'datacenter'),
    prefixes: often(some(['10.0.1.0/24', '192.0.2.0/24', '2001:db8:1::/64'])),
  }),
);
const attachments = kind(
  'Attachment',
  ['at1', 'at2'],
  fc
    .record({ site: fc.constantFrom('s1', 's2'), name: fc.constantFrom('eth1', 'eth2'), hasBgp: fc.boolean() })
    .map(({ site, name, hasBgp }) => ({
      router: 'r1',
      site,
      link: { interface: { name } },
      addresses: {
        local: [name === 'eth1' ? '10.0.1.1/24' : '10.0.2.1/24'],
        remote: [name === 'eth1' ? '10.0.1.2' : '10.0.2.2'],
      },
      bgp: hasBgp ? { asNumber: 64601 } : undefined,
      static: hasBgp ? undefined : { prefixes: ['10.0.1.0/24'] },
    })),
  { max: 2 },
);

const shared = fc
  .tuple(
    hostEndpoints,
    policies,
    staged,
    tiers,
    profiles,
    workloads,
    networkSets,
    globalSets,
    felixes,
    endpointSlices,
    namespaced,
  )
  .map((lists) => lists.flat());

/** A Calico Node alone: everything must be exactly Calico's. */
export const calicoNetworks: fc.Arbitrary<readonly Manifest[]> = shared.map((list) => [node, ...list]);

/** A Router, sometimes with a Node of its name, with Sites and Attachments. */
export const routerNetworks: fc.Arbitrary<readonly Manifest[]> = fc
  .tuple(routers, fc.boolean(), sites, attachments, shared)
  .map(([router, isBoth, siteList, attachmentList, list]) => [
    router,
    ...(isBoth ? [node] : []),
    ...siteList,
    ...attachmentList,
    ...list,
  ]);

/** YAML with each rule on one line of its own, so that a verdict's line can be held against it. */
export function printManifests(manifests: readonly Manifest[]): string {
  return manifests
    .map(({ apiVersion, kind: kindName, metadata, spec }) => {
      const { ingress, egress, ...rest } = spec;
      const lines = [
        `apiVersion: ${apiVersion}`,
        `kind: ${kindName}`,
        `metadata: ${JSON.stringify(metadata)}`,
        ...(kindName === 'EndpointSlice' ? [] : ['spec:']),
      ];
      if (Object.keys(spec).length === 0) lines[3] = 'spec: {}';
      const indent = kindName === 'EndpointSlice' ? '' : '  ';
      for (const [key, value] of Object.entries(rest)) lines.push(`${indent}${key}: ${JSON.stringify(value)}`);
      for (const [key, rules] of Object.entries({ ingress, egress })) {
        if (rules === undefined) continue;
        lines.push(rules.length === 0 ? `  ${key}: []` : `  ${key}:`);
        for (const rule of rules) lines.push(`  - ${JSON.stringify(rule)}`);
      }
      return `${lines.join('\n')}\n`;
    })
    .join('---\n');
}
