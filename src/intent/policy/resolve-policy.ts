/**
 * What policy one router must enforce.
 *
 *   Snapshot, Topology, LabelIndex, InterfaceFacts ─[resolve-policy]→ PolicyIntent → nftables/compile, verdict/
 *
 * Invariant: fail closed: whatever cannot be resolved narrows access, and a warning says so. Without a Router of that name
 * the result is exactly Calico's. A PolicyResolver gives what resolving from nothing gives; what equals what it gave before
 * is the same object. It is a class, because it remembers.
 */
import { sameItems } from '../../net/same-value.ts';
import type { Resource } from '../../resources/resource.ts';
import { knownServices } from '../../resources/service-slices.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { hostEndpointLabels } from '../labels/effective-labels.ts';
import type { LabelIndex } from '../labels/label-index.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { findTraps } from './find-traps.ts';
import { keepParts } from './keep-parts.ts';
import { warnOfOpenPorts } from './link-failsafes.ts';
import { resolveMssClamps } from './mss-clamps.ts';
import { resolvePairInterfaces } from './pair-interfaces.ts';
import type { EndpointIntent, InterfaceFacts, PolicyIntent, PolicyRules, SetId } from './policy-intent.ts';
import { type MetPolicies, PolicySelection, type SelectableEndpoint } from './policy-selection.ts';
import { type GuardedInterfaces, resolveEndpoints, wildcard } from './resolve-endpoints.ts';
import { type ControlPeers, resolveFailsafes } from './resolve-failsafes.ts';
import { type FelixSettings, resolveFelix } from './resolve-felix.ts';
import { resolveProfiles } from './resolve-profiles.ts';
import { resolveRules } from './resolve-rule.ts';
import { stagePolicies, warnOfStaged, withStaged } from './resolve-staged.ts';
import {
  type ClassifiedPolicy,
  classifyPolicy,
  type OrderedTier,
  orderTiers,
  type PolicyPlacement,
  warnOfMissingTiers,
} from './resolve-tiers.ts';
import { RulesMemory } from './rules-memory.ts';
import type { SelectedEndpoint } from './selected-endpoint.ts';
import { CountedSets } from './used-sets.ts';

/** Nobody to speak BGP with, on the usual port. */
const noBgp: ControlPeers = { listenPort: 179, peers: [] };

export interface PolicyInputs {
  readonly snapshot: Snapshot;
  readonly topology: Topology;
  /** This node's, as written; `topology` has those of Attachments. */
  readonly hostEndpoints: readonly Resource<'HostEndpoint'>[];
  /** Every Service of which something is known, by `namespace/name`. */
  readonly services: Pick<ReadonlySet<string>, 'has'>;
  /** Those that exist; the ones that HostEndpoints name are added to them. */
  readonly interfaces: readonly InterfaceFacts[];
  readonly bgp: ControlPeers;
}

export interface ResolvedPolicy {
  readonly policy: PolicyIntent;
  /**
   * What to say of it, found when asked for; `snapshot` is the one it was resolved from, or a later one that would make the
   * same policy: to keep the first one for this would keep every change since in memory.
   */
  readonly warnings: (snapshot: Snapshot) => readonly Warning[];
}

/** The policy of a snapshot, resolved from nothing. */
export function resolvePolicy(
  snapshot: Snapshot,
  topology: Topology,
  index: LabelIndex,
  interfaces: readonly InterfaceFacts[],
  bgp: ControlPeers = noBgp,
): { readonly policy: PolicyIntent; readonly warnings: readonly Warning[] } {
  const hostEndpoints = snapshot.list('HostEndpoint').filter(({ spec }) => spec.node === topology.router.name);
  const services = knownServices(snapshot);
  const resolver = new PolicyResolver(index);
  const { policy, warnings } = resolver.update({ snapshot, topology, hostEndpoints, services, interfaces, bgp });
  return { policy, warnings: warnings(snapshot) };
}

/** Tiers in order, known while policies are placed as before. */
interface Ordering {
  readonly from: readonly unknown[];
  readonly tiers: readonly OrderedTier[];
}

/** Where policies apply, known while its inputs are the same. */
interface Guarded {
  readonly from: readonly unknown[];
  readonly felix: FelixSettings;
  readonly guarded: readonly GuardedInterfaces[];
  readonly warnings: readonly Warning[];
}

const nothing: readonly unknown[] = [];

export class PolicyResolver {
  private readonly sets: CountedSets;
  private readonly rules: RulesMemory;
  private readonly enforced = new PolicySelection();
  private readonly staged = new PolicySelection();
  private classified = new Map<string, ClassifiedPolicy>();
  private enforcedOrder: Ordering = { from: nothing, tiers: [] };
  private stagedOrder: Ordering = { from: nothing, tiers: [] };
  private places: Guarded | undefined;
  private before: PolicyIntent | undefined;

  /**
   * The selectors that policy uses are registered in the index and forgotten when it no longer does; members of the result's
   * sets are the index's live maps.
   */
  constructor(index: LabelIndex) {
    this.sets = new CountedSets(index);
    this.rules = new RulesMemory(this.sets);
  }

  update(inputs: PolicyInputs): ResolvedPolicy {
    const { snapshot, topology, services, interfaces, bgp } = inputs;
    const router = topology.router.resource;
    const warnings: Warning[] = [];
    const { felix, guarded, warnings: placeWarnings } = this.guard(inputs);
    const classified = new Map<string, ClassifiedPolicy>();
    const classify = (resource: ClassifiedPolicy['resource']): ClassifiedPolicy => {
      const policy = classifyPolicy(resource, this.classified.get(`${resource.kind}/${resource.metadata.name}`));
      classified.set(policy.id, policy);
      return policy;
    };
    const inForce = snapshot.list('GlobalNetworkPolicy').map(classify);
    const wouldBe = stagePolicies(snapshot, inForce, classify);
    this.classified = classified;
    this.enforcedOrder = reorder(this.enforcedOrder, snapshot, inForce);
    this.stagedOrder = wouldBe ? reorder(this.stagedOrder, snapshot, wouldBe.policies) : { from: nothing, tiers: [] };
    const selectable = guarded.map(({ endpoint, interfaces: covered }): SelectableEndpoint => {
      return { labels: hostEndpointLabels(snapshot, endpoint), isWildcard: covered === wildcard };
    });
    const met = this.enforced.update(this.enforcedOrder.tiers, selectable);
    const stagedMet = this.staged.update(this.stagedOrder.tiers, wouldBe ? selectable : []);

    this.rules.begin({ services, foldsNotSelector: router === undefined });
    const policies = this.resolveMet(inForce, met);
    const profiles = resolveProfiles(
      snapshot,
      guarded.map(({ endpoint }) => endpoint),
      this.rules,
      warnings,
    );
    const stagedPolicies = wouldBe ? this.resolveMet(wouldBe.policies, stagedMet) : new Map<string, PolicyRules>();
    const ruleWarnings = this.rules.end();
    const { addressSets, portSets } = this.sets.finish();
    const ids = wouldBe && this.rules.setsOf([...policies.keys(), ...[...profiles.values()].map(({ id }) => id)]);
    const mssClamps = resolveMssClamps(bgp.links ?? [], interfaces);
    const pairInterfaces = resolvePairInterfaces(topology, bgp.stateSync);
    const resolved: PolicyIntent = {
      forwardDefault: router ? (router.spec.forwarding?.defaultAction ?? 'Deny') : 'Allow',
      denyVerdict: felix.denyVerdict,
      dropsInvalid: felix.dropsInvalid,
      logPrefix: felix.logPrefix,
      ...(felix.logRate && { logRate: felix.logRate }),
      ...(router === undefined && leavesWorkloads(guarded, felix)),
      exemptsNeighborDiscovery: router !== undefined,
      exemptsLoopback: router !== undefined,
      failsafes: resolveFailsafes(felix, router, bgp, warnings),
      ...(mssClamps.length > 0 && { mssClamps }),
      ...(pairInterfaces.length > 0 && { pairInterfaces }),
      endpoints: guarded.map((entry, i) => resolveEndpoint(entry, met[i] as MetPolicies)),
      policies,
      profiles,
      addressSets: ids ? keepOnly(addressSets, ids) : addressSets,
      portSets: ids ? keepOnly(portSets, ids) : portSets,
    };
    const staged = wouldBe && {
      changes: wouldBe.changes,
      endpoints: guarded.map((entry, i) => resolveEndpoint(entry, stagedMet[i] as MetPolicies)),
      policies: stagedPolicies,
      addressSets,
      portSets,
    };
    const policy = keepParts(this.before, staged ? withStaged(resolved, staged) : resolved);
    this.before = policy;
    const seen = { policy, classified, inForce, guarded, met, orders: [this.enforcedOrder, this.stagedOrder] };
    const openPorts = warnOfOpenPorts(bgp.links ?? [], topology.attachments);
    const told = [warnings, placeWarnings, openPorts, ...ruleWarnings].flat();
    return { policy, warnings: warningsFrom(seen, told, { topology, interfaces }) };
  }

  private guard({ snapshot, topology, hostEndpoints, interfaces }: PolicyInputs): Guarded {
    const from = [
      topology.router.name,
      snapshot.list('FelixConfiguration'),
      topology.router.labels,
      interfaces,
      ...hostEndpoints,
      ...topology.generated.hostEndpoints,
    ];
    if (this.places && sameItems(this.places.from, from)) return this.places;
    const warnings: Warning[] = [];
    const felix = resolveFelix(snapshot, topology.router.name, topology.router.labels, warnings);
    const candidates = [...hostEndpoints, ...topology.generated.hostEndpoints];
    const guarded = resolveEndpoints(candidates, interfaces, felix, warnings);
    this.places = { from, felix, guarded, warnings };
    return this.places;
  }

  /** The rules of every policy that selects an endpoint, each once, by id. */
  private resolveMet(policies: readonly ClassifiedPolicy[], met: readonly MetPolicies[]): Map<string, PolicyRules> {
    const used = new Set<string>();
    for (const selected of new Set(met.map((entry) => entry.selected))) for (const { id } of selected) used.add(id);
    const sorted = policies.filter(({ id }) => used.has(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
    return new Map(sorted.map((policy) => [policy.id, this.resolvePolicyRules(policy)]));
  }

  /** Rules of a direction that the types leave out are never evaluated, so they are not resolved. */
  private resolvePolicyRules({ id, resource, tier, directions, isBroken }: ClassifiedPolicy): PolicyRules {
    return this.rules.resolve(id, resource as Resource, (context) => {
      const rules = (direction: 'ingress' | 'egress') =>
        directions.includes(direction)
          ? resolveRules(resource.spec[direction], direction, context).filter(
              ({ action }) => !isBroken || action === 'Deny',
            )
          : [];
      const { kind, metadata } = resource;
      return { id, resource, kind, name: metadata.name, tier, ingress: rules('ingress'), egress: rules('egress') };
    });
  }
}

function reorder(before: Ordering, snapshot: Snapshot, policies: readonly ClassifiedPolicy[]): Ordering {
  const placements = policies.map(({ placement }) => placement);
  const from = [snapshot.list('Tier'), ...placements];
  return sameItems(before.from, from) ? before : { from, tiers: orderTiers(snapshot, placements) };
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

function resolveEndpoint({ endpoint, interfaces }: GuardedInterfaces, { tiers }: MetPolicies): EndpointIntent {
  return { name: endpoint.metadata.name, interfaces, profiles: endpoint.spec.profiles ?? [], tiers };
}

/** Endpoints that meet the same policies share their list. */
function selectedEndpoints(
  guarded: readonly GuardedInterfaces[],
  met: readonly MetPolicies[],
  policyOf: (placement: PolicyPlacement) => ClassifiedPolicy,
): SelectedEndpoint[] {
  const lists = new Map<readonly PolicyPlacement[], readonly ClassifiedPolicy[]>();
  return guarded.map((entry, i) => {
    const { selected } = met[i] as MetPolicies;
    const policies = lists.get(selected) ?? selected.map(policyOf);
    lists.set(selected, policies);
    return { ...entry, policies };
  });
}

/** What warnings are found from when somebody asks. No snapshot: an old one that is kept keeps all changes since. */
interface Seen {
  readonly policy: PolicyIntent;
  readonly classified: ReadonlyMap<string, ClassifiedPolicy>;
  readonly inForce: readonly ClassifiedPolicy[];
  readonly guarded: readonly GuardedInterfaces[];
  readonly met: readonly MetPolicies[];
  readonly orders: readonly Ordering[];
}

function warningsFrom(
  { policy, classified, inForce, guarded, met, orders }: Seen,
  told: readonly Warning[],
  surroundings: Pick<PolicyInputs, 'topology' | 'interfaces'>,
): ResolvedPolicy['warnings'] {
  const policyOf = ({ id }: PolicyPlacement) => classified.get(id) as ClassifiedPolicy;
  return (current) => [
    ...told,
    ...[...classified.values()].flatMap((entry) => entry.warnings),
    ...orders.flatMap(({ tiers }) => warnOfMissingTiers(tiers, policyOf)),
    ...warnOfStaged(current, inForce),
    ...findTraps(policy, selectedEndpoints(guarded, met, policyOf), { snapshot: current, ...surroundings }),
  ];
}
