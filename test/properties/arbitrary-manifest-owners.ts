/**
 * Who owns addresses beside host endpoints: workloads elsewhere, network sets, and the endpoints of Services.
 *
 *   fast-check ─[workloads, networkSets, …]→ Manifest[], all valid
 */
import fc from 'fast-check';
import { endpointPorts, everyHost, kind } from './arbitrary-manifest-kind.ts';
import { hosts, often, rarely, some, without } from './arbitrary-manifest-rule.ts';
import type { Manifest, ManifestSpec } from './naive/manifest.ts';

export const workloads = kind(
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
export const endpointSlices = kind(
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

const setNets = often(some([...everyHost, '10.0.0.0/24', '10.0.0.9/16', '2001:db8::/64', '2001:db8:1::5/48'], 3));
export const networkSets = kind('NetworkSet', ['n', 'm'], fc.record({ nets: setNets }), {
  namespaces: ['prod', 'dev'],
});
export const globalSets = kind('GlobalNetworkSet', ['g', 'k'], fc.record({ nets: setNets }));
