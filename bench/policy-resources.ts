/**
 * A router and its policy as a user would write them, made in memory.
 *
 *   rules, workloads → [policy-resources] → resources → the product's pipeline
 *
 * Each rule allows UDP to one port, from the workloads of one application, named by label, or from one network; the policies
 * apply to what is forwarded from the interface `west`.
 */
import { calicoApiVersion, causewayApiVersion } from '../src/resources/kinds.ts';
import type { AnyResource, Resource } from '../src/resources/resource.ts';
import { destination, sources } from './forwarding/addresses.ts';

export const routerName = 'router';

/** A rule that lets UDP in, and the policy (by order) that it belongs to. */
export interface SourceRule {
  readonly policy: number;
  readonly source: { readonly app: string } | { readonly network: string };
  port: number;
}

export interface Workload {
  readonly address: string;
  readonly app: string;
}

/** @param interfaces that have a HostEndpoint under the policies */
export function describePolicy(
  rules: readonly SourceRule[],
  workloads: readonly Workload[],
  interfaces: readonly string[] = ['west'],
): AnyResource[] {
  return [
    ...describeRouter(interfaces),
    ...interfaces.map(describeHostEndpoint),
    ...describePolicies(rules),
    ...workloads.map(describeWorkload),
  ];
}

/** One workload of an application; another label on the same address is what a label change is. */
export function describeWorkload({ address, app }: Workload): Resource<'WorkloadEndpoint'> {
  return {
    apiVersion: calicoApiVersion,
    kind: 'WorkloadEndpoint',
    metadata: { name: `pod-${address.replaceAll('.', '-')}`, namespace: 'bench', labels: { app } },
    spec: { node: 'elsewhere', orchestrator: 'k8s', ipNetworks: [`${address}/32`] },
  };
}

function describeRouter(interfaces: readonly string[]): AnyResource[] {
  return [
    {
      apiVersion: causewayApiVersion,
      kind: 'Router',
      metadata: { name: routerName },
      spec: {
        role: 'transit',
        asNumber: 64520,
        interfaces: [
          { name: 'west', addresses: [sources.router] },
          { name: 'east', addresses: [destination.router] },
          ...interfaces.filter((name) => name !== 'west').map((name) => ({ name })),
        ],
        forwarding: { defaultAction: 'Deny' },
      },
    },
  ];
}

function describeHostEndpoint(name: string): AnyResource {
  return {
    apiVersion: calicoApiVersion,
    kind: 'HostEndpoint',
    metadata: { name, labels: { side: 'west' } },
    spec: { node: routerName, interfaceName: name },
  };
}

/** One policy for each number that a rule says. */
export function describePolicies(rules: readonly SourceRule[]): AnyResource[] {
  const byPolicy = new Map<number, SourceRule[]>();
  for (const rule of rules) {
    const ofPolicy = byPolicy.get(rule.policy) ?? [];
    byPolicy.set(rule.policy, ofPolicy);
    ofPolicy.push(rule);
  }
  return [...byPolicy].map(([policy, ofPolicy]) => ({
    apiVersion: calicoApiVersion,
    kind: 'GlobalNetworkPolicy',
    metadata: { name: `policy-${policy}` },
    spec: {
      tier: 'default',
      order: policy,
      selector: "side == 'west'",
      applyOnForward: true,
      types: ['Ingress'],
      ingress: ofPolicy.map((rule) => ({
        action: 'Allow',
        protocol: 'UDP',
        source: 'app' in rule.source ? { selector: `app == '${rule.source.app}'` } : { nets: [rule.source.network] },
        destination: { ports: [rule.port] },
      })),
    },
  }));
}
