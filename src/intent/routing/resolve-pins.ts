/**
 * Which router of a group carries each Site's traffic, and what that makes of each link (docs/decisions/0021).
 *
 *   Attachments of all routers of the group ─[resolve-pins]→ SitePin[], LinkRank by Attachment
 *
 * Invariant: the answer depends on resources that every router of the group sees, not on which of them asks. A Site is pinned
 * only where what routers prefer inside and what they tell the Site agree; otherwise `none`, and a warning says why.
 */
import type { AttachmentProfile } from '../../resources/attachment.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { SiteFacts } from '../topology/topology.ts';
import { effectiveBgp } from './attachment-profiles.ts';
import { compareTold, type LinkRank, type Preference, resolvePreference } from './preference.ts';
import type { SitePin } from './routing-intent.ts';

type Attachment = Resource<'Attachment'>;

export interface Pins {
  /** Of every Site that one of the routers is attached to, sorted by Site. */
  readonly pins: readonly SitePin[];
  /** By name of the Attachment; absent where nothing prefers one link over another. */
  readonly rankOf: ReadonlyMap<string, LinkRank>;
}

/** `routers` are the names of all in the group, or of one that stands alone. */
export function resolvePins(
  snapshot: Snapshot,
  routers: readonly string[],
  sites: readonly SiteFacts[],
  warnings: Warning[],
): Pins {
  const members = new Set(routers);
  const linksOf = new Map<string, Attachment[]>(sites.map((site) => [site.name, []]));
  for (const attachment of snapshot.list('Attachment')) {
    if (members.has(attachment.spec.router)) linksOf.get(attachment.spec.site)?.push(attachment);
  }
  const pins: SitePin[] = [];
  const rankOf = new Map<string, LinkRank>();
  for (const { name, resource } of sites) {
    const links = linksOf.get(name) ?? [];
    if (links.length === 0) continue;
    const pinned = pinSite(resource, links);
    for (const link of links) {
      const rank = pinned.rankOf(link);
      if (rank) rankOf.set(link.metadata.name, rank);
    }
    const refusal = pinned.warning ?? contradiction(pinned.pin, links, rankOf);
    if (refusal) warnings.push(refusal);
    pins.push(refusal ? { site: name, router: undefined, by: 'none' } : pinned.pin);
    warnings.push(...pinned.remarks);
  }
  return { pins, rankOf };
}

interface Pinned {
  readonly pin: SitePin;
  /** Why the Site cannot be pinned. */
  readonly warning?: Warning;
  /** What was written and does not count. */
  readonly remarks: readonly Warning[];
  rankOf(link: Attachment): LinkRank | undefined;
}

/** Attachments first, then the Site, then the name: what stands closer to the link knows more of it. */
function pinSite(site: Resource<'Site'>, links: readonly Attachment[]): Pinned {
  const routers = [...new Set(links.map((link) => link.spec.router))].sort();
  const primaries = routersOf(links.filter((link) => link.spec.bgp?.preference === 'primary'));
  const statics = routersOf(links.filter((link) => link.spec.static));
  const notBackups = routersOf(links.filter((link) => link.spec.bgp?.preference !== 'backup'));
  const candidates = notBackups.length === 0 ? routers : notBackups;
  const { preferredRouter } = site.spec;
  const remarks = preferredRouter === undefined ? [] : remarksOn(site, preferredRouter, routers, candidates, primaries);
  const ofSite = preferredRouter !== undefined && candidates.includes(preferredRouter) ? preferredRouter : undefined;
  const [primary] = primaries;
  const [only] = candidates;
  const [fixed] = statics;
  const decide = (): readonly [router: string | undefined, by: SitePin['by']] => {
    if (routers.length === 1) return [routers[0], 'only-router'];
    if (primary !== undefined) return [primary, 'attachment'];
    if (candidates.length === 1) return [only, 'attachment'];
    if (ofSite !== undefined) return [ofSite, 'site'];
    return fixed === undefined ? [only, 'name'] : [fixed, 'attachment'];
  };
  const [router, by] = decide();
  const isPreferred = (name: string): boolean => name === router || (primaries.length > 1 && primaries.includes(name));
  const order = [
    ...routers.filter(isPreferred),
    ...routers.filter((name) => !isPreferred(name) && candidates.includes(name)),
    ...routers.filter((name) => !isPreferred(name) && !candidates.includes(name)),
  ];
  const isRanked = routers.length > 1 || links.some((link) => link.spec.bgp?.preference !== undefined);
  const warning = routers.length > 1 ? refusalOf(site, links, router, primaries, statics) : undefined;
  return {
    pin: { site: site.metadata.name, router, by },
    ...(warning === undefined ? {} : { warning }),
    remarks,
    rankOf: (link) => {
      if (!isRanked) return undefined;
      const place = isPreferred(link.spec.router) ? 0 : order.indexOf(link.spec.router);
      return { router: place, link: linkPlace(link, links) };
    },
  };
}

function routersOf(links: readonly Attachment[]): readonly string[] {
  return [...new Set(links.map((link) => link.spec.router))].sort();
}

function linkPlace(link: Attachment, links: readonly Attachment[]): LinkRank['link'] {
  const preference = link.spec.bgp?.preference;
  if (preference === 'primary') return 0;
  if (preference === 'backup') return 2;
  const hasPrimary = links.some(
    (other) => other.spec.router === link.spec.router && other.spec.bgp?.preference === 'primary',
  );
  return hasPrimary ? 1 : 0;
}

/** Why no router can be the one, whatever numbers the links carry. */
function refusalOf(
  site: Resource<'Site'>,
  links: readonly Attachment[],
  router: string | undefined,
  primaries: readonly string[],
  statics: readonly string[],
): Warning | undefined {
  if (primaries.length > 1) {
    const named = links.filter((link) => link.spec.bgp?.preference === 'primary').map((link) => link.metadata.name);
    const message = `Attachments ${named.join(' and ')} are both primary, on ${primaries.join(' and ')}: flows of the Site may pass one router one way and another the other; make all but one backup`;
    return warning('pin-contradiction', site, ['spec'], message);
  }
  const elsewhere = statics.filter((name) => name !== router);
  if (elsewhere.length > 0) {
    const [first] = statics;
    const mend =
      statics.length === 1 ? `prefer ${first}, or attach it by BGP` : 'attach the Site by BGP on all of them but one';
    const message = `a router always takes its own static route, so ${elsewhere.join(' and ')} never sends the Site's traffic by ${router}: flows may pass different routers each way; ${mend}`;
    return warning('static-beats-pin', site, ['spec', 'preferredRouter'], message);
  }
  return directConnectElsewhere(site, links, router);
}

/** AWS takes Direct Connect before VPN, whatever path, MED or community says (VPN guide, "Route priority"). */
function directConnectElsewhere(
  site: Resource<'Site'>,
  links: readonly Attachment[],
  router: string | undefined,
): Warning | undefined {
  const byProfile = (profile: AttachmentProfile): readonly string[] =>
    routersOf(links.filter((link) => link.spec.profile === profile));
  const direct = byProfile('aws-dx-private-vif');
  if (direct.length === 0 || (router !== undefined && direct.includes(router))) return undefined;
  if (router === undefined || !byProfile('aws-vgw-vpn').includes(router)) return undefined;
  const message = `AWS sends by Direct Connect at ${direct.join(' and ')}, not by VPN at ${router}, whatever it is told: set preferredRouter: ${direct[0]}`;
  return warning('pin-against-aws', site, ['spec', 'preferredRouter'], message);
}

/** What users wrote in numbers may say something else than the pin, inside or to the Site. */
function contradiction(
  pin: SitePin,
  links: readonly Attachment[],
  rankOf: ReadonlyMap<string, LinkRank>,
): Warning | undefined {
  const told = links.flatMap((link) => {
    const bgp = effectiveBgp(link.spec);
    const rank = rankOf.get(link.metadata.name);
    return bgp ? [{ link, router: link.spec.router, says: resolvePreference(bgp, rank) }] : [];
  });
  const ours = told.filter(({ router }) => router === pin.router);
  const others = told.filter(({ router }) => router !== pin.router);
  if (ours.length === 0 || others.length === 0) return undefined;
  const inside = (says: Preference): number => says.localPref ?? 100;
  const best = Math.max(...ours.map(({ says }) => inside(says)));
  const louder = others.find(({ says }) => inside(says) >= best);
  if (louder) {
    const message = `its LOCAL_PREF of ${inside(louder.says)} is not below that of ${pin.router}, the preferred router of Site ${pin.site}: give preference in place of localPref`;
    return warning('pin-contradiction', louder.link, ['spec', 'bgp', 'localPref'], message);
  }
  const clearest = ours.map(({ says }) => says).sort(compareTold)[0];
  const nearer = others.find(({ says }) => clearest && compareTold(says, clearest) <= 0);
  if (!nearer) return undefined;
  const message = `what it tells Site ${pin.site} by MED, path or communities does not make ${pin.router} preferred there, as it is here: flows may pass different routers each way; give preference in place of med, prepend or communities`;
  return warning('pin-contradiction', nearer.link, ['spec', 'bgp'], message);
}

function remarksOn(
  site: Resource<'Site'>,
  preferred: string,
  routers: readonly string[],
  candidates: readonly string[],
  primaries: readonly string[],
): Warning[] {
  const path = ['spec', 'preferredRouter'];
  if (!routers.includes(preferred)) {
    const message = `${preferred} has no Attachment to the Site: of ${routers.join(', ')}, another is preferred`;
    return [warning('preferred-router-not-attached', site, path, message)];
  }
  const other = primaries.find((name) => name !== preferred);
  if (candidates.includes(preferred) && other === undefined) return [];
  const message = `the Attachments say otherwise, and count for more: ${other === undefined ? `those of ${preferred} are backup` : `${other} has a primary one`}`;
  return [warning('preferred-router-overruled', site, path, message)];
}

function warning(code: string, subject: Resource, path: Warning['path'], message: string): Warning {
  return { code, subject, path, message };
}
