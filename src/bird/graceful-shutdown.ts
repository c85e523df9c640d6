/**
 * Leaving gracefully (RFC 8326): what is about to go away is the last choice of everybody, whatever filters say.
 *
 *   SessionIntent, RoutingIntent → [graceful-shutdown] → statements after the filters, before a route is accepted
 */
import { longestPrepend } from '../intent/routing/preference.ts';
import {
  type ChannelIntent,
  isInternal,
  type RoutingIntent,
  type SessionIntent,
} from '../intent/routing/routing-intent.ts';
import type { BirdStatement, Community } from './config.ts';
import { when } from './statements.ts';

/** RFC 8326 §5: GRACEFUL_SHUTDOWN. */
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
export function leavingGracefully(
  session: SessionIntent,
  channel: ChannelIntent,
  routing: RoutingIntent,
): BirdStatement[] {
  if (routing.isDrained && session.origin?.kind !== 'Router') return [leastLocalPref];
  if (!channel.import.honorsGracefulShutdown) return [];
  return [when({ kind: 'community', community: gracefulShutdown }, leastLocalPref)];
}

/** What a drained router announces asks everybody to go another way. */
export function leavingGracefullyOutside(session: SessionIntent, routing: RoutingIntent): BirdStatement[] {
  if (!routing.isDrained) return [];
  if (isInternal(session)) return [leastLocalPref];
  return [
    { kind: 'add-community', community: gracefulShutdown },
    { kind: 'set', attribute: 'bgp_med', value: worstMed },
    ...Array.from({ length: drainedPrepend }, (): BirdStatement => ({ kind: 'prepend', as: session.localAs })),
  ];
}
