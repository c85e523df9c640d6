/**
 * Flows that pass both routers of a pair: conntrackd is told of them later than of others.
 *
 *   PolicyIntent.pairInterfaces ─[pairFlows]→ rules of the forward hook
 *
 * conntrackd puts a flow that the other router tells of into the kernel; one that is there already it deletes first. Of a flow
 * that passes both routers each tells the other at its beginning, so both would delete it, and an answer that comes in between is
 * of no flow and dropped. Both see it for themselves, so neither need be told before it is assured: by then an update is enough.
 * Invariant: decides nothing; an established packet never comes here.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import type { Rule } from './ruleset.ts';

export function pairFlows({ pairInterfaces: names = [] }: PolicyIntent): readonly Rule[] {
  if (names.length === 0) return [];
  return (['in', 'out'] as const).map((side) => ({
    matches: [{ kind: 'interface', side, negated: false, names }],
    statements: [{ kind: 'ct-events', events: ['destroy', 'assured'] }],
    comment: 'the other router sees this flow too',
  }));
}
