/**
 * The export filter of one session.
 *
 *   SessionIntent, RoutingIntent → [compile-export] → BirdFilter
 *
 * Order is what makes it safe: stand-ins for other routes, which no Site declares, go out first; then comes the bound, so that no
 * BGPFilter can accept what lies outside; leaving gracefully comes after whatever filters do; a missing filter rejects where it
 * would have stood.
 */
import { withLeastPreference } from '../intent/routing/preference.ts';
import { siteMarkFunction } from '../intent/routing/refusal-reasons.ts';
import type { ChannelIntent, RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import { bitLength, type Family } from '../net/address.ts';
import { callFilters } from './call-filters.ts';
import { addCommunities, deleteIfAny, markOf } from './communities.ts';
import { compileBound } from './compile-bound.ts';
import { compileCalicoExport } from './compile-calico-export.ts';
import type { BirdCondition, BirdFilter, BirdStatement } from './config.ts';
import { leavingGracefullyOutside } from './graceful-shutdown.ts';
import { aggregateName, channelFilterName, originatedName } from './names.ts';
import { accept, all, any, defaultRoute, exactly, netIn, not, reject, when } from './statements.ts';

export function compileExport(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdFilter {
  const { bound, origin, hook } = channel.export;
  const { family } = channel;
  const isCalico = channel.export.default === 'calico';
  const finish = leavingGracefullyOutside(session, routing);
  const attributes = exportAttributes(session, channel, routing);
  const standIns = compileStandIns(channel, [...attributes, ...finish, accept]);
  const body = [
    ...standIns,
    ...(bound ? compileBound(bound) : []),
    isCalico
      ? when(isStandIn(family), reject('it stands for other routes, and only some Attachments announce it'))
      : when(not(isTransitRoute), reject('it was neither learned over BGP nor is it an Attachment’s static route')),
    ...(origin
      ? [
          when(
            { kind: 'community', community: markOf(origin, routing.localAs) },
            reject(`it was learned from Site/${origin.site} itself`),
          ),
        ]
      : []),
    ...(hook === undefined
      ? []
      : [
          when(not({ kind: 'call-hook', name: hook }), reject(`the function ${hook} of your own BIRD text refuses it`)),
        ]),
    ...attributes,
    ...callFilters(session, channel, 'export', routing, finish),
    ...(isCalico
      ? [
          ...compileCalicoExport(session, family, routing, finish),
          reject(
            'no filter accepts it, and neither does Calico’s own export policy: it is in no pool that is exported',
          ),
        ]
      : bound
        ? [...finish, accept]
        : [reject('nothing says what this peer may learn')]),
  ];
  const name = channelFilterName('export', session, family);
  return { name, comment: `export to ${session.description}`, body };
}

/** What our side says of a route, before filters add to it. */
function exportAttributes(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdStatement[] {
  const { communities, med, localPref, prepend, overridesAs, hidesMarks } = channel.export;
  return [
    ...(overridesAs ? [{ kind: 'replace-as', from: session.remoteAs, to: session.localAs } as const] : []),
    ...(hidesMarks ? [deleteIfAny({ as: routing.localAs, function: siteMarkFunction })] : []),
    ...addCommunities(routing.isDrained ? withLeastPreference(communities) : communities),
    ...(med === undefined ? [] : [{ kind: 'set', attribute: 'bgp_med', value: med } as const]),
    ...(localPref === undefined ? [] : [{ kind: 'set', attribute: 'bgp_local_pref', value: localPref } as const]),
    ...Array.from({ length: prepend }, (): BirdStatement => ({ kind: 'prepend', as: session.localAs })),
  ];
}

/**
 * Aggregates of the session go out as they stand and take the place of what is more specific; so does a default route that
 * is announced whether there is one or not. Both come before the bound, since no Site declares them.
 */
function compileStandIns(channel: ChannelIntent, announce: readonly BirdStatement[]): BirdStatement[] {
  const { family } = channel;
  const { aggregates, originatesDefault } = channel.export;
  const isProtocol = (name: string): BirdCondition => ({ kind: 'protocol', name });
  const within = aggregates.filter((prefix) => prefix.length < bitLength(family));
  return [
    ...(aggregates.length === 0
      ? []
      : [
          {
            kind: 'if',
            when: all([isProtocol(aggregateName(family)), netIn(aggregates.map(exactly))]),
            body: announce,
          } as const,
          when(
            netIn(within.map((prefix) => ({ prefix, low: prefix.length + 1, high: bitLength(family) }))),
            reject('an aggregate of the Attachment is announced in its place'),
          ),
        ]),
    ...(originatesDefault ? [{ kind: 'if', when: isOwnDefault(family), body: announce } as const] : []),
  ];
}

/** Our own, or the kernel's where BIRD learns that: preferred over ours, it would leave nothing to announce. */
function isOwnDefault(family: Family): BirdCondition {
  return any([
    { kind: 'protocol', name: originatedName(family) },
    all([{ kind: 'source', source: 'RTS_INHERIT' }, netIn([exactly(defaultRoute(family))])]),
  ]);
}

function isStandIn(family: Family): BirdCondition {
  return any([
    { kind: 'protocol', name: aggregateName(family) },
    { kind: 'protocol', name: originatedName(family) },
  ]);
}

/** What may be passed on between Sites: what was learned over BGP, or has a static route to somewhere. */
const isTransitRoute: BirdCondition = any([
  { kind: 'source', source: 'RTS_BGP' },
  all([{ kind: 'source', source: 'RTS_STATIC' }, not({ kind: 'discards' })]),
]);
