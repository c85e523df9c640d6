/**
 * The subnets that are the router's own and its group's: no Site may announce them, nor anything inside.
 *
 *   Router.interfaces, Attachments, Node ─[own-prefixes]→ RoutingIntent.ownPrefixes
 *
 * Invariant: sorted, without duplicates; fe80::/10, which means nothing beyond its link, is left out.
 */
import {
  comparePrefixes,
  containsPrefix,
  equalPrefixes,
  maskAddress,
  networkAddress,
  type Prefix,
  parsePrefix,
  printPrefix,
} from '../../net/prefix.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import { linkInterfaces } from '../topology/router-interfaces.ts';
import type { Topology } from '../topology/topology.ts';

const linkLocal = parsePrefix('fe80::/10');

/** Of this router and of the other routers of its group, as far as resources tell. */
export function resolveOwnPrefixes(snapshot: Snapshot, topology: Topology): Prefix[] {
  const routers = [topology.router.name, ...topology.groupMembers.map((member) => member.router.metadata.name)];
  const subnets = routers
    .flatMap((router) => linkInterfaces(snapshot, router).flatMap(({ addresses }) => addresses))
    .map(({ address, length }) => maskAddress(address, length))
    .filter((subnet) => !(linkLocal && containsPrefix(linkLocal, subnet)))
    .sort(comparePrefixes);
  return subnets.filter((subnet, i) => {
    const previous = subnets[i - 1];
    return previous === undefined || !equalPrefixes(previous, subnet);
  });
}

/** A subnet as wide as this would silently shut out a whole Site: nobody means that. */
export function warnHiddenSites(own: readonly Prefix[], topology: Topology, warnings: Warning[]): void {
  const texts = new Set(own.map(printPrefix));
  const lengths = [...new Set(own.map((subnet) => subnet.length))].sort((a, b) => a - b);
  const attached = new Set(topology.attachments.filter(({ resource }) => resource.spec.bgp).map(({ site }) => site));
  for (const { resource, prefixes } of attached) {
    for (const [index, prefix] of prefixes.entries()) {
      // One question for each length of a subnet, not for each subnet: a hub has hundreds.
      const around = lengths
        .filter((length) => length < prefix.length)
        .map((length) => printPrefix(maskAddress(networkAddress(prefix), length)))
        .find((text) => texts.has(text));
      if (around === undefined) continue;
      warnings.push({
        code: 'site-inside-own-subnet',
        subject: resource,
        path: ['spec', 'prefixes', index],
        message: `${printPrefix(prefix)} is never learned: it lies inside ${around}, a subnet of the router or its group; correct that subnet's length`,
      });
    }
  }
}
