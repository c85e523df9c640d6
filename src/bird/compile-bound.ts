/**
 * The bound of a session: which prefixes may pass it at all, whatever filters say.
 *
 *   PrefixBound → [compile-bound] → statements that refuse what lies outside
 *
 * Invariant: the longest prefix decides; an exception holds for what lies in it and not in something longer that is allowed again.
 */
import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import type { Family } from '../net/address.ts';
import { comparePrefixes, containsPrefix, type Prefix } from '../net/prefix.ts';
import type { BirdCondition, BirdStatement } from './config.ts';
import type { RefuseIf } from './refuse.ts';
import { all, andLonger, defaultRoute, exactly, netIn, not, reject, when } from './statements.ts';

/**
 * Rejects what the bound does not let through. The longest prefix decides: an exception rejects what lies in it and not in
 * something longer that is allowed again. Exceptions with nothing allowed inside, nearly all, make one question together.
 */
export function compileBound(bound: PrefixBound): BirdStatement[] {
  const outside = 'it belongs to no Site that may exchange routes with this one (Segment, Site prefixes)';
  const hole =
    'the longest prefix that holds it belongs to a Site that may not exchange routes with this one (Segment)';
  return boundConditions(bound).map((condition, i) => when(condition, reject(i === 0 ? outside : hole)));
}

/** The same on import, where each refusal says why; a default route that no Site declares has a reason of its own. */
export function compileImportBound(bound: PrefixBound, family: Family, refuseIf: RefuseIf): BirdStatement[] {
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
 * Whether a route that the bound lets through could lie inside the prefix. What could not is left out, so that a subnet that
 * comes or goes elsewhere changes no text here.
 */
export function meets(prefix: Prefix, bound: PrefixBound | undefined): boolean {
  return bound?.within.some((outer) => containsPrefix(outer, prefix) || containsPrefix(prefix, outer)) ?? true;
}

/** Any of them keeps a route out: first that nothing allowed contains it, then the exceptions. */
function boundConditions(bound: PrefixBound): BirdCondition[] {
  const { within, except } = withoutRepetition(bound);
  const inner = innerPrefixes(within, except);
  const plain = except.filter((hole) => !inner.has(hole));
  return [
    not(netIn(within.map(andLonger))),
    ...(plain.length === 0 ? [] : [netIn(plain.map(andLonger))]),
    ...[...inner].map(
      ([hole, allowed]): BirdCondition => all([netIn([andLonger(hole)]), not(netIn(allowed.map(andLonger)))]),
    ),
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
