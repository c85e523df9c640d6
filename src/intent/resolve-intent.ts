/**
 * Everything one router must be, from one snapshot.
 *
 *   Snapshot ─[resolve-intent]→ RouterIntent → nftables/, bird/, verdict/
 *
 * Invariant: a pure function: equal snapshots give equal intents, and nothing of an earlier one is remembered.
 */

import { printAddress } from '../net/address.ts';
import { type Resource, resourceId } from '../resources/resource.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { LabelIndex } from './labels/label-index.ts';
import { resolveOwners } from './labels/owners.ts';
import type { LinkIntent } from './links/links-intent.ts';
import { resolveLinks } from './links/resolve-links.ts';
import type { InterfaceFacts } from './policy/policy-intent.ts';
import { type BfdPeer, type BgpPeer, type ControlPeers, sortPeers } from './policy/resolve-failsafes.ts';
import { resolvePolicy } from './policy/resolve-policy.ts';
import type { RouterIntent, Warning } from './router-intent.ts';
import { resolveRouting } from './routing/resolve-routing.ts';
import type { RoutingIntent, SessionIntent } from './routing/routing-intent.ts';
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
  const ends = new Map<string, LinkIntent[]>();
  for (const link of links) {
    for (const remote of link.remotes.map(printAddress)) ends.set(remote, [...(ends.get(remote) ?? []), link]);
  }
  const placeOf = ({ neighbor, reach }: SessionIntent): Pick<BgpPeer, 'attachment' | 'interfaceName'> => {
    const [link, ...others] = ends.get(printAddress(neighbor)) ?? [];
    // Link-local addresses may be the same on several.
    if (!link || others.length > 0) return {};
    const { attachment, interfaceName } = link;
    // Whoever else has that address is not on the device; one that somebody else made may be part of another.
    return link.kind === 'interface' || reach !== 'direct' ? { attachment } : { attachment, interfaceName };
  };
  const bfd = sessions.flatMap((session): BfdPeer[] => {
    if (!session.bfd) return [];
    return [{ address: session.neighbor, port: session.reach === 'direct' ? 3784 : 4784, ...placeOf(session) }];
  });
  const sync = group?.stateSync;
  return {
    listenPort,
    peers: sortPeers(
      sessions.map((session) => ({ address: session.neighbor, port: session.port, ...placeOf(session) })),
    ),
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
