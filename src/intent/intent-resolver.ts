/**
 * The intent of one router kept current across snapshots.
 *
 *   Snapshot, InterfaceFacts ─[IntentResolver.update]→ RouterIntent, and what changed in it
 *
 * What an update costs follows what changed. When only owners of addresses changed (pods, network sets, other nodes'
 * endpoints), rules are not looked at: the rules, endpoints and sets of before are returned, with the members of the sets
 * moved in place (an older intent sees them move too). When a policy changed, that one is resolved. Warnings are found when
 * somebody asks for them. Invariant: the intent equals that of resolveIntent on the same snapshot and interfaces, and what is
 * equal to what was there before is the same object. A class, because it holds the index.
 */

import { sameValue } from '../net/same-value.ts';
import type { AnyResource, Kind, Resource } from '../resources/resource.ts';
import { ServiceCounts } from '../resources/service-slices.ts';
import { compareSnapshots, makeSnapshot, type ResourceDifference, type Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { LabelIndex } from './labels/label-index.ts';
import type { SetDelta } from './labels/owner.ts';
import { diffOwners } from './labels/owners.ts';
import { type ResolvedLinks, resolveLinks } from './links/resolve-links.ts';
import { comparePolicies, noChanges, type PolicyChanges } from './policy/policy-changes.ts';
import type { InterfaceFacts, PolicyIntent } from './policy/policy-intent.ts';
import { PolicyResolver, type ResolvedPolicy } from './policy/resolve-policy.ts';
import { controlPeers, findUnknownRouter, sortWarnings, type UnknownRouter } from './resolve-intent.ts';
import type { RouterIntent, Warning } from './router-intent.ts';
import { resolveRouting } from './routing/resolve-routing.ts';
import { resolveTopology } from './topology/resolve-topology.ts';
import type { Topology } from './topology/topology.ts';

export interface IntentUpdate {
  /** The very object of before when nothing changed at all; a new one with the same rules when only members moved. */
  readonly intent: RouterIntent;
  /** Of sets that were there before, sorted by id; a set that is new is read whole from the intent. */
  readonly deltas: readonly SetDelta[];
  /** Whether `intent.policy` was resolved anew: rules, endpoints, sets or failsafes may differ. */
  readonly rulesChanged: boolean;
  /** Whether `intent.routing` and `intent.links` were resolved anew. */
  readonly routingChanged: boolean;
  /**
   * What became another object in `intent.policy`, against the intent of the update before; undefined when there was none.
   * What it does not name is identical (`===`) to what that intent held: each PolicyRules with its rules, each
   * EndpointIntent with its tiers, each AddressSet and PortSet. What it names may still hold parts that are identical:
   *
   * - `PolicyRules.ingress` and `.egress` while nothing in that direction changed, and else each RuleIntent that stands
   *   unchanged at its place;
   * - `EndpointIntent.tiers` while the endpoint meets the same policies in the same order. Endpoints that meet the same
   *   policies mostly share one `tiers` object.
   *
   * Members of sets are not in it, but in `deltas`: an AddressSet keeps its identity while its members move.
   */
  readonly changes: PolicyChanges | undefined;
}

/** Everything that policy takes from resources, save what is looked at more closely below. */
const policyKinds: readonly Kind[] = [
  'Router',
  'Node',
  'Attachment',
  'Site',
  'Tier',
  'GlobalNetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'FelixConfiguration',
];
/** Everything that topology, links and routing take, likewise. */
const routingKinds: readonly Kind[] = [
  'Router',
  'Node',
  'Attachment',
  'Site',
  'Segment',
  'IPPool',
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
];

/** What links and routing are resolved to, from nothing but resources. */
interface Routed {
  readonly topology: Topology;
  readonly intent: ReturnType<typeof resolveRouting>;
  readonly links: ResolvedLinks;
}

interface Resolved {
  readonly intent: RouterIntent;
  readonly routed: Routed;
  readonly interfaces: readonly InterfaceFacts[] | undefined;
  /** This node's HostEndpoints, as written. */
  readonly hostEndpoints: readonly Resource<'HostEndpoint'>[];
  /** The last snapshot that makes this policy, for warnings that are asked for late. */
  readonly sight: { snapshot: Snapshot };
}

const emptySnapshot = makeSnapshot([]);

export class IntentResolver {
  readonly router: string;
  private readonly index = new LabelIndex();
  private readonly policies = new PolicyResolver(this.index);
  private readonly services = new ServiceCounts();
  /** Whose owners and services are known; it may be ahead of `resolved` after a snapshot that lacks the router. */
  private seen: Snapshot = emptySnapshot;
  private resolved: Resolved | undefined;

  constructor(router: string) {
    this.router = router;
  }

  /**
   * The intent for a snapshot; `interfaces` as the kernel has them, or what resources declare when undefined. A snapshot
   * that lacks the router is an error, and the next one that has it starts anew: what moved meanwhile is in no delta, and
   * whoever kept what the intent of before was made into has to begin anew as well.
   */
  update(snapshot: Snapshot, interfaces?: readonly InterfaceFacts[]): Result<IntentUpdate, UnknownRouter> {
    const differences = compareSnapshots(this.seen, snapshot);
    this.moveOwners(snapshot, differences);
    const servicesChanged = this.services.update(differences);
    const unknown = findUnknownRouter(snapshot, this.router);
    if (unknown) {
      this.resolved = undefined;
      return err(unknown);
    }
    const before = this.resolved;
    const endpointsChanged = before === undefined || this.touchesEndpoints(differences, before.hostEndpoints);
    const routingChanged = endpointsChanged || differences.some((one) => touchesRouting(one, snapshot));
    const rulesChanged =
      routingChanged ||
      servicesChanged ||
      differences.some((one) => policyKinds.includes(kindOf(one))) ||
      !sameInterfaces(before.interfaces, interfaces);
    if (before && !rulesChanged) return ok(this.moveMembers(before, snapshot));
    const hostEndpoints = before && !endpointsChanged ? before.hostEndpoints : this.ownEndpoints(snapshot);
    const routed = before && !routingChanged ? before.routed : this.route(snapshot);
    const resolved = this.policies.update({
      snapshot,
      topology: routed.topology,
      hostEndpoints,
      services: this.services,
      interfaces: interfaces ?? routed.topology.interfaces,
      bgp: controlPeers(routed.intent.routing, routed.links.links),
    });
    const sight = { snapshot };
    const intent = makeIntent(this.router, routed, resolved, sight);
    this.resolved = { intent, routed, interfaces, hostEndpoints, sight };
    const changes = before && comparePolicies(before.intent.policy, intent.policy);
    const deltas = this.takeDeltas(before?.intent.policy, intent.policy);
    return ok({ intent, deltas, rulesChanged, routingChanged, changes });
  }

  private moveMembers(before: Resolved, snapshot: Snapshot): IntentUpdate {
    before.sight.snapshot = snapshot;
    const { policy } = before.intent;
    const deltas = this.takeDeltas(policy, policy);
    const intent = deltas.length > 0 ? withPolicy(before.intent, { ...policy }) : before.intent;
    this.resolved = { ...before, intent };
    return { intent, deltas, rulesChanged: false, routingChanged: false, changes: noChanges };
  }

  /** The index also keeps the sets of staged rules, which are nowhere enforced. */
  private takeDeltas(before: PolicyIntent | undefined, after: PolicyIntent): readonly SetDelta[] {
    const has = ({ addressSets, portSets }: PolicyIntent, { setId }: SetDelta) =>
      addressSets.has(setId) || portSets.has(setId);
    return this.index.takeDeltas().filter((delta) => before && has(before, delta) && has(after, delta));
  }

  private moveOwners(snapshot: Snapshot, differences: readonly ResourceDifference[]): void {
    const { set, removed } = diffOwners(this.seen, snapshot, differences);
    // Set before removed: an address that moves from one owner to another never leaves its sets.
    for (const owner of set) this.index.setOwner(owner);
    for (const id of removed) this.index.removeOwner(id);
    this.seen = snapshot;
  }

  private route(snapshot: Snapshot): Routed {
    const topology = resolveTopology(snapshot, this.router);
    return { topology, intent: resolveRouting(snapshot, topology), links: resolveLinks(topology) };
  }

  /** This node's HostEndpoints, which tell interfaces; those of other nodes only own addresses. */
  private ownEndpoints(snapshot: Snapshot): readonly Resource<'HostEndpoint'>[] {
    return snapshot.list('HostEndpoint').filter(({ spec }) => spec.node === this.router);
  }

  /** Whether an endpoint of this node is another one, or a profile that one of them names. */
  private touchesEndpoints(
    differences: readonly ResourceDifference[],
    own: readonly Resource<'HostEndpoint'>[],
  ): boolean {
    const isOwn = (resource: AnyResource | undefined): boolean =>
      resource?.kind === 'HostEndpoint' && resource.spec.node === this.router;
    return differences.some((one) => {
      const { kind, metadata } = (one.after ?? one.before) as AnyResource;
      if (kind === 'HostEndpoint') return isOwn(one.before) || isOwn(one.after);
      return kind === 'Profile' && own.some(({ spec }) => spec.profiles?.includes(metadata.name));
    });
  }
}

/** How the warnings of an intent are found, for those that follow it: asking the one before would make a chain of all that ever were. */
const finders = new WeakMap<RouterIntent, () => readonly Warning[]>();

function makeIntent(router: string, routed: Routed, resolved: ResolvedPolicy, sight: Resolved['sight']): RouterIntent {
  let found: readonly Warning[] | undefined;
  const { routing } = routed.intent;
  const { links } = routed.links;
  return withFinder({ router, policy: resolved.policy, routing, links }, () => {
    found ??= sortWarnings([
      ...routed.topology.warnings,
      ...routed.links.warnings,
      ...routed.intent.warnings,
      ...resolved.warnings(sight.snapshot),
    ]);
    return found;
  });
}

function withPolicy(intent: RouterIntent, policy: PolicyIntent): RouterIntent {
  const find = finders.get(intent) ?? (() => intent.warnings);
  const { router, routing, links } = intent;
  return withFinder({ router, policy, routing, links }, find);
}

function withFinder(parts: Omit<RouterIntent, 'warnings'>, find: () => readonly Warning[]): RouterIntent {
  const intent: RouterIntent = {
    ...parts,
    get warnings() {
      return find();
    },
  };
  finders.set(intent, find);
  return intent;
}

function kindOf({ before, after }: ResourceDifference): Kind {
  return ((after ?? before) as AnyResource).kind;
}

/** Workloads matter to routing only where a BGPPeer selects local ones. */
function touchesRouting(difference: ResourceDifference, snapshot: Snapshot): boolean {
  const kind = kindOf(difference);
  if (kind !== 'WorkloadEndpoint') return routingKinds.includes(kind);
  return snapshot.list('BGPPeer').some(({ spec }) => spec.localWorkloadSelector !== undefined);
}

function sameInterfaces(
  before: readonly InterfaceFacts[] | undefined,
  after: readonly InterfaceFacts[] | undefined,
): boolean {
  return before === after || (before !== undefined && after !== undefined && sameValue(before, after));
}
