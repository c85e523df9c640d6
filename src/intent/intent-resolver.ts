/**
 * The intent of one router kept current across snapshots.
 *
 *   Snapshot, InterfaceFacts ─[IntentResolver.update]→ RouterIntent, and which set members moved
 *
 * When only owners of addresses changed (pods, network sets, other nodes' endpoints), rules are not resolved again: the
 * rules, endpoints and sets of before are returned, with the members of the sets moved in place (an older intent sees them
 * move too). Invariant: the intent equals that of
 * resolveIntent on the same snapshot and interfaces. A class, because it holds the index.
 */

import type { Kind, Resource } from '../resources/resource.ts';
import { knownServices } from '../resources/service-slices.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { LabelIndex } from './labels/label-index.ts';
import type { SetDelta } from './labels/owner.ts';
import { diffOwners } from './labels/owners.ts';
import { comparePolicies, noChanges, type PolicyChanges } from './policy/policy-changes.ts';
import type { InterfaceFacts, PolicyIntent } from './policy/policy-intent.ts';
import { resolvePolicy } from './policy/resolve-policy.ts';
import { bgpReach, findUnknownRouter, sortWarnings, type UnknownRouter } from './resolve-intent.ts';
import type { RouterIntent, Warning } from './router-intent.ts';
import { resolveRouting } from './routing/resolve-routing.ts';
import { resolveTopology } from './topology/resolve-topology.ts';

export interface IntentUpdate {
  /** The very object of before when nothing changed at all; a new one with the same rules when only members moved. */
  readonly intent: RouterIntent;
  /** Of sets that were there before, sorted by id; a set that is new is read whole from the intent. */
  readonly deltas: readonly SetDelta[];
  /** Whether `intent.policy` was resolved anew: rules, endpoints, sets or failsafes may differ. */
  readonly rulesChanged: boolean;
  /** Whether `intent.routing` was resolved anew. */
  readonly routingChanged: boolean;
  /**
   * What became another object in `intent.policy`, against the intent of the update before; undefined when there was none.
   * What it does not name is identical (`===`) to what that intent held: each PolicyRules with its rules, each
   * EndpointIntent with its tiers, each AddressSet and PortSet. What it names may still hold parts that are identical:
   *
   * - `PolicyRules.ingress` and `.egress` while nothing in that direction changed, and else each RuleIntent that stands
   *   unchanged at its place;
   * - `EndpointIntent.tiers` while the endpoint meets the same policies in the same order; endpoints that meet the same
   *   policies share one `tiers` object.
   *
   * Members of sets are not in it, but in `deltas`: an AddressSet keeps its identity while its members move.
   */
  readonly changes: PolicyChanges | undefined;
}

/** Everything that policy takes from resources, save the owners of addresses. */
const policyKinds = [
  'Router',
  'Node',
  'Attachment',
  'Site',
  'Tier',
  'GlobalNetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'FelixConfiguration',
] as const;
/** Everything that routing takes. */
const routingKinds = [
  ...([
    'Router',
    'Node',
    'Attachment',
    'Site',
    'Segment',
    'IPPool',
    'BGPConfiguration',
    'BGPPeer',
    'BGPFilter',
  ] as const),
  'WorkloadEndpoint',
] as const;

interface Resolved {
  readonly snapshot: Snapshot;
  readonly intent: RouterIntent;
  readonly policyInputs: readonly unknown[];
  readonly routingInputs: readonly unknown[];
  readonly routingWarnings: readonly Warning[];
}

export class IntentResolver {
  readonly router: string;
  private readonly index = new LabelIndex();
  /** Whose owners the index holds; it may be ahead of `resolved` after a snapshot that lacks the router. */
  private indexed: Snapshot | undefined;
  private resolved: Resolved | undefined;

  constructor(router: string) {
    this.router = router;
  }

  /**
   * The intent for a snapshot; `interfaces` as the kernel has them, or what resources declare when undefined. A snapshot
   * that lacks the router is an error, and the next one that has it starts anew.
   */
  update(snapshot: Snapshot, interfaces?: readonly InterfaceFacts[]): Result<IntentUpdate, UnknownRouter> {
    this.moveOwners(snapshot);
    const unknown = findUnknownRouter(snapshot, this.router);
    if (unknown) {
      this.resolved = undefined;
      return err(unknown);
    }
    const before = this.resolved;
    const endpointInputs = hostEndpointInputs(snapshot, this.router);
    const routingInputs = [...inputs(snapshot, routingKindsOf(snapshot)), ...endpointInputs];
    const routingChanged = !before || !sameInputs(before.routingInputs, routingInputs);
    const policyInputs = [
      ...inputs(snapshot, policyKinds),
      ...knownServices(snapshot),
      ...endpointInputs,
      ...interfaceInputs(interfaces),
    ];
    const rulesChanged = routingChanged || !sameInputs(before.policyInputs, policyInputs);
    if (before && !rulesChanged) {
      const deltas = this.takeDeltas(before.intent.policy);
      const intent = deltas.length > 0 ? { ...before.intent, policy: { ...before.intent.policy } } : before.intent;
      this.resolved = { ...before, snapshot, intent };
      return ok({ intent, deltas, rulesChanged, routingChanged, changes: noChanges });
    }
    const intent = this.resolve(snapshot, interfaces, routingChanged ? undefined : before);
    this.resolved = { snapshot, policyInputs, routingInputs, ...intent };
    const changes = before && comparePolicies(before.intent.policy, intent.intent.policy);
    const deltas = this.takeDeltas(intent.intent.policy);
    return ok({ intent: intent.intent, deltas, rulesChanged, routingChanged, changes });
  }

  /** The index also keeps the sets of staged rules, which are nowhere enforced. */
  private takeDeltas({ addressSets, portSets }: PolicyIntent): readonly SetDelta[] {
    return this.index.takeDeltas().filter(({ setId }) => addressSets.has(setId) || portSets.has(setId));
  }

  private moveOwners(snapshot: Snapshot): void {
    const { set, removed } = diffOwners(this.indexed, snapshot);
    // Set before removed: an address that moves from one owner to another never leaves its sets.
    for (const owner of set) this.index.setOwner(owner);
    for (const id of removed) this.index.removeOwner(id);
    this.indexed = snapshot;
  }

  private resolve(
    snapshot: Snapshot,
    interfaces: readonly InterfaceFacts[] | undefined,
    routed: Resolved | undefined,
  ): Pick<Resolved, 'intent' | 'routingWarnings'> {
    const topology = resolveTopology(snapshot, this.router);
    const { routing, warnings: routingWarnings } = routed
      ? { routing: routed.intent.routing, warnings: routed.routingWarnings }
      : resolveRouting(snapshot, topology);
    const { policy, warnings } = resolvePolicy(
      snapshot,
      topology,
      this.index,
      interfaces ?? topology.interfaces,
      bgpReach(routing),
    );
    const all = sortWarnings([...topology.warnings, ...routingWarnings, ...warnings]);
    return { intent: { router: this.router, policy, routing, warnings: all }, routingWarnings };
  }
}

/** Resources of the kinds, by identity. Stores keep unchanged objects, so identity tells what changed. */
function inputs(snapshot: Snapshot, kinds: readonly Kind[]): unknown[] {
  return kinds.flatMap((kind) => [kind, ...(snapshot.list(kind) as readonly unknown[])]);
}

/** Workloads matter to routing only where a BGPPeer selects local ones. */
function routingKindsOf(snapshot: Snapshot): readonly Kind[] {
  const selectsWorkloads = snapshot.list('BGPPeer').some(({ spec }) => spec.localWorkloadSelector !== undefined);
  return selectsWorkloads ? routingKinds : routingKinds.filter((kind) => kind !== 'WorkloadEndpoint');
}

/** This node's HostEndpoints, which tell interfaces, and the profiles they name; those of other nodes only own addresses. */
function hostEndpointInputs(snapshot: Snapshot, router: string): unknown[] {
  const own: Resource<'HostEndpoint'>[] = snapshot.list('HostEndpoint').filter(({ spec }) => spec.node === router);
  const profiles = own.flatMap(({ spec }) => (spec.profiles ?? []).map((name) => snapshot.find('Profile', name)));
  return ['HostEndpoint', ...own, 'Profile', ...profiles];
}

function interfaceInputs(interfaces: readonly InterfaceFacts[] | undefined): string[] {
  if (!interfaces) return ['declared'];
  return interfaces.map(({ name, addresses }) =>
    [name, ...addresses.map(({ address, length }) => `${address.family} ${address.bits}/${length}`)].join(' '),
  );
}

function sameInputs(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((input, i) => input === b[i]);
}
