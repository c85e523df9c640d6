/**
 * The import and the export filter of one session.
 *
 *   SessionIntent, RoutingIntent → [compile-session-filter] → BirdFilter
 *
 * Order is what makes them safe: hygiene and the bound come first, so that no BGPFilter can accept what lies outside; what
 * must hold whatever filters do, such as leaving gracefully, comes after them; a missing filter rejects where it would have
 * stood. On import each refusal puts its reason on the route (refusal-reasons.ts).
 */
import { longestPrepend, withLeastPreference } from '../intent/routing/preference.ts';
import {
  firstRefusalCode,
  lastRefusalCode,
  type RefusalReason,
  siteMarkFunction,
} from '../intent/routing/refusal-reasons.ts';
import {
  type ChannelIntent,
  isInternal,
  type PrefixBound,
  type RoutingIntent,
  type SessionIntent,
  type SiteMark,
} from '../intent/routing/routing-intent.ts';
import { bitLength, type Family } from '../net/address.ts';
import { comparePrefixes, containsPrefix, type Prefix } from '../net/prefix.ts';
import { bogonPrefixes } from './bogons.ts';
import { hasRules, parseCommunity } from './compile-filter.ts';
import type { BirdCondition, BirdFilter, BirdStatement, Community, LargePattern, PrefixPattern } from './config.ts';
import { aggregateName, filterFunctionName, originatedName, sessionFilterName } from './names.ts';
import { refuse, refuseByFilter } from './refuse.ts';

const accept: BirdStatement = { kind: 'accept' };

export function compileImport(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdFilter {
  const { bound, localPref, acceptsDefaultRoute, maxPathLength, origin, hook } = channel.import;
  const { family } = channel;
  const as = routing.localAs;
  const refuseIf = (condition: BirdCondition, reason: Exclude<RefusalReason, 'filter'>): BirdStatement => {
    return { kind: 'if', when: condition, body: refuse(reason, as) };
  };
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

/** RFC 8326: graceful shutdown. */
const gracefulShutdown: Community = [65535, 0];
const worstMed = 0xffffffff;
/** Longer than any way of another router, which may be prepended too: some peers go by the length alone. */
const drainedPrepend = longestPrepend + 1;
const leastLocalPref: BirdStatement = { kind: 'set', attribute: 'bgp_local_pref', value: 0 };

/**
 * What is about to go away, the peer or this router, is the last choice, whatever filters said (RFC 8326 §4). What the other
 * routers of the group say keeps its LOCAL_PREF: a drained router sends by them, as its peers do; by its own links it would
 * be one half of flows alone whose other half those routers see.
 */
function leavingGracefully(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdStatement[] {
  if (routing.isDrained && session.origin?.kind !== 'Router') return [leastLocalPref];
  if (!channel.import.honorsGracefulShutdown) return [];
  return [when({ kind: 'community', community: gracefulShutdown }, leastLocalPref)];
}

/** What a drained router announces asks everybody to go another way. */
function leavingGracefullyOutside(session: SessionIntent, routing: RoutingIntent): BirdStatement[] {
  if (!routing.isDrained) return [];
  if (isInternal(session)) return [leastLocalPref];
  return [
    { kind: 'add-community', community: gracefulShutdown },
    { kind: 'set', attribute: 'bgp_med', value: worstMed },
    ...Array.from({ length: drainedPrepend }, (): BirdStatement => ({ kind: 'prepend', as: session.localAs })),
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
            when: {
              kind: 'all',
              operands: [isProtocol(aggregateName(family)), netIn(aggregates.map(exactly))],
            },
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
  return {
    kind: 'any',
    operands: [
      { kind: 'protocol', name: originatedName(family) },
      all([{ kind: 'source', source: 'RTS_INHERIT' }, netIn([exactly(defaultRoute(family))])]),
    ],
  };
}

function isStandIn(family: Family): BirdCondition {
  return {
    kind: 'any',
    operands: [
      { kind: 'protocol', name: aggregateName(family) },
      { kind: 'protocol', name: originatedName(family) },
    ],
  };
}

type RefuseIf = (condition: BirdCondition, reason: Exclude<RefusalReason, 'filter'>) => BirdStatement;

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

/**
 * Whether a route that the bound lets through could lie inside the prefix. What could not is left out, so that a subnet that
 * comes or goes elsewhere changes no text here.
 */
function meets(prefix: Prefix, bound: PrefixBound | undefined): boolean {
  return bound?.within.some((outer) => containsPrefix(outer, prefix) || containsPrefix(prefix, outer)) ?? true;
}

function markOf({ id }: SiteMark, as: number): Community {
  return [as, siteMarkFunction, id];
}

/** Looked for first: a route that has none keeps its attributes as they came, which it shares with others. */
function deleteIfAny(pattern: LargePattern): BirdStatement {
  return when({ kind: 'large-community-in', pattern }, { kind: 'delete-communities', pattern });
}

/** The family stands in the name only where it is not that of the session's own addresses. */
export function channelFilterName(direction: 'import' | 'export', session: SessionIntent, family: Family): string {
  return sessionFilterName(direction, session.name, family === session.family ? undefined : family);
}

/** What may be passed on between Sites: what was learned over BGP, or has a static route to somewhere. */
const isTransitRoute: BirdCondition = {
  kind: 'any',
  operands: [
    { kind: 'source', source: 'RTS_BGP' },
    { kind: 'all', operands: [{ kind: 'source', source: 'RTS_STATIC' }, not({ kind: 'discards' })] },
  ],
};

/**
 * Rejects what the bound does not let through. The longest prefix decides: an exception rejects what lies in it and not in
 * something longer that is allowed again. Exceptions with nothing allowed inside, nearly all, make one question together.
 */
function compileBound(bound: PrefixBound): BirdStatement[] {
  const outside = 'it belongs to no Site that may exchange routes with this one (Segment, Site prefixes)';
  const hole =
    'the longest prefix that holds it belongs to a Site that may not exchange routes with this one (Segment)';
  return boundConditions(bound).map((condition, i) => when(condition, reject(i === 0 ? outside : hole)));
}

/** Any of them keeps a route out: first that nothing allowed contains it, then the exceptions. */
function boundConditions(bound: PrefixBound): BirdCondition[] {
  const { within, except } = withoutRepetition(bound);
  const inner = innerPrefixes(within, except);
  const plain = except.filter((hole) => !inner.has(hole));
  return [
    not(netIn(within.map(andLonger))),
    ...(plain.length === 0 ? [] : [netIn(plain.map(andLonger))]),
    ...[...inner].map(([hole, allowed]): BirdCondition => {
      return { kind: 'all', operands: [netIn([andLonger(hole)]), not(netIn(allowed.map(andLonger)))] };
    }),
  ];
}

/** The same on import, where each refusal says why; a default route that no Site declares has a reason of its own. */
function compileImportBound(bound: PrefixBound, family: Family, refuseIf: RefuseIf): BirdStatement[] {
  const [outside, ...exceptions] = boundConditions(bound);
  const isDefault = netIn([exactly(defaultRoute(family))]);
  const admitsDefault = bound.within.some((prefix) => prefix.length === 0);
  return [
    ...(admitsDefault ? [] : [refuseIf(isDefault, 'defaultRoute')]),
    ...(outside ? [refuseIf(outside, 'outsideSite')] : []),
    ...exceptions.map((exception) => refuseIf(exception, 'otherSite')),
  ];
}

/**
 * The same bound without what its surroundings say already. A Site that comes inside what may be learned anyway then changes no
 * text, for which BIRD would tell the peer everything again.
 */
function withoutRepetition({ within, except }: PrefixBound): PrefixBound {
  const holes = new Set(except);
  const kept: { readonly within: Prefix[]; readonly except: Prefix[] } = { within: [], except: [] };
  const around: Prefix[] = [];
  for (const prefix of [...within, ...except].sort(comparePrefixes)) {
    for (let last = around.at(-1); last && !containsPrefix(last, prefix); last = around.at(-1)) around.pop();
    const outer = around.at(-1);
    const isOpenAround = outer !== undefined && !holes.has(outer);
    around.push(prefix);
    if (holes.has(prefix) !== isOpenAround) continue;
    if (isOpenAround) kept.except.push(prefix);
    else kept.within.push(prefix);
  }
  return kept;
}

/** What is allowed inside each exception; exceptions without any are left out. */
function innerPrefixes(within: readonly Prefix[], except: readonly Prefix[]): Map<Prefix, Prefix[]> {
  const holes = new Set(except);
  const inner = new Map<Prefix, Prefix[]>();
  let around: Prefix[] = [];
  for (const prefix of [...within, ...except].sort(comparePrefixes)) {
    around = around.filter((outer) => containsPrefix(outer, prefix));
    if (holes.has(prefix)) around.push(prefix);
    else for (const hole of around) inner.set(hole, [...(inner.get(hole) ?? []), prefix]);
  }
  return inner;
}

/** `finish` is what is done to a route that a filter accepts, before it is accepted. */
function callFilters(
  session: SessionIntent,
  channel: ChannelIntent,
  direction: 'import' | 'export',
  routing: RoutingIntent,
  finish: readonly BirdStatement[],
): BirdStatement[] {
  const isEbgp = !isInternal(session);
  return channel[direction].filters.flatMap((name): BirdStatement[] => {
    const filter = routing.filters.get(name);
    if (!filter && direction === 'import') return refuseByFilter(name, undefined, routing.localAs);
    if (!filter) return [reject(`there is no BGPFilter ${name}`)];
    if (!hasRules(filter, direction, channel.family)) return [];
    const called = { kind: 'call', name: filterFunctionName(name, direction, channel.family), isEbgp } as const;
    return [{ kind: 'if', when: called, body: [...finish, accept] }];
  });
}

/** Calico's own policy, in its order (semantics §5.5); whatever it does not accept falls to the final reject. */
function compileCalicoExport(
  session: SessionIntent,
  family: Family,
  routing: RoutingIntent,
  finish: readonly BirdStatement[],
): BirdStatement[] {
  const acceptIf = (condition: BirdCondition): BirdStatement => {
    return { kind: 'if', when: condition, body: [...finish, accept] };
  };
  const pools = routing.pools.filter((pool) => pool.prefix.family === family);
  const hidden = pools.filter((pool) => !pool.exported).map((pool) => andLonger(pool.prefix));
  const shown = pools.filter((pool) => pool.exported).map((pool) => andLonger(pool.prefix));
  const statics = routing.staticRoutes.filter((route) => route.prefix.family === family);
  const blocks = statics.filter((route) => route.reason === 'block').map((route) => route.prefix);
  const services = statics.filter((route) => route.reason === 'service').map((route) => exactly(route.prefix));
  const reflected = (routing.reflectedRanges ?? []).filter((prefix) => prefix.family === family).map(andLonger);
  const tunnels = isInternal(session) ? ['*.cali', '*.calico', 'bpf*.cali', 'tunl0'] : ['bpf*.cali'];
  return [
    ...(hidden.length === 0 ? [] : [when(netIn(hidden), reject('its IPPool has disableBGPExport'))]),
    ...tunnels.map((pattern) =>
      when({ kind: 'interface', pattern }, reject(`it leads into a tunnel of the cluster (${pattern})`)),
    ),
    ...routing.prefixAdvertisements
      .filter((entry) => entry.prefix.family === family)
      .flatMap((entry) => advertise(entry.prefix, entry.communities)),
    ...(blocks.length === 0
      ? []
      : [
          acceptIf(netIn(blocks.map(exactly))),
          when(netIn(blocks.map(andLonger)), reject('it is a part of a block that is announced whole')),
        ]),
    ...[services, reflected, shown].filter((set) => set.length > 0).map((set) => acceptIf(netIn(set))),
  ];
}

function advertise(prefix: Prefix, communities: readonly string[]): BirdStatement[] {
  const body = addCommunities(communities);
  return body.length === 0 ? [] : [{ kind: 'if', when: netIn([andLonger(prefix)]), body }];
}

function addCommunities(texts: readonly string[]): BirdStatement[] {
  return texts.flatMap((text): BirdStatement[] => {
    const community = parseCommunity(text);
    return community ? [{ kind: 'add-community', community }] : [];
  });
}

function reject(because: string): BirdStatement {
  return { kind: 'reject', because };
}

function when(condition: BirdCondition, statement: BirdStatement): BirdStatement {
  return { kind: 'if', when: condition, body: [statement] };
}

function all(operands: readonly BirdCondition[]): BirdCondition {
  return { kind: 'all', operands };
}

function not(operand: BirdCondition): BirdCondition {
  return { kind: 'not', operand };
}

function netIn(set: readonly PrefixPattern[]): BirdCondition {
  return { kind: 'net-in', set };
}

function andLonger(prefix: Prefix): PrefixPattern {
  return { prefix, low: prefix.length, high: bitLength(prefix.family) };
}

function exactly(prefix: Prefix): PrefixPattern {
  return { prefix, low: prefix.length, high: prefix.length };
}

function defaultRoute(family: Family): Prefix {
  return { family, bits: 0n, length: 0 };
}
