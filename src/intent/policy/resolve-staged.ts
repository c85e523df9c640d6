/**
 * What staged policies would make of a router's policy, were they in force (semantics §1.6).
 *
 *   policies, StagedGlobalNetworkPolicies ─[stagePolicies]→ policies as they would be
 *   PolicyIntent, endpoints as they would be ─[withStaged]→ PolicyIntent.staged
 *
 * `Set` adds its policy, or takes the place of the one of the same name in its tier; `Delete` takes that one away; `Learn` and
 * `Ignore` change nothing.
 * Invariant: nothing of it reaches what is enforced: policies, endpoints' tiers and sets are what they are without it.
 */

import { sameItems } from '../../net/same-value.ts';
import { type Resource, resourceId } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { StagedGlobalNetworkPolicySpec } from '../../resources/staged-network-policy.ts';
import type { Warning } from '../router-intent.ts';
import type { EndpointIntent, PolicyId, PolicyIntent, StagedChange, StagedPoint, TierIntent } from './policy-intent.ts';
import { type ClassifiedPolicy, tierOf } from './resolve-tiers.ts';

export interface StagedPolicies {
  /** All that would be in force. */
  readonly policies: readonly ClassifiedPolicy[];
  readonly changes: readonly StagedChange[];
}

/** Undefined where no staged policy would change anything; `classify` knows each from the resolution before. */
export function stagePolicies(
  snapshot: Snapshot,
  enforced: readonly ClassifiedPolicy[],
  classify: (resource: ClassifiedPolicy['resource']) => ClassifiedPolicy,
): StagedPolicies | undefined {
  const staged = snapshot.list('StagedGlobalNetworkPolicy');
  if (staged.length === 0) return undefined;
  const policies = new Map(enforced.map((policy) => [policy.id, policy]));
  const changes: StagedChange[] = [];
  for (const resource of staged) {
    const change = changeOf(resource, policies);
    if (!change) continue;
    changes.push(change);
    if (change.target !== undefined) policies.delete(change.target);
    if (change.action === 'Set') policies.set(change.id, classify(resource));
  }
  return changes.length === 0 ? undefined : { policies: [...policies.values()], changes };
}

function changeOf(
  resource: Resource<'StagedGlobalNetworkPolicy'>,
  policies: ReadonlyMap<PolicyId, ClassifiedPolicy>,
): StagedChange | undefined {
  const id = resourceId(resource);
  const named = namesakeOf(resource, policies);
  const target = named?.tier === tierOf(resource.spec) ? named.id : undefined;
  switch (stagedActionOf(resource.spec)) {
    case 'Set':
      return { id, action: 'Set', ...(target === undefined ? {} : { target }) };
    case 'Delete':
      return target === undefined ? undefined : { id, action: 'Delete', target };
    case 'Learn':
    case 'Ignore':
      return undefined;
  }
}

function namesakeOf(
  { metadata }: Resource<'StagedGlobalNetworkPolicy'>,
  policies: ReadonlyMap<PolicyId, ClassifiedPolicy>,
): ClassifiedPolicy | undefined {
  return policies.get(`GlobalNetworkPolicy/${metadata.name}`);
}

/** Staged policies that do not try what their author may think. */
export function warnOfStaged(snapshot: Snapshot, enforced: readonly ClassifiedPolicy[]): Warning[] {
  const policies = new Map(enforced.map((policy) => [policy.id, policy]));
  return snapshot.list('StagedGlobalNetworkPolicy').flatMap((subject): Warning[] => {
    const { name } = subject.metadata;
    const tier = tierOf(subject.spec);
    const named = namesakeOf(subject, policies);
    const action = stagedActionOf(subject.spec);
    if (action === 'Delete' && named?.tier !== tier) {
      const message = `there is no GlobalNetworkPolicy ${name} in tier ${tier}: nothing is tried`;
      return [{ code: 'staged-without-target', subject, path: ['spec', 'stagedAction'], message }];
    }
    if (action !== 'Set' || !named || named.tier === tier) return [];
    const message = `GlobalNetworkPolicy ${name} is in tier ${named.tier}: this one is tried beside it, but to apply it under that name would replace it`;
    return [{ code: 'staged-other-tier', subject, path: ['spec', 'tier'], message }];
  });
}

function stagedActionOf({ stagedAction = 'Set' }: StagedGlobalNetworkPolicySpec) {
  return stagedAction;
}

/** What is resolved of `StagedPolicies` for this router; endpoints in the order of the enforced ones. */
export interface StagedResolution extends Pick<PolicyIntent, 'endpoints' | 'policies' | 'addressSets' | 'portSets'> {
  readonly changes: readonly StagedChange[];
}

/** The policy itself where the staged policies concern none of its endpoints. */
export function withStaged(policy: PolicyIntent, staged: StagedResolution): PolicyIntent {
  const points = policy.endpoints.map((endpoint, i) => stagedPoints(endpoint, staged.endpoints[i]));
  if (points.every((list) => list.length === 0)) return policy;
  const isMet = (id: PolicyId | undefined): boolean =>
    id !== undefined && (staged.policies.has(id) || policy.policies.has(id));
  const { changes, ...resolved } = staged;
  return {
    ...policy,
    endpoints: policy.endpoints.map((endpoint, i) => {
      const stagedIn = points[i] ?? [];
      return stagedIn.length === 0 ? endpoint : { ...endpoint, stagedIn };
    }),
    staged: {
      policy: { ...policy, ...resolved },
      changes: changes.filter(({ id, target }) => isMet(id) || isMet(target)),
    },
  };
}

/** Where the tiers of the endpoint would be others. */
function stagedPoints(enforced: EndpointIntent, staged: EndpointIntent | undefined): readonly StagedPoint[] {
  if (!staged) return [];
  return (['untracked', 'preDNAT', 'normal', 'forward'] as const).flatMap((stage) =>
    (['ingress', 'egress'] as const)
      .filter((direction) => !equalTiers(enforced.tiers[stage][direction], staged.tiers[stage][direction]))
      .map((direction) => ({ stage, direction })),
  );
}

function equalTiers(a: readonly TierIntent[], b: readonly TierIntent[]): boolean {
  return sameItems(a, b, (x, y) => {
    return x.name === y.name && x.defaultAction === y.defaultAction && sameItems(x.policies, y.policies);
  });
}
