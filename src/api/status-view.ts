/**
 * Status as it is served: what the agent observed, and what is kept beside it.
 *
 *   RouterStatus, SyncStatus → StatusView → GET /v1/status
 */
import type { RouterStatus } from '../agent/status.ts';
import type { SyncStatus } from '../conntrackd/sync-state.ts';
import type { LinkStatus } from '../links/link-keeper.ts';

export interface StatusView extends RouterStatus {
  /** Null where the router is to share no connection state. */
  readonly stateSync: SyncStatus | null;
}

/** What is amiss is a warning too. */
export function statusView(status: RouterStatus, stateSync: SyncStatus | null, more: readonly string[]): StatusView {
  const sync = stateSync && !stateSync.isShared ? [`connection state is not shared: ${reasonUnshared(stateSync)}`] : [];
  return { ...status, stateSync, warnings: [...status.warnings, ...warnOfLinks(status.links), ...sync, ...more] };
}

/** Each has its line among the links; a cut that takes hundreds is not to hide all other warnings. */
const mostNamed = 10;

function warnOfLinks(links: readonly LinkStatus[]): readonly string[] {
  const lost = links.filter(({ state }) => state !== 'up');
  const rest = lost.length - mostNamed;
  return [...lost.slice(0, mostNamed).map(warnOfLink), ...(rest > 0 ? [`${rest} more links are not up`] : [])];
}

function warnOfLink({ interfaceName, attachment, state, reason }: LinkStatus): string {
  return `link ${interfaceName} of Attachment ${attachment} ${words[state]}${reason === null ? '' : `: ${reason}`}`;
}

const words: Readonly<Record<LinkStatus['state'], string>> = { up: 'is up', down: 'is down', failed: 'failed' };

function reasonUnshared({ error, isRunning, peers }: SyncStatus): string {
  if (error !== null) return error;
  if (!isRunning) return 'conntrackd does not run yet';
  return `nothing was heard of ${peers.map(({ router }) => router).join(', ')} for a while`;
}
