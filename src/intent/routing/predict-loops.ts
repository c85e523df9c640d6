/**
 * Routes that BGP's own loop protection will drop at the far end, where nobody would look for them.
 *
 *   Attachments of the group, exchangesWith → [predict-loops] → Warning[]
 */
import { type Asn, parseAsn } from '../../net/asn.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { listNames } from './list-names.ts';
import { groupRouters } from './resolve-group.ts';

/** Two Sites of one AS refuse each other's routes (RFC 4271 §9.1.2), and a peer of the router's own AS is no neighbour. */
export function warnLoops(snapshot: Snapshot, topology: Topology, routerAs: Asn, warnings: Warning[]): void {
  const members = new Set(groupRouters(topology));
  const sitesOf = new Map<Asn, Set<string>>();
  for (const { spec } of snapshot.list('Attachment')) {
    const as = members.has(spec.router) && spec.bgp ? parseAsn(spec.bgp.asNumber) : undefined;
    if (as !== undefined) sitesOf.set(as, (sitesOf.get(as) ?? new Set()).add(spec.site));
  }
  for (const { resource, site } of topology.attachments) {
    const { bgp } = resource.spec;
    const peerAs = bgp && parseAsn(bgp.asNumber);
    if (!bgp || peerAs === undefined) continue;
    const localAs = (bgp.localASNumber === undefined ? undefined : parseAsn(bgp.localASNumber)) ?? routerAs;
    if (peerAs === localAs) {
      warnings.push(internalPeer(resource, peerAs));
      continue;
    }
    if (bgp.overrideAS === true) continue;
    const twins = [...(sitesOf.get(peerAs) ?? [])].filter((other) => topology.exchangesWith(other, site.name)).sort();
    if (twins.length === 0) continue;
    warnings.push({
      code: 'site-as-shared',
      subject: resource,
      path: ['spec', 'bgp', 'asNumber'],
      message: `Site ${site.name} will refuse the routes of ${listNames(twins)}: all have AS ${peerAs}, which looks like a loop to it; set overrideAS: true, or let its router accept its own AS`,
    });
  }
}

function internalPeer(subject: Resource<'Attachment'>, as: Asn): Warning {
  return {
    code: 'attachment-is-internal',
    subject,
    path: ['spec', 'bgp', 'asNumber'],
    message: `the peer has the router's own AS ${as}, so this is iBGP: MED, roles and AS paths say nothing there, and routes from one such peer do not reach another; give one end another AS (localASNumber) if it is a network of its own`,
  };
}
