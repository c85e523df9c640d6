/**
 * Preference in numbers: what a link's rank means inside the group and is told to the peer.
 *
 *   LinkRank, AttachmentBgp → [preference] → LOCAL_PREF of what is learned; MED, path or community of what is told
 *
 * Invariant: a better rank is better in every one of them, and what the user wrote stands in the place of what follows from
 * the rank.
 */
import type { AttachmentBgp } from '../../resources/attachment.ts';
import { communityNumbers, directConnectPreference } from '../../resources/communities.ts';

/** Where a link stands among the links of its group to one Site. */
export interface LinkRank {
  /** 0 for the router that is preferred, then 1, 2, …: in the order in which they take over. */
  readonly router: number;
  /** Among the links of that router: 0 as preferred as any, 1 after a primary, 2 a backup. */
  readonly link: 0 | 1 | 2;
}

export interface Preference {
  /** RFC 4271 §5.1.5: the higher wins inside; undefined leaves BIRD's 100. */
  readonly localPref?: number;
  /** RFC 4271 §5.1.4: the lower wins at the peer, and a route without one counts as 0. */
  readonly med?: number;
  /** How many times more the local AS stands in the path: the shorter wins at the peer. */
  readonly prepend: number;
  /** The user's, and the one that says the preference where the peer goes by communities. */
  readonly communities: readonly string[];
}

/** BIRD takes no longer prepend from a resource either. */
export const longestPrepend = 10;
const localPrefs = [200, 190, 50] as const;
const meds = [0, 10, 100] as const;

/** `bgp` with its profile's values; undefined rank: nothing prefers anything, and only what the user wrote is said. */
export function resolvePreference(bgp: AttachmentBgp, rank: LinkRank | undefined): Preference {
  const written = (bgp.communities ?? []).map(communityNumbers);
  const by = bgp.preferenceBy ?? 'med';
  const localPref = bgp.localPref ?? (rank && localPrefOf(rank));
  const med = bgp.med ?? (rank && by === 'med' ? medOf(rank) : undefined);
  const isSaid = written.some((one) => levelOf(one) !== undefined);
  return {
    ...(localPref === undefined ? {} : { localPref }),
    ...(med === undefined ? {} : { med }),
    prepend: bgp.prepend ?? (rank && by === 'prepend' ? Math.min(longestPrepend, 3 * rank.router + rank.link) : 0),
    communities: [...new Set([...written, ...(rank && by === 'communities' && !isSaid ? [communityOf(rank)] : [])])],
  };
}

/**
 * Negative where the peer prefers what `a` says, in the order in which it is asked: its own LOCAL_PREF by community, length
 * of the path, MED.
 */
export function compareTold(a: Preference, b: Preference): number {
  return peerLevel(b) - peerLevel(a) || a.prepend - b.prepend || (a.med ?? 0) - (b.med ?? 0);
}

/** Where the peer goes by communities before all else, a way that is about to close says the lowest of them. */
export function withLeastPreference(communities: readonly string[]): string[] {
  return communities.map((one) => (levelOf(one) === undefined ? one : directConnectPreference.low));
}

/** Behind the preferred router nothing is preferred over BIRD's 100, so a route without any mark beats it. */
function localPrefOf({ router, link }: LinkRank): number {
  return router === 0 ? localPrefs[link] : Math.max(1, 50 - 10 * router - link);
}

function medOf({ router, link }: LinkRank): number {
  return 200 * router + meds[link];
}

function communityOf({ router, link }: LinkRank): string {
  if (router > 0) return directConnectPreference.low;
  return link === 0 ? directConnectPreference.high : directConnectPreference.medium;
}

function peerLevel({ communities }: Preference): number {
  const levels = communities.flatMap((one) => levelOf(one) ?? []);
  return levels.length === 0 ? 1 : Math.max(...levels);
}

function levelOf(community: string): number | undefined {
  const levels: readonly string[] = Object.values(directConnectPreference);
  const level = levels.indexOf(community);
  return level < 0 ? undefined : level;
}
