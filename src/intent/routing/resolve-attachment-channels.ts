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
import { communityNumbers } from '../../resources/communities.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import { admitsDefaultRoute, resolveExportBound, resolveImportBound } from './resolve-bounds.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { ChannelIntent, ExportIntent, ImportIntent } from './routing-intent.ts';

/** Longest AS path that is learned unless said; the Internet's own longest are shorter. */
const defaultMaxPathLength = 64;
/** Inside: LOCAL_PREF, BIRD's default being 100. */
const localPrefs = { primary: 200, backup: 50 } as const;
/** Outside: MED (RFC 4271 §5.1.4); the lower is preferred, and a route without one counts as 0. */
const meds = { primary: 0, backup: 100 } as const;

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
  return carried.map((family) => ({
    family,
    extendedNextHop: family === 4 && ends.family === 6,
    import: importOf(facts, attachment, bgp, family, ends.isExternal),
    export: exportOf(facts, attachment, bgp, family, ends.isExternal),
  }));
}

function importOf(
  { ownership, marks }: RoutingFacts,
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  family: Family,
  isExternal: boolean,
): ImportIntent {
  const bound = resolveImportBound(ownership, attachment.site.name, family);
  const localPref = bgp.localPref ?? (bgp.preference && localPrefs[bgp.preference]);
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
    refusesOwnPrefixes: isExternal,
    maxPathLength: bgp.maxASPathLength ?? defaultMaxPathLength,
    scrubsOwnCommunities: isExternal,
    ...(origin === undefined ? {} : { origin }),
    honorsGracefulShutdown: true,
    ...(hook === undefined ? {} : { hook }),
    default: 'accept',
  };
}

function exportOf(
  { topology, ownership, marks }: RoutingFacts,
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  family: Family,
  isExternal: boolean,
): ExportIntent {
  const med = bgp.med ?? (bgp.preference && meds[bgp.preference]);
  const limit = limitOf(bgp.maxPrefixes?.export, family);
  const origin = marks.get(attachment.site.name);
  const hook = bgp.rawFilters?.export;
  return {
    filters: bgp.exportFilters ?? [],
    bound: resolveExportBound(ownership, attachment.site.name, topology.exchangesWith, family),
    communities: [...new Set((bgp.communities ?? []).map(communityNumbers))],
    ...(med === undefined ? {} : { med }),
    prepend: bgp.prepend ?? 0,
    ...(limit === undefined ? {} : { limit }),
    overridesAs: isExternal && bgp.overrideAS === true,
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
