/**
 * What policy one router must enforce.
 *
 *   Snapshot, Topology, LabelIndex, InterfaceFacts ─[resolve-policy]→ PolicyIntent → nftables/compile, verdict/
 *
 * Invariant: fail closed: whatever cannot be resolved narrows access, and a warning says so. Without a Router of that name
 * the result is exactly Calico's.
 */
import type { Resource } from '../../resources/resource.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import { knownServices } from '../../resources/service-slices.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { hostEndpointLabels } from '../labels/effective-labels.ts';
import type { LabelIndex } from '../labels/label-index.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { findTraps, type SelectedEndpoint, usedPolicies } from './find-traps.ts';
import type { EndpointIntent, InterfaceFacts, PolicyId, PolicyIntent, PolicyRules, SetId } from './policy-intent.ts';
import { type GuardedInterfaces, resolveEndpoints, wildcard } from './resolve-endpoints.ts';
import { type BgpReach, resolveFailsafes } from './resolve-failsafes.ts';
import { type FelixSettings, resolveFelix } from './resolve-felix.ts';
import { resolveProfiles } from './resolve-profiles.ts';
import { type RulesContext, resolveRules } from './resolve-rule.ts';
import { mergeStagedRules, stageTiers, withStaged } from './resolve-staged.ts';
import { arrangeTiers, type ClassifiedPolicy, type OrderedTier, resolveTiers } from './resolve-tiers.ts';
import { makeUsedSets } from './used-sets.ts';

/** Nobody to speak BGP with, on the usual port. */
const noBgp: BgpReach = { listenPort: 179, peers: [] };

/**
 * Registers the selectors it uses in the index and forgets those it no longer uses; members of the result's sets are the
 * index's live maps. `interfaces` are those that exist; the ones that HostEndpoints name are added to them.
 */
export function resolvePolicy(
  snapshot: Snapshot,
  topology: Topology,
  index: LabelIndex,
  interfaces: readonly InterfaceFacts[],
  bgp: BgpReach = noBgp,
): { readonly policy: PolicyIntent; readonly warnings: readonly Warning[] } {
  const warnings: Warning[] = [];
  const { name, labels, resource: router } = topology.router;
  const felix = resolveFelix(snapshot, name, labels, warnings);
  const tiers = resolveTiers(snapshot, warnings);
  const candidates = [
    ...snapshot.list('HostEndpoint').filter(({ spec }) => spec.node === name),
    ...topology.generated.hostEndpoints,
  ];
  const guarded = resolveEndpoints(candidates, interfaces, felix, warnings);
  const selected = guarded.map((entry) => selectPolicies(snapshot, entry, tiers));
  const sets = makeUsedSets(index);
  const context: RulesContext = {
    sets,
    warnings,
    services: knownServices(snapshot),
    foldsNotSelector: router === undefined,
  };
  const policies = resolvePolicies(selected, context);
  const endpoints = guarded.map(({ endpoint }) => endpoint);
  const profiles = resolveProfiles(snapshot, endpoints, context);
  const enforcedSets = sets.ids();
  const stagedTiers = stageTiers(snapshot, tiers, warnings);
  const stagedSelected = stagedTiers ? guarded.map((entry) => selectPolicies(snapshot, entry, stagedTiers.tiers)) : [];
  const stagedPolicies = mergeStagedRules(policies, usedPolicies(stagedSelected), (policy) =>
    resolvePolicyRules(policy, context),
  );
  const { addressSets, portSets } = sets.finish();
  const policy: PolicyIntent = {
    forwardDefault: router ? (router.spec.forwarding?.defaultAction ?? 'Deny') : 'Allow',
    denyVerdict: felix.denyVerdict,
    dropsInvalid: felix.dropsInvalid,
    logPrefix: felix.logPrefix,
    ...(felix.logRate && { logRate: felix.logRate }),
    ...(router === undefined && leavesWorkloads(guarded, felix)),
    exemptsNeighborDiscovery: router !== undefined,
    exemptsLoopback: router !== undefined,
    failsafes: resolveFailsafes(felix, router, bgp, warnings),
    endpoints: selected.map((entry) => resolveEndpoint(entry, tiers)),
    policies,
    profiles,
    addressSets: keepOnly(addressSets, enforcedSets),
    portSets: keepOnly(portSets, enforcedSets),
  };
  warnings.push(...findTraps(policy, selected, { snapshot, topology, interfaces, bgp }));
  if (!stagedTiers) return { policy, warnings };
  const staged = {
    changes: stagedTiers.changes,
    endpoints: stagedSelected.map((entry) => resolveEndpoint(entry, stagedTiers.tiers)),
    policies: stagedPolicies,
    addressSets,
    portSets,
  };
  return { policy: withStaged(policy, staged), warnings };
}

/** The same map where it is all of it. */
function keepOnly<T>(sets: ReadonlyMap<SetId, T>, ids: ReadonlySet<SetId>): ReadonlyMap<SetId, T> {
  return [...sets.keys()].every((id) => ids.has(id)) ? sets : new Map([...sets].filter(([id]) => ids.has(id)));
}

/** Only a wildcard endpoint comes near them: no other one may name a workload's interface. */
function leavesWorkloads(
  guarded: readonly GuardedInterfaces[],
  { interfacePrefixes, workloadsToHost }: FelixSettings,
): Pick<PolicyIntent, 'workloads'> {
  if (interfacePrefixes.length === 0 || !guarded.some(({ interfaces }) => interfaces === wildcard)) return {};
  return { workloads: { prefixes: [...new Set(interfacePrefixes)].sort(), toHost: workloadsToHost } };
}

function selectPolicies(
  snapshot: Snapshot,
  { endpoint, interfaces }: GuardedInterfaces,
  tiers: readonly OrderedTier[],
): SelectedEndpoint {
  const labels = hostEndpointLabels(snapshot, endpoint);
  const policies = tiers.flatMap((tier) => tier.policies.filter(({ selector }) => evaluateSelector(selector, labels)));
  return { endpoint, interfaces, policies };
}

function resolveEndpoint(
  { endpoint, interfaces, policies }: SelectedEndpoint,
  tiers: readonly OrderedTier[],
): EndpointIntent {
  // Calico gives a wildcard endpoint no untracked policy (semantics §4.8); find-traps says what that means.
  const enforced = interfaces === wildcard ? policies.filter(({ stages }) => !stages.includes('untracked')) : policies;
  return {
    name: endpoint.metadata.name,
    interfaces,
    profiles: endpoint.spec.profiles ?? [],
    tiers: arrangeTiers(enforced, tiers),
  };
}

/** The rules of every policy that selects an endpoint, each once, by id. */
function resolvePolicies(selected: readonly SelectedEndpoint[], context: RulesContext): Map<PolicyId, PolicyRules> {
  const sorted = [...usedPolicies(selected)].sort((a, b) => (a.id < b.id ? -1 : 1));
  return new Map(sorted.map((policy) => [policy.id, resolvePolicyRules(policy, context)]));
}

/** Rules of a direction that the types leave out are never evaluated, so they are not resolved. */
function resolvePolicyRules(policy: ClassifiedPolicy, shared: RulesContext): PolicyRules {
  const { resource, directions } = policy;
  const context = { ...shared, subject: resource as Resource };
  const rules = (direction: 'ingress' | 'egress') =>
    directions.includes(direction)
      ? resolveRules(resource.spec[direction], direction, context).filter(
          ({ action }) => !policy.isBroken || action === 'Deny',
        )
      : [];
  return {
    id: policy.id,
    resource,
    kind: resource.kind,
    name: resource.metadata.name,
    tier: policy.tier,
    ingress: rules('ingress'),
    egress: rules('egress'),
  };
}
