/**
 * Whole networks as users write them: one router `r1`, as a Calico Node, as a Router or as both, with every kind that policy
 * reads.
 *
 *   fast-check ─[networks]→ Manifest[] ─[printManifests]→ YAML
 *
 * Invariant: every manifest is valid; names are few, so that things shadow, refer to each other and to nothing.
 */
import fc from 'fast-check';
import { kind } from './arbitrary-manifest-kind.ts';
import { endpointSlices, globalSets, networkSets, workloads } from './arbitrary-manifest-owners.ts';
import { hostEndpoints, namespaced, policies, profiles, staged, tiers } from './arbitrary-manifest-policy.ts';
import { often, rarely, some, without } from './arbitrary-manifest-rule.ts';
import type { Manifest, ManifestFailsafe, ManifestSpec } from './naive/manifest.ts';

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
    nftablesFilterDenyAction: often(fc.constantFrom('Drop', 'Reject')),
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
