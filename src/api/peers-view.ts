/**
 * Peers: each session that is wanted, beside what BIRD says of it.
 *
 *   RouterIntent, SessionStatus[] ─[peersView]→ PeerView[]
 */
import type { BfdStatus, SessionStatus } from '../bird/daemon.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { SessionIntent } from '../intent/routing/routing-intent.ts';
import { printAddress } from '../net/address.ts';
import { type Resource, resourceId } from '../resources/resource.ts';

export interface PeerView {
  readonly name: string;
  readonly neighbor: string;
  readonly family: 4 | 6;
  readonly remoteAs: number;
  readonly localAs: number;
  /** `Kind/name` that asked for it; null for the mesh. */
  readonly origin: string | null;
  /** The Site at the other end, of an Attachment; null for others. */
  readonly site: string | null;
  /** `Missing` when BIRD does not know the session. */
  readonly state: SessionStatus['state'] | 'Missing';
  /** As BIRD prints it; null when missing. */
  readonly since: string | null;
  readonly lastError: string | null;
  readonly received: number;
  readonly filtered: number;
  readonly exported: number;
  readonly description: string;
  /** State of BFD as BIRD says it; `Missing` where it is wanted and BIRD has none; null where it is off. */
  readonly bfd: {
    readonly state: string;
    readonly intervalMs: number | null;
    readonly timeoutMs: number | null;
  } | null;
  /** Negotiated, in seconds; null while the session is down. */
  readonly holdSeconds: number | null;
  /** What the neighbor offered, in BIRD's words. */
  readonly capabilities: readonly string[];
  readonly channels: readonly PeerChannelView[];
}

export interface PeerChannelView {
  readonly family: 4 | 6;
  readonly state: string;
  readonly received: number;
  readonly accepted: number;
  readonly filtered: number;
  readonly exported: number;
  readonly preferred: number;
  /** Limits that were reached, and whose action was taken. */
  readonly limitsHit: readonly ('receive' | 'import' | 'export')[];
}

/** Wanted sessions, sorted by name. */
export function peersView(
  intent: Pick<RouterIntent, 'routing'>,
  observed: readonly SessionStatus[],
  bfd: readonly BfdStatus[],
): PeerView[] {
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
      site: siteOf(session) ?? null,
      state: seen?.state ?? 'Missing',
      since: seen?.since ?? null,
      lastError: seen?.lastError ?? null,
      received: (channel?.imported ?? 0) + (channel?.filtered ?? 0),
      filtered: channel?.filtered ?? 0,
      exported: channel?.exported ?? 0,
      description: session.description,
      bfd: bfdOf(session, bfd),
      holdSeconds: seen?.holdSeconds ?? null,
      capabilities: seen?.capabilities ?? [],
      channels: (seen?.channels ?? []).map((one) => ({
        family: one.family,
        state: one.state,
        received: one.imported + one.filtered,
        accepted: one.imported,
        filtered: one.filtered,
        exported: one.exported,
        preferred: one.preferred,
        limitsHit: one.limitsHit,
      })),
    };
  });
}

export function siteOf({ origin }: SessionIntent): string | undefined {
  return origin?.kind === 'Attachment' ? (origin as Resource<'Attachment'>).spec.site : undefined;
}

function bfdOf(session: SessionIntent, all: readonly BfdStatus[]): PeerView['bfd'] {
  if (!session.bfd) return null;
  const seen = all.find(({ neighbor }) => neighbor === printAddress(session.neighbor));
  if (!seen) return { state: 'Missing', intervalMs: null, timeoutMs: null };
  return { state: seen.state, intervalMs: seen.intervalMs, timeoutMs: seen.timeoutMs };
}
