/**
 * What the agent makes of what nft says: of a listing read back, of a text applied.
 *
 *   filter-read, filter-applied ─[hear]→ FilterState, repairs
 *
 * Invariant: a table counts as held only after it was read back and found to be what was wanted; anything else is foreign,
 * and is written anew as a whole.
 */
import {
  diffDigests,
  digestSet,
  type ObservedTable,
  observedDigests,
  verifyElements,
  verifyObserved,
} from '../nftables/read.ts';
import { hashRuleset } from '../nftables/ruleset-hash.ts';
import type { AppliedRecord } from './applied-record.ts';
import { isHolding } from './converge.ts';
import { failed, log, type Reaction, repaired, succeeded } from './reaction.ts';
import type { AgentEvent, AgentState } from './state.ts';

export function hearFilterRead(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-read' }>,
  now: number,
): Reaction {
  if (!event.result.ok) return [failed(withTouchedFilter(state), 'nft', event.result.error.message, now), []];
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

function verifyApplied(state: AgentState, observed: ObservedTable | undefined, now: number): Reaction {
  if (state.filter.kind !== 'unverified') return [state, []];
  const { goal, isTouched } = state.filter;
  const { ruleset, revision } = goal;
  const discrepancies = observed === undefined ? ['the table is absent'] : verifyObserved(ruleset, observed);
  if (observed === undefined || discrepancies.length > 0) {
    const message = `the kernel does not hold what was applied: ${discrepancies.slice(0, 3).join('; ')}`;
    return [failed({ ...state, filter: { kind: 'foreign' } }, 'nft', message, now), []];
  }
  const digests = observedDigests(observed);
  const record: AppliedRecord = { router: state.router, rulesetHash: hashRuleset(ruleset), digests };
  const filter: AgentState['filter'] = { kind: 'held', goal, digests, isTouched };
  const note = log('info', 'policy is in the kernel', { revision, chains: ruleset.chains.size });
  return [succeeded({ ...state, applied: record, saved: record, filter }), [{ kind: 'save-applied', record }, note]];
}

/** Sets whose elements moved: what was held is held still, with these as they are now. */
export function hearSetsRead(state: AgentState, { result }: Extract<AgentEvent, { kind: 'sets-read' }>): Reaction {
  const { filter } = state;
  if (filter.kind !== 'unverified' || filter.moved === undefined) return [state, []];
  const { goal, moved } = filter;
  const digests: Record<string, string> = { ...moved.digests };
  for (const name of moved.names) {
    const desired = goal.ruleset.sets.get(name);
    const observed = result.ok ? result.value.get(name) : undefined;
    // Whatever is wrong with them is told, and mended, by a look at the whole table.
    if (!desired || !observed || verifyElements('set', desired, observed).length > 0) {
      return [{ ...state, filter: { ...filter, moved: undefined } }, []];
    }
    digests[`set ${name}`] = digestSet(observed);
  }
  const applied: AppliedRecord = { router: state.router, rulesetHash: hashRuleset(goal.ruleset), digests };
  return [succeeded({ ...state, applied, filter: { kind: 'held', goal, digests, isTouched: filter.isTouched } }), []];
}

/** A whole read begins: it answers what rang before, and not what rings meanwhile. */
export function beginRead(state: AgentState, now: number): AgentState {
  const { filter } = state;
  const isKnown = filter.kind === 'held' || filter.kind === 'unverified';
  return {
    ...state,
    filter: isKnown ? { ...filter, isTouched: false } : filter,
    filterRead: { ...state.filterRead, at: now },
  };
}

/** Takes note of how long the read took that has just ended. */
export function withReadTime(state: AgentState, now: number): AgentState {
  return { ...state, filterRead: { ...state.filterRead, took: now - state.filterRead.at } };
}

function checkDrift(state: AgentState, observed: ObservedTable | undefined, now: number): Reaction {
  if (state.filter.kind !== 'held') return [state, []];
  const changed = observed === undefined ? ['the table'] : diffDigests(state.filter.digests, observedDigests(observed));
  if (changed.length === 0) return [state, []];
  const what = changed.slice(0, 5).join(', ');
  return repaired(
    { ...state, filter: { kind: observed === undefined ? 'absent' : 'foreign' } },
    'nft table',
    `somebody changed ${what}; written again`,
    now,
  );
}

export function hearFilterApplied(
  state: AgentState,
  event: Extract<AgentEvent, { kind: 'filter-applied' }>,
  now: number,
): Reaction {
  if (!event.result.ok) {
    // Nothing was changed (one transaction); a whole replacement next time does not depend on what we believe it holds.
    const next = failed({ ...state, filter: { kind: 'foreign' } }, 'nft', event.result.error.message, now);
    return [next, [log('error', 'nft refused the policy; the old one stays', { error: event.result.error.message })]];
  }
  const { goal, moved: names } = event;
  const before = state.filter.kind === 'held' ? state.filter : undefined;
  const moved = before && names && { names, digests: before.digests };
  const isTouched = before?.isTouched ?? false;
  const filter: AgentState['filter'] = goal ? { kind: 'unverified', goal, moved, isTouched } : { kind: 'absent' };
  return [{ ...state, filter, isTakenOver: true }, []];
}

/** The table is to be read again: the one we hold, or the predecessor's that is kept. */
export function withTouchedFilter(state: AgentState): AgentState {
  const { filter } = state;
  if (filter.kind === 'held' || filter.kind === 'unverified') {
    return { ...state, filter: { ...filter, isTouched: true } };
  }
  return isHolding(state) ? { ...state, filter: { kind: 'unknown' } } : state;
}
