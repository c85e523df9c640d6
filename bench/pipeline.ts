// temporary: intent by hand until resolveIntent exists

import type { AddressSet, PolicyIntent, PolicyRules } from '../src/intent/policy/policy-intent.ts';
import { parsePrefix } from '../src/net/prefix.ts';
import { compileRuleset } from '../src/nftables/compile.ts';
import { printRuleset } from '../src/nftables/print.ts';
import type { AnyResource } from '../src/resources/resource.ts';
export function printPolicy(resources: readonly AnyResource[]): string {
  const policies = new Map<string, PolicyRules>();
  const addressSets = new Map<string, AddressSet>();
  const sets = new Map<string, Map<string, NonNullable<ReturnType<typeof parsePrefix>>>>();
  for (const r of resources)
    if (r.kind === 'WorkloadEndpoint') {
      const app = r.metadata.labels?.['app'] ?? '';
      const m = sets.get(app) ?? new Map();
      sets.set(app, m);
      for (const n of r.spec.ipNetworks ?? []) {
        const p = parsePrefix(n);
        if (p) m.set(n, p);
      }
    }
  for (const [app, members] of sets)
    addressSets.set(`s:${app}`, { id: `s:${app}`, selector: `app == "${app}"`, members });
  for (const r of resources)
    if (r.kind === 'GlobalNetworkPolicy')
      policies.set(`GlobalNetworkPolicy/${r.metadata.name}`, {
        id: `GlobalNetworkPolicy/${r.metadata.name}`,
        resource: r,
        kind: r.kind,
        name: r.metadata.name,
        tier: 'default',
        egress: [],
        ingress: (r.spec.ingress ?? []).map((rule, index) => {
          const port = Number(rule.destination?.ports?.[0]);
          return {
            action: rule.action,
            index,
            path: ['spec', 'ingress', index],
            families: [4 as const, 6 as const],
            protocol: 17,
            source: { addressSet: `s:${/'(.*)'/.exec(rule.source?.selector ?? '')?.[1]}` },
            destination: { ports: { ranges: [{ first: port, last: port }], portSets: [] } },
          };
        }),
      });
  const none = { ingress: [], egress: [] };
  const intent: PolicyIntent = {
    forwardDefault: 'Deny',
    denyVerdict: 'drop',
    dropsInvalid: true,
    logPrefix: 'calico-packet',
    exemptsNeighborDiscovery: true,
    exemptsLoopback: true,
    failsafes: { inbound: [], outbound: [] },
    profiles: new Map(),
    portSets: new Map(),
    policies,
    addressSets,
    endpoints: [
      {
        name: 'west',
        interfaces: ['west'],
        profiles: [],
        tiers: {
          untracked: none,
          preDNAT: none,
          normal: none,
          forward: {
            egress: [],
            ingress: [{ name: 'default', defaultAction: 'Deny', policies: [...policies.keys()] }],
          },
        },
      },
    ],
  };
  return printRuleset(compileRuleset(intent));
}
