/**
 * Policies in the order they are evaluated (semantics §4.2 to §4.5).
 *
 *   Tiers, GlobalNetworkPolicies ─[resolve-tiers]→ OrderedTier[] ─[arrangeTiers]→ tiers of one endpoint
 *
 * Invariant: a policy whose tier is missing still bites: it comes after all others, under Deny. NetworkPolicies never match
 * a host endpoint and staged policies are never enforced, so neither appears (`resolve-staged` says what those would do).
 */
import { sameValue } from '../../net/same-value.ts';
import { type GlobalNetworkPolicySpec, inferTypes } from '../../resources/global-network-policy.ts';
import { type Resource, resourceId } from '../../resources/resource.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { builtInTiers } from '../../resources/tier.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction, EndpointIntent, PolicyId, Stage, TierIntent } from './policy-intent.ts';
import { policySelector } from './policy-selector.ts';
import { describeError } from './resolve-side.ts';

/** All that decides which endpoints meet a policy, where, and in which order; the same object while none of it changes. */
export interface PolicyPlacement {
  readonly id: PolicyId;
  readonly tier: string;
  readonly order: number;
  /** Among policies of one order. */
  readonly tieBreaker: string;
  /** Over effective labels. */
  readonly selector: Selector;
  /** True when the selector does not parse: then it selects everything, and only its Deny rules count. */
  readonly isBroken: boolean;
  readonly directions: readonly Direction[];
  readonly stages: readonly Stage[];
}

export interface OrderedTier {
  readonly name: string;
  readonly defaultAction: 'Pass' | 'Deny';
  readonly isMissing: boolean;
  /** In order of evaluation. */
  readonly policies: readonly PolicyPlacement[];
}

/** A policy with its placement. */
export interface ClassifiedPolicy extends PolicyPlacement {
  /** A staged one only in `resolve-staged`. */
  readonly resource: Resource<'GlobalNetworkPolicy'> | Resource<'StagedGlobalNetworkPolicy'>;
  readonly placement: PolicyPlacement;
  readonly warnings: readonly Warning[];
}

interface TierOrder {
  readonly name: string;
  readonly defaultAction: 'Pass' | 'Deny';
  readonly isMissing: boolean;
  readonly order: number;
}

/** Tiers that hold a policy, in order, each with its policies in order. */
export function orderTiers(snapshot: Snapshot, placements: readonly PolicyPlacement[]): OrderedTier[] {
  const byTier = new Map<string, PolicyPlacement[]>();
  for (const placement of placements) {
    const policies = byTier.get(placement.tier);
    if (policies) policies.push(placement);
    else byTier.set(placement.tier, [placement]);
  }
  const tiers = [...byTier.keys()].map((name) => tierOrder(snapshot, name)).sort(compareTiers);
  return tiers.map(({ name, defaultAction, isMissing }) => {
    return { name, defaultAction, isMissing, policies: (byTier.get(name) ?? []).sort(comparePlacements) };
  });
}

/** Policies that name a tier which does not exist; `policyOf` finds the one of a placement. */
export function warnOfMissingTiers(
  tiers: readonly OrderedTier[],
  policyOf: (placement: PolicyPlacement) => ClassifiedPolicy,
): Warning[] {
  return tiers
    .filter(({ isMissing }) => isMissing)
    .flatMap(({ name, policies }) =>
      policies.map((placement) => warnOfMissingTier(name, policyOf(placement).resource)),
    );
}

/** The tiers one endpoint meets in each stage and direction, given the policies that select it in order of evaluation. */
export function arrangeTiers(
  policies: readonly PolicyPlacement[],
  tiers: readonly OrderedTier[],
): EndpointIntent['tiers'] {
  const actions = new Map(tiers.map(({ name, defaultAction }) => [name, defaultAction]));
  const arranged = {
    untracked: { ingress: [], egress: [] },
    preDNAT: { ingress: [], egress: [] },
    normal: { ingress: [], egress: [] },
    forward: { ingress: [], egress: [] },
  } satisfies Record<Stage, Record<Direction, OpenTier[]>>;
  for (const { id, tier, stages, directions } of policies) {
    for (const stage of stages) {
      for (const direction of directions) {
        const met: OpenTier[] = arranged[stage][direction];
        const last = met.at(-1);
        if (last?.name === tier) last.policies.push(id);
        else met.push({ name: tier, defaultAction: actions.get(tier) ?? 'Deny', policies: [id] });
      }
    }
  }
  return arranged;
}

interface OpenTier extends TierIntent {
  readonly policies: PolicyId[];
}

/** `before` is what it was classified as last, whose placement is kept while it is the same. */
export function classifyPolicy(
  resource: ClassifiedPolicy['resource'],
  before: ClassifiedPolicy | undefined,
): ClassifiedPolicy {
  if (before?.resource === resource) return before;
  const { spec } = resource;
  const warnings: Warning[] = [];
  const selector = policySelector(spec);
  if (!selector.ok) {
    warnings.push({
      code: 'invalid-selector',
      subject: resource,
      path: ['spec', 'selector'],
      message: `${describeError(selector.error)}: until it does, the policy selects every endpoint with its Deny rules alone`,
    });
  }
  const types = inferTypes(spec);
  const directions: Direction[] = [];
  if (types.includes('Ingress')) directions.push('ingress');
  if (types.includes('Egress') && spec.preDNAT !== true) directions.push('egress');
  const placed: PolicyPlacement = {
    id: resourceId(resource),
    tier: tierOf(spec),
    order: spec.order ?? Number.POSITIVE_INFINITY,
    tieBreaker: tieBreaker(resource),
    selector: selector.ok ? selector.value : { kind: 'all' },
    isBroken: !selector.ok,
    directions,
    stages: stagesOf(resource),
  };
  const placement = before && sameValue(before.placement, placed) ? before.placement : placed;
  return { ...placement, resource, placement, warnings };
}

export function tierOf({ tier }: Pick<GlobalNetworkPolicySpec, 'tier'>): string {
  return tier === undefined || tier === '' ? 'default' : tier;
}

function stagesOf({ spec }: ClassifiedPolicy['resource']): readonly Stage[] {
  if (spec.doNotTrack === true) return ['untracked'];
  if (spec.preDNAT === true) return ['preDNAT'];
  return spec.applyOnForward === true ? ['normal', 'forward'] : ['normal'];
}

function tierOrder(snapshot: Snapshot, name: string): TierOrder {
  const stored = snapshot.find('Tier', name);
  const builtIn = Object.hasOwn(builtInTiers, name) ? builtInTiers[name] : undefined;
  return {
    name,
    defaultAction: stored?.spec.defaultAction ?? builtIn?.defaultAction ?? 'Deny',
    isMissing: !stored && !builtIn,
    order: stored?.spec.order ?? builtIn?.order ?? Number.POSITIVE_INFINITY,
  };
}

function compareTiers(a: TierOrder, b: TierOrder): number {
  if (a.isMissing !== b.isMissing) return a.isMissing ? 1 : -1;
  return compareOrders(a.order, b.order) || compareTexts(a.name, b.name);
}

function comparePlacements(a: PolicyPlacement, b: PolicyPlacement): number {
  return compareOrders(a.order, b.order) || compareTexts(a.tieBreaker, b.tieBreaker);
}

/** Calico compares `name/namespace/kind`: since `-` and `.` sort before `/`, `a-b` comes before `a` (semantics §4.2). */
function tieBreaker({ metadata }: Resource): string {
  // A staged policy stands where it would once it is enforced.
  return `${metadata.name}//GlobalNetworkPolicy`;
}

/** Not a subtraction: infinity less infinity is no number. */
function compareOrders(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function warnOfMissingTier(tier: string, resource: Resource): Warning {
  return {
    code: 'missing-tier',
    subject: resource,
    path: ['spec', 'tier'],
    message: `Tier ${tier} does not exist: the policy is evaluated after all tiers, and what it does not match is denied`,
  };
}
