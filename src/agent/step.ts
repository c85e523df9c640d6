/**
 * The agent's only decision maker.
 *
 *   (AgentState, AgentEvent, now) ─[step]→ [AgentState, Effect[]]
 *
 * Invariant: pure. Nothing is written before the first complete snapshot (nextEffect); a failure keeps what works and is
 * tried again; everything put right behind somebody's back is counted and logged.
 */
import type { RouterIntent } from '../intent/router-intent.ts';
import { diffRulesets, isEmptyChange } from '../nftables/diff.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import type { SecretRef } from '../resources/secret-ref.ts';
import { isHolding, nextEffect, settleBird } from './converge.ts';
import {
  aggregateEffects,
  hearAggregates,
  hearBirdAdopted,
  hearBirdConfigured,
  hearBirdDown,
  hearDrain,
  hearSnippets,
} from './hear-bird.ts';
import { adoptConfinement, hearConfined, withDueConfinement } from './hear-confinement.ts';
import {
  beginRead,
  hearFilterApplied,
  hearFilterRead,
  hearGenerationRead,
  hearPartsRead,
  withReadTime,
  withTouchedFilter,
} from './hear-filter.ts';
import { failed, idle, log, noted, type Reaction, repaired, succeeded } from './reaction.ts';
import type { AgentEvent, AgentState, Desired, Effect } from './state.ts';
import { statusOf } from './status-of.ts';

/** How often sessions are read and status is looked at, in ms. */
export const tickMs = 1000;
/** How often secrets that are missing are looked for again, and a quiet status is written anyway, in ms. */
const slowMs = 15_000;

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
    isRecorded: false,
    drain: undefined,
    snippets: undefined,
    snippetError: undefined,
    activeAggregates: undefined,
    keptAggregates: { prefixes: [], until: 0 },
    filter: { kind: 'unknown' },
    bird: { kind: 'unknown' },
    forwarding: 'unknown',
    confinement: { held: undefined, isDue: false },
    busy: undefined,
    retryAt: 0,
    failures: 0,
    sessions: [],
    links: [],
    areLinksKept: undefined,
    repairs: { count: 0, last: null },
    lastError: null,
    status: { written: '', writtenAt: 0, isWriting: false },
    filterRead: { at: 0, took: 0, hasFailed: false },
    isGenerationDue: false,
    slowTickAt: 0,
    heardAt: 0,
  };
}

/** `now` is in milliseconds since the epoch. */
export function step(state: AgentState, event: AgentEvent, now: number): Reaction {
  const [heard, effects] = hear(inTime(state, now), event, now);
  const next = settleBird(heard);
  const converging = nextEffect(next, now);
  if (!converging) return [next, effects];
  const begun = converging.kind === 'read-filter' ? beginRead(next, now) : next;
  return [{ ...begun, busy: converging.kind }, [...effects, converging]];
}

/** Where the clock was put back, times of before would hold up for hours what they are there to space out: all is due. */
function inTime(state: AgentState, now: number): AgentState {
  if (now >= state.heardAt) return { ...state, heardAt: now };
  const { status, filterRead } = state;
  return {
    ...state,
    heardAt: now,
    retryAt: 0,
    slowTickAt: 0,
    keptAggregates: { prefixes: [], until: 0 },
    status: { ...status, writtenAt: 0 },
    filterRead: { ...filterRead, at: Math.min(filterRead.at, now) },
  };
}

function hear(state: AgentState, event: AgentEvent, now: number): Reaction {
  switch (event.kind) {
    case 'started':
      return hearStarted(state, event);
    case 'drain':
      return hearDrain(state, event);
    case 'snippets':
      return hearSnippets(state, event, now);
    case 'aggregates':
      return hearAggregates(state, event, now);
    case 'intent':
      return hearIntent(state, event, now);
    case 'intent-gone':
      return hearIntentGone(state, event, now);
    case 'store':
      return hearStore(state, event, now);
    case 'secrets':
      return [{ ...state, secrets: sameSecrets(state.secrets, event.secrets) }, []];
    case 'filter-read':
      return hearFilterRead(idle(withReadTime(state, now)), event, now);
    case 'parts-read':
      return hearPartsRead(idle(state), event, now);
    case 'generation-read':
      return hearGenerationRead(idle(state), event, now);
    case 'applied-saved':
      return [{ ...state, isRecorded: event.isSaved }, []];
    case 'filter-applied':
      return hearFilterApplied(idle(state), event, now);
    case 'filter-touched':
      return [withTouchedFilter(state), []];
    case 'forwarding-set':
      return hearForwarding(idle(state), event, now);
    case 'confined':
      return hearConfined(idle(state), event, now);
    case 'confinement-touched':
      return [withDueConfinement(state), []];
    case 'bird-adopted':
      return hearBirdAdopted(idle(state), event);
    case 'bird-configured':
      return hearBirdConfigured(idle(state), event, now);
    case 'bird-stopped':
      if (!event.result.ok) return [failed(idle(state), 'BIRD', event.result.error.message, now), []];
      return [succeeded({ ...idle(state), bird: { kind: 'down' }, sessions: [], activeAggregates: [] }), []];
    case 'bird-down':
      return hearBirdDown(state, now);
    case 'sessions':
      if (!event.result.ok) return [state, []]; // a dead BIRD is heard of as bird-down
      return withStatus({ ...state, sessions: event.result.value }, now);
    case 'links':
      return withStatus({ ...state, links: event.links, areLinksKept: event.areKept }, now);
    case 'routes-repaired':
      return repaired(state, 'kernel routes', `routes had been deleted: ${event.prefixes.join(', ')}`, now);
    case 'status-written':
      return [hearStatusWritten(state, event, now), []];
    case 'tick':
      return hearTick(state, now);
  }
}

function hearStarted(state: AgentState, { applied, drain }: Extract<AgentEvent, { kind: 'started' }>): Reaction {
  return [{ ...state, applied, drain, isRecorded: applied !== undefined }, [{ kind: 'read-snippets' }]];
}

/** Equal secrets stay one object, so that reading them again compiles nothing. */
function sameSecrets(before: AgentState['secrets'], now: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const isSame = before?.size === now.size && [...now].every(([key, value]) => before.get(key) === value);
  return isSame && before ? before : now;
}

function hearIntent(state: AgentState, event: Extract<AgentEvent, { kind: 'intent' }>, now: number): Reaction {
  const { intent, revision, flaws } = event;
  const filter = { ruleset: sameRuleset(state, event.ruleset), revision };
  const desired: Desired = { kind: 'router', revision, intent, filter };
  const heard = { ...state, ...flaws, desired, store: { connected: true, revision }, retryAt: 0 };
  const next = saidWhyHolding(adoptConfinement(adoptUnchanged(heard)), now);
  // Most intents come of a label that moved: nothing else of them is looked at.
  if (state.desired?.kind === 'router' && state.desired.intent.routing === intent.routing) return [next, []];
  const refs = secretRefs(intent);
  if (refs.length === 0) return [{ ...next, secrets: state.secrets?.size === 0 ? state.secrets : new Map() }, []];
  return [next, [{ kind: 'read-secrets', refs }]];
}

function hearIntentGone(
  state: AgentState,
  { revision, reason, flaws }: Extract<AgentEvent, { kind: 'intent-gone' }>,
  now: number,
): Reaction {
  if (revision < state.store.revision) {
    const lost = `${reason}, but it is at revision ${revision} and was at ${state.store.revision}`;
    return [noted(state, 'resources', `${lost}: it is another store, and everything stays as it is`, now), []];
  }
  const desired: Desired = { kind: 'absent', revision, reason };
  // A router that never was one here has nothing to take away: wait for its resources instead of touching the host.
  const wasRouter = state.desired !== undefined || state.applied !== undefined;
  const known = {
    ...state,
    ...flaws,
    store: { connected: true, revision },
    desired: wasRouter ? desired : undefined,
    // They were, for a router that is no more.
    areLinksKept: state.areLinksKept === undefined ? undefined : false,
  };
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

/** Equal rulesets stay one object. */
function sameRuleset({ desired }: AgentState, ruleset: Ruleset): Ruleset {
  if (desired?.kind !== 'router') return ruleset;
  const before = desired.filter.ruleset;
  return before === ruleset || isEmptyChange(diffRulesets(before, ruleset)) ? before : ruleset;
}

/** A newer revision with an equal ruleset is already in force. */
function adoptUnchanged(state: AgentState): AgentState {
  const { desired, filter } = state;
  if (desired?.kind !== 'router' || filter.kind !== 'held') return state;
  if (filter.goal.ruleset !== desired.filter.ruleset) return state;
  return { ...state, filter: { ...filter, goal: desired.filter } };
}

function hearStore(state: AgentState, event: Extract<AgentEvent, { kind: 'store' }>, now: number): Reaction {
  const isKnown =
    event.connected === state.store.connected && (event.connected || state.lastError?.subject === 'store');
  if (isKnown) return [state, []];
  const next = { ...state, store: { ...state.store, connected: event.connected } };
  if (event.connected) return [{ ...next, lastError: null }, [log('info', 'the store is reachable', {})]];
  const message = `the store is unreachable, everything stays as it is: ${event.message}`;
  return [noted(next, 'store', message, now), [log('warn', 'the store is unreachable', { error: event.message })]];
}

function hearForwarding(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'forwarding-set' }>,
  now: number,
): Reaction {
  if (!event.result.ok) return [failed(state, event.result.error.subject, event.result.error.message, now), []];
  const forwarding = event.on ? 'on' : 'off';
  // Looked at every second, and found as it was: that says nothing of what failed elsewhere.
  if (state.forwarding === 'recheck' && !event.result.value) return [{ ...state, forwarding }, []];
  const next: AgentState = succeeded({ ...state, forwarding });
  if (!event.result.value) return [next, []];
  if (state.forwarding === 'recheck') return repaired(next, 'forwarding', 'it had been switched off; on again', now);
  return [next, [log('info', `forwarding switched ${event.on ? 'on' : 'off'}`, {})]];
}

function hearStatusWritten(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'status-written' }>,
  now: number,
): AgentState {
  const status = { ...state.status, isWriting: false, writtenAt: now };
  return { ...state, status: event.result.ok ? { ...status, written: event.text } : status };
}

function hearTick(heard: AgentState, now: number): Reaction {
  const effects: Effect[] = [];
  // No bell rings for the forwarding switch, and looking at it costs next to nothing.
  const forwarding = heard.forwarding === 'on' ? 'recheck' : heard.forwarding;
  const state: AgentState = { ...heard, forwarding };
  if (state.bird.kind === 'running') effects.push({ kind: 'read-sessions' }, ...aggregateEffects(state));
  if (now - state.slowTickAt < slowMs) return withEffects(withStatus(state, now), effects);
  // A file that could not be written: the disk may have room by now.
  if (state.applied && !state.isRecorded) effects.push({ kind: 'save-applied', record: state.applied });
  if (state.desired?.kind === 'router') {
    effects.push({ kind: 'read-snippets' });
    const refs = secretRefs(state.desired.intent);
    if (refs.length > 0) effects.push({ kind: 'read-secrets', refs });
  }
  // The slow round does not trust the bells: it looks even when nothing rang.
  const due = { ...withDueConfinement(state), isGenerationDue: true, slowTickAt: now };
  return withEffects(withStatus(due, now), effects);
}

/** Writes status when it changed, at most once a tick, and now and then although it did not. */
function withStatus(state: AgentState, now: number): Reaction {
  const { status } = state;
  if (status.isWriting || now - status.writtenAt < tickMs || !state.store.connected) return [state, []];
  const observed = statusOf(state, now);
  const text = JSON.stringify({ ...observed, observedAt: '' });
  if (text === status.written && now - status.writtenAt < slowMs) return [state, []];
  return [{ ...state, status: { ...status, isWriting: true } }, [{ kind: 'write-status', status: observed, text }]];
}

function withEffects([state, effects]: Reaction, more: readonly Effect[]): Reaction {
  return [state, [...more, ...effects]];
}

function secretRefs(intent: RouterIntent): readonly SecretRef[] {
  return intent.routing.sessions.flatMap((session) => (session.password ? [session.password] : []));
}
