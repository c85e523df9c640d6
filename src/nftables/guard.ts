/**
 * The smallest ruleset that keeps a router closed: what the kernel gets first when our table is gone and the whole one takes
 * long to load.
 *
 *   table deleted ─▶ guardRuleset (milliseconds) ─▶ the compiled ruleset (at 10,000 rules: a second or more)
 *
 * Invariant: established flows go on, no new one is forwarded; traffic of the router itself is left alone, so that nobody is
 * locked out meanwhile. Its chain has the name the compiled one has, so that a change turns one into the other.
 */
import { elementCount } from './diff.ts';
import type { Ruleset } from './ruleset.ts';

export const guardRuleset: Ruleset = {
  sets: new Map(),
  maps: new Map(),
  classes: new Map(),
  chains: new Map([
    [
      'filter-forward',
      {
        name: 'filter-forward',
        base: { hook: 'forward', priority: 0 },
        rules: [
          {
            matches: [{ kind: 'ct-state', states: ['established', 'related'] }],
            statements: [],
            outcome: { kind: 'accept' },
          },
          {
            matches: [],
            statements: [{ kind: 'counter' }],
            outcome: { kind: 'drop' },
            comment: 'closed while the policy is being loaded',
          },
        ],
      },
    ],
  ]),
};

/** Elements and rules up to which the whole ruleset loads as fast as a guard would help. */
const quickSize = 1000;

export function isQuickToLoad(ruleset: Ruleset): boolean {
  let size = 0;
  for (const holders of [ruleset.sets, ruleset.maps, ruleset.classes]) {
    for (const holder of holders.values()) size += elementCount(holder);
  }
  for (const chain of ruleset.chains.values()) size += chain.rules.length;
  return size <= quickSize;
}
