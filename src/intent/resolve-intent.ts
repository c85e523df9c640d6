/**
 * Everything one router must be, from one snapshot.
 *
 *   Snapshot ─[resolve-intent]→ RouterIntent → nftables/, bird/, verdict/
 *
 * Invariant: a pure function: equal snapshots give equal intents, and nothing of an earlier one is remembered.
 */

import { type Resource, resourceId } from '../resources/resource.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { LabelIndex } from './labels/label-index.ts';
import { resolveOwners } from './labels/owners.ts';
import type { LinkIntent } from './links/links-intent.ts';
import { resolveLinks } from './links/resolve-links.ts';
import type { InterfaceFacts } from './policy/policy-intent.ts';
import { type BfdPeer, type ControlPeers, sortPeers } from './policy/resolve-failsafes.ts';
import { resolvePolicy } from './policy/resolve-policy.ts';
import type { RouterIntent, Warning } from './router-intent.ts';
import { resolveRouting } from './routing/resolve-routing.ts';
import type { RoutingIntent } from './routing/routing-intent.ts';
import { resolveTopology } from './topology/resolve-topology.ts';

export interface UnknownRouter {
  readonly kind: 'unknown-router';
  readonly router: string;
  /** Names of Routers and Nodes there are, sorted. */
  readonly known: readonly string[];
}

export interface IntentOptions {
  /** As the kernel has them; what resources declare when absent. */
  readonly interfaces?: readonly InterfaceFacts[];
  /** Holding the snapshot's owners already; built from the snapshot when absent. */
  readonly index?: LabelIndex;
}

/** The intent of the Router, the Calico Node, or both, of that name. */
export function resolveIntent(
  snapshot: Snapshot,
  router: string,
  options: IntentOptions = {},
): Result<RouterIntent, UnknownRouter> {
  const unknown = findUnknownRouter(snapshot, router);
  if (unknown) return err(unknown);
  const topology = resolveTopology(snapshot, router);
  const { links, warnings: linkWarnings } = resolveLinks(topology);
  const { routing, warnings: routingWarnings } = resolveRouting(snapshot, topology);
  const index = options.index ?? buildIndex(snapshot);
  const interfaces = options.interfaces ?? topology.interfaces;
  const { policy, warnings } = resolvePolicy(snapshot, topology, index, interfaces, controlPeers(routing, links));
  return ok({
    router,
    policy,
    routing,
    links,
    warnings: sortWarnings([...topology.warnings, ...linkWarnings, ...routingWarnings, ...warnings]),
  });
}

/** Undefined for a router that a Router or a Node describes. */
export function findUnknownRouter(snapshot: Snapshot, router: string): UnknownRouter | undefined {
  if (snapshot.find('Router', router) || snapshot.find('Node', router)) return undefined;
  const names = [...snapshot.list('Router'), ...snapshot.list('Node')].map(({ metadata }) => metadata.name);
  return { kind: 'unknown-router', router, known: [...new Set(names)].sort() };
}

/** What policy keeps open for the router's own protocols: exactly the sessions and the group of the routing intent. */
export function controlPeers(
  { listenPort, sessions, group }: RoutingIntent,
  links: readonly LinkIntent[],
): ControlPeers {
  const bfd = sessions.flatMap(({ bfd: liveness, neighbor: address, reach }): BfdPeer[] =>
    liveness ? [{ address, port: reach === 'direct' ? 3784 : 4784 }] : [],
  );
  const sync = group?.stateSync;
  return {
    listenPort,
    peers: sortPeers(sessions.map(({ neighbor, port }) => ({ address: neighbor, port }))),
    bfd,
    links,
    ...(sync
      ? {
          stateSync: {
            interfaceName: sync.interfaceName,
            port: sync.port,
            peers: sync.peers.map(({ address }) => address),
          },
        }
      : {}),
  };
}

function buildIndex(snapshot: Snapshot): LabelIndex {
  const index = new LabelIndex();
  for (const owner of resolveOwners(snapshot)) index.setOwner(owner);
  return index;
}

/** By subject, code, path and message; equal ones once. */
export function sortWarnings(warnings: readonly Warning[]): Warning[] {
  const keyed = new Map(warnings.map((warning) => [warningKey(warning), warning]));
  return [...keyed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, warning]) => warning);
}

function warningKey({ subject, code, path, message }: Warning): string {
  return JSON.stringify([subject ? resourceId(subject as Resource) : '', code, path, message]);
}
