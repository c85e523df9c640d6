/**
 * A short word for a whole ruleset: equal rulesets, equal words.
 *
 *   Ruleset ─[hashRuleset]→ text, kept across restarts by the agent
 *
 * Each object's share is kept with the object, which never changes: after a set moved, only that set is printed again.
 */
import { printObjects } from './print.ts';
import { digestOf } from './read.ts';
import type { Chain, NftSet, Ruleset, VerdictMap } from './ruleset.ts';

const shares = new WeakMap<NftSet | VerdictMap | Chain, string>();

export function hashRuleset(ruleset: Ruleset): string {
  return digestOf([
    ...[...ruleset.sets.values()].map((set) => shareOf(set, () => printObjects([set], [], []))),
    ...[...ruleset.maps.values()].map((map) => shareOf(map, () => printObjects([], [map], []))),
    ...[...ruleset.chains.values()].map((chain) => shareOf(chain, () => printObjects([], [], [chain]))),
  ]);
}

function shareOf(object: NftSet | VerdictMap | Chain, print: () => string): string {
  const known = shares.get(object);
  if (known !== undefined) return known;
  const share = digestOf([print()]);
  shares.set(object, share);
  return share;
}
