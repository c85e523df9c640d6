/**
 * What a session of an Attachment learns and passes on, family by family.
 *
 *   AttachmentFacts, RoutingFacts → [resolve-attachment-channels] → ChannelIntent[]
 *
 * Invariant: every channel has an import and an export bound, so that no filter a user writes can let through what the
 * Site does not own or may not learn (RFC 8212 by construction).
 */
import type { Family } from '../../net/address.ts';
import { comparePrefixes, parsePrefix } from '../../net/prefix.ts';
import type { AttachmentBgp, PrefixLimit } from '../../resources/attachment.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import { type Preference, resolvePreference } from './preference.ts';
import { admitsDefaultRoute, resolveExportBound, resolveImportBound } from './resolve-bounds.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { ChannelIntent, ExportIntent, ImportIntent } from './routing-intent.ts';

/** Longest AS path that is learned unless said; the Internet's own longest are shorter. */
const defaultMaxPathLength = 64;
export interface SessionEnds {
  /** Of the session's own addresses. */
  readonly family: Family;
  readonly isExternal: boolean;
}

/** One for each family of the Attachment, that of the session's addresses unless said; sorted by family. */
export function attachmentChannels(
  facts: RoutingFacts,
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  ends: SessionEnds,
): ChannelIntent[] {
  const asked = (bgp.families ?? []).map((name): Family => (name === 'ipv4' ? 4 : 6));
  const carried = asked.length === 0 ? [ends.family] : [...asked].sort();
  const preference = resolvePreference(bgp, facts.rankOf.get(attachment.name));
  const link = { attachment, bgp, preference, isExternal: ends.isExternal };
  return carried.map((family) => ({
    family,
    extendedNextHop: family === 4 && ends.family === 6,
    import: importOf(facts, link, family),
    export: exportOf(facts, link, family),
  }));
}

interface Link {
  readonly attachment: AttachmentFacts;
  readonly bgp: AttachmentBgp;
  readonly preference: Preference;
  readonly isExternal: boolean;
}

function importOf(facts: RoutingFacts, link: Link, family: Family): ImportIntent {
  const { attachment, bgp, isExternal } = link;
  const { ownership, marks } = facts;
  const { localPref } = link.preference;
  const bound = resolveImportBound(ownership, attachment.site.name, family);
  const receiveLimit = limitOf(bgp.maxPrefixes?.receive, family);
  const limit = limitOf(bgp.maxPrefixes?.import, family);
  const origin = marks.get(attachment.site.name);
  const hook = bgp.rawFilters?.import;
  return {
    filters: bgp.importFilters ?? [],
    bound,
    acceptsDefaultRoute: admitsDefaultRoute(bound),
    ...(localPref === undefined ? {} : { localPref }),
    ...(receiveLimit === undefined ? {} : { receiveLimit }),
    ...(limit === undefined ? {} : { limit }),
    refusesBogons: bgp.acceptBogons !== true,
    refusesOwnPrefixes: true,
    maxPathLength: bgp.maxASPathLength ?? defaultMaxPathLength,
    refusesOwnRoutes: isExternal,
    ...(origin === undefined ? {} : { origin }),
    honorsGracefulShutdown: true,
    ...(hook === undefined ? {} : { hook }),
    default: 'accept',
  };
}

function exportOf(facts: RoutingFacts, link: Link, family: Family): ExportIntent {
  const { attachment, bgp, isExternal } = link;
  const { topology, ownership, marks } = facts;
  const { med, prepend, communities, localPref } = link.preference;
  const limit = limitOf(bgp.maxPrefixes?.export, family);
  const origin = marks.get(attachment.site.name);
  const hook = bgp.rawFilters?.export;
  return {
    filters: bgp.exportFilters ?? [],
    bound: resolveExportBound(ownership, attachment.site.name, topology.exchangesWith, family),
    communities,
    ...(med === undefined ? {} : { med }),
    // A peer of the same AS looks at LOCAL_PREF first, and gets it.
    ...(isExternal || localPref === undefined ? {} : { localPref }),
    prepend,
    ...(limit === undefined ? {} : { limit }),
    overridesAs: isExternal && bgp.overrideAS === true,
    hidesMarks: isExternal && bgp.overrideAS !== true,
    originatesDefault: bgp.defaultOriginate === true,
    ...(origin === undefined ? {} : { origin }),
    aggregates: (bgp.aggregate ?? [])
      .flatMap((text) => parsePrefix(text) ?? [])
      .filter((prefix) => prefix.family === family)
      .sort(comparePrefixes),
    ...(hook === undefined ? {} : { hook }),
    default: 'reject',
  };
}

type PerFamily = NonNullable<NonNullable<AttachmentBgp['maxPrefixes']>['import']>;

function limitOf(limits: PerFamily | undefined, family: Family): ImportIntent['limit'] {
  const limit: PrefixLimit | undefined = family === 4 ? limits?.ipv4 : limits?.ipv6;
  return limit && { prefixes: limit.limit, action: limit.action ?? 'warn' };
}
