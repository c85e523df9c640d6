/**
 * What the router's links are to be, and what may be done about it now.
 *
 *   AgentState ─[linkDemand]→ LinkDemand → links/link-keeper.ts
 *
 * Invariant: undefined while everything is to stay as it is.
 */
import type { LinkDemand } from '../links/link-keeper.ts';
import { isBirdSettled, isHolding } from './converge.ts';
import type { AgentState } from './state.ts';
import { isPolicyInSync } from './status-of.ts';

/** `present`: names of the devices there are. */
export function linkDemand(state: AgentState, present: ReadonlySet<string>): LinkDemand | undefined {
  const { desired, bird, areLinksKept } = state;
  if (desired === undefined || isHolding(state)) return undefined;
  switch (desired.kind) {
    case 'absent':
      return {
        links: [],
        isGuarded: true,
        isSettled: bird.kind === 'down',
        isAwaited: areLinksKept === false,
        present,
      };
    case 'router':
      return {
        links: desired.intent.links,
        isGuarded: isPolicyInSync(state),
        isSettled: isBirdSettled(state, desired),
        isAwaited: false,
        present,
      };
  }
}
