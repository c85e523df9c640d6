/**
 * Which rules of a list are asked by address, and on which side.
 *
 *   OrderedRule[] ─[chooseSides]→ side by rule ─[arrangeBlocks]→ dispatch blocks ─[keepDispatches]→ those worth their maps
 *
 * Invariant: only the rules decide, never who is a member: a label that moves cannot turn one form into the other here.
 */
import type { Side } from './ruleset.ts';
import type { Selectors } from './terms.ts';

/** Two maps and a jump cost about as much as asking so many selectors one by one. */
export const fewestSelectors = 4;
/**
 * A list has at most so many dispatches: each holds the members of all its selectors again. There are several only where
 * rules without selectors stand between and must keep their place.
 */
const mostDispatches = 8;

interface Selecting {
  readonly selectors?: Selectors;
  readonly variants: readonly unknown[];
}

/**
 * A rule with selectors on both sides goes to the side on which the list has more different ones: so what is left to be
 * asked one by one, the other side, is the shorter list. A side with few selectors is not dispatched at all.
 */
export function chooseSides<R extends Selecting>(rules: readonly R[]): ReadonlyMap<R, Side> {
  const distinct = { source: new Set<string>(), destination: new Set<string>() };
  for (const { selectors, variants } of rules) {
    if (variants.length === 0) continue;
    if (selectors?.source !== undefined) distinct.source.add(selectors.source);
    if (selectors?.destination !== undefined) distinct.destination.add(selectors.destination);
  }
  const preferred: Side = distinct.destination.size > distinct.source.size ? 'destination' : 'source';
  const other: Side = preferred === 'source' ? 'destination' : 'source';
  const sides = new Map<R, Side>();
  for (const rule of rules) {
    const side = [preferred, other].find((each) => rule.selectors?.[each] !== undefined);
    if (side !== undefined && distinct[side].size >= fewestSelectors) sides.set(rule, side);
  }
  return sides;
}

interface Dispatching {
  readonly side: Side;
  readonly rules: readonly Selecting[];
}

/** Those with enough selectors; of too many, the ones with most rules. */
export function keepDispatches<D extends Dispatching>(blocks: readonly D[]): readonly D[] {
  return blocks
    .filter(({ side, rules }) => new Set(rules.map(({ selectors }) => selectors?.[side])).size >= fewestSelectors)
    .sort((a, b) => b.rules.length - a.rules.length)
    .slice(0, mostDispatches);
}
