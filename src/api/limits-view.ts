/**
 * Limits of prefixes, beside what passes now.
 *
 *   RoutingIntent, SessionStatus[], counts ─[limitsView]→ LimitView[] → limits
 *
 * Invariant: a count that nobody could tell is null, never zero.
 */
import type { ChannelStatus, SessionStatus } from '../bird/daemon.ts';
import type { PrefixLimit, RoutingIntent } from '../intent/routing/routing-intent.ts';
import { type Family, printAddress } from '../net/address.ts';
import { resourceId } from '../resources/resource.ts';

export interface LimitView {
  /** As `peers` has it. */
  readonly peer: string;
  readonly neighbor: string;
  /** `Kind/name` that asked for the session; null for the mesh. */
  readonly origin: string | null;
  readonly family: 4 | 6;
  /** `receive`: all that the peer sends; `import`: what was accepted of it; `export`: what it is told. */
  readonly direction: 'receive' | 'import' | 'export';
  readonly count: number | null;
  /** Null where there is none. */
  readonly limit: number | null;
  readonly headRoom: number | null;
  readonly action: PrefixLimit['action'] | null;
  /** `warn`: from 80 % of the limit on; `exceeded`: above it, or BIRD says it acted; `unknown`: nobody could count. */
  readonly state: 'ok' | 'warn' | 'exceeded' | 'unlimited' | 'unknown';
}

/** From here on a limit is near. */
const nearShare = 0.8;

/** What counts of exported routes are kept by. */
export function exportKey(session: string, family: Family): string {
  return `${session} ${family}`;
}

/** `countExported` by exportKey; BIRD's own counter, which may be wrong after a reload, where it was not counted. */
export function limitsView(
  routing: RoutingIntent,
  observed: readonly SessionStatus[],
  countExported: ReadonlyMap<string, number>,
): LimitView[] {
  const byName = new Map(observed.map((session): [string, SessionStatus] => [session.name, session]));
  return routing.sessions.flatMap((session) => {
    const seen = byName.get(session.name);
    return session.channels.flatMap((channel): LimitView[] => {
      const known = seen?.channels.find(({ family }) => family === channel.family);
      const isUp = seen?.state === 'Established';
      const counted = countExported.get(exportKey(session.name, channel.family));
      // Where nothing hangs on it, BIRD's own counter will do.
      const exported = counted ?? (isUp && !channel.export.limit ? known?.exported : undefined);
      const view = (
        direction: LimitView['direction'],
        limit: PrefixLimit | undefined,
        count: number | undefined,
      ): LimitView => {
        const state = stateOf(limit, count, hitOf(known, direction));
        // What a limit has ended counts nothing, and there is no room all the same.
        const room = limit === undefined || count === undefined ? null : Math.max(0, limit.prefixes - count);
        return {
          peer: session.name,
          neighbor: printAddress(session.neighbor),
          origin: session.origin ? resourceId(session.origin) : null,
          family: channel.family,
          direction,
          count: count ?? null,
          limit: limit?.prefixes ?? null,
          headRoom: state === 'exceeded' && room !== null ? 0 : room,
          action: limit?.action ?? null,
          state,
        };
      };
      return [
        view('receive', channel.import.receiveLimit, known && known.imported + known.filtered),
        view('import', channel.import.limit, known?.imported),
        view('export', channel.export.limit, exported),
      ];
    });
  });
}

function hitOf(channel: ChannelStatus | undefined, direction: LimitView['direction']): boolean {
  return channel?.limitsHit.includes(direction) ?? false;
}

function stateOf(limit: PrefixLimit | undefined, count: number | undefined, isHit: boolean): LimitView['state'] {
  if (isHit) return 'exceeded';
  if (limit === undefined) return 'unlimited';
  if (count === undefined) return 'unknown';
  if (count > limit.prefixes) return 'exceeded';
  return count >= limit.prefixes * nearShare ? 'warn' : 'ok';
}
