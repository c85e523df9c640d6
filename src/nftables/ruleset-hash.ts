/**
 * A short word for a whole ruleset: equal rulesets, equal words.
 *
 *   Ruleset ─[hashRuleset]→ text, kept across restarts by the agent
 *
 * Each object's share is kept with the object, which never changes: after a set moved, only that set is printed again. A map
 * by address holds too many elements for that: its share is a sum over them, which moves with those that moved.
 */
import { mapDeclaration, printObjects } from './print.ts';
import { printVerdict } from './print-rule.ts';
import { digestOf } from './read.ts';
import type { Chain, MapElement, NftSet, Ruleset, VerdictMap } from './ruleset.ts';

const shares = new WeakMap<NftSet | VerdictMap | Chain, string>();
/** Of maps by address: the sum of their elements' digests, modulo 2^64. */
const sums = new WeakMap<VerdictMap, bigint>();

export function hashRuleset(ruleset: Ruleset): string {
  return digestOf([
    ...[...ruleset.sets.values()].map((set) => shareOf(set, () => printObjects([set], [], [], []))),
    ...[...ruleset.maps.values()].map((map) => shareOf(map, () => mapText(map))),
    ...[...ruleset.chains.values()].map((chain) => shareOf(chain, () => printObjects([], [], [], [chain]))),
  ]);
}

/** `after` is `before` but for these keys: what is known of one is so known of the other. */
export function carryHash(before: VerdictMap, after: VerdictMap, keys: Iterable<string>): void {
  const sum = sums.get(before);
  if (sum === undefined) return;
  let moved = sum;
  for (const key of keys) {
    const [gone, come] = [before.elements.get(key), after.elements.get(key)];
    if (gone) moved -= elementDigest(key, gone);
    if (come) moved += elementDigest(key, come);
  }
  sums.set(after, BigInt.asUintN(64, moved));
}

function mapText(map: VerdictMap): string {
  if (!map.isUncounted) return printObjects([], [map], [], []);
  let sum = sums.get(map);
  if (sum === undefined) {
    sum = 0n;
    for (const [key, element] of map.elements) sum += elementDigest(key, element);
    sum = BigInt.asUintN(64, sum);
    sums.set(map, sum);
  }
  return [map.name, ...mapDeclaration(map), map.elements.size, sum].join('\n');
}

function elementDigest(key: string, { verdict }: MapElement): bigint {
  return BigInt(`0x${digestOf([key, printVerdict(verdict)])}`);
}

function shareOf(object: NftSet | VerdictMap | Chain, print: () => string): string {
  const known = shares.get(object);
  if (known !== undefined) return known;
  const share = digestOf([print()]);
  shares.set(object, share);
  return share;
}
