/**
 * The BGPFilters of a session, called in their order from its import or export filter.
 *
 *   names, RoutingIntent → [call-filters] → statements
 *
 * Invariant: a filter that does not exist rejects what reaches it.
 */
import {
  type ChannelIntent,
  isInternal,
  type RoutingIntent,
  type SessionIntent,
} from '../intent/routing/routing-intent.ts';
import { hasRules } from './compile-filter.ts';
import type { BirdStatement } from './config.ts';
import { filterFunctionName } from './names.ts';
import { refuseByFilter } from './refuse.ts';
import { accept, reject } from './statements.ts';

/** `finish` is what is done to a route that a filter accepts, before it is accepted. */
export function callFilters(
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
