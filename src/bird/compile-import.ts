/**
 * The import filter of one session.
 *
 *   SessionIntent, RoutingIntent → [compile-import] → BirdFilter
 *
 * Order is what makes it safe: hygiene and the bound come first, so that no BGPFilter can accept what lies outside; what must
 * hold whatever filters do, such as leaving gracefully, comes after them; a missing filter rejects where it would have stood.
 * Each refusal puts its reason on the route (refusal-reasons.ts).
 */
import { firstRefusalCode, lastRefusalCode, siteMarkFunction } from '../intent/routing/refusal-reasons.ts';
import type { ChannelIntent, PrefixBound, RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import type { Family } from '../net/address.ts';
import { containsPrefix } from '../net/prefix.ts';
import { bogonPrefixes } from './bogons.ts';
import { callFilters } from './call-filters.ts';
import { deleteIfAny, markOf } from './communities.ts';
import { compileImportBound, meets } from './compile-bound.ts';
import type { BirdFilter, BirdStatement } from './config.ts';
import { leavingGracefully } from './graceful-shutdown.ts';
import { channelFilterName } from './names.ts';
import { type RefuseIf, refuse } from './refuse.ts';
import { accept, all, andLonger, defaultRoute, exactly, netIn, not } from './statements.ts';

export function compileImport(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdFilter {
  const { bound, localPref, acceptsDefaultRoute, maxPathLength, origin, hook } = channel.import;
  const { family } = channel;
  const as = routing.localAs;
  const refuseIf: RefuseIf = (condition, reason) => ({ kind: 'if', when: condition, body: refuse(reason, as) });
  const finish = leavingGracefully(session, channel, routing);
  return {
    name: channelFilterName('import', session, family),
    comment: `import from ${session.description}`,
    body: [
      // Reasons are ours alone to give.
      deleteIfAny({ as, function: { first: firstRefusalCode, last: lastRefusalCode } }),
      ...(channel.import.refusesOwnRoutes
        ? [refuseIf({ kind: 'large-community-in', pattern: { as, function: siteMarkFunction } }, 'ownRoute')]
        : []),
      ...(channel.import.refusesBogons ? refuseBogons(family, bound, refuseIf) : []),
      ...(channel.import.refusesOwnPrefixes ? refuseOwnPrefixes(routing, family, bound, refuseIf) : []),
      ...(bound ? compileImportBound(bound, family, refuseIf) : []),
      ...(maxPathLength === undefined
        ? []
        : [refuseIf({ kind: 'path-longer-than', length: maxPathLength }, 'pathTooLong')]),
      ...(session.enforcesFirstAs ? [refuseIf(not({ kind: 'first-as', as: session.remoteAs }), 'firstAs')] : []),
      ...(localPref === undefined ? [] : [{ kind: 'set', attribute: 'bgp_local_pref', value: localPref } as const]),
      ...(origin ? [{ kind: 'add-community', community: markOf(origin, as) } as const] : []),
      ...(hook === undefined ? [] : [refuseIf(not({ kind: 'call-hook', name: hook }), 'hook')]),
      ...callFilters(session, channel, 'import', routing, finish),
      // A bound has already refused a default route that no Site declares.
      ...(acceptsDefaultRoute || bound ? [] : [refuseIf(netIn([exactly(defaultRoute(family))]), 'defaultRoute')]),
      ...(channel.import.default === 'accept' ? [...finish, accept] : refuse('outsideSite', as)),
    ],
  };
}

/** A Site that declares a prefix inside a special-purpose one means it, as in a laboratory. */
function refuseBogons(family: Family, bound: PrefixBound | undefined, refuseIf: RefuseIf): BirdStatement[] {
  const bogons = bogonPrefixes(family);
  const declared = (bound?.within ?? []).filter((prefix) => bogons.some((bogon) => containsPrefix(bogon, prefix)));
  const met = bogons.filter((bogon) => meets(bogon, bound));
  if (met.length === 0) return [];
  const inside = netIn(met.map(andLonger));
  const isUndeclared = declared.length === 0 ? inside : all([inside, not(netIn(declared.map(andLonger)))]);
  return [refuseIf(isUndeclared, 'bogon')];
}

function refuseOwnPrefixes(
  routing: RoutingIntent,
  family: Family,
  bound: PrefixBound | undefined,
  refuseIf: RefuseIf,
): BirdStatement[] {
  const own = routing.ownPrefixes.filter((prefix) => prefix.family === family && meets(prefix, bound));
  return own.length === 0 ? [] : [refuseIf(netIn(own.map(andLonger)), 'ownPrefix')];
}
