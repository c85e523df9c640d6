/**
 * What to do next so that the router becomes what is desired: one effect at a time, in an order written once.
 *
 *   AgentState ─[nextEffect]→ Effect | undefined
 *
 * Invariant: guard before route. The kernel holds a policy, read back, before it may forward and before BIRD may attract
 * traffic for it; routes of what goes away leave before their policy does.
 */
import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import { checkOf } from '../nftables/check-change.ts';
import { diffRulesets } from '../nftables/diff.ts';
import { guardRuleset, isQuickToLoad } from '../nftables/guard.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import { birdSource, birdText, isSameSource } from './bird-source.ts';
import type { AgentState, Desired, Effect, FilterGoal } from './state.ts';

/**
 * Routes of sessions that leave, then the policy and what no default route may carry, then forwarding, then the routes of all
 * sessions. A router that is no router any more goes the other way: routes, forwarding, links, which are kept beside this, and policy.
 */
export const applyOrder = ['withdraw', 'policy', 'confinement', 'forwarding', 'routes'] as const;
export const removeOrder = ['routes', 'forwarding', 'confinement', 'policy'] as const;

type RouterDesired = Extract<Desired, { kind: 'router' }>;

/** The next converging effect; undefined when nothing is to be done, or nothing may be done yet. */
export function nextEffect(state: AgentState, now: number): Effect | undefined {
  const { desired } = state;
  if (desired === undefined || state.busy !== undefined || now < state.retryAt) return undefined;
  if (isHolding(state)) return state.filter.kind === 'unknown' ? { kind: 'read-filter' } : undefined;
  if (desired.kind === 'absent') return firstEffect(removeOrder, (stage) => removeEffect(stage, state));
  return firstEffect(applyOrder, (stage) => applyEffect(stage, state, desired)) ?? lookEffect(state);
}

/** With nothing else to do: is the ruleset of the generation it was left in? */
function lookEffect({ filter, isGenerationDue }: AgentState): Effect | undefined {
  return isGenerationDue && filter.kind === 'held' ? { kind: 'read-generation' } : undefined;
}

/**
 * Whether what a predecessor left is kept as it is: the snapshot lacks objects that cannot be read, whose absence may widen
 * what is open, and the table in the kernel was made with them. A kernel without a table of ours is only made closer.
 */
export function isHolding({ isTakenOver, unreadable }: AgentState): boolean {
  return !isTakenOver && unreadable.length > 0;
}

/** Whether the router was seen to be what is desired. */
export function isConverged(state: AgentState): boolean {
  return (
    state.desired !== undefined &&
    !isHolding(state) &&
    state.busy === undefined &&
    (state.desired.kind === 'absent' ? state.areLinksKept !== false : isBirdSettled(state, state.desired)) &&
    nextEffect({ ...state, retryAt: 0, isGenerationDue: false }, 0) === undefined
  );
}

function firstEffect<S>(order: readonly S[], effectOf: (stage: S) => Effect | undefined): Effect | undefined {
  for (const stage of order) {
    const effect = effectOf(stage);
    if (effect) return effect;
  }
  return undefined;
}

function applyEffect(
  stage: (typeof applyOrder)[number],
  state: AgentState,
  desired: RouterDesired,
): Effect | undefined {
  switch (stage) {
    case 'withdraw':
      return withdrawEffect(state, desired);
    case 'policy':
      return policyEffect(state, desired);
    case 'confinement':
      return confineEffect(state, desired.intent.routing.confinement);
    case 'forwarding':
      return state.forwarding === 'on' ? undefined : { kind: 'set-forwarding', on: true };
    case 'routes':
      return routesEffect(state, desired);
  }
}

function removeEffect(stage: (typeof removeOrder)[number], state: AgentState): Effect | undefined {
  switch (stage) {
    case 'routes':
      if (state.bird.kind === 'unknown') return { kind: 'adopt-bird' };
      return state.bird.kind === 'running' ? { kind: 'stop-bird' } : undefined;
    case 'forwarding':
      return state.forwarding === 'off' ? undefined : { kind: 'set-forwarding', on: false };
    case 'confinement':
      return state.confinement.held?.within.length === 0
        ? undefined
        : { kind: 'confine', confinement: nothingConfined };
    case 'policy':
      if (state.areLinksKept === false) return undefined;
      if (state.filter.kind === 'unknown') return { kind: 'read-filter' };
      return state.filter.kind === 'absent' ? undefined : { kind: 'remove-filter' };
  }
}

const nothingConfined: PrefixBound = { within: [], except: [] };

function confineEffect({ confinement: { held, isDue } }: AgentState, confinement: PrefixBound): Effect | undefined {
  return held === confinement && !isDue ? undefined : { kind: 'confine', confinement };
}

function withdrawEffect(state: AgentState, desired: RouterDesired): Effect | undefined {
  const { bird, filter } = state;
  if (bird.kind !== 'running' || bird.source === undefined) return undefined;
  if (filter.kind !== 'held' || filter.goal.ruleset === desired.filter.ruleset) return undefined;
  const staying = new Set(desired.intent.routing.sessions.map((session) => session.name));
  const { routing } = bird.source;
  const sessions = routing.sessions.filter((session) => staying.has(session.name));
  if (sessions.length === routing.sessions.length) return undefined;
  const source = { ...bird.source, routing: { ...routing, sessions } };
  return { kind: 'configure-bird', text: birdText(source), source, revision: bird.revision };
}

function policyEffect(state: AgentState, desired: RouterDesired): Effect | undefined {
  const { filter } = state;
  switch (filter.kind) {
    case 'unknown':
      return { kind: 'read-filter' };
    case 'unverified':
      return filter.change ? { kind: 'read-parts', parts: filter.change.check.parts } : { kind: 'read-filter' };
    case 'absent':
      // Without a table everything may pass: closed first, in milliseconds, then the whole, which may take a second.
      return isQuickToLoad(desired.filter.ruleset)
        ? changeEffect(undefined, desired.filter)
        : changeEffect(undefined, { ruleset: guardRuleset, revision: null });
    case 'foreign':
      return changeEffect(undefined, desired.filter);
    case 'held':
      // Where others leave no time to read it, changes take turns with the reading: access that was taken away must go.
      if (filter.goal.ruleset === desired.filter.ruleset) return filter.isTouched ? { kind: 'read-filter' } : undefined;
      if (filter.isTouched && !state.filterRead.hasFailed) return { kind: 'read-filter' };
      return changeEffect(filter.goal.ruleset, desired.filter);
  }
}

/** From what the kernel holds; undefined where that is nothing, or nothing known. */
function changeEffect(from: Ruleset | undefined, goal: FilterGoal): Effect {
  const change = diffRulesets(from, goal.ruleset);
  return { kind: 'apply-filter', change, goal, check: from && checkOf(from, goal.ruleset, change) };
}

function routesEffect(state: AgentState, desired: RouterDesired): Effect | undefined {
  const { revision } = desired;
  if (state.bird.kind === 'unknown') return { kind: 'adopt-bird' };
  const source = birdSource(state, desired.intent.routing);
  if (source === undefined || isBirdSettled(state, desired)) return undefined;
  return { kind: 'configure-bird', text: birdText(source), source, revision };
}

/**
 * Takes note that a running BIRD already has the wanted text, whoever gave it: after a restart, and when a newer revision
 * or a secret read again changes nothing.
 */
export function settleBird(state: AgentState): AgentState {
  const { desired, bird } = state;
  if (desired?.kind !== 'router' || bird.kind !== 'running') return state;
  const { revision, intent } = desired;
  if (isBirdSettled(state, desired)) {
    return withoutBirdError(bird.revision === revision ? state : { ...state, bird: { ...bird, revision } });
  }
  const source = birdSource(state, intent.routing);
  if (source === undefined || bird.text !== birdText(source)) return state;
  return withoutBirdError({ ...state, bird: { ...bird, source, revision } });
}

/** What BIRD refused is not wanted any more: nothing is to be tried again. */
function withoutBirdError(state: AgentState): AgentState {
  return state.lastError?.subject === 'BIRD' ? { ...state, lastError: null, failures: 0, retryAt: 0 } : state;
}

/** Whether BIRD was given what is desired. */
export function isBirdSettled(state: AgentState, desired: RouterDesired): boolean {
  const { bird } = state;
  if (bird.kind !== 'running' || bird.source === undefined) return false;
  const wanted = birdSource(state, desired.intent.routing);
  return wanted !== undefined && isSameSource(bird.source, wanted);
}
