/**
 * BGP sessions between the routers of a redundancy group.
 *
 *   Topology.groupMembers → [resolve-group-sessions] → SessionIntent[]
 *
 * Invariant: routers of a group tell each other everything that belongs to a Site, marks and LOCAL_PREF included, and
 * nothing else: what one learned stays preferred, or not, at the other.
 */
import { type Family, families } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import type { Warning } from '../router-intent.ts';
import type { GroupMember } from '../topology/topology.ts';
import { admitsDefaultRoute, resolveGroupBound } from './resolve-bounds.ts';
import { familiesApart } from './resolve-group.ts';
import { bgpPort } from './resolve-settings.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { ChannelIntent, SessionIntent } from './routing-intent.ts';
import { groupSessionName } from './session-name.ts';

/** One iBGP session for each family and other Router of the group that shares a subnet with this one. */
export function resolveGroupSessions(
  facts: RoutingFacts,
  bfd: NonNullable<SessionIntent['bfd']>,
  warnings: Warning[],
): SessionIntent[] {
  const { topology, settings } = facts;
  return topology.groupMembers.flatMap((member) => {
    const remoteAs = parseAsn(member.router.spec.asNumber);
    if (remoteAs !== settings.localAs) {
      warnings.push({
        code: 'group-as-differs',
        subject: topology.router.resource,
        path: ['spec', 'redundancyGroup'],
        message: `no session to ${member.router.metadata.name}: routers of one group have one AS`,
      });
      return [];
    }
    if (member.shared.length === 0) {
      warnings.push({
        code: 'group-without-link',
        subject: topology.router.resource,
        path: ['spec', 'redundancyGroup'],
        message: `no subnet shared with ${member.router.metadata.name}, so the two routers cannot pass routes to each other`,
      });
    }
    const apart = member.shared.length === 0 ? [] : familiesApart(member, topology.sites);
    for (const family of apart) {
      warnings.push({
        code: 'group-without-family',
        subject: topology.router.resource,
        path: ['spec', 'interfaces'],
        message: `no IPv${family} subnet is shared with ${member.router.metadata.name}, so IPv${family} routes of Sites do not pass between the two routers: give both an IPv${family} address on their link`,
      });
    }
    return families.flatMap((family) => groupSession(facts, member, remoteAs, family, bfd));
  });
}

function groupSession(
  facts: RoutingFacts,
  member: GroupMember,
  remoteAs: Asn,
  family: Family,
  bfd: NonNullable<SessionIntent['bfd']>,
): SessionIntent[] {
  const { settings } = facts;
  const subnet = member.shared.find((one) => one.family === family);
  if (!subnet) return [];
  const name = member.router.metadata.name;
  return [
    {
      name: groupSessionName(name, family),
      origin: member.router,
      description: `Router/${name} of the same redundancy group`,
      family,
      neighbor: subnet.remote,
      port: bgpPort,
      remoteAs,
      localAs: settings.localAs,
      sourceAddress: subnet.local,
      passive: false,
      reach: 'direct',
      ttlSecurity: false,
      nextHop: 'self',
      rrClient: false,
      // A dead neighbour is to be left at once: its routes kept for a restart would be routes into nothing.
      gracefulRestart: 'off',
      allowLocalAs: 0,
      bfd,
      enforcesFirstAs: false,
      channels: [groupChannel(facts, family)],
    },
  ];
}

/** No LOCAL_PREF of its own in either direction: the one that a route came in with is what pins its Site. */
function groupChannel({ ownership }: RoutingFacts, family: Family): ChannelIntent {
  const bound = resolveGroupBound(ownership, family);
  return {
    family,
    extendedNextHop: false,
    import: {
      filters: [],
      bound,
      acceptsDefaultRoute: admitsDefaultRoute(bound),
      refusesBogons: false,
      refusesOwnPrefixes: false,
      refusesOwnRoutes: false,
      honorsGracefulShutdown: true,
      default: 'accept',
    },
    export: {
      filters: [],
      bound,
      communities: [],
      prepend: 0,
      overridesAs: false,
      hidesMarks: false,
      originatesDefault: false,
      aggregates: [],
      default: 'reject',
    },
  };
}
