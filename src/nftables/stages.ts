/**
 * What the four actions mean in each place where policy is evaluated (semantics §4.6, §4.7).
 *
 *   Allow, Deny, Pass in a stage → statements and outcome
 *
 * Every endpoint chain jumps to one chain per tier, so `return` leaves the tier: that is Pass, and an Allow that other
 * evaluation must follow.
 */
import { markBits } from './marks.ts';
import type { Outcome, Rule, Statement } from './ruleset.ts';

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
  readonly deny: Decision;
  readonly pass: Decision;
  /** Whether the end of a tier denies: not before conntrack and NAT, where it goes on. */
  readonly hasEndOfTier: boolean;
  /** Whether an Allow comes back to the endpoint's chain with the accept mark, which it then must look at. */
  readonly allowReturns: boolean;
}

const setAccept: Statement = { kind: 'mark', clear: 0, set: markBits.accept };
const accept: Decision = { statements: [], outcome: { kind: 'accept' } };
const drop: Decision = { statements: [], outcome: { kind: 'drop' } };
const pass: Decision = { statements: [], outcome: { kind: 'return' } };

export function placeRules(place: Place, denyVerdict: 'drop' | 'reject'): PlaceRules {
  const deny: Decision = denyVerdict === 'drop' ? drop : { statements: [], outcome: { kind: 'reject' } };
  switch (place) {
    case 'untracked-in':
    case 'untracked-out': {
      const allow: Decision = { statements: [{ kind: 'notrack' }, setAccept], outcome: { kind: 'accept' } };
      return { place, allow, deny: drop, pass, hasEndOfTier: false, allowReturns: false };
    }
    case 'prednat': {
      const allow: Decision = { statements: [setAccept], outcome: { kind: 'accept' } };
      return { place, allow, deny: drop, pass, hasEndOfTier: false, allowReturns: false };
    }
    case 'local-dnat':
      // The kernel cannot reject in postrouting.
      return { place, allow: accept, deny: drop, pass, hasEndOfTier: true, allowReturns: false };
    case 'local-in':
    case 'local-out':
    case 'forward-out':
      return { place, allow: accept, deny, pass, hasEndOfTier: true, allowReturns: false };
    case 'forward-in': {
      const allow: Decision = { statements: [setAccept], outcome: { kind: 'return' } };
      return { place, allow, deny, pass, hasEndOfTier: true, allowReturns: true };
    }
  }
}

export function decisionRule(decision: Decision, matches: Rule['matches'], comment: string): Rule {
  return { matches, statements: [{ kind: 'counter' }, ...decision.statements], outcome: decision.outcome, comment };
}
