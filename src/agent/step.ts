/**
 * The agent's only decision maker.
 *
 *   (AgentState, AgentEvent, now) ─[step]→ [AgentState, Effect[]]
 *
 * Invariant: pure. Nothing is written before the first complete snapshot (nextEffect); a failure keeps what works and is
 * tried again; everything put right behind somebody's back is counted and logged.
 */
import type { RouterIntent } from '../intent/router-intent.ts';
import { compileRuleset } from '../nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../nftables/diff.ts';
import { moveMembers } from '../nftables/move-members.ts';
import { diffDigests, type ObservedTable, observedDigests, verifyObserved } from '../nftables/read.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import { hashRuleset } from '../nftables/ruleset-hash.ts';
import type { SecretRef } from '../resources/attachment.ts';
import type { AppliedRecord } from './applied-record.ts';
import { isHolding, nextEffect, settleBird } from './converge.ts';
import type { AgentEvent, AgentState, Desired, Effect } from './state.ts';
import { statusOf } from './status-of.ts';

/** How often sessions are read and status is looked at, in ms. */
export const tickMs = 1000;
/** How often secrets that are missing are looked for again, and a quiet status is written anyway, in ms. */
const slowMs = 15_000;
/** Waits after failures in a row, in ms; the last one stays. */
const backoffMs = [500, 1000, 3000, 10_000];

export function initialState(router: string, agent: AgentState['agent']): AgentState {
  return {
    router,
    agent,
    store: { connected: false, revision: 0 },
    invalid: [],
    unreadable: [],
    isTakenOver: false,
    desired: undefined,
    secrets: undefined,
    applied: undefined,
    filter: { kind: 'unknown' },
    bird: { kind: 'unknown' },
    forwarding: 'unknown',
    busy: undefined,
    retryAt: 0,
    failures: 0,
    sessions: [],
    repairs: { count: 0, last: null },
    lastError: null,
    status: { written: '', writtenAt: 0, isWriting: false },
    slowTickAt: 0,
  };
}

/** `now` is in milliseconds since the epoch. */
export function step(state: AgentState, event: AgentEvent, now: number): [AgentState, readonly Effect[]] {
  const [heard, effects] = hear(state, event, now);
  const next = settleBird(heard);
  const converging = nextEffect(next, now);
  if (!converging) return [next, effects];
  return [{ ...next, busy: converging.kind }, [...effects, converging]];
}

function hear(state: AgentState, event: AgentEvent, now: number): [AgentState, readonly Effect[]] {
  switch (event.kind) {
    case 'started':
      return [{ ...state, applied: event.applied }, []];
    case 'intent':
      return hearIntent(state, event, now);
    case 'intent-gone':
      return hearIntentGone(state, event, now);
    case 'store':
      return hearStore(state, event, now);
    case 'secrets':
      return [{ ...state, secrets: event.secrets }, []];
    case 'filter-read':
      return hearFilterRead(idle(state), event, now);
    case 'filter-applied':
      return hearFilterApplied(idle(state), event, now);
    case 'filter-touched':
      return [withTouchedFilter(state), []];
    case 'forwarding-set':
      return hearForwarding(idle(state), event, now);
    case 'bird-adopted':
      return [{ ...idle(state), bird: event.text === undefined ? { kind: 'down' } : adopted(event.text) }, []];
    case 'bird-configured':
      return hearBirdConfigured(idle(state), event, now);
    case 'bird-stopped':
      if (!event.result.ok) return [failed(idle(state), 'BIRD', event.result.error.message, now), []];
      return [succeeded({ ...idle(state), bird: { kind: 'down' }, sessions: [] }), []];
    case 'bird-down':
      if (state.bird.kind !== 'running') return [state, []];
      return repaired({ ...state, bird: { kind: 'down' }, sessions: [] }, 'BIRD', 'BIRD had died; started again', now);
    case 'sessions':
      if (!event.result.ok) return [state, []]; // a dead BIRD is heard of as bird-down
      return withStatus({ ...state, sessions: event.result.value }, now);
    case 'routes-repaired':
      return repaired(state, 'kernel routes', `routes had been deleted: ${event.prefixes.join(', ')}`, now);
    case 'status-written':
      return [hearStatusWritten(state, event, now), []];
    case 'tick':
      return hearTick(state, now);
  }
}

function hearIntent(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'intent' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  const { intent, revision, flaws } = event;
  const filter = { ruleset: nextRuleset(state, event), revision };
  const desired: Desired = { kind: 'router', revision, intent, filter };
  const heard = { ...state, ...flaws, desired, store: { connected: true, revision }, retryAt: 0 };
  const next = saidWhyHolding(adoptUnchanged(heard), now);
  const refs = secretRefs(intent);
  if (refs.length === 0) return [{ ...next, secrets: state.secrets?.size === 0 ? state.secrets : new Map() }, []];
  return [next, [{ kind: 'read-secrets', refs }]];
}

function hearIntentGone(
  state: AgentState,
  { revision, reason, flaws }: Extract<AgentEvent, { kind: 'intent-gone' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  if (revision < state.store.revision) {
    const lost = `${reason}, but it is at revision ${revision} and was at ${state.store.revision}`;
    return [noted(state, 'resources', `${lost}: it is another store, and everything stays as it is`, now), []];
  }
  const desired: Desired = { kind: 'absent', revision, reason };
  // A router that never was one here has nothing to take away: wait for its resources instead of touching the host.
  const wasRouter = state.desired !== undefined || state.applied !== undefined;
  const known = { ...state, ...flaws, store: { connected: true, revision }, desired: wasRouter ? desired : undefined };
  return [saidWhyHolding(noted(known, 'resources', reason, now), now), []];
}

function saidWhyHolding(state: AgentState, now: number): AgentState {
  if (isHolding(state)) {
    const names = state.unreadable.slice(0, 5).join(', ');
    const message = `cannot be read, and no valid version is known: what is in force stays until mended: ${names}`;
    return noted(state, 'resources', message, now);
  }
  return state.lastError?.subject === 'resources' && state.desired?.kind === 'router'
    ? { ...state, lastError: null }
    : state;
}

/** Moves set members where only they changed, compiles otherwise; equal rulesets stay one object. */
function nextRuleset(state: AgentState, { intent, moved }: Extract<AgentEvent, { kind: 'intent' }>): Ruleset {
  const before = state.desired?.kind === 'router' ? state.desired.filter.ruleset : undefined;
  if (before === undefined) return compileRuleset(intent.policy);
  const ruleset = moved ? moveMembers(before, intent.policy, moved) : compileRuleset(intent.policy);
  return isEmptyChange(diffRulesets(before, ruleset)) ? before : ruleset;
}

/** A newer revision with an equal ruleset is already in force. */
function adoptUnchanged(state: AgentState): AgentState {
  const { desired, filter } = state;
  if (desired?.kind !== 'router' || filter.kind !== 'held') return state;
  if (filter.goal.ruleset !== desired.filter.ruleset) return state;
  return { ...state, filter: { ...filter, goal: desired.filter } };
}

function hearStore(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'store' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  const isKnown =
    event.connected === state.store.connected && (event.connected || state.lastError?.subject === 'store');
  if (isKnown) return [state, []];
  const next = { ...state, store: { ...state.store, connected: event.connected } };
  if (event.connected) return [{ ...next, lastError: null }, [log('info', 'the store is reachable', {})]];
  const message = `the store is unreachable, everything stays as it is: ${event.message}`;
  return [noted(next, 'store', message, now), [log('warn', 'the store is unreachable', { error: event.message })]];
}

function hearFilterRead(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-read' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  if (!event.result.ok) return [failed(state, 'nft', event.result.error.message, now), []];
  const observed = event.result.value;
  const { filter } = state;
  switch (filter.kind) {
    case 'unverified':
      return verifyApplied(state, observed, now);
    case 'held':
      return checkDrift(state, observed, now);
    case 'unknown':
    case 'foreign':
    case 'absent': {
      const recognised = recognise(state, observed);
      return [{ ...state, filter: recognised, isTakenOver: state.isTakenOver || recognised.kind !== 'foreign' }, []];
    }
  }
}

/** After a start: is the table the one our predecessor verified, and is it what is desired now? */
function recognise(state: AgentState, observed: ObservedTable | undefined): AgentState['filter'] {
  const { applied, desired } = state;
  if (observed === undefined) return { kind: 'absent' };
  if (desired?.kind !== 'router' || applied?.rulesetHash !== hashRuleset(desired.filter.ruleset))
    return { kind: 'foreign' };
  const digests = observedDigests(observed);
  if (diffDigests(applied.digests, digests).length > 0) return { kind: 'foreign' };
  return { kind: 'held', goal: desired.filter, digests, isTouched: false };
}

function verifyApplied(
  state: AgentState,
  observed: ObservedTable | undefined,
  now: number,
): [AgentState, readonly Effect[]] {
  if (state.filter.kind !== 'unverified') return [state, []];
  const { goal } = state.filter;
  const { ruleset, revision } = goal;
  const discrepancies = observed === undefined ? ['the table is absent'] : verifyObserved(ruleset, observed);
  if (observed === undefined || discrepancies.length > 0) {
    const message = `the kernel does not hold what was applied: ${discrepancies.slice(0, 3).join('; ')}`;
    return [failed({ ...state, filter: { kind: 'foreign' } }, 'nft', message, now), []];
  }
  const digests = observedDigests(observed);
  const record: AppliedRecord = { router: state.router, rulesetHash: hashRuleset(ruleset), digests };
  const filter: AgentState['filter'] = { kind: 'held', goal, digests, isTouched: false };
  const note = log('info', 'policy is in the kernel', { revision, chains: ruleset.chains.size });
  return [succeeded({ ...state, applied: record, filter }), [{ kind: 'save-applied', record }, note]];
}

function checkDrift(
  state: AgentState,
  observed: ObservedTable | undefined,
  now: number,
): [AgentState, readonly Effect[]] {
  if (state.filter.kind !== 'held') return [state, []];
  const changed = observed === undefined ? ['the table'] : diffDigests(state.filter.digests, observedDigests(observed));
  if (changed.length === 0) return [{ ...state, filter: { ...state.filter, isTouched: false } }, []];
  const what = changed.slice(0, 5).join(', ');
  return repaired(
    { ...state, filter: { kind: observed === undefined ? 'absent' : 'foreign' } },
    'nft table',
    `somebody changed ${what}; written again`,
    now,
  );
}

function hearFilterApplied(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-applied' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  if (!event.result.ok) {
    // Nothing was changed (one transaction); a whole replacement next time does not depend on what we believe it holds.
    const next = failed({ ...state, filter: { kind: 'foreign' } }, 'nft', event.result.error.message, now);
    return [next, [log('error', 'nft refused the policy; the old one stays', { error: event.result.error.message })]];
  }
  const filter: AgentState['filter'] = event.goal ? { kind: 'unverified', goal: event.goal } : { kind: 'absent' };
  return [{ ...state, filter, isTakenOver: true }, []];
}

function hearForwarding(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'forwarding-set' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  if (!event.result.ok) return [failed(state, event.result.error.subject, event.result.error.message, now), []];
  const next: AgentState = succeeded({ ...state, forwarding: event.on ? 'on' : 'off' });
  if (!event.result.value) return [next, []];
  if (state.forwarding === 'recheck') return repaired(next, 'forwarding', 'it had been switched off; on again', now);
  return [next, [log('info', `forwarding switched ${event.on ? 'on' : 'off'}`, {})]];
}

function adopted(text: string): AgentState['bird'] {
  return { kind: 'running', text, routing: undefined, secrets: undefined, revision: null };
}

function hearBirdConfigured(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'bird-configured' }>,
  now: number,
): [AgentState, readonly Effect[]] {
  if (!event.result.ok) {
    const next = failed(state, 'BIRD', event.result.error.message, now);
    return [
      next,
      [log('error', 'BIRD refused the configuration; the old one stays', { error: event.result.error.message })],
    ];
  }
  const { text, routing, revision } = event;
  const next = succeeded({ ...state, bird: { kind: 'running', text, routing, secrets: undefined, revision } });
  return [next, [log('info', 'BIRD took the configuration', { revision, sessions: routing.sessions.length })]];
}

function hearStatusWritten(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'status-written' }>,
  now: number,
): AgentState {
  const status = { ...state.status, isWriting: false, writtenAt: now };
  return { ...state, status: event.result.ok ? { ...status, written: event.text } : status };
}

function hearTick(heard: AgentState, now: number): [AgentState, readonly Effect[]] {
  const effects: Effect[] = [];
  // No bell rings for the forwarding switch, and looking at it costs next to nothing.
  const state: AgentState = heard.forwarding === 'on' ? { ...heard, forwarding: 'recheck' } : heard;
  if (state.bird.kind === 'running') effects.push({ kind: 'read-sessions' });
  if (now - state.slowTickAt < slowMs) return withEffects(withStatus(state, now), effects);
  // The slow round does not trust the bell: it reads the table even when nothing rang.
  const { filter } = withTouchedFilter(state);
  if (state.desired?.kind === 'router') {
    const refs = secretRefs(state.desired.intent);
    if (refs.length > 0) effects.push({ kind: 'read-secrets', refs });
  }
  return withEffects(withStatus({ ...state, filter, slowTickAt: now }, now), effects);
}

/** The table is to be read again: the one we hold, or the predecessor's that is kept. */
function withTouchedFilter(state: AgentState): AgentState {
  if (state.filter.kind === 'held') return { ...state, filter: { ...state.filter, isTouched: true } };
  return isHolding(state) ? { ...state, filter: { kind: 'unknown' } } : state;
}

/** Writes status when it changed, at most once a tick, and now and then although it did not. */
function withStatus(state: AgentState, now: number): [AgentState, readonly Effect[]] {
  const { status } = state;
  if (status.isWriting || now - status.writtenAt < tickMs || !state.store.connected) return [state, []];
  const observed = statusOf(state, now);
  const text = JSON.stringify({ ...observed, observedAt: '' });
  if (text === status.written && now - status.writtenAt < slowMs) return [state, []];
  return [{ ...state, status: { ...status, isWriting: true } }, [{ kind: 'write-status', status: observed, text }]];
}

function withEffects(
  [state, effects]: [AgentState, readonly Effect[]],
  more: readonly Effect[],
): [AgentState, readonly Effect[]] {
  return [state, [...more, ...effects]];
}

function idle(state: AgentState): AgentState {
  return { ...state, busy: undefined };
}

function succeeded(state: AgentState): AgentState {
  return { ...state, failures: 0, retryAt: 0, lastError: state.store.connected ? null : state.lastError };
}

/** An error that keeps nothing from being done. */
function noted(state: AgentState, subject: string, message: string, now: number): AgentState {
  return { ...state, lastError: { at: new Date(now).toISOString(), subject, message } };
}

/** A converging effect failed: nothing more is tried for a while, longer each time. */
function failed(state: AgentState, subject: string, message: string, now: number): AgentState {
  const wait = backoffMs[Math.min(state.failures, backoffMs.length - 1)] ?? 0;
  return noted({ ...state, failures: state.failures + 1, retryAt: now + wait }, subject, message, now);
}

function repaired(state: AgentState, subject: string, message: string, now: number): [AgentState, readonly Effect[]] {
  const last = { at: new Date(now).toISOString(), subject, message };
  const next = { ...state, repairs: { count: state.repairs.count + 1, last } };
  return [next, [log('warn', 'drift repaired', { subject, what: message })]];
}

function secretRefs(intent: RouterIntent): readonly SecretRef[] {
  return intent.routing.sessions.flatMap((session) => (session.password ? [session.password] : []));
}

function log(level: 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): Effect {
  return { kind: 'log', level, message, fields };
}
