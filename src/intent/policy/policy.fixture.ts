/**
 * One router `r1` with an endpoint on eth0, and what policy makes of resources written for a test.
 *
 *   resources → makeSnapshot → resolvePolicy, for the tests of this folder
 */

import { address } from '../../net/literals.fixture.ts';
import { parseCidr } from '../../net/prefix.ts';
import type { GlobalNetworkPolicySpec } from '../../resources/global-network-policy.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { LabelIndex } from '../labels/label-index.ts';
import { resolveOwners } from '../labels/owners.ts';
import type { Warning } from '../router-intent.ts';
import { resolveTopology } from '../topology/resolve-topology.ts';
import type { InterfaceFacts, PolicyIntent, RuleIntent } from './policy-intent.ts';
import type { ControlPeers } from './resolve-failsafes.ts';
import { resolvePolicy } from './resolve-policy.ts';

export const node = resource('Node', 'r1', {});
export const router = resource('Router', 'r1', { asNumber: 64520 });
export const eth0 = resource(
  'HostEndpoint',
  'h0',
  { node: 'r1', interfaceName: 'eth0', expectedIPs: ['10.0.0.1'] },
  { role: 'wan' },
);

export function policy(name: string, spec: GlobalNetworkPolicySpec): AnyResource {
  return resource('GlobalNetworkPolicy', name, { selector: 'has(role)', ...spec });
}

export function resolve(
  resources: readonly AnyResource[],
  interfaces?: readonly InterfaceFacts[],
  bfd: ControlPeers['bfd'] = [],
): { policy: PolicyIntent; warnings: readonly Warning[]; index: LabelIndex } {
  const snapshot = makeSnapshot(resources);
  const topology = resolveTopology(snapshot, 'r1');
  const index = new LabelIndex();
  for (const owner of resolveOwners(snapshot)) index.setOwner(owner);
  const peers = [
    { address: address('192.0.2.9'), port: 179 },
    { address: address('2001:db8::9'), port: 1790 },
  ];
  return {
    ...resolvePolicy(snapshot, topology, index, interfaces ?? topology.interfaces, { listenPort: 179, peers, bfd }),
    index,
  };
}

export function codes(warnings: readonly Warning[]): string[] {
  return [...new Set(warnings.map(({ code }) => code))].sort();
}

export function facts(name: string, ...addresses: string[]): InterfaceFacts {
  return { name, addresses: addresses.map((text) => parseCidr(text) ?? { address: address(text), length: 32 }) };
}

export function rules(...ingress: Rule[]): { rules: readonly RuleIntent[]; warned: string[]; intent: PolicyIntent } {
  const { policy: intent, warnings } = resolve([router, eth0, policy('p', { applyOnForward: true, ingress })]);
  return { rules: intent.policies.get('GlobalNetworkPolicy/p')?.ingress ?? [], warned: codes(warnings), intent };
}
