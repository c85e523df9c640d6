/**
 * Which prefixes a Site may give and get.
 *
 *   Topology.sites, exchangesWith → [resolve-bounds] → ImportIntent.bound, ExportIntent.bound
 *
 * Invariant: an address belongs to the Sites that declare the longest prefix containing it, and to nobody else. What
 * belongs to nobody is neither learned nor passed on, and what belongs to several is passed on only if all of them agree.
 */
import type { Family } from '../../net/address.ts';
import { comparePrefixes, containsPrefix, type Prefix, printPrefix } from '../../net/prefix.ts';
import type { SiteFacts, Topology } from '../topology/topology.ts';
import type { PrefixBound } from './routing-intent.ts';

/** A declared prefix and the names of the Sites that declare it, both in order. */
export interface OwnedPrefix {
  readonly prefix: Prefix;
  readonly sites: readonly string[];
  /** Where the longest prefix around it stands in the list; -1 for one that no other contains. */
  readonly around: number;
}

/** Every prefix that any Site declares, once, sorted. */
export function resolveOwnership(sites: readonly SiteFacts[]): readonly OwnedPrefix[] {
  const byText = new Map<string, { prefix: Prefix; sites: string[] }>();
  for (const site of sites) {
    for (const prefix of site.prefixes) {
      const text = printPrefix(prefix);
      const owned = byText.get(text) ?? { prefix, sites: [] };
      byText.set(text, owned);
      if (!owned.sites.includes(site.name)) owned.sites.push(site.name);
    }
  }
  const sorted = [...byText.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const open: number[] = [];
  return sorted.map((owned, index) => {
    for (let outer = sorted[open.at(-1) ?? -1]; outer; outer = sorted[open.at(-1) ?? -1]) {
      if (containsPrefix(outer.prefix, owned.prefix)) break;
      open.pop();
    }
    const around = open.at(-1) ?? -1;
    open.push(index);
    return { ...owned, around };
  });
}

/** What may be learned from a Site: what it declares, without what others declare inside it. */
export function resolveImportBound(ownership: readonly OwnedPrefix[], site: string, family: Family): PrefixBound {
  return partition(ownership, family, (owned) => owned.sites.includes(site));
}

/** What may be passed on to a Site: what belongs to others, all of which exchange routes with it. */
export function resolveExportBound(
  ownership: readonly OwnedPrefix[],
  site: string,
  exchangesWith: Topology['exchangesWith'],
  family: Family,
): PrefixBound {
  return partition(ownership, family, ({ sites }) => sites.every((owner) => exchangesWith(owner, site)));
}

/** What routers of one group tell each other: everything that belongs to a Site. */
export function resolveGroupBound(ownership: readonly OwnedPrefix[], family: Family): PrefixBound {
  return partition(ownership, family, () => true);
}

/** What belongs to one of these Sites, whoever else it belongs to. */
export function resolveConfinedBound(
  ownership: readonly OwnedPrefix[],
  confined: ReadonlySet<string>,
  family: Family,
): PrefixBound {
  return partition(ownership, family, ({ sites }) => sites.some((site) => confined.has(site)));
}

/** Whether a bound lets the default route itself through: only where a Site declares it. */
export function admitsDefaultRoute(bound: PrefixBound): boolean {
  return bound.within.some((prefix) => prefix.length === 0);
}

/** Whether a route for the prefix may pass. */
export function isWithinBound(bound: PrefixBound, prefix: Prefix): boolean {
  const longest = (list: readonly Prefix[]): number =>
    Math.max(-1, ...list.filter((one) => containsPrefix(one, prefix)).map((one) => one.length));
  return longest(bound.within) > longest(bound.except);
}

/** One pass over the prefixes in their order, in which a prefix follows all that contain it. */
function partition(
  ownership: readonly OwnedPrefix[],
  family: Family,
  isAllowed: (owned: OwnedPrefix) => boolean,
): PrefixBound {
  const within: Prefix[] = [];
  const except: Prefix[] = [];
  // Whether what stands at this place, or anything around it, is allowed.
  const isOpen: boolean[] = [];
  for (const [index, owned] of ownership.entries()) {
    if (owned.prefix.family !== family) continue;
    const isInside = isOpen[owned.around] ?? false;
    const allowed = isAllowed(owned);
    isOpen[index] = isInside || allowed;
    // An exception outside everything allowed says nothing; leaving it out keeps a change elsewhere from touching the text.
    if (allowed) within.push(owned.prefix);
    else if (isInside) except.push(owned.prefix);
  }
  return { within, except };
}
