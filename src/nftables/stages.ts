/**
 * What the four actions mean in each place where policy is evaluated (semantics §4.6, §4.7).
 *
 *   Allow, Deny, Pass in a stage → statements and outcome
 *
 * Every endpoint chain jumps to one chain per tier, so `return` leaves the tier: that is Pass, and an Allow that other
 * evaluation must follow.
 */
import { denyChain, denyChainName } from './flow-log.ts';
import { markBits } from './marks.ts';
import type { Chain, Outcome, Rule, Statement } from './ruleset.ts';

/** The prefix of a place's chain names. */
export type Place =
  | 'untracked-in'
  | 'untracked-out'
  | 'prednat'
  | 'local-in'
  | 'local-out'
  /** Locally originated packets whose destination conntrack changed. */
  | 'local-dnat'
  | 'forward-in'
  | 'forward-out';

export interface Decision {
  readonly statements: readonly Statement[];
  readonly outcome: Outcome;
}

export interface PlaceRules {
  readonly place: Place;
  readonly allow: Decision;
  /** To the chain that tells of the packet and drops or rejects it: one of `denyChains`. */
  readonly deny: Decision;
  /** The same for what conntrack calls invalid. */
  readonly invalid: Decision;
  readonly pass: Decision;
  /** Whether the end of a tier denies: not before conntrack and NAT, where it goes on. */
  readonly hasEndOfTier: boolean;
  /** Whether an Allow comes back to the endpoint's chain with the accept mark, which it then must look at. */
  readonly allowReturns: boolean;
}

const setAccept: Statement = { kind: 'mark', clear: 0, set: markBits.accept };
const accept: Decision = { statements: [], outcome: { kind: 'accept' } };
const pass: Decision = { statements: [], outcome: { kind: 'return' } };

const known = new Map<Place, PlaceRules>();

/** The very same each time, so that what was compiled for a place is known to be good there still. */
export function placeRules(place: Place): PlaceRules {
  const rules = known.get(place) ?? makePlaceRules(place);
  known.set(place, rules);
  return rules;
}

function makePlaceRules(place: Place): PlaceRules {
  const deny: Decision = { statements: [], outcome: { kind: 'goto', chain: denyChainName('deny', place) } };
  const invalid: Decision = { statements: [], outcome: { kind: 'goto', chain: denyChainName('invalid', place) } };
  const rules = { place, deny, invalid, pass, hasEndOfTier: true, allowReturns: false };
  switch (place) {
    case 'untracked-in':
    case 'untracked-out': {
      const allow: Decision = { statements: [{ kind: 'notrack' }, setAccept], outcome: { kind: 'accept' } };
      return { ...rules, allow, hasEndOfTier: false };
    }
    case 'prednat': {
      const allow: Decision = { statements: [setAccept], outcome: { kind: 'accept' } };
      return { ...rules, allow, hasEndOfTier: false };
    }
    case 'local-dnat':
    case 'local-in':
    case 'local-out':
    case 'forward-out':
      return { ...rules, allow: accept };
    case 'forward-in': {
      const allow: Decision = { statements: [setAccept], outcome: { kind: 'return' } };
      return { ...rules, allow, allowReturns: true };
    }
  }
}

/** Where the denials of a place lead. */
export function denyChains(place: Place, denyVerdict: 'drop' | 'reject'): readonly Chain[] {
  const outcome: Outcome = canReject(place) ? { kind: denyVerdict } : { kind: 'drop' };
  return [denyChain('deny', place, outcome), denyChain('invalid', place, outcome)];
}

/** The kernel cannot reject in postrouting, and before routing it is not done (semantics §4.7). */
function canReject(place: Place): boolean {
  switch (place) {
    case 'untracked-in':
    case 'untracked-out':
    case 'prednat':
    case 'local-dnat':
      return false;
    case 'local-in':
    case 'local-out':
    case 'forward-in':
    case 'forward-out':
      return true;
  }
}

export function decisionRule(decision: Decision, matches: Rule['matches'], comment: string): Rule {
  return { matches, statements: [{ kind: 'counter' }, ...decision.statements], outcome: decision.outcome, comment };
}
