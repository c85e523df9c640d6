/**
 * Status from what was observed.
 *
 *   AgentState ─[statusOf]→ RouterStatus
 */
import { reasonHeldDown } from '../bird/compile.ts';
import { printWarning } from '../intent/print-warning.ts';
import type { SessionIntent } from '../intent/routing/routing-intent.ts';
import { printAddress } from '../net/address.ts';
import type { AgentState } from './state.ts';
import type { RouterStatus } from './status.ts';

/** `now` in ms since the epoch. */
export function statusOf(state: AgentState, now: number): RouterStatus {
  const { desired, filter, bird } = state;
  const intent = desired?.kind === 'router' ? desired.intent : undefined;
  const heldDown = intent ? heldDownOf(intent.routing.sessions, state) : new Map<string, string>();
  return {
    router: state.router,
    observedAt: new Date(now).toISOString(),
    agent: state.agent,
    store: state.store,
    policy: {
      revision: filter.kind === 'held' ? filter.goal.revision : null,
      inSync: isPolicyInSync(state),
      endpoints: intent?.policy.endpoints.length ?? 0,
      policies: intent?.policy.policies.size ?? 0,
      forwardDefault: intent?.policy.forwardDefault ?? null,
    },
    routing: {
      revision: bird.kind === 'running' ? bird.revision : null,
      bird: bird.kind,
      forwarding: state.forwarding === 'on' || state.forwarding === 'recheck',
      confined: state.confinement.held?.within.length ?? 0,
      sessions: sessionsOf(state, heldDown),
    },
    links: state.links,
    drain: drainOf(state),
    repairs: state.repairs,
    lastError: state.lastError,
    invalid: state.invalid,
    warnings: [
      ...new Set([
        ...(intent?.warnings ?? []).map(printWarning),
        ...(state.snippetError === undefined ? [] : [state.snippetError]),
        ...heldDown.values(),
      ]),
    ],
  };
}

function drainOf({ drain, bird }: AgentState): RouterStatus['drain'] {
  return {
    isOn: drain !== undefined,
    since: drain?.since ?? null,
    reason: drain?.reason ?? null,
    isInForce: bird.kind === 'running' && bird.source?.isDrained === (drain !== undefined),
  };
}

/** Why sessions do not run, by their names; known once secrets and own text were looked for. Never holds a secret. */
function heldDownOf(
  sessions: readonly SessionIntent[],
  { secrets, snippets }: AgentState,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  if (secrets === undefined || snippets === undefined) return reasons;
  for (const session of sessions) {
    const reason = reasonHeldDown(session, secrets, snippets);
    if (reason === undefined) continue;
    reasons.set(
      session.name,
      `session to ${printAddress(session.neighbor)} (${session.description}) is held down: ${reason}`,
    );
  }
  return reasons;
}

/** As BIRD reports them; of a session that is held down BIRD does not know why. */
function sessionsOf(
  { sessions }: AgentState,
  heldDown: ReadonlyMap<string, string>,
): RouterStatus['routing']['sessions'] {
  return sessions.map((session) => {
    const reason = session.state === 'Established' ? undefined : heldDown.get(session.name);
    return reason === undefined ? session : { ...session, lastError: reason };
  });
}

/** Whether the kernel was seen to hold the policy that is desired. */
export function isPolicyInSync({ desired, filter }: AgentState): boolean {
  if (desired?.kind !== 'router') return false;
  return filter.kind === 'held' && filter.goal.ruleset === desired.filter.ruleset;
}
