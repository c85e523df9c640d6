/**
 * Peers: each session that is wanted, beside what BIRD says of it.
 *
 *   RouterIntent, SessionStatus[] ─[peersView]→ PeerView[]
 */
import type { SessionStatus } from '../bird/daemon.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import { printAddress } from '../net/address.ts';
import { resourceId } from '../resources/resource.ts';

export interface PeerView {
  readonly name: string;
  readonly neighbor: string;
  readonly family: 4 | 6;
  readonly remoteAs: number;
  readonly localAs: number;
  /** `Kind/name` that asked for it; null for the mesh. */
  readonly origin: string | null;
  /** `Missing` when BIRD does not know the session. */
  readonly state: SessionStatus['state'] | 'Missing';
  /** As BIRD prints it; null when missing. */
  readonly since: string | null;
  readonly lastError: string | null;
  readonly received: number;
  readonly filtered: number;
  readonly exported: number;
}

/** Wanted sessions, sorted by name. */
export function peersView(intent: RouterIntent, observed: readonly SessionStatus[]): PeerView[] {
  const byName = new Map(observed.map((session): [string, SessionStatus] => [session.name, session]));
  return intent.routing.sessions.map((session) => {
    const seen = byName.get(session.name);
    const channel = seen?.channels.find(({ family }) => family === session.family);
    return {
      name: session.name,
      neighbor: printAddress(session.neighbor),
      family: session.family,
      remoteAs: session.remoteAs,
      localAs: session.localAs,
      origin: session.origin ? resourceId(session.origin) : null,
      state: seen?.state ?? 'Missing',
      since: seen?.since ?? null,
      lastError: seen?.lastError ?? null,
      received: (channel?.imported ?? 0) + (channel?.filtered ?? 0),
      filtered: channel?.filtered ?? 0,
      exported: channel?.exported ?? 0,
    };
  });
}
