/**
 * Sessions on which a limit acted, and where it has room by now.
 *
 *   SessionStatus[] ─[heldBack]→ HeldBack[] ─[hasRoom]→ which to reload
 *
 * BIRD that stopped at a limit stays stopped: neither routes that go nor a higher limit give the others a place, nor new routes.
 * Only a reload does, and a reconfiguration makes it forget that it had stopped.
 * Invariant: only sessions that are up; one that a limit has ended is for its operator.
 */
import type { Family } from '../net/address.ts';
import type { ChannelStatus, SessionStatus } from './daemon.ts';

export interface HeldBack {
  readonly session: string;
  readonly family: Family;
  readonly direction: 'receive' | 'import' | 'export';
  readonly limit: number;
  /** By BIRD's counter, which for exports may be wrong after a reload. */
  readonly count: number;
}

export function heldBack(sessions: readonly SessionStatus[]): readonly HeldBack[] {
  return sessions
    .filter(({ state }) => state === 'Established')
    .flatMap(({ name, channels }) =>
      channels.flatMap((channel) =>
        channel.limitsHit.flatMap((direction): HeldBack[] => {
          const { limit, count } = placesOf(channel, direction);
          return limit === null ? [] : [{ session: name, family: channel.family, direction, limit, count }];
        }),
      ),
    );
}

export function hasRoom({ limit, count }: HeldBack): boolean {
  return count < limit;
}

function placesOf(channel: ChannelStatus, direction: HeldBack['direction']) {
  switch (direction) {
    case 'receive':
      return { limit: channel.receiveLimit, count: channel.imported + channel.filtered };
    case 'import':
      return { limit: channel.importLimit, count: channel.imported };
    case 'export':
      return { limit: channel.exportLimit, count: channel.exported };
  }
}
