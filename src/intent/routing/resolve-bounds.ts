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
  return [...byText.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
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
  let around: { readonly prefix: Prefix; readonly isInside: boolean }[] = [];
  for (const owned of ownership) {
    const { prefix } = owned;
    if (prefix.family !== family) continue;
    around = around.filter((outer) => containsPrefix(outer.prefix, prefix));
    const isInside = around.at(-1)?.isInside ?? false;
    const allowed = isAllowed(owned);
    around.push({ prefix, isInside: isInside || allowed });
    // An exception outside everything allowed says nothing; leaving it out keeps a change elsewhere from touching the text.
    if (allowed) within.push(prefix);
    else if (isInside) except.push(prefix);
  }
  return { within, except };
}
