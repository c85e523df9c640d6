/**
 * What the agent makes of what the kernel says: of a table read back, of a change applied.
 *
 *   filter-read, filter-applied ─[hear]→ FilterState, repairs
 *
 * Invariant: a table counts as held only after it was read back and found to be what was wanted; anything else is foreign,
 * and is written anew as a whole.
 */
import { verifyParts } from '../nftables/check-change.ts';
import { type Discrepancy, verifyTable } from '../nftables/expected-table.ts';
import type { ObservedTable } from '../nftables/table-reader.ts';
import { isHolding } from './converge.ts';
import { failed, log, type Reaction, repaired, succeeded } from './reaction.ts';
import type { AgentEvent, AgentState, FilterGoal } from './state.ts';

export function hearFilterRead(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-read' }>,
  now: number,
): Reaction {
  if (!event.result.ok) {
    const unread = { ...state, filterRead: { ...state.filterRead, hasFailed: true } };
    return [failed(withTouchedFilter(unread), 'nft', event.result.error.message, now), []];
  }
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

/** After a start: does the table hold what is desired now? Then it counts as ours, whoever put it there. */
function recognise({ desired }: AgentState, observed: ObservedTable | undefined): AgentState['filter'] {
  if (observed === undefined) return { kind: 'absent' };
  if (desired?.kind !== 'router' || verifyTable(desired.filter.ruleset, observed).length > 0)
    return { kind: 'foreign' };
  return { kind: 'held', goal: desired.filter, generation: observed.generation, isTouched: false };
}

function verifyApplied(state: AgentState, observed: ObservedTable | undefined, now: number): Reaction {
  if (state.filter.kind !== 'unverified') return [state, []];
  const { goal, isTouched } = state.filter;
  if (observed === undefined) return goneTable(state, now);
  const discrepancies = verifyTable(goal.ruleset, observed);
  if (discrepancies.length > 0) return refuted(state, discrepancies, now);
  return held(state, { kind: 'held', goal, generation: observed.generation, isTouched }, true);
}

/** What a change touched: what was held is held still, with this as it is now. */
export function hearPartsRead(
  state: AgentState,
  { result }: Extract<AgentEvent, { kind: 'parts-read' }>,
  now: number,
): Reaction {
  const { filter } = state;
  if (filter.kind !== 'unverified' || filter.change === undefined) return [state, []];
  if (!result.ok) return [failed(withTouchedFilter(state), 'nft', result.error.message, now), []];
  const { goal, change, isTouched } = filter;
  // What is amiss the whole table tells: another one, or none at all, which leaves everything open.
  if (verifyParts(change.check, result.value).length > 0) {
    return [{ ...state, filter: { ...filter, change: undefined } }, []];
  }
  // Somebody else's transaction leaves the count behind, whatever table it was on: the next look at it reads all.
  const isOurs = result.value.generation === nextGeneration(change.generation);
  const generation = isOurs ? result.value.generation : change.generation;
  return held(state, { kind: 'held', goal, generation, isTouched }, change.check.objects.size > 0);
}

function refuted(state: AgentState, discrepancies: readonly Discrepancy[], now: number): Reaction {
  const message = `the kernel does not hold what was applied: ${discrepancies.slice(0, 3).join('; ')}`;
  return [failed({ ...state, filter: { kind: 'foreign' } }, 'nft', message, now), []];
}

function held(state: AgentState, filter: Extract<AgentState['filter'], { kind: 'held' }>, isNews: boolean): Reaction {
  const { applied = { router: state.router } } = state;
  const next = succeeded({ ...state, applied, filter });
  const { ruleset, revision } = filter.goal;
  const note = isNews ? [log('info', 'policy is in the kernel', { revision, chains: ruleset.chains.size })] : [];
  return [next, state.applied ? note : [{ kind: 'save-applied', record: applied }, ...note]];
}

/** Counts from 1 again after the last (nf_tables_api.c: the base sequence is never 0). */
function nextGeneration(generation: number): number {
  return generation === 0xffffffff ? 1 : generation + 1;
}

/**
 * Whether anybody but us has changed any table since. If so, ours is read, but not so often that reading fills the day; now and then
 * it is read anyway, since what a change left out no look at its parts would find.
 */
export function hearGenerationRead(
  heard: AgentState,
  { result }: Extract<AgentEvent, { kind: 'generation-read' }>,
  now: number,
): Reaction {
  const state: AgentState = { ...heard, isGenerationDue: false };
  if (!result.ok || state.filter.kind !== 'held') return [state, []];
  const { at, took } = state.filterRead;
  const isOurs = result.value === state.filter.generation;
  const isDue = now - at >= (isOurs ? Math.max(took * trustedTimes, trustedMs) : took * readEveryTimes);
  return [isDue ? withTouchedFilter(state) : state, []];
}

/** A table that nobody seems to have touched is read again after this many times what reading it takes: 1 % of a core. */
const readEveryTimes = 100;
/** And one that only we have changed after as many times, and minutes: 0.1 %. */
const trustedTimes = 1000;
const trustedMs = 300_000;

/** A whole read begins: it answers what rang before, and not what rings meanwhile. */
export function beginRead(state: AgentState, now: number): AgentState {
  const { filter } = state;
  const isKnown = filter.kind === 'held' || filter.kind === 'unverified';
  return {
    ...state,
    filter: isKnown ? { ...filter, isTouched: false } : filter,
    filterRead: { ...state.filterRead, at: now, hasFailed: false },
  };
}

/** Takes note of how long the read took that has just ended. */
export function withReadTime(state: AgentState, now: number): AgentState {
  return { ...state, filterRead: { ...state.filterRead, took: now - state.filterRead.at } };
}

function checkDrift(state: AgentState, observed: ObservedTable | undefined, now: number): Reaction {
  if (state.filter.kind !== 'held') return [state, []];
  const { filter } = state;
  if (observed === undefined) return goneTable(state, now);
  const changed = verifyTable(filter.goal.ruleset, observed);
  if (changed.length === 0) {
    return [{ ...state, filter: { ...filter, generation: observed.generation } }, []];
  }
  const what = changed.slice(0, 5).join(', ');
  const message = `somebody changed it: ${what}; written again`;
  return repaired({ ...state, filter: { kind: 'foreign' } }, 'nft table', message, now);
}

/** Without it everything passes, so nothing is waited for. A kernel that takes a table has it: somebody took it away. */
function goneTable(state: AgentState, now: number): Reaction {
  const message = 'somebody changed it: the table is missing; written again';
  return repaired({ ...state, filter: { kind: 'absent' }, retryAt: 0 }, 'nft table', message, now);
}

export function hearFilterApplied(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-applied' }>,
  now: number,
): Reaction {
  if (!event.result.ok) {
    const { kind, message } = event.result.error;
    if (kind === 'stale') {
      const next = failed(withTouchedFilter(state), 'nft', message, now);
      // The first time it is looked at without a wait: the table may be gone, and everything pass.
      return [state.failures === 0 ? { ...next, retryAt: 0 } : next, []];
    }
    // Nothing was changed (one transaction); a whole replacement next time does not depend on what we believe it holds.
    const next = failed({ ...state, filter: { kind: 'foreign' } }, 'nft', message, now);
    return [next, [log('error', 'the kernel refused the policy; the old one stays', { error: message })]];
  }
  const { goal, check } = event;
  const filterRead = { ...state.filterRead, hasFailed: false };
  const before = state.filter.kind === 'held' ? state.filter : undefined;
  const filter: AgentState['filter'] = goal ? unverified(goal, before, check) : { kind: 'absent' };
  return [{ ...state, filter, filterRead, isTakenOver: true }, []];
}

/** `before` is what was held when the change was applied to it. */
function unverified(
  goal: FilterGoal,
  before: Extract<AgentState['filter'], { kind: 'held' }> | undefined,
  check: Extract<AgentEvent, { kind: 'filter-applied' }>['check'],
): AgentState['filter'] {
  const change = before && check && { check, generation: before.generation };
  return { kind: 'unverified', goal, change, isTouched: before?.isTouched ?? false };
}

/** The table is to be read again: the one we hold, or the predecessor's that is kept. */
export function withTouchedFilter(state: AgentState): AgentState {
  const { filter } = state;
  if (filter.kind === 'held' || filter.kind === 'unverified') {
    return { ...state, filter: { ...filter, isTouched: true } };
  }
  return isHolding(state) ? { ...state, filter: { kind: 'unknown' } } : state;
}
