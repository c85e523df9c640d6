/**
 * The import and the export filter of one session.
 *
 *   SessionIntent, RoutingIntent → [compile-session-filter] → BirdFilter
 *
 * Order is what makes them safe: the bound comes first, so that no BGPFilter can accept what lies outside; attributes are set
 * before BGPFilters are called, since an accept in there ends everything; a missing filter rejects where it would have stood.
 */
import type { ChannelIntent, PrefixBound, RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import { bitLength, type Family } from '../net/address.ts';
import { comparePrefixes, containsPrefix, type Prefix } from '../net/prefix.ts';
import { compileFilter, parseCommunity } from './compile-filter.ts';
import type { BirdCondition, BirdFilter, BirdStatement, PrefixPattern } from './config.ts';
import { filterFunctionName, sessionFilterName } from './names.ts';

const accept: BirdStatement = { kind: 'accept' };
const reject: BirdStatement = { kind: 'reject' };

export function compileImport(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdFilter {
  const { bound, localPref, acceptsDefaultRoute } = channel.import;
  return {
    name: channelFilterName('import', session, channel.family),
    comment: `import from ${session.description}`,
    body: [
      ...(bound ? compileBound(bound) : []),
      ...(localPref === undefined ? [] : [{ kind: 'set', attribute: 'bgp_local_pref', value: localPref } as const]),
      ...callFilters(session, channel, 'import', routing),
      // A bound has already refused a default route that no Site declares.
      ...(acceptsDefaultRoute || bound ? [] : [when(netIn([exactly(defaultRoute(channel.family))]), reject)]),
      channel.import.default === 'accept' ? accept : reject,
    ],
  };
}

export function compileExport(session: SessionIntent, channel: ChannelIntent, routing: RoutingIntent): BirdFilter {
  const { bound, communities, med, prepend } = channel.export;
  const attributes: BirdStatement[] = [
    ...communities.flatMap((text): BirdStatement[] => {
      const community = parseCommunity(text);
      return community ? [{ kind: 'add-community', community }] : [];
    }),
    ...(med === undefined ? [] : [{ kind: 'set', attribute: 'bgp_med', value: med } as const]),
    ...Array.from({ length: prepend }, (): BirdStatement => ({ kind: 'prepend', as: session.localAs })),
  ];
  const isCalico = channel.export.default === 'calico';
  const body = [
    ...(bound ? compileBound(bound) : []),
    ...(isCalico ? [] : [when(not(isTransitRoute), reject)]),
    ...attributes,
    ...callFilters(session, channel, 'export', routing),
    ...(isCalico ? [...compileCalicoExport(session, channel.family, routing), reject] : [bound ? accept : reject]),
  ];
  const name = channelFilterName('export', session, channel.family);
  return { name, comment: `export to ${session.description}`, body };
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
    { kind: 'all', operands: [{ kind: 'source', source: 'RTS_STATIC' }, not({ kind: 'blackhole' })] },
  ],
};

/**
 * Rejects what the bound does not let through. The longest prefix decides: an exception rejects what lies in it and not in
 * something longer that is allowed again. Exceptions with nothing allowed inside, nearly all, make one question together.
 */
function compileBound({ within, except }: PrefixBound): BirdStatement[] {
  const inner = innerPrefixes(within, except);
  const plain = except.filter((hole) => !inner.has(hole));
  return [
    when(not(netIn(within.map(andLonger))), reject),
    ...(plain.length === 0 ? [] : [when(netIn(plain.map(andLonger)), reject)]),
    ...[...inner].map(([hole, allowed]) => {
      const operands = [netIn([andLonger(hole)]), not(netIn(allowed.map(andLonger)))];
      return when({ kind: 'all', operands }, reject);
    }),
  ];
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

function callFilters(
  session: SessionIntent,
  channel: ChannelIntent,
  direction: 'import' | 'export',
  routing: RoutingIntent,
): BirdStatement[] {
  const isEbgp = session.remoteAs !== session.localAs;
  return channel[direction].filters.flatMap((name): BirdStatement[] => {
    const filter = routing.filters.get(name);
    if (!filter) return [reject];
    if (!compileFilter(filter, direction, channel.family)) return [];
    return [{ kind: 'call', name: filterFunctionName(name, direction, channel.family), isEbgp }];
  });
}

/** Calico's own policy, in its order (semantics §5.5); whatever it does not accept falls to the final reject. */
function compileCalicoExport(session: SessionIntent, family: Family, routing: RoutingIntent): BirdStatement[] {
  const pools = routing.pools.filter((pool) => pool.prefix.family === family);
  const hidden = pools.filter((pool) => !pool.exported).map((pool) => andLonger(pool.prefix));
  const shown = pools.filter((pool) => pool.exported).map((pool) => andLonger(pool.prefix));
  const statics = routing.staticRoutes.filter((route) => route.prefix.family === family);
  const blocks = statics.filter((route) => route.reason === 'block').map((route) => route.prefix);
  const services = statics.filter((route) => route.reason === 'service').map((route) => exactly(route.prefix));
  const reflected = (routing.reflectedRanges ?? []).filter((prefix) => prefix.family === family).map(andLonger);
  const isInternal = session.remoteAs === session.localAs;
  const tunnels = isInternal ? ['*.cali', '*.calico', 'bpf*.cali'] : ['bpf*.cali'];
  return [
    ...(hidden.length === 0 ? [] : [when(netIn(hidden), reject)]),
    ...tunnels.map((pattern) => when({ kind: 'interface', pattern }, reject)),
    ...routing.prefixAdvertisements
      .filter((entry) => entry.prefix.family === family)
      .flatMap((entry) => advertise(entry.prefix, entry.communities)),
    ...(blocks.length === 0
      ? []
      : [when(netIn(blocks.map(exactly)), accept), when(netIn(blocks.map(andLonger)), reject)]),
    ...[services, reflected, shown].filter((set) => set.length > 0).map((set) => when(netIn(set), accept)),
  ];
}

function advertise(prefix: Prefix, communities: readonly string[]): BirdStatement[] {
  const body = communities.flatMap((text): BirdStatement[] => {
    const community = parseCommunity(text);
    return community ? [{ kind: 'add-community', community }] : [];
  });
  return body.length === 0 ? [] : [{ kind: 'if', when: netIn([andLonger(prefix)]), body }];
}

function when(condition: BirdCondition, statement: BirdStatement): BirdStatement {
  return { kind: 'if', when: condition, body: [statement] };
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
