/**
 * What the agent makes of what it hears of confinement: what no default route may carry.
 *
 *   confined ─[hearConfined]→ AgentState.confinement → converge.ts
 *
 * Invariant: held is only what the kernel was seen to hold.
 */
import { sameValue } from '../net/same-value.ts';
import { failed, log, type Reaction, repaired, succeeded } from './reaction.ts';
import type { AgentEvent, AgentState } from './state.ts';

export function hearConfined(
  state: AgentState,
  { confinement, result }: Extract<AgentEvent, { kind: 'confined' }>,
  now: number,
): Reaction {
  if (!result.ok) return [failed(state, result.error.subject, result.error.message, now), []];
  const { held } = state.confinement;
  const heard = { ...state, confinement: { held: confinement, isDue: false } };
  const wasHeld = held !== undefined && sameValue(held, confinement);
  // Looked at again, and found as it was: that says nothing of what failed elsewhere.
  if (wasHeld && !result.value) return [heard, []];
  const next = succeeded(heard);
  if (!result.value) return [next, []];
  if (wasHeld) return repaired(next, 'confinement', 'rules or routes for it had been changed', now);
  return [next, [log('info', 'what no default route may carry', { prefixes: confinement.within.length })]];
}

/** An equal one is already held: it stays to be compared by, since a Site may have thousands of prefixes. */
export function adoptConfinement(state: AgentState): AgentState {
  const { desired, confinement } = state;
  if (desired?.kind !== 'router' || !sameValue(confinement.held, desired.intent.routing.confinement)) return state;
  return { ...state, confinement: { ...confinement, held: desired.intent.routing.confinement } };
}

/** Where nothing is confined there is nothing to look after. */
export function withDueConfinement(state: AgentState): AgentState {
  const { held } = state.confinement;
  return held && held.within.length > 0 ? { ...state, confinement: { held, isDue: true } } : state;
}
