/**
 * Flows that pass both routers of a pair: conntrackd is told nothing of them but their end.
 *
 *   PolicyIntent.pairInterfaces ─[pairFlows]→ rules of the forward hook
 *
 * The first time that a router tells the other of a flow, the other's conntrackd deletes the one it has and makes it anew. Of a flow
 * that passes both each tells the other, and an answer that comes in between is of no flow and dropped. Both see it for
 * themselves. TCP is told of all the same: it says again what was dropped, and one that goes over one router later must not
 * stay open for days in the other.
 * Invariant: decides nothing; an established packet never comes here.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { protocolNumbers } from '../net/ip-protocol.ts';
import type { Rule } from './ruleset.ts';

export function pairFlows({ pairInterfaces: names = [] }: PolicyIntent): readonly Rule[] {
  if (names.length === 0) return [];
  return (['in', 'out'] as const).map((side) => ({
    matches: [
      { kind: 'interface', side, negated: false, names },
      { kind: 'protocol', negated: true, protocols: [protocolNumbers.TCP] },
    ],
    statements: [{ kind: 'tell-end-only' }],
    comment: 'the other router sees this flow too',
  }));
}
