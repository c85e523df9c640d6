/**
 * How `step` answers an event: the state that follows, and what is to be done; and the turns that many answers share.
 *
 * Invariant: pure; time comes in as `now`, in milliseconds since the epoch.
 */
import type { AgentState, Effect } from './state.ts';

export type Reaction = [AgentState, readonly Effect[]];

/** Waits after failures in a row, in ms; the last one stays. */
const backoffMs = [500, 1000, 3000, 10_000];

/** The effect under way has ended. */
export function idle(state: AgentState): AgentState {
  return { ...state, busy: undefined };
}

/** A converging effect did what it should: earlier failures no longer count. */
export function succeeded(state: AgentState): AgentState {
  return { ...state, failures: 0, retryAt: 0, lastError: state.store.connected ? null : state.lastError };
}

/** An error that keeps nothing from being done. */
export function noted(state: AgentState, subject: string, message: string, now: number): AgentState {
  return { ...state, lastError: { at: new Date(now).toISOString(), subject, message } };
}

/** A converging effect failed: nothing more is tried for a while, longer each time. */
export function failed(state: AgentState, subject: string, message: string, now: number): AgentState {
  const wait = backoffMs[Math.min(state.failures, backoffMs.length - 1)] ?? 0;
  return noted({ ...state, failures: state.failures + 1, retryAt: now + wait }, subject, message, now);
}

/** Something was found changed behind our back; `state` is already such that it will be put right. */
export function repaired(state: AgentState, subject: string, message: string, now: number): Reaction {
  const last = { at: new Date(now).toISOString(), subject, message };
  const next = { ...state, repairs: { count: state.repairs.count + 1, last } };
  return [next, [log('warn', 'drift repaired', { subject, what: message })]];
}

export function log(
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
): Effect {
  return { kind: 'log', level, message, fields };
}
