/**
 * What no default route may carry: addresses of Sites that lie behind tunnels.
 *
 *   Attachments, OwnedPrefix[] → [resolve-confinement] → RoutingIntent.confinement → agent (routes and rules of the kernel)
 *
 * Whoever writes a tunnel wants its traffic hidden. When all tunnels of a Site are lost its routes go, and a packet for it
 * would leave by the default route, in clear; so only a route that is meant for the Site counts.
 * Invariant: an address is confined where a Site that owns it lies behind a tunnel of this router or of its group. A Site that
 * declares a default route may be reached by one: nothing of it is confined in that family.
 */
import { families } from '../../net/address.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Topology } from '../topology/topology.ts';
import { type OwnedPrefix, resolveConfinedBound } from './resolve-bounds.ts';
import { groupRouters } from './resolve-group.ts';
import type { PrefixBound } from './routing-intent.ts';

export function resolveConfinement(
  snapshot: Snapshot,
  topology: Topology,
  ownership: readonly OwnedPrefix[],
): PrefixBound {
  const routers = new Set(groupRouters(topology));
  const tunneled = new Set(
    snapshot
      .list('Attachment')
      .filter(({ spec }) => routers.has(spec.router) && (spec.link.ipsec ?? spec.link.wireguard) !== undefined)
      .map(({ spec }) => spec.site),
  );
  const bounds = families.map((family) => {
    const confined = topology.sites.filter(
      ({ name, prefixes }) =>
        tunneled.has(name) && !prefixes.some((prefix) => prefix.family === family && prefix.length === 0),
    );
    return resolveConfinedBound(ownership, new Set(confined.map(({ name }) => name)), family);
  });
  return { within: bounds.flatMap(({ within }) => within), except: bounds.flatMap(({ except }) => except) };
}
