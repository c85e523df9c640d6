/**
 * Which policies each endpoint meets, kept from one resolution to the next.
 *
 *   OrderedTier[], endpoints by labels ─[PolicySelection.update]→ policies and tiers of each endpoint
 *
 * Endpoints of equal labels are selected once; a selector is evaluated when it is new; endpoints that meet the same policies
 * share their tiers. Invariant: the result is that of evaluating every selector over every endpoint; what is equal to what
 * was returned before is the same object. A class, because it remembers.
 */
import { sameItems } from '../../net/same-value.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import type { EndpointIntent, TierIntent } from './policy-intent.ts';
import { arrangeTiers, type OrderedTier, type PolicyPlacement } from './resolve-tiers.ts';

/** What an endpoint meets. */
export interface MetPolicies {
  /** In order of evaluation; all that select it. */
  readonly selected: readonly PolicyPlacement[];
  /** Those in force. */
  readonly tiers: EndpointIntent['tiers'];
}

export interface SelectableEndpoint {
  /** Effective ones. */
  readonly labels: ReadonlyMap<string, string>;
  readonly isWildcard: boolean;
}

/** Endpoints of equal labels. */
interface LabelGroup {
  readonly labels: ReadonlyMap<string, string>;
  readonly matching: Set<PolicyPlacement>;
  selected: readonly PolicyPlacement[];
  /** For endpoints that name interfaces, and for a wildcard. */
  readonly met: Map<boolean, Met>;
}

interface Met extends MetPolicies {
  readonly enforced: readonly PolicyPlacement[];
}

export class PolicySelection {
  private tiers: readonly OrderedTier[] = [];
  private order: readonly PolicyPlacement[] = [];
  private groups = new Map<string, LabelGroup>();
  private arranged = new Map<string, Met[]>();

  /** One result for each endpoint, in their order. `tiers` that are the same array as before are taken as unchanged. */
  update(tiers: readonly OrderedTier[], endpoints: readonly SelectableEndpoint[]): MetPolicies[] {
    if (tiers !== this.tiers) this.reorder(tiers);
    const groups = new Map<string, LabelGroup>();
    const inUse = new Set<MetPolicies>();
    const result = endpoints.map(({ labels, isWildcard }) => {
      const key = labelsKey(labels);
      const group = groups.get(key) ?? this.groups.get(key) ?? this.select(labels);
      groups.set(key, group);
      const met = this.meet(group, isWildcard);
      inUse.add(met);
      return met;
    });
    // A group may stand for endpoints of another sort than before.
    for (const { met } of groups.values()) {
      for (const [isWildcard, one] of met) if (!inUse.has(one)) met.delete(isWildcard);
    }
    this.groups = groups;
    return result;
  }

  private reorder(tiers: readonly OrderedTier[]): void {
    const known = new Set(this.order);
    this.tiers = tiers;
    this.order = tiers.flatMap(({ policies }) => policies);
    const added = this.order.filter((policy) => !known.delete(policy));
    for (const group of this.groups.values()) {
      for (const policy of known) group.matching.delete(policy);
      for (const policy of added) if (evaluateSelector(policy.selector, group.labels)) group.matching.add(policy);
      const selected = this.order.filter((policy) => group.matching.has(policy));
      if (!sameItems(selected, group.selected)) group.selected = selected;
    }
    const before = this.arranged;
    this.arranged = new Map();
    for (const group of this.groups.values()) {
      for (const [isWildcard, met] of group.met)
        group.met.set(isWildcard, this.arrange(group, isWildcard, met, before));
    }
  }

  private select(labels: ReadonlyMap<string, string>): LabelGroup {
    const selected = this.order.filter(({ selector }) => evaluateSelector(selector, labels));
    return { labels, matching: new Set(selected), selected, met: new Map() };
  }

  private meet(group: LabelGroup, isWildcard: boolean): MetPolicies {
    const known = group.met.get(isWildcard);
    if (known) return known;
    const met = this.arrange(group, isWildcard, undefined, undefined);
    group.met.set(isWildcard, met);
    return met;
  }

  private arrange(
    { selected }: LabelGroup,
    isWildcard: boolean,
    last: Met | undefined,
    before: ReadonlyMap<string, readonly Met[]> | undefined,
  ): Met {
    // Calico gives a wildcard endpoint no untracked policy (semantics §4.8); find-traps says what that means.
    const isBarred = ({ stages }: PolicyPlacement): boolean => isWildcard && stages.includes('untracked');
    const enforced = selected.some(isBarred) ? selected.filter((policy) => !isBarred(policy)) : selected;
    const key = sampleKey(selected);
    const fits = (met: Met): boolean => sameItems(met.selected, selected) && sameItems(met.enforced, enforced);
    const known = this.arranged.get(key) ?? [];
    this.arranged.set(key, known);
    const shared = known.find(fits);
    if (shared) return shared;
    const old = before?.get(key)?.find((met) => fits(met) && this.hasActionsOf(met.tiers));
    const met = old ?? { selected, enforced, tiers: keepTiers(last?.tiers, arrangeTiers(enforced, this.tiers)) };
    known.push(met);
    return met;
  }

  /** Whether no tier's default action has changed. */
  private hasActionsOf(tiers: EndpointIntent['tiers']): boolean {
    const actions = new Map(this.tiers.map(({ name, defaultAction }) => [name, defaultAction]));
    return Object.values(tiers).every(({ ingress, egress }) =>
      [...ingress, ...egress].every(({ name, defaultAction }) => actions.get(name) === defaultAction),
    );
  }
}

function labelsKey(labels: ReadonlyMap<string, string>): string {
  return JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Equal for equal lists, and seldom for others. */
function sampleKey(policies: readonly PolicyPlacement[]): string {
  const { length } = policies;
  const samples = [0, 1, 2, 3, 4].map((part) => policies[Math.floor((part * (length - 1)) / 4)]?.id ?? '');
  return [length, ...samples].join(' ');
}

/** The tiers of before where they are equal, down to each tier. */
function keepTiers(
  before: EndpointIntent['tiers'] | undefined,
  after: EndpointIntent['tiers'],
): EndpointIntent['tiers'] {
  if (!before) return after;
  const kept = {
    untracked: keepDirections(before.untracked, after.untracked),
    preDNAT: keepDirections(before.preDNAT, after.preDNAT),
    normal: keepDirections(before.normal, after.normal),
    forward: keepDirections(before.forward, after.forward),
  };
  const stages = ['untracked', 'preDNAT', 'normal', 'forward'] as const;
  return stages.every((stage) => kept[stage] === before[stage]) ? before : kept;
}

type Directions = EndpointIntent['tiers']['normal'];

function keepDirections(before: Directions, after: Directions): Directions {
  const ingress = keepList(before.ingress, after.ingress);
  const egress = keepList(before.egress, after.egress);
  return ingress === before.ingress && egress === before.egress ? before : { ingress, egress };
}

function keepList(before: readonly TierIntent[], after: readonly TierIntent[]): readonly TierIntent[] {
  const kept = after.map((tier) => {
    const old = before.find(({ name }) => name === tier.name);
    return old?.defaultAction === tier.defaultAction && sameItems(old.policies, tier.policies) ? old : tier;
  });
  return sameItems(before, kept) ? before : kept;
}
