/**
 * Which rules of a chain go and which come, so that all others stay in the kernel with their counters.
 *
 *   Chain × Chain ─[editChain]→ ChainEdit: positions that go, rules before positions that stay
 *
 * Rules that stay are a longest run of equal rules in the same order, which a rule that is there several times may make
 * one shorter; a rule that changed places goes and comes.
 * Invariant: the rules before, less those that go, with those that come, are the rules after.
 */
import { printRule } from './print-rule.ts';
import type { Chain, Rule } from './ruleset.ts';

export interface ChainEdit {
  /** As it is to be. */
  readonly chain: Chain;
  /** How many rules it has before. */
  readonly rulesBefore: number;
  /** Positions of the rules that go, counted from 0 in the chain before, ascending. */
  readonly removed: readonly number[];
  readonly added: readonly AddedRules[];
}

/** In the order of positions. */
export interface AddedRules {
  /** The position, in the chain before, of the staying rule that they come before; undefined for the end. */
  readonly before: number | undefined;
  readonly rules: readonly Rule[];
}

/** Undefined where the rules are equal. */
export function editChain(before: Chain, after: Chain): ChainEdit | undefined {
  const staying = stayingRules(before.rules, after.rules);
  const kept = new Set(staying.map(([position]) => position));
  const removed = [...before.rules.keys()].filter((position) => !kept.has(position));
  const added: AddedRules[] = [];
  let next = 0;
  for (const [position, place] of [...staying, [undefined, after.rules.length] as const]) {
    if (place > next) added.push({ before: position, rules: after.rules.slice(next, place) });
    next = place + 1;
  }
  if (removed.length + added.length === 0) return undefined;
  return { chain: after, rulesBefore: before.rules.length, removed, added };
}

/** Positions before and after, both ascending. */
type Staying = readonly [position: number, place: number];

function stayingRules(before: readonly Rule[], after: readonly Rule[]): readonly Staying[] {
  let start = 0;
  while (start < before.length && start < after.length && isSame(before[start], after[start])) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && isSame(before.at(-1 - end), after.at(-1 - end))) end++;
  const shift = after.length - before.length;
  return [
    ...Array.from({ length: start }, (_, at): Staying => [at, at]),
    ...stayingBetween(before, after, start, end),
    ...Array.from({ length: end }, (_, at): Staying => {
      const position = before.length - end + at;
      return [position, position + shift];
    }),
  ];
}

/** Each rule after is paired with the rule before of the same text, in turn where there are several; then the longest rise counts. */
function stayingBetween(
  before: readonly Rule[],
  after: readonly Rule[],
  start: number,
  end: number,
): readonly Staying[] {
  const positions = new Map<string, number[]>();
  for (let at = before.length - end - 1; at >= start; at--) {
    const text = textOf(before[at]);
    const known = positions.get(text);
    if (known) known.push(at);
    else positions.set(text, [at]);
  }
  const pairs: Staying[] = [];
  for (let place = start; place < after.length - end; place++) {
    const position = positions.get(textOf(after[place]))?.pop();
    if (position !== undefined) pairs.push([position, place]);
  }
  return longestRise(pairs);
}

/** The longest subsequence with ascending positions, by patience sorting. */
function longestRise(pairs: readonly Staying[]): readonly Staying[] {
  /** By length: the pair with the lowest position that ends a rise of that length. */
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [at, [position]] of pairs.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (positionAt(pairs, ends[middle]) < position) low = middle + 1;
      else high = middle;
    }
    previous[at] = low === 0 ? undefined : ends[low - 1];
    ends[low] = at;
  }
  const rise: Staying[] = [];
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) {
    const pair = pairs[at];
    if (pair) rise.push(pair);
  }
  return rise.reverse();
}

function positionAt(pairs: readonly Staying[], at: number | undefined): number {
  return (at === undefined ? undefined : pairs[at]?.[0]) ?? 0;
}

function isSame(a: Rule | undefined, b: Rule | undefined): boolean {
  return a === b || textOf(a) === textOf(b);
}

/** Rules are immutable, and most are compared more than once in their life. */
const texts = new WeakMap<Rule, string>();

function textOf(rule: Rule | undefined): string {
  if (!rule) return '';
  let text = texts.get(rule);
  if (text === undefined) {
    text = printRule(rule);
    texts.set(rule, text);
  }
  return text;
}
