/**
 * What a selector demands of labels, so that an index can skip most selectors for an owner and most owners for a selector.
 *
 *   Selector ─[mentionedKeys, constraintOn, requiredPostings]→ what LabelIndex files it under
 *
 * Invariant: necessary conditions only: labels that satisfy a selector satisfy its constraints and at least one of its
 * postings; the converse is left to evaluateSelector.
 */
import type { Selector } from '../../resources/selector/selector.ts';

/** What a selector demands of one label: nothing, that it is there, or one of these values; no value at all is never. */
export type Constraint = 'free' | 'present' | ReadonlySet<string>;

/** Owners with this value of the label, or with any value when undefined. */
export interface Posting {
  readonly key: string;
  readonly value: string | undefined;
}

const never: ReadonlySet<string> = new Set();

/** Every label the selector looks at. */
export function mentionedKeys(selector: Selector): ReadonlySet<string> {
  const keys = new Set<string>();
  collectKeys(selector, keys);
  return keys;
}

function collectKeys(selector: Selector, keys: Set<string>): void {
  if ('key' in selector) keys.add(selector.key);
  else if ('operands' in selector) for (const operand of selector.operands) collectKeys(operand, keys);
  else if (selector.kind === 'not') collectKeys(selector.operand, keys);
}

/** The demand on one label, negations pushed down to the comparisons. */
export function constraintOn(selector: Selector, key: string, isNegated = false): Constraint {
  if (selector.kind === 'not') return constraintOn(selector.operand, key, !isNegated);
  if ('operands' in selector) {
    const parts = selector.operands.map((operand) => constraintOn(operand, key, isNegated));
    return parts.reduce((selector.kind === 'and') !== isNegated ? intersect : unite);
  }
  if (!('key' in selector)) return isNegated ? never : 'free';
  return selector.key === key ? leafConstraint(selector, isNegated) : 'free';
}

/**
 * Postings that together hold every owner the selector can match; undefined when any owner might. Of the terms of a
 * conjunction the one of least cost is taken.
 */
export function requiredPostings(
  selector: Selector,
  cost: (posting: Posting) => number,
  isNegated = false,
): readonly Posting[] | undefined {
  if (selector.kind === 'not') return requiredPostings(selector.operand, cost, !isNegated);
  if ('operands' in selector) {
    const parts = selector.operands.map((operand) => requiredPostings(operand, cost, isNegated));
    return (selector.kind === 'and') !== isNegated ? cheapest(parts, cost) : joined(parts);
  }
  if (!('key' in selector)) return isNegated ? [] : undefined;
  const { key } = selector;
  const constraint = leafConstraint(selector, isNegated);
  if (constraint === 'free') return undefined;
  return constraint === 'present' ? [{ key, value: undefined }] : [...constraint].map((value) => ({ key, value }));
}

type Comparison = Extract<Selector, { readonly key: string }>;

function leafConstraint(comparison: Comparison, isNegated: boolean): Constraint {
  switch (comparison.kind) {
    case 'equal':
      return isNegated ? 'free' : new Set([comparison.value]);
    case 'not-equal':
      return isNegated ? new Set([comparison.value]) : 'free';
    case 'in':
      return isNegated ? 'free' : new Set(comparison.values);
    case 'not-in':
      return isNegated ? new Set(comparison.values) : 'free';
    case 'has':
    case 'contains':
    case 'starts-with':
    case 'ends-with':
      return isNegated ? 'free' : 'present';
  }
}

function intersect(a: Constraint, b: Constraint): Constraint {
  if (a === 'free') return b;
  if (b === 'free') return a;
  if (a === 'present') return b;
  if (b === 'present') return a;
  return new Set([...a].filter((value) => b.has(value)));
}

function unite(a: Constraint, b: Constraint): Constraint {
  if (a === 'free' || b === 'free') return 'free';
  if (a === 'present' || b === 'present') return 'present';
  return new Set([...a, ...b]);
}

function cheapest(
  parts: readonly (readonly Posting[] | undefined)[],
  cost: (posting: Posting) => number,
): readonly Posting[] | undefined {
  let best: readonly Posting[] | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    if (!part) continue;
    const partCost = part.reduce((sum, posting) => sum + cost(posting), 0);
    if (partCost >= bestCost) continue;
    best = part;
    bestCost = partCost;
  }
  return best;
}

function joined(parts: readonly (readonly Posting[] | undefined)[]): readonly Posting[] | undefined {
  const all: Posting[] = [];
  for (const part of parts) {
    if (!part) return undefined;
    all.push(...part);
  }
  return all;
}
